"""How utterances are decoded that may end their worker."""
