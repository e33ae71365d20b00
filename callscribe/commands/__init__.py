"""The commands other than services, each with its flags and its work."""
