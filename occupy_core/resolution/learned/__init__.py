"""Boosted trees that ship with the package, and what they see."""
