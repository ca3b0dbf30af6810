"""Simulated maps of known local resolution, and the training of the models that ship."""
