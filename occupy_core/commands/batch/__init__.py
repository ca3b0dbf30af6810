"""Many jobs by one command: on the cores of this machine, or on a cluster."""
