"""Structural blocks of an ensemble: what comes and goes together, and where it is.

The steps stand in `binarize`, `communities`, `expand` and `tracking`; `find.find_blocks` does all.
"""
