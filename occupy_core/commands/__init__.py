"""The commands: from options or a record to a job, its run, its files and figures."""
