"""What the engines on the CPU share, whatever the model: steps, cuts, guards, places of words."""
