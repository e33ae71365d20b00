"""The message bus: one package owns Redis, its keys, its scripts and its wire format."""
