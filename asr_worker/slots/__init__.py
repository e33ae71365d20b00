"""What a caller was asked for, in what was said."""
