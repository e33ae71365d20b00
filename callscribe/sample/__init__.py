"""A short call of two parties, with what is said in it."""
