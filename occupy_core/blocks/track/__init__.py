"""Step 4 of the search for blocks: which block is in which volume."""
