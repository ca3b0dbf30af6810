"""Step 1 of the search for blocks: which voxel is occupied in which volume."""
