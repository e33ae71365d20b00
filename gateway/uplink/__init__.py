"""From a client's bytes to the audio streams of its legs."""
