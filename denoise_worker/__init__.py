"""Noise suppression: `audio` in, `clean` out at the same positions, one recurrent state per leg."""
