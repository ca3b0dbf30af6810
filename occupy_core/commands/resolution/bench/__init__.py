"""The command `resolution bench`."""
