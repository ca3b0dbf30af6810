"""The command `blocks`."""
