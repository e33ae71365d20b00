"""The runtime every stage worker shares: ownership, reading, batching, fenced publishing, drain."""
