"""Step 3 of the search for blocks: from communities of voxels to masks."""
