"""From what was measured to the resolution and its uncertainty."""
