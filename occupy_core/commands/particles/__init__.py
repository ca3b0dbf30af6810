"""The command `particles`."""
