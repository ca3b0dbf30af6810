"""Workers that are jobs of a queue (SLURM, SGE, PBS): submitted, watched, and submitted again."""

from __future__ import annotations

import logging
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from occupy_core.commands.batch.workers import NO_DASK, DaskWorkers, WorkersLost, load_dask
from occupy_core.errors import ParameterError

_ASK = 5.0  # [layout] s between two questions to the queue
_REFUSED = 3  # [guard] times that the queue may refuse all jobs, while none of ours is in it
_EARLY = 2  # [guard] jobs for each worker that may end before a worker has started in them
_PATIENCE = 60  # [guard] s until the queue must have answered


@dataclass(frozen=True)
class System:
    """A system of queues.

    Parameters
    ----------
    cluster : str
        Its class in dask-jobqueue.
    listing : tuple of str
        The command that lists the jobs that wait or run, with their ids in front.
    """

    cluster: str
    listing: tuple[str, ...]


SYSTEMS = {
    "slurm": System("SLURMCluster", ("squeue", "--noheader", "--me", "--format=%i")),
    "sge": System("SGECluster", ("qstat",)),
    "pbs": System("PBSCluster", ("qstat",)),
}


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What is asked of a queue for each worker.

    Parameters
    ----------
    system : str
        One of `SYSTEMS`.
    partition, account, walltime : str, optional
    directives : tuple of str
        Further lines for the head of the script of a job, without ``#SBATCH``.
    prologue : tuple of str
        Lines of shell before the worker starts.
    """

    system: str
    partition: str | None = None
    account: str | None = None
    walltime: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()


class QueuedWorkers(DaskWorkers):
    """Workers of which each is a job of a queue.

    dask notices neither that a job was cancelled before its worker started nor that a queue takes
    none. So the queue is asked which of the jobs it still has, and what is gone is submitted again.

    Parameters
    ----------
    cluster : dask_jobqueue.JobQueueCluster
    client : distributed.Client
        Of the cluster.
    count : int
        Number of workers.
    system : str
        One of `SYSTEMS`.

    Raises
    ------
    WorkersLost
        When the queue takes none of the jobs.
    """

    def __init__(self, cluster: Any, client: Any, count: int, system: str) -> None:
        super().__init__(client, cluster)
        self._jobs, self._count = cluster, count
        self._listing = SYSTEMS[system].listing
        self._started: set[str] = set()  # names of jobs in which a worker has started
        self._early = self._refused = 0
        self._asked = time.monotonic()
        refusal = self._submit()
        if not self._jobs.workers:
            raise WorkersLost(f"The queue takes no job: {refusal}; check what was asked of it.")

    def slots(self) -> int:
        """Return how many tasks can be worked on now; look after the jobs now and then.

        Raises
        ------
        WorkersLost
            When the queue takes no more jobs, or they all end at once.
        """
        there = super().slots()
        if time.monotonic() > self._asked + _ASK:
            self._look_after()
            self._asked = time.monotonic()
        return there

    def _look_after(self) -> None:
        listed = self._listed()
        if listed is None:
            return  # the queue does not answer now
        names = {str(worker["name"]) for worker in self.infos()}
        self._started |= names
        if names:
            self._early = 0
        for name, job in list(self._jobs.workers.items()):
            if _number(job.job_id) not in listed and str(name) not in names:
                self._early += str(name) not in self._started
                self._forget(name)
        if self._early > _EARLY * self._count:
            raise WorkersLost(
                f"{self._early} jobs of the queue have ended before a worker had started in them; "
                "read what the last one printed, and check --prologue, --memory and --walltime."
            )
        refusal = self._submit()
        self._refused = 0 if self._jobs.workers else self._refused + 1
        if self._refused >= _REFUSED:
            raise WorkersLost(f"The queue takes no more jobs: {refusal}")

    def _submit(self) -> str:
        """Submit as many jobs as are missing; return why one was refused, or nothing."""
        while len(self._jobs.worker_spec) < self._count:
            self._jobs.worker_spec.update(self._jobs.new_worker_spec())
        refusal = ""
        try:
            self._jobs.sync(_settled, self._jobs)
        except (RuntimeError, OSError) as error:
            refusal = _words(error)
        for name, job in list(self._jobs.workers.items()):
            if job.job_id is None:
                self._forget(name)
        return refusal

    def _forget(self, name: Any) -> None:
        """Forget a job that is gone, for its name is given again."""
        self._started.discard(str(name))
        self._jobs.worker_spec.pop(name, None)
        del self._jobs.workers[name]

    def _listed(self) -> set[str] | None:
        """Return the numbers of the jobs in the queue, or None when it does not answer."""
        try:
            done = subprocess.run(
                self._listing, capture_output=True, text=True, timeout=_PATIENCE, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return {_number(line.split()[0]) for line in done.stdout.splitlines() if line.split()}


async def _settled(cluster: Any) -> None:
    """Wait until all jobs that are wanted are submitted; raise what was refused."""
    await cluster


def _number(job: object) -> str:
    """Return the number of a job without the name of its server."""
    return str(job).partition(".")[0]


def _words(error: Exception) -> str:
    """Return what the program of the queue has said."""
    text = str(error).rpartition("stderr:")[2]
    return " ".join(text.split()).removesuffix(".")


def queued_workers(count: int, memory: float, threads: int, queue: Queue) -> QueuedWorkers:
    """Submit so many jobs to a queue, each with one worker; one that ends is submitted again.

    Raises
    ------
    ParameterError
        When the extra is not installed, or the queue does not take the first jobs.
    """
    distributed = load_dask()
    try:
        import dask_jobqueue
    except ImportError as error:
        raise ParameterError(NO_DASK) from error
    # What the queue refuses is told here; asyncio would print a traceback of it, too.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    where = {"queue": queue.partition, "account": queue.account, "walltime": queue.walltime}
    cluster = getattr(dask_jobqueue, SYSTEMS[queue.system].cluster)(
        **{key: value for key, value in where.items() if value is not None},
        cores=1,
        job_cpu=threads,
        processes=1,
        memory=f"{int(memory / 1e6)}MB",
        job_extra_directives=list(queue.directives),
        job_script_prologue=list(queue.prologue),
        scheduler_options={"dashboard_address": None},
        silence_logs="critical",
    )
    client = distributed.Client(cluster)
    try:
        return QueuedWorkers(cluster, client, count, queue.system)
    except WorkersLost as error:
        DaskWorkers(client, cluster).close()
        raise ParameterError(str(error)) from error
