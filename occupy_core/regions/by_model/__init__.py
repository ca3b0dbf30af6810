"""Occupancy of the chains, residue windows or ligands of an atomic model."""
