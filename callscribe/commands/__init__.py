"""The commands that are no services, each with its flags and its work."""
