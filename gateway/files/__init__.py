"""Recordings that come as files: decoded, recognised as calls, and answered whole."""
