"""Occupancy of regions that masks give."""
