"""Where the solvent of a map is, its noise, and how sure it is that a voxel is no solvent."""
