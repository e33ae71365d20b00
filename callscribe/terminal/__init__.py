"""Output for people, and its failures."""
