"""The callscribe command, the local stack and the Python client."""

__version__ = "0.1.0"
