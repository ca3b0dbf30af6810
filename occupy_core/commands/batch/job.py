"""What a batch is: its jobs, who works on them, and where the results go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from occupy_core.commands.batch.queued import SYSTEMS, Queue
from occupy_core.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class BatchJob:
    """Many jobs, and who works on them.

    Parameters
    ----------
    jobs : Path
        A table (.csv, .json) of jobs, or a folder of maps.
    outdir : Path
        Each job gets a folder of its own in it.
    command : str
        Command and options of each job; what a row says replaces them.
    workers : int, optional
        Number of workers; by default as many as cores and memory allow.
    scheduler : str, optional
        Address of a dask scheduler whose workers are used.
    system : str, optional
        Queue to which the workers are submitted.
    partition, account, walltime : str, optional
        Of the jobs of the queue.
    directives, prologue : tuple of str
        Further lines of the scripts of the queue.
    memory : float, optional
        MB that each worker may take.
    threads : int, optional
        Threads of each worker.
    force : bool
        Do again what is done.
    """

    jobs: Path
    outdir: Path = Path()
    command: str = "scale"
    workers: int | None = None
    scheduler: str | None = None
    system: str | None = None
    partition: str | None = None
    account: str | None = None
    walltime: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    memory: float | None = None
    threads: int | None = None
    force: bool = False

    def __post_init__(self) -> None:
        """Raise ParameterError when what is asked for cannot be."""
        problems = []
        for value, what in (
            (self.workers, "number of workers"),
            (self.threads, "number of threads"),
            (self.memory, "memory of a worker (MB)"),
        ):
            if value is not None and not value >= 1:
                problems.append(f"The {what} is {value} but must be at least 1.")
        if self.scheduler is not None and (self.system is not None or self.workers is not None):
            problems.append(
                "A scheduler has workers of its own; leave out --workers, --slurm, --sge and --pbs."
            )
        if self.system is not None and (self.workers is None or self.memory is None):
            problems.append(
                f"A queue must know how many jobs to start and their memory; give --workers N and "
                f"--memory MB with --{self.system}."
            )
        asked = (self.partition, self.account, self.walltime, *self.directives, *self.prologue)
        if self.system is None and any(asked):
            problems.append(
                "--partition, --account, --walltime, --directive and --prologue are for a queue; "
                f"add --{', --'.join(SYSTEMS)} or leave them out."
            )
        if problems:
            raise ParameterError(*problems)

    @property
    def queue(self) -> Queue | None:
        """What is asked of a queue; None without one."""
        if self.system is None:
            return None
        return Queue(
            system=self.system,
            partition=self.partition,
            account=self.account,
            walltime=self.walltime,
            directives=self.directives,
            prologue=self.prologue,
        )
