"""What a local resolution is good for: filter, comparison, tests of processing."""
