"""Readers of calls that have their clients elsewhere: what was said so far, then what follows."""
