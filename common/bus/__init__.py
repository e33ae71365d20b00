"""The message bus: what our streams mean, their keys, commands, scripts and wire format."""
