"""The command `scale`."""
