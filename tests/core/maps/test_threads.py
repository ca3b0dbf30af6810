"""Threads change how long things take, never what comes out."""

import os
import threading
import time

import numpy as np
import pytest
import scipy.fft

from occupy_core.errors import MachineWarning, ParameterError
from occupy_core.machine import available_cores
from occupy_core.maps import DensityMap, Grid, coloured_noise, lowpass, radial_power, resample
from occupy_core.maps.boxes import box_quantiles
from occupy_core.maps.filters import (
    ball_kernel,
    histogram,
    linear_interpolate,
    map_values,
    maximum_filter,
)
from occupy_core.maps.threads import Background, for_slabs, thread_count, threads

SHAPE = (37, 50, 46)


@pytest.fixture(scope="module")
def density():
    data = np.random.default_rng(1).standard_normal(SHAPE, dtype=np.float32)
    return DensityMap(data, Grid(SHAPE, (1.1, 1.3, 0.9)))


def noise_of(m):
    frequency, power = radial_power(m)
    return coloured_noise(m.grid, frequency, power, seed=3)


OPERATIONS = {
    "lowpass": lambda m: lowpass(m, 6.0).data,
    "crop": lambda m: resample(m, (20, 31, 25)).data,
    "pad": lambda m: resample(m, (40, 51, 60)).data,
    "power": lambda m: np.concatenate(radial_power(m, np.abs(m.data))),
    "noise": noise_of,
    "maximum": lambda m: maximum_filter(m.data, ball_kernel(7, 3.3)),
    "histogram": lambda m: histogram(m.data, 100, -2, 2, m.data > 0),
    "quantiles": lambda m: box_quantiles(m.data, np.arange(90).reshape(30, 3) // 4, (7, 8, 9), 400),
    "table": lambda m: map_values(m.data, -2, 2, np.linspace(0, 1, 1000)),
    "interpolation": lambda m: linear_interpolate(m.data, (50, 44, 61)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_bytes_do_not_depend_on_the_number_of_threads(density, name, monkeypatch):
    monkeypatch.setattr("occupy_core.maps.filters._VALUES", 5000)  # many slabs in a small box
    results = []
    for n in (1, 2, 5):
        with threads(n):
            results.append(OPERATIONS[name](density).tobytes())
    assert results[0] == results[1] == results[2]


def test_all_cores_of_the_process_are_used_unless_a_number_is_given():
    assert thread_count() == available_cores() == len(os.sched_getaffinity(0))
    with threads() as n:
        assert n == available_cores()


def test_number_is_restored_after_the_block_and_after_an_error():
    workers = scipy.fft.get_workers()
    with threads(3):
        assert (thread_count(), scipy.fft.get_workers()) == (3, 3)
        with pytest.raises(RuntimeError), threads(2):
            raise RuntimeError
        assert (thread_count(), scipy.fft.get_workers()) == (3, 3)
    assert (thread_count(), scipy.fft.get_workers()) == (available_cores(), workers)


@pytest.mark.parametrize("n", [0, -2])
def test_fewer_than_one_thread_is_refused(n):
    with pytest.raises(ParameterError, match=f"{n} but must be at least 1"), threads(n):
        pass


def test_senselessly_many_threads_are_not_started():
    with threads(10**30) as n:
        assert n == thread_count() == scipy.fft.get_workers() == 1024


@pytest.mark.parametrize(("total", "thickness"), [(0, 4), (1, 4), (8, 4), (9, 4), (3, 100)])
@pytest.mark.parametrize("n", [1, 3])
def test_slabs_cover_everything_once(total, thickness, n):
    times = np.zeros(total, int)

    def work(first, last):
        assert 0 < last - first <= thickness
        times[first:last] += 1

    with threads(n):
        for_slabs(work, total, thickness)
    assert (times == 1).all()


@pytest.mark.parametrize("n", [1, 4])
def test_error_in_a_slab_reaches_the_caller_and_stops_the_rest(n):
    done = []

    def work(first, last):
        if first == 0:
            raise ValueError("slab 0")
        time.sleep(0.002)
        done.append(first)

    with threads(n), pytest.raises(ValueError, match="slab 0"):
        for_slabs(work, 500, 1)
    assert len(done) < 250


def test_slabs_within_slabs_stay_on_their_thread():
    names = []

    def outer(first, last):
        me = threading.current_thread().name
        for_slabs(lambda i, j: names.append((me, threading.current_thread().name)), 8, 1)

    with threads(3):
        for_slabs(outer, 6, 1)
    assert len(names) == 48
    assert all(a == b for a, b in names)


def test_slabs_run_on_several_threads():
    meeting = threading.Barrier(2, timeout=10)  # passes only when two slabs run at once
    with threads(2):
        for_slabs(lambda first, last: meeting.wait(), 2, 1)


@pytest.fixture
def no_threads(monkeypatch):
    """Let no thread start, as at the limit of processes."""

    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)


@pytest.mark.usefixtures("no_threads")
def test_without_threads_there_is_one_warning_and_the_same_bytes(density):
    alone = []

    def operate():
        with threads(4) as n:
            assert (n, scipy.fft.get_workers()) == (1, 1)
            alone.extend(operation(density).tobytes() for operation in OPERATIONS.values())

    with pytest.warns(MachineWarning, match="does not let 4 threads be started") as told:
        operate()
    assert len(told) == 1
    with threads(1):
        assert alone == [operation(density).tobytes() for operation in OPERATIONS.values()]


@pytest.mark.parametrize("startable", [0, 1, 2])
def test_slabs_are_done_by_those_threads_that_start(monkeypatch, startable):
    start, left = threading.Thread.start, [startable]

    def limited(self):
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(self)

    times = np.zeros(50, int)

    def work(first, last):
        times[first:last] += 1

    with threads(5):
        monkeypatch.setattr(threading.Thread, "start", limited)
        for_slabs(work, 50, 1)
    assert (times == 1).all()


@pytest.mark.usefixtures("no_threads")
def test_what_would_be_done_in_the_background_is_done_at_once():
    def fail():
        raise ValueError("x")

    with Background() as background:
        done, failed = background.submit(sum, [1, 2]), background.submit(fail)
        assert done.done()
    assert done.result() == 3
    with pytest.raises(ValueError, match="x"):
        failed.result()


def test_threads_are_kept_within_a_block_and_gone_after_it():
    before = threading.active_count()
    seen = set()

    def work(first, last):
        barrier.wait(5)
        seen.add(threading.get_ident())

    with threads(3):
        for _ in range(20):
            barrier = threading.Barrier(3)
            for_slabs(work, 3, 1)
        assert len(seen) == 3
        assert threading.active_count() == before + 2
    assert threading.active_count() == before


def test_without_a_block_no_thread_is_left():
    before = threading.active_count()
    for_slabs(lambda first, last: None, 64, 1)
    assert threading.active_count() == before


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_within_a_block_has_threads_of_its_own():
    with threads(2):
        for_slabs(lambda first, last: None, 8, 1)
        child = os.fork()
        if child == 0:
            done = []
            for_slabs(lambda first, last: done.append(first), 8, 1)
            os._exit(0 if len(done) == 8 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
