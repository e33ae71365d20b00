"""A Redis client fast enough for every audio frame; it knows none of our streams."""
