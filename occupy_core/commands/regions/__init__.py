"""The command `regions`."""
