"""Who works: one process beside this one, several on this machine, or those of a scheduler."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from occupy_core.commands.batch.work import Outcome, Task, failed, work
from occupy_core.errors import OccupyError, ParameterError

_TRIES = 2  # [guard] of a job whose process ends: it may have been killed for another's sake
_STARTING = 60  # [guard] s until a local cluster must have started
_ENDED = (
    "The process that worked on it was ended {} times, by a crash or for want of memory; give it "
    "more --memory, or look at this map alone."
)
NO_DASK = (
    "Several workers need dask, which is not installed; install scipion-em-occupy[cluster], or "
    "give --workers 1."
)


class WorkersLost(OccupyError):
    """No worker is left, and none will come."""


class Workers(Protocol):
    """Those who do tasks, each one at a time."""

    def slots(self) -> int:
        """Return how many tasks can be worked on now; raise WorkersLost when none ever can."""

    def submit(self, task: Task) -> Future[Outcome]:
        """Let a task be done; the future has its outcome and never raises."""

    def close(self) -> None:
        """End the processes, also those at work."""


class OneWorker:
    """One process beside this one, without dask; a crash ends the process and not the batch."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._pool: ProcessPoolExecutor | None = None

    def slots(self) -> int:
        """Return how many tasks can be worked on now."""
        return 1

    def submit(self, task: Task) -> Future[Outcome]:
        """Let a task be done."""
        return self._thread.submit(self._done, task)

    def _done(self, task: Task) -> Outcome:
        for _ in range(_TRIES):
            if self._pool is None:
                spawn = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(1, spawn, initializer=_end_with_parent)
            try:
                return self._pool.submit(work, task).result()
            except BrokenProcessPool:
                self._pool = None
            except Exception as error:  # a mistake of ours loses one map
                return failed(task, _mistake(error))
        return failed(task, _ENDED.format(_TRIES))

    def close(self) -> None:
        """End the process, also at work."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._pool is not None:
            for process in list(self._pool._processes.values()):
                process.terminate()
            self._pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """Let this process end when the one that started it does, however that ended."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class DaskWorkers:
    """Workers of a dask cluster.

    Parameters
    ----------
    client : distributed.Client
    cluster : object, optional
        What is closed with it.
    """

    def __init__(self, client: Any, cluster: Any = None) -> None:
        self._client = client
        self._cluster = cluster

    def slots(self) -> int:
        """Return how many tasks can be worked on now: one for each worker that is there."""
        # A task that waits at a worker which dies would be blamed for it, so none waits there.
        return len(self.infos())

    def infos(self) -> list[dict[str, Any]]:
        """Return what the scheduler knows of each worker that is there."""
        return list(self._client.scheduler_info(n_workers=-1)["workers"].values())

    def submit(self, task: Task) -> Future[Outcome]:
        """Let a task be done."""
        outcome: Future[Outcome] = Future()
        remote = self._client.submit(work, task, pure=False)
        remote.add_done_callback(lambda found: outcome.set_result(_outcome(task, found)))
        return outcome

    def close(self) -> None:
        """End the processes that were started here, also those at work."""
        with suppress(Exception):  # whatever is left of a cluster that is being closed
            self._client.close(timeout=5)
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close(timeout=30)


def _outcome(task: Task, remote: Any) -> Outcome:
    from distributed import KilledWorker

    try:
        found: Outcome = remote.result()
        return found
    except KilledWorker:
        return failed(task, _ENDED.format(_TRIES))
    except BaseException as error:  # cancelled: the cluster is gone
        return failed(task, _mistake(error))


def _mistake(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"It ended with {type(error).__name__}{f': {text}' if text else ''}; run it alone."


@contextmanager
def closing(workers: Workers) -> Iterator[Workers]:
    """Close workers at the end of a block."""
    try:
        yield workers
    finally:
        workers.close()


def local_workers(count: int, memory: float) -> Workers:
    """Start workers on this machine: with dask when there are several.

    Parameters
    ----------
    count : int
    memory : float
        Bytes that each may take; one that takes more is ended.
    """
    if count == 1:
        return OneWorker()
    distributed = load_dask()
    cluster = distributed.LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        memory_limit=int(memory),
        dashboard_address="127.0.0.1:0",  # any port: that of another batch is taken
        silence_logs=logging.CRITICAL,
    )
    client = distributed.Client(cluster, timeout=_STARTING)
    client.wait_for_workers(count, timeout=_STARTING)
    return DaskWorkers(client, cluster)


def workers_at(address: str) -> Workers:
    """Use the workers of a scheduler that runs already.

    Raises
    ------
    ParameterError
        When nothing answers at the address.
    """
    distributed = load_dask()
    try:
        return DaskWorkers(distributed.Client(address, timeout=10))
    except (OSError, ValueError, TimeoutError) as error:
        raise ParameterError(
            f"No dask scheduler answers at {address} ({error}); check the address."
        ) from error


def load_dask() -> Any:
    """Load dask, set so that a job whose process ends is tried again and then given up.

    Raises
    ------
    ParameterError
        When it is not installed.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ParameterError(NO_DASK) from error
    dask.config.set(
        {
            "distributed.scheduler.allowed-failures": _TRIES - 1,
            "distributed.scheduler.worker-saturation": 1.0,
            "distributed.worker.memory.target": False,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.pause": False,
            "distributed.worker.memory.terminate": 1.0,
            "distributed.comm.timeouts.tcp": "120s",  # compiled loops keep a worker from answering
        }
    )
    return distributed
