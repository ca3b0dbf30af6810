"""Stop at each step of each protocol, and Continue: the bytes of a run that was not disturbed.

Each is stopped at one moment of each step here; OCCUPY_STOPS=5 stops it at five.
"""

import os
import random

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
from ensembles import ellipsoids
from pwem.objects import Pointer
from relion_classes import VOXEL
from scipion_project import two_bodies, write_mrc
from scipion_stops import results, stopped, undisturbed

N_STOPS = int(os.environ.get("OCCUPY_STOPS", "1"))


@pytest.fixture(scope="module")
def volume(runner):
    data = two_bodies(n=32)
    noise = np.random.default_rng(9).normal(0, 0.05, data.shape).astype(np.float32)
    folder = runner.inputs / "stops"
    halves = [
        write_mrc(folder / f"half{i}.mrc", data + s * noise, VOXEL) for i, s in ((1, 1), (2, -1))
    ]
    return runner.volume(write_mrc(folder / "map.mrc", data, VOXEL), VOXEL, halves=halves)


@pytest.fixture(scope="module")
def masks(runner):
    return runner.bodies(runner.inputs / "stops", 32)


@pytest.fixture(scope="module")
def classes(runner):
    pytest.importorskip("relion", reason="scipion-em-relion is not installed")
    maps = [two_bodies(seed, n=32, occupancy=q) for seed, q in enumerate((0.0, 1.0, 1.0))]
    return runner.classes(runner.inputs / "stopped", maps)


@pytest.fixture(scope="module")
def ensemble(runner):
    made = ellipsoids((20, 20, 20), 24, n_blocks=2, seed=4, noise=0.1, size=(0.2, 0.25))
    folder = runner.inputs / "stopped_ensemble"
    for i in range(len(made)):
        write_mrc(folder / f"vol_{i:03d}.mrc", made.volume(i))
    return runner.volumes(folder)


@pytest.fixture
def make(runner, request):
    """Function that makes a protocol of a name with its inputs."""

    def given(name):
        return request.getfixturevalue(name)

    def several(protocol, attribute, pointers):
        for producer, output in pointers:
            getattr(protocol, attribute).append(Pointer(producer, extended=output))
        return protocol

    def regions_of(volumes):
        protocol = runner.new(
            "OccupyProtRegionOccupancy",
            inputVolumes=given(volumes),
            regionsFrom=1,
            reference="full",
        )
        return several(protocol, "inputMasks", given("masks"))

    def new(name):
        if name == "LocalScale":
            return runner.new(f"OccupyProt{name}", inputVolumes=given("volume"))
        if name == "ModifyMap":
            return runner.new(f"OccupyProt{name}", inputVolume=given("volume"), amplify=3.0)
        if name == "LocalResolution":
            return runner.new(f"OccupyProt{name}", inputVolume=given("volume"))
        if name == "Blocks":
            protocol = runner.new(f"OccupyProt{name}")
            return several(protocol, "inputVolumes", [given("ensemble")])
        if name == "RegionOccupancy":
            return regions_of("volume")
        if name == "AnalyseClasses":
            protocol = runner.new(
                f"OccupyProt{name}", inputVolumes=given("classes"), reference="full"
            )
            return several(protocol, "inputMasks", given("masks"))
        measured = runner.launch(regions_of("classes"))
        return runner.new(
            f"OccupyProt{name}",
            inputClasses=given("classes"),
            inputOccupancies=(measured, "regionOccupancies"),
            where="part > 0.45",
        )

    return new


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "LocalScale",
        "ModifyMap",
        "RegionOccupancy",
        "Blocks",
        "LocalResolution",
        "AnalyseClasses",
        "SelectParticles",
    ],
)
def test_a_run_that_was_stopped_and_continued_has_the_bytes_of_one_that_was_not(runner, make, name):
    whole = make(name)
    changes = undisturbed(runner, whole)
    expected = results(whole)
    assert len(changes) == len(whole.loadSteps())
    draw = random.Random(name)
    for step, count in enumerate(changes, start=1):
        for _ in range(N_STOPS):
            at = draw.randint(0, count)
            protocol = runner.project.copyProtocol(whole)
            stopped(runner, protocol, step, at)
            runner.resume(protocol)
            assert results(protocol) == expected, f"stopped at change {at} of step {step}"
