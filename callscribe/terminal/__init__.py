"""What is written for people, and how it fails."""
