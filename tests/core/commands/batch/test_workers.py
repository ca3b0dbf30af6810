"""Workers: what a crash, a mistake and a lack of memory do to the other jobs."""

import builtins
from concurrent.futures import Future

import crashing_work
import pytest
from worker_here import WorkerHere

from occupy_core.commands.batch import workers
from occupy_core.commands.batch.desk import Desk, duration
from occupy_core.commands.batch.job import BatchJob
from occupy_core.commands.batch.work import Task, failed
from occupy_core.errors import ParameterError

NAMES = ("a", "crash", "b", "mistake", "c")


@pytest.mark.parametrize("count", [1, 2])
def test_a_job_that_ends_its_process_loses_itself_only(monkeypatch, count):
    if count > 1:
        pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
    monkeypatch.setattr(workers, "work", crashing_work.work)
    told = []
    with workers.closing(workers.local_workers(count, 1e9)) as staff:
        desk = Desk(staff, lambda share, text: told.append((share, text)))
        for name in NAMES:
            desk.add(Task(name, "scale", {}))
        found = []
        while desk.busy:
            found += desk.step(1.0)
        desk.step(0.0)
    by_name = {outcome.name: outcome for outcome in found}
    assert sorted(by_name) == sorted(NAMES)
    assert [name for name in NAMES if by_name[name].done] == ["a", "b", "c"]
    assert "was ended 2 times" in by_name["crash"].sentence
    assert "ZeroDivisionError: of the program" in by_name["mistake"].sentence
    assert told[-1] == (1.0, "5 of 5 done, 2 failed")
    assert [share for share, _ in told] == sorted(share for share, _ in told)


def test_workers_are_not_missed_when_all_is_done():
    class Leaving(WorkerHere):
        def submit(self, task):
            self.slots = lambda: 0  # it ends with its job
            done = Future()
            done.set_result(failed(task, "lost"))
            return done

    told = []
    desk = Desk(Leaving(), lambda share, text: told.append((share, text)))
    desk.add(Task("a", "scale", {}))
    desk.step(0.0)
    desk.step(0.0)
    assert told == [(0.0, "0 of 1 done"), (1.0, "1 of 1 done, 1 failed")]


def test_without_dask_one_sentence_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] in ("dask", "distributed", "dask_jobqueue"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for hire in (lambda: workers.local_workers(2, 1e9), lambda: workers.workers_at("tcp://x:1")):
        with pytest.raises(ParameterError, match=r"occupy\[cluster\], or give --workers"):
            hire()


def test_a_scheduler_that_does_not_answer_is_told():
    pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
    with pytest.raises(ParameterError, match="No dask scheduler answers at"):
        workers.workers_at("nonsense://nowhere:1")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"workers": 0}, "number of workers is 0"),
        ({"memory": -1.0}, "memory of a worker"),
        ({"scheduler": "tcp://a:1", "workers": 2}, "workers of its own"),
        ({"system": "slurm"}, "--workers N and --memory MB with --slurm"),
        ({"partition": "main"}, "are for a queue"),
    ],
)
def test_workers_that_cannot_be_had_are_told_first(tmp_path, values, sentence):
    with pytest.raises(ParameterError, match=sentence):
        BatchJob(jobs=tmp_path, **values)


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (600, "10 min"), (9000, "2.5 h"), (4e5, "4.6 days")]
)
def test_a_time_is_written_for_people(seconds, text):
    assert duration(seconds) == text
