"""Decoding of poison candidates: utterances that may end their worker."""
