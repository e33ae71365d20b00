"""Results of every call, put where their users want them, once each and in order."""
