"""vLLM: nothing outside this package imports it."""
