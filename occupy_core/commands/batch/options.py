"""The options of ``occupy-core batch`` and ``occupy-core watch``."""

from __future__ import annotations

from occupy_core.commands.shared.command import (
    COMMON,
    Option,
    file,
    number,
    switch,
    word,
)

_COMMAND = word(
    "command",
    "--command",
    "COMMAND",
    "Command and options of each job, such as 'scale --amplify 4'. By default scale. What a row of "
    "the table says replaces them.",
)
_FORCE = switch(
    "force",
    "--force",
    "Do again what is done, and replace the outputs of other runs. Without it a job whose folder "
    "holds other results fails. Inputs are never replaced.",
)
_MEMORY = number(
    "memory",
    "--memory",
    "MB",
    "Memory that each worker may take. By default that of the machine is shared out. A job that "
    "needs more, by the size of its box, is not started; one that takes more is ended.",
)
_THREADS = number(
    "threads",
    "--threads",
    "N",
    "Number of threads of each worker. By default the cores are shared out; 1 on a cluster. The "
    "results do not depend on it.",
    int,
)
_OTHERS = tuple(option for option in COMMON if option.field not in ("threads", "verbose"))
_WORKERS = number(
    "workers",
    "--workers",
    "N",
    "Number of workers. By default as many as cores and memory allow. 1 needs no dask; more need "
    "the extra scipion-em-occupy[cluster].",
    int,
)
_OUTDIR = file(
    "outdir",
    "--outdir",
    "Folder in which each job gets a folder, and in which the table over all is written.",
    "DIR",
)

SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        file(
            "jobs",
            "--jobs",
            "Table of jobs (CSV or JSON) or folder of maps, also accepted without the option. Each "
            "row is a job; the columns are options without dashes, and command, and job for its "
            "name.",
            "JOBS",
        ),
        _COMMAND,
    ),
    "Output": (_OUTDIR, _FORCE),
    "Workers": (
        _WORKERS,
        _MEMORY,
        word(
            "scheduler",
            "--scheduler",
            "ADDRESS",
            "Use the workers of the dask scheduler at this address, such as tcp://host:8786.",
        ),
        switch("system", "--slurm", "Submit the workers to SLURM.", "slurm"),
        switch("system", "--sge", "Submit the workers to SGE.", "sge"),
        switch("system", "--pbs", "Submit the workers to PBS.", "pbs"),
        word("partition", "--partition --queue", "NAME", "Partition or queue of these jobs."),
        word("account", "--account", "NAME", "Account or project that pays for these jobs."),
        word("walltime", "--walltime", "TIME", "Time that such a job may take, as 24:00:00."),
        Option(
            "directives",
            ("--directive",),
            str,
            "Further lines for the head of the script of a job, such as '--exclusive'. Write "
            "--directive='--exclusive', so that it is not taken for an option.",
            metavar="TEXT [TEXT …]",
            many=True,
        ),
        Option(
            "prologue",
            ("--prologue",),
            str,
            "Lines of shell before a worker starts in its job, such as 'module load python'.",
            metavar="TEXT [TEXT …]",
            many=True,
        ),
    ),
    "Other": (_THREADS, *_OTHERS),
}
