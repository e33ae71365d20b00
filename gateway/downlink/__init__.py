"""From the result streams of a call's legs to its events."""
