"""The pure parts of Whisper's decoding: windows, pieces, word times."""
