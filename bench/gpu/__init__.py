"""The vLLM engine under load, with models of the real shapes and no weights."""
