"""A simulation of the scaler's rule in deploy/kubernetes."""
