"""The input and output formats of Qwen3-ASR, independent of the engine."""
