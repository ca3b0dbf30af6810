"""From results to pictures: figures and ChimeraX scripts."""
