"""A step inside the iterations of a 3D classification of RELION."""
