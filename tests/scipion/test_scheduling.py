"""Runs scheduled before their inputs exist: they wait for all of them, but not for ever."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import pyworkflow.protocol as pwprot
import pyworkflow.protocol.params as params
from pwem.objects import Pointer, SetOfVolumes, VolumeMask
from pyworkflow.apps.pw_schedule_run import RunScheduler
from pyworkflow.object import PointerList, Set
from scipion_project import VOXEL, two_bodies, write_mrc

PROTOCOLS = (
    "OccupyProtLocalScale",
    "OccupyProtModifyMap",
    "OccupyProtLocalResolution",
    "OccupyProtRegionOccupancy",
    "OccupyProtBlocks",
    "OccupyProtSelectParticles",
    "OccupyProtAnalyseClasses",
)


@pytest.fixture(scope="module")
def imported(runner):
    return runner.volume(write_mrc(runner.inputs / "ready.mrc", two_bodies()))


@pytest.fixture
def producer(runner):
    """A run that has not begun: it stands for whatever makes the inputs."""
    protocol = runner.new("ProtImportVolumes", "makes it", filesPath="none", samplingRate=VOXEL)
    runner.project.saveProtocol(protocol)
    return protocol


def pointers_of(protocol):
    """Names of all pointers of a form, of one or of several objects."""
    return [
        name
        for name, param in protocol.getDefinition().iterParams()
        if isinstance(param, params.PointerParam)
    ]


def point(protocol, name, producer, output):
    """Set a pointer, or add to a list of them."""
    value = getattr(protocol, name)
    if isinstance(value, PointerList):
        value.append(Pointer(producer, extended=output))
    else:
        value.set(producer)
        value.setExtended(output)


def filled(runner, name, pending, producer, imported):
    """A form in which all but one input are there, and that one is not made yet."""
    protocol = runner.new(name, amplify=2.0) if "Modify" in name else runner.new(name)
    if pending in ("inputMasks", "inputModel") and hasattr(protocol, "regionsFrom"):
        protocol.regionsFrom.set(["inputModel", "inputMasks"].index(pending))
    for each in pointers_of(protocol):
        if not protocol.getParam(each).allowsNull and each != pending:
            point(protocol, each, *imported)
    point(protocol, pending, producer, "later")
    return protocol


def scheduler_of(runner, protocol, monkeypatch):
    """Schedule a run; return Scipion's scheduler of it, which has not been started."""
    monkeypatch.setattr(pwprot, "schedule", lambda *arguments, **more: None)
    runner.project.scheduleProtocol(protocol)
    arguments = SimpleNamespace(
        projPath=runner.project.path,
        dbPath=protocol.getDbPath(),
        protId=protocol.getObjId(),
        initial_sleep=0,
        sleepTime=1,
    )
    return RunScheduler(arguments, logging.getLogger("scheduler"))


def is_waiting(scheduler):
    """What the scheduler asks in each of its rounds."""
    scheduler.updatedProtocols.clear()
    return scheduler._checkMissingInput()[0]


CASES = {
    "OccupyProtLocalScale": ["inputVolumes", "moreVolumes", "solventDefinition", "targetMask"],
    "OccupyProtModifyMap": [
        *("inputVolume", "moreVolumes", "inputScale", "inputScaleSigma", "solventDefinition"),
    ],
    "OccupyProtLocalResolution": ["inputVolume", "moreVolumes", "inputMask"],
    "OccupyProtRegionOccupancy": ["inputVolumes", "moreVolumes", "inputModel", "inputMasks"],
    "OccupyProtBlocks": ["inputVolumes"],
    "OccupyProtSelectParticles": ["inputClasses", "inputOccupancies"],
    "OccupyProtAnalyseClasses": ["inputVolumes", "moreVolumes", "inputModel", "inputMasks"],
}


def test_every_pointer_of_every_form_is_tried(runner):
    assert {name: pointers_of(runner.new(name)) for name in PROTOCOLS} == CASES


@pytest.mark.parametrize(
    ("name", "pending"), [(name, pending) for name, all_ in CASES.items() for pending in all_]
)
def test_an_input_that_is_still_to_be_made_is_waited_for(
    runner, name, pending, producer, imported, monkeypatch
):
    protocol = filled(runner, name, pending, producer, imported)
    (sentence,) = protocol.validate()
    assert protocol.getParam(pending).label.get() in sentence
    assert "later of _makes it_ is not there yet" in sentence
    assert protocol.warnings() == []
    assert is_waiting(scheduler_of(runner, protocol, monkeypatch))


def test_what_the_form_hides_is_not_waited_for(runner, producer, imported):
    protocol = filled(runner, "OccupyProtRegionOccupancy", "inputModel", producer, imported)
    protocol.regionsFrom.set(1)
    (sentence,) = protocol.validate()
    assert "No mask is given" in sentence


def test_a_run_starts_when_its_input_is_there(runner, producer, imported, monkeypatch):
    protocol = filled(runner, "OccupyProtModifyMap", "inputScale", producer, imported)
    scheduler = scheduler_of(runner, protocol, monkeypatch)
    assert is_waiting(scheduler)
    scale = write_mrc(runner.inputs / "made.mrc", abs(two_bodies()).clip(0, 1))
    made = VolumeMask(location=str(scale))
    made.setSamplingRate(VOXEL)
    scheduler.protocol.inputScale.getObjValue().later = made
    assert not is_waiting(scheduler)


# ---- what waiting cannot mend
def test_values_that_waiting_cannot_mend_end_a_scheduled_run_with_their_sentence(
    runner, imported, monkeypatch
):
    protocol = runner.new("OccupyProtLocalScale", inputVolumes=imported, kernelSize=4)
    (sentence,) = protocol.validate()  # of the form
    assert "must be an odd number" in sentence
    scheduler = scheduler_of(runner, protocol, monkeypatch)
    assert not is_waiting(scheduler)
    # What the scheduler does then, in its own process.
    scheduler.project.launchProtocol(scheduler.protocol, wait=True, scheduled=True, force=True)
    assert scheduler.protocol.isFailed()
    assert "must be an odd number" in scheduler.protocol.getErrorMessage()
    assert "Traceback" not in runner.stderr(protocol)


def test_an_input_that_was_never_chosen_is_not_waited_for(runner, monkeypatch):
    protocol = runner.new("OccupyProtLocalScale")
    (sentence,) = protocol.validate()
    assert "EMPTY" in sentence
    assert not is_waiting(scheduler_of(runner, protocol, monkeypatch))


def test_an_input_that_a_finished_run_did_not_make_is_not_waited_for(runner, imported, monkeypatch):
    protocol = runner.new(
        "OccupyProtLocalResolution", inputVolume=imported, inputMask=(imported[0], "outputMask")
    )
    (sentence,) = protocol.validate()
    assert "_import_ has finished without making outputMask" in sentence
    assert protocol.warnings() == []
    assert not is_waiting(scheduler_of(runner, protocol, monkeypatch))


# ---- sets that are not complete
def test_an_open_set_of_which_all_is_needed_is_waited_for_when_scheduled(
    runner, producer, monkeypatch
):
    producer.makePathsAndClean()
    volumes = SetOfVolumes.create(producer._getPath(), suffix="growing")
    volumes.setSamplingRate(VOXEL)
    for item in runner.volumes(grown(runner))[0].outputVolumes:
        volumes.append(item.clone())
    volumes.setStreamState(Set.STREAM_OPEN)
    producer._defineOutputs(growing=volumes)
    producer._store()
    protocol = runner.new(
        "OccupyProtModifyMap", inputVolume=(producer, "growing"), amplify=2.0, oneScale=True
    )
    (sentence,) = protocol.validate()
    assert "still adding to growing" in sentence
    assert "2 items" in sentence
    scheduler = scheduler_of(runner, protocol, monkeypatch)
    assert is_waiting(scheduler)
    scheduler.protocol.inputVolume.getObjValue().growing.setStreamState(Set.STREAM_CLOSED)
    assert not is_waiting(scheduler)
    producer.growing.setStreamState(Set.STREAM_CLOSED)
    assert protocol.validate() == []


def grown(runner):
    folder = runner.inputs / "growing"
    for i in range(2):
        write_mrc(folder / f"state_{i}.mrc", two_bodies(i))
    return folder
