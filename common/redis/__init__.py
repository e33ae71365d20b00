"""A Redis client for the paths that every audio frame takes; it knows no stream of ours."""
