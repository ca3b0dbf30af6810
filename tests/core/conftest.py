"""Fixtures of several modules of tests."""

import pytest
from small_blocks import search, write_volumes
from small_jobs import write_small_map

from occupy_core import OutputError


@pytest.fixture
def small(tmp_path):
    """File of a small map."""
    return write_small_map(tmp_path / "x.mrc")


@pytest.fixture
def halves(tmp_path):
    """Files of two half maps of it, as options of a job."""
    return {f"half{i}": write_small_map(tmp_path / f"h{i}.mrc", seed=i) for i in (1, 2)}


@pytest.fixture(scope="module")
def ensemble_files(tmp_path_factory):
    """Files of a small ensemble with known blocks."""
    return write_volumes(tmp_path_factory.mktemp("ensemble"))


@pytest.fixture(scope="module")
def searched(ensemble_files, tmp_path_factory):
    """Result of the search for its blocks."""
    return search(ensemble_files, tmp_path_factory.mktemp("done"))


@pytest.fixture
def full_disk(monkeypatch):
    """Let the map of the given number that `jobs` writes fail; return the paths tried."""

    def make(jobs, number):
        write, written = jobs.write_map, []

        def failing(path, *args, **kwargs):
            written.append(path)
            if len(written) == number:
                raise OutputError(f"The map {path} cannot be written: No space left on device.")
            return write(path, *args, **kwargs)

        monkeypatch.setattr(jobs, "write_map", failing)
        return written

    return make
