"""Numbers and codes in what was said: as words, as figures, hidden."""
