"""The pure parts of Moonshine's decoding: the model's file, its first layers, guards, tokens."""
