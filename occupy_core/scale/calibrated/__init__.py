"""The calibrated local scale: maxima of the density read as occupancy."""
