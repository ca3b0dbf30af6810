"""A project made with version 0.1, before the modules moved, opens, goes on and is repeated.

tests/data/project_0.1.tar.xz holds an import, a local scale and an occupancy of masked regions. It
was made with the code of then; its logs are empty, its pictures have few colours.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

from pyworkflow.project import Manager
from pyworkflow.protocol import LegacyProtocol
from scipion_project import Runner, read

ARCHIVE = Path(__file__).parents[1] / "data" / "project_0.1.tar.xz"
RUNS = {
    "OccupyProtLocalScale": {"scaleVolume", "scaleSigmaVolume", "confidenceVolume"},
    "OccupyProtRegionOccupancy": {"regionOccupancies"},
}


@pytest.fixture(scope="module")
def old():
    """A runner in the old project."""
    home = Path(Manager().PROJECTS)
    home.mkdir(parents=True, exist_ok=True)
    before = Path.cwd()
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(home, filter="data")
    yield Runner("Before", new=False)
    os.chdir(before)  # loading a project changes the folder of the process


@pytest.fixture(autouse=True)
def in_the_old_project(old, monkeypatch):
    """File names of Scipion are relative to the project."""
    monkeypatch.chdir(old.project.path)


def run_of(old, name):
    found = [p for p in old.project.getRuns() if p.getClassName() == name]
    return min(found, key=lambda protocol: protocol.getObjId())  # copies come later


def rows(protocol):
    """Region, occupancy and error of each row of the table."""
    found = protocol.regionOccupancies
    return {row.region.get(): (row.occupancy.get(), row.sigma.get()) for row in found.iterItems()}


def test_the_archive_is_small():
    assert ARCHIVE.stat().st_size < 300_000


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_then_has_its_outputs_and_its_summary(old, name):
    protocol = run_of(old, name)
    assert not isinstance(protocol, LegacyProtocol)
    assert protocol.isFinished()
    assert {key for key, _ in protocol.iterOutputAttributes()} == RUNS[name]
    assert protocol.summary() != []
    assert "not ready" not in protocol.summary()[0]
    assert isinstance(protocol.methods(), list)


def test_the_values_of_then_are_read(old):
    assert rows(run_of(old, "OccupyProtRegionOccupancy")) == {
        "core": pytest.approx((1.0, 0.1), abs=0.01),
        "arm": pytest.approx((0.50, 0.71), abs=0.01),
    }
    scale = read(run_of(old, "OccupyProtLocalScale").scaleVolume)
    assert scale.shape == (20, 20, 20)
    assert 0 <= scale.min() < scale.max() <= 1


@pytest.mark.parametrize("name", RUNS)
def test_a_copy_runs_and_gives_outputs_of_the_same_kind(old, name):
    protocol = run_of(old, name)
    again = old.project.copyProtocol(protocol)
    if name == "OccupyProtLocalScale":
        again.granularity.set(0)  # version 0.1 knew the scale of voxels only
    old.launch(again)
    assert {key for key, _ in again.iterOutputAttributes()} == RUNS[name]
    if name == "OccupyProtRegionOccupancy":
        assert rows(again)["arm"][0] == pytest.approx(rows(protocol)["arm"][0], abs=0.05)
    else:
        one, two = read(protocol.scaleVolume), read(again.scaleVolume)
        assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.98
        assert again.scaleVolume.getSamplingRate() == protocol.scaleVolume.getSamplingRate()


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_then_is_continued_to_its_end(old, name):
    protocol = run_of(old, name)
    old.resume(protocol)
    assert protocol.isFinished()
    assert {key for key, _ in protocol.iterOutputAttributes()} >= RUNS[name]
