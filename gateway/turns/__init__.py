"""How the connections of a process share its time: a budget for each, and turns for all."""
