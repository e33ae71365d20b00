"""How long a pause may be before it ends an utterance, by what was said before it."""
