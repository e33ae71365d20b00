"""What Whisper's decoding knows of audio and text: windows, pieces, word times. Pure."""
