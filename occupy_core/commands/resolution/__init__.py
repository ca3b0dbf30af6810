"""The command `resolution`."""
