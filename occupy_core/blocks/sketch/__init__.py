"""Step 2 of the search for blocks: which voxels come and go together."""
