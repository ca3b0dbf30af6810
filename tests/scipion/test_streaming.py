"""Sets that grow while a protocol works on them: each volume once, whatever stops it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import pyworkflow
from pwem.objects import Pointer, SetOfClasses3D, SetOfVolumes, Volume
from pyworkflow.object import Set
from pyworkflow.protocol import MODE_RESUME, STATUS_RUNNING, getProtocolFromDb
from scipion_project import VOXEL, two_bodies, write_mrc

FOLLOWERS = {
    "OccupyProtLocalScale": "inputVolumes",
    "OccupyProtModifyMap": "inputVolume",
    "OccupyProtLocalResolution": "inputVolume",
}
OTHERS = {"OccupyProtRegionOccupancy": "inputVolumes", "OccupyProtAnalyseClasses": "inputVolumes"}


class Producer:
    """A run that adds volumes to an open set, as one that follows a microscope does.

    `run` is how the project sees it, `_own` how its process does.
    """

    def __init__(self, runner, label):
        self.project = runner.project
        self.run = runner.new("ProtImportVolumes", label, filesPath="none", samplingRate=VOXEL)
        self.project.saveProtocol(self.run)
        self.run.makePathsAndClean()
        self.run.setStatus(STATUS_RUNNING)
        self.run._store()
        shutil.copy(self.project.dbPath, self.run.getDbPath())
        identifier = self.run.getObjId()
        self._own = getProtocolFromDb(self.project.path, self.run.getDbPath(), identifier)
        self.folder = runner.inputs / label

    def add(self, *numbers, state=Set.STREAM_OPEN):
        """Write maps, and add them to the set, with these ids."""
        growing = getattr(self._own, "growing", None)
        if growing is None:
            growing = SetOfVolumes.create(self._own._getPath(), suffix="growing")
            growing.setSamplingRate(VOXEL)
        else:
            growing.enableAppend()
        for number in numbers:
            path = self.folder / f"state_{number}.mrc"
            volume = Volume(location=str(write_mrc(path, two_bodies(number))))
            volume.setSamplingRate(VOXEL)
            volume.setObjId(number)
            growing.append(volume)
        self._own._updateOutputSet("growing", growing, state)
        self.project._updateProtocol(self.run)

    def close(self):
        self.add(state=Set.STREAM_CLOSED)

    @property
    def pointer(self):
        return self.run, "growing"


@pytest.fixture
def producer(runner, request):
    return Producer(runner, re.sub(r"\W+", "_", request.node.name)[:40])


def start(runner, protocol):
    """Launch or continue a run as Scipion does, in a new process; do not wait for it."""
    protocol.runMode.set(MODE_RESUME)
    runner.project.launchProtocol(protocol, wait=False)


def ids(runner, protocol, output="scaleVolumes"):
    """Ids of an output of a run that works, as Scipion shows it."""
    runner.project._updateProtocol(protocol)
    assert not protocol.isFailed(), protocol.getErrorMessage() + runner.stderr(protocol)
    made = getattr(protocol, output, None)
    return [] if made is None else [item.getObjId() for item in made]


def wait_for(runner, protocol, wanted, seconds=120, output="scaleVolumes"):
    """Wait until an output holds these volumes; return how long it took, s."""
    begin = time.monotonic()
    runner.wait_until(lambda: _slowly(ids(runner, protocol, output)) == wanted, protocol, seconds)
    return time.monotonic() - begin


def _slowly(value):
    time.sleep(0.2)
    return value


def stop(runner, protocol):
    runner.project.stopProtocol(protocol)
    runner.wait_until(lambda: not runner.processes(protocol), protocol)
    runner.project._updateProtocol(protocol, checkPid=True)
    assert protocol.isAborted()


def wait_for_end(runner, protocol, seconds=120):
    """Wait until a run has ended, well or not."""

    def is_over():
        runner.project._updateProtocol(protocol, checkPid=True)
        return _slowly(not protocol.isActive())

    runner.wait_until(is_over, protocol, seconds)


def end(runner, protocol, seconds=120):
    """Wait until a run has ended well."""
    wait_for_end(runner, protocol, seconds)
    assert "Traceback" not in runner.stderr(protocol), runner.stderr(protocol)
    assert protocol.isFinished(), protocol.getErrorMessage()


def times_done(runner, protocol, step="scaleStep"):
    """How often a step has ended, in all runs: by its log."""
    return len(re.findall(rf"FINISHED\S*: {step},", runner.stdout(protocol)))


def written(protocol):
    """When each record was written, by its file."""
    files = Path(protocol._getExtraPath()).glob("volume_*/result_*.json")
    return {file.parent.name: file.stat().st_mtime_ns for file in files}


# ---- from an open set to its end
def test_a_growing_set_is_followed_over_a_stop_and_each_volume_is_done_once(runner, producer):
    producer.add(2, 5)  # the ids of a run whose steps end in any order
    protocol = runner.new("OccupyProtLocalScale", "follows", inputVolumes=producer.pointer)
    protocol.numberOfThreads.set(3)
    assert protocol.validate() == []
    start(runner, protocol)
    wait_for(runner, protocol, [2, 5])
    assert protocol.scaleVolumes.isStreamOpen()
    assert protocol.isInStreaming()
    before = written(protocol)
    stop(runner, protocol)
    assert not protocol.scaleVolumes.isStreamOpen()  # Scipion has closed it
    producer.add(1, 4)
    start(runner, protocol)
    wait_for(runner, protocol, [1, 2, 4, 5])
    assert protocol.scaleVolumes.isStreamOpen()
    producer.add(3, 6, state=Set.STREAM_CLOSED)
    wait_for(runner, protocol, [1, 2, 3, 4, 5, 6])
    end(runner, protocol)
    assert {name: time for name, time in written(protocol).items() if name in before} == before
    assert times_done(runner, protocol) == 6
    for name in ("scaleVolumes", "scaleSigmaVolumes", "confidenceVolumes"):
        output = getattr(protocol, name)
        assert ids(runner, protocol, name) == [1, 2, 3, 4, 5, 6]
        assert output.getSize() == 6
        assert not output.isStreamOpen()
    assert len(protocol.getRelations()) == 3
    assert "6 volumes" in protocol.summary()[0]
    # Nothing is done twice when it is continued, and a set that grew since is.
    assert runner.resume(protocol) == []
    producer.add(7, state=Set.STREAM_CLOSED)
    assert runner.resume(protocol) == ["scaleStep", "createOutputStep"]
    assert ids(runner, protocol) == [1, 2, 3, 4, 5, 6, 7]


def test_another_parameter_after_a_stop_makes_all_outputs_anew(runner, producer):
    producer.add(1, 2)
    protocol = runner.new("OccupyProtLocalScale", "other mode", inputVolumes=producer.pointer)
    runner.start(protocol)
    wait_for(runner, protocol, [1, 2])
    stop(runner, protocol)
    producer.close()
    assert runner.resume(protocol, mode=0) == ["scaleStep", "scaleStep", "createOutputStep"]
    assert ids(runner, protocol) == [1, 2]
    assert all("scale_res" in item.getFileName() for item in protocol.scaleVolumes)


def test_the_maps_wait_for_their_scales(runner, producer):
    producer.add(1)
    scale = runner.new("OccupyProtLocalScale", "scales", inputVolumes=producer.pointer)
    runner.start(scale)
    wait_for(runner, scale, [1])
    modify = runner.new(
        "OccupyProtModifyMap",
        "with scales",
        inputVolume=producer.pointer,
        inputScale=(scale, "scaleVolumes"),
        amplify=2.0,
    )
    assert modify.validate() == []
    runner.start(modify)
    producer.add(2, state=Set.STREAM_CLOSED)
    wait_for(runner, modify, [1, 2], output="amplifiedVolumes")
    for protocol in (scale, modify):
        end(runner, protocol)
    assert times_done(runner, modify, "modifyStep") == 2
    assert times_done(runner, modify) == 0
    used = [record.inputs["scale_map"] for record in modify._records()]
    assert used == [item.getFileName() for item in scale.scaleVolumes]


def test_a_volume_that_cannot_be_used_ends_the_run_with_a_sentence(runner, producer):
    producer.add(1)
    protocol = runner.new("OccupyProtLocalResolution", "refuses", inputVolume=producer.pointer)
    runner.start(protocol)
    wait_for(runner, protocol, [1], output="resolution_Volumes")
    producer.add(2)
    (producer.folder / "state_2.mrc").unlink()
    producer.close()
    wait_for_end(runner, protocol)
    assert protocol.isFailed()
    assert "state_2.mrc of the input is not there; make it again" in protocol.getErrorMessage()
    assert "Traceback" not in runner.stderr(protocol)
    assert [item.getObjId() for item in protocol.resolution_Volumes] == [1]
    write_mrc(producer.folder / "state_2.mrc", two_bodies(2))
    assert runner.resume(protocol) == ["resolutionStep", "createOutputStep"]
    assert [item.getObjId() for item in protocol.resolution_Volumes] == [1, 2]


@pytest.mark.slow
def test_the_last_of_thirty_volumes_is_done_soon_after_it_came(runner, producer):
    number, minutes = 30, 2
    protocol = runner.new("OccupyProtLocalScale", "thirty", inputVolumes=producer.pointer)
    protocol.numberOfThreads.set(3)
    begin, last = time.monotonic(), 0.0
    for i in range(1, number + 1):
        time.sleep(max(0.0, begin + i * minutes * 60 / number - time.monotonic()))
        producer.add(i, state=Set.STREAM_CLOSED if i == number else Set.STREAM_OPEN)
        last = time.monotonic()
        if i == 1:
            start(runner, protocol)
        elif i == number // 2:
            stop(runner, protocol)
            start(runner, protocol)
    wait_for(runner, protocol, list(range(1, number + 1)))
    late = time.monotonic() - last
    end(runner, protocol)
    print(f"the last output came {late:.1f} s after the last volume")
    assert times_done(runner, protocol) == number
    assert late < 60  # not as long as all of them take; the figure is printed


# ---- the scheduler, before anything is made
def test_a_scheduled_run_starts_with_the_first_volume(runner, producer, tmp_path):
    protocol = runner.new("OccupyProtLocalScale", "scheduled", inputVolumes=producer.pointer)
    (sentence,) = protocol.validate()
    assert "growing of" in sentence
    assert "is not there yet" in sentence
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyworkflow.protocol.schedule", lambda *arguments, **more: None)
        runner.project.scheduleProtocol(protocol)
    script = Path(pyworkflow.__file__).parent / "apps" / "pw_schedule_run.py"
    command = [sys.executable, str(script), runner.project.path, protocol.getDbPath()]
    command += [str(protocol.getObjId()), str(tmp_path / "schedule.log"), "--sleep_time", "1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # it goes on behind
    time.sleep(3)
    assert protocol.isScheduled()
    producer.add(1)
    wait_for(runner, protocol, [1])
    producer.add(2, state=Set.STREAM_CLOSED)
    wait_for(runner, protocol, [1, 2])
    end(runner, protocol)


# ---- which sets may be open
@pytest.mark.parametrize("output", ["growing", "growing.1"])
@pytest.mark.parametrize("name", FOLLOWERS)
def test_an_open_set_is_taken_by_protocols_that_treat_each_volume(runner, producer, name, output):
    producer.add(1)
    values = {"amplify": 2.0} if name == "OccupyProtModifyMap" else {}
    protocol = runner.new(name, **{FOLLOWERS[name]: (producer.run, output)}, **values)
    assert protocol.worksInStreaming()
    assert protocol.validate() == []
    assert protocol.warnings() == []


@pytest.mark.parametrize("name", OTHERS)
def test_an_open_set_is_waited_for_by_protocols_that_need_all_volumes(runner, producer, name):
    producer.add(1)
    protocol = runner.new(name, **{OTHERS[name]: producer.pointer})
    assert not protocol.worksInStreaming()
    assert any("still adding to growing, which has 1 items" in s for s in protocol.validate())


def test_one_scale_for_all_maps_needs_all_maps(runner, producer):
    producer.add(1)
    protocol = runner.new(
        "OccupyProtModifyMap", inputVolume=producer.pointer, amplify=2.0, oneScale=True
    )
    (sentence,) = protocol.validate()
    assert "still adding to growing" in sentence
    producer.close()
    assert protocol.validate() == []


def test_several_inputs_are_waited_for_since_their_volumes_are_numbered_anew(runner, producer):
    producer.add(1)
    protocol = runner.new("OccupyProtLocalScale", inputVolumes=producer.pointer)
    protocol.moreVolumes.append(Pointer(producer.run, extended="growing"))
    assert all("still adding to growing" in sentence for sentence in protocol.validate())
    assert protocol.validate() != []


def test_blocks_need_all_volumes(runner, producer):
    producer.add(1)
    protocol = runner.new("OccupyProtBlocks")
    protocol.inputVolumes.append(Pointer(producer.run, extended="growing"))
    assert not protocol.worksInStreaming()
    assert "still adding to growing" in protocol.validate()[0]


def test_open_classes_are_waited_for_since_they_change(runner, producer):
    classes = SetOfClasses3D.create(producer.run._getPath(), suffix="open")
    classes.setStreamState(Set.STREAM_OPEN)
    producer.run._defineOutputs(classes=classes)
    producer.run._store()
    protocol = runner.new("OccupyProtLocalScale", inputVolumes=(producer.run, "classes"))
    (sentence,) = protocol.validate()
    assert "still adding to classes" in sentence
