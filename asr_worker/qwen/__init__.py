"""What Qwen3-ASR was trained to read and write, whatever runs it."""
