"""Run a job: files and parameters in, maps, pictures and a record out.

The command line, Scipion and a cluster all come through the functions here named `run_…`. The
record that each writes, a JSON file, can be given back; running that job again writes the same
bytes. One module a job, imported when it is run.
"""
