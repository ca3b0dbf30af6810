"""From regions or blocks to the particles of the maps that have them."""
