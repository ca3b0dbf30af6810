"""What is measured on a map before its resolution is read."""
