"""The protocol local resolution, run in a project."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
from pwem.objects import Float, Volume, VolumeMask
from pwem.viewers import Chimera
from resolution_maps import two_resolutions
from scipion_project import header, opened, read, shown, viewer_of, write_mrc

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.resolution.estimate import estimate_resolution

N, VOXEL = 48, 1.8
GRID = Grid.cubic(N, VOXEL)

# What the core says of so small a map is tested there.
pytestmark = pytest.mark.filterwarnings("ignore::occupy_core.errors.OccupyWarning")


@pytest.fixture(scope="module")
def known():
    return two_resolutions(GRID, noise=4.0)


@pytest.fixture(scope="module")
def imported(runner, known):
    folder = runner.inputs / "resolved"
    path = write_mrc(folder / "resolved.mrc", known.density.data, VOXEL)
    return runner.volume(path, VOXEL, label="import alone")


@pytest.fixture(scope="module")
def with_halves(runner, known):
    folder = runner.inputs / "halved"
    path = write_mrc(folder / "halved.mrc", known.density.data, VOXEL)
    halves = [
        write_mrc(folder / f"halved_half{i}.mrc", half, VOXEL)
        for i, half in enumerate(known.halves, start=1)
    ]
    return runner.volume(path, VOXEL, halves, label="import with halves")


@pytest.fixture(scope="module")
def resolved(runner, imported):
    return runner.run("OccupyProtLocalResolution", "resolution", inputVolume=imported)


@pytest.fixture(scope="module")
def from_halves(runner, with_halves):
    return runner.run(
        "OccupyProtLocalResolution", "from halves", inputVolume=with_halves, filter=True
    )


# ---- what comes out
def test_a_volume_gives_its_resolution_in_angstrom_at_its_place(imported, resolved):
    volume = getattr(*imported)
    outputs = dict(resolved.iterOutputAttributes())
    assert set(outputs) == {
        "resolution_Volume",
        "resolution05_Volume",
        "resolutionMask",
        "globalResolution",
    }
    # The classes that users of a local resolution, such as localDeblur, take.
    assert type(outputs["resolution_Volume"]) is Volume
    assert type(outputs["resolutionMask"]) is VolumeMask
    assert type(outputs["globalResolution"]) is Float
    for name in ("resolution_Volume", "resolution05_Volume", "resolutionMask"):
        assert outputs[name].getDim() == (N, N, N)
        assert outputs[name].getSamplingRate() == VOXEL
        assert outputs[name].getShiftsFromOrigin() == volume.getShiftsFromOrigin()
        assert header(outputs[name])[1] == pytest.approx(volume.getShiftsFromOrigin())


def test_the_numbers_are_those_of_the_core(known, resolved):
    expected = estimate_resolution(DensityMap(known.density.data, GRID, "x"))
    np.testing.assert_allclose(
        read(resolved.resolution_Volume), expected.resolution.data, rtol=1e-4
    )
    np.testing.assert_array_equal(read(resolved.resolutionMask), expected.mask.data)
    assert resolved.globalResolution.get() == pytest.approx(expected.overall.at_0143, rel=1e-4)
    assert (read(resolved.resolution_Volume)[~(expected.mask.data > 0.5)] == 0).all()


def test_half_maps_of_the_volume_are_used(known, from_halves):
    expected = estimate_resolution(known.density, half_maps=known.half_maps)
    np.testing.assert_allclose(
        read(from_halves.resolution_Volume), expected.resolution.data, rtol=1e-4
    )
    assert "from the half maps" in "\n".join(from_halves.summary())
    assert "[Cardone2013]" in from_halves._methods()[0]


def test_the_filtered_map_has_filtered_half_maps(from_halves, known):
    filtered = from_halves.filteredVolume
    halves = filtered.getHalfMaps(asList=True)
    assert len(halves) == 2
    assert all(Path(half).exists() for half in halves)
    data = read(filtered)
    far = ~known.mask
    assert data[far].std() < 0.8 * known.density.data[far].std()


def test_the_outputs_are_related_to_their_input(imported, resolved):
    producer, _ = imported
    relations = resolved.getRelations()
    assert len(relations) == 4
    assert {relation["object_parent_id"] for relation in relations} == {producer.getObjId()}


def test_the_summary_and_the_methods_are_sentences_with_the_numbers(resolved):
    lines = resolved.summary()
    assert f"{resolved.globalResolution.get():.2f} Å" in lines[0]
    assert "median" in lines[0]
    assert all(line.endswith(".") for line in lines)
    for sentence in resolved._methods():
        assert sentence.endswith(".")
    assert not any("not found" in line for line in resolved.citations())


def test_a_mask_says_where_the_resolution_is_wanted(runner, imported, known):
    inside = known.sharp.astype(np.float32)
    mask = runner.mask(write_mrc(runner.inputs / "sharp.mrc", inside, VOXEL), VOXEL)
    protocol = runner.run(
        "OccupyProtLocalResolution", "in a mask", inputVolume=imported, inputMask=mask
    )
    np.testing.assert_array_equal(read(protocol.resolution_Volume) > 0, known.sharp)


def test_a_map_of_noise_has_no_resolution_and_says_so(runner):
    noise = np.random.default_rng(3).normal(size=(N, N, N)).astype(np.float32)
    pointer = runner.volume(write_mrc(runner.inputs / "noise.mrc", noise, VOXEL), VOXEL)
    protocol = runner.run("OccupyProtLocalResolution", "noise", inputVolume=pointer)
    assert "Nothing is resolved" in protocol.summary()[0]
    assert not protocol.hasAttribute("globalResolution")


# ---- what is refused
def test_a_window_outside_its_limits_is_refused_by_the_form(runner, imported):
    protocol = runner.new("OccupyProtLocalResolution", inputVolume=imported, window=500.0)
    (error,) = protocol.validate()
    assert "window is 500" in error


def test_a_mask_on_another_grid_is_refused_by_the_form(runner, imported):
    small = runner.mask(write_mrc(runner.inputs / "tiny.mrc", np.ones((20, 20, 20)), VOXEL), VOXEL)
    protocol = runner.new("OccupyProtLocalResolution", inputVolume=imported, inputMask=small)
    (error,) = protocol.validate()
    assert "20 x 20 x 20" in error


def test_an_empty_mask_fails_with_its_sentence_and_no_traceback(runner, imported):
    empty = runner.mask(write_mrc(runner.inputs / "empty.mrc", np.zeros((N, N, N)), VOXEL), VOXEL)
    protocol = runner.new("OccupyProtLocalResolution", inputVolume=imported, inputMask=empty)
    runner.launch(protocol, check=False)
    assert protocol.isFailed()
    assert "nowhere above 0.5" in protocol.getErrorMessage()
    assert "Traceback" not in runner.stderr(protocol)


def test_half_maps_that_are_gone_are_warned_of(runner, known):
    folder = runner.inputs / "lost"
    path = write_mrc(folder / "lost.mrc", known.density.data, VOXEL)
    halves = [write_mrc(folder / f"h{i}.mrc", half, VOXEL) for i, half in enumerate(known.halves)]
    pointer = runner.volume(path, VOXEL, halves, label="losing")
    halves[0].unlink()
    (warning,) = runner.new("OccupyProtLocalResolution", inputVolume=pointer).warnings()
    assert "h0.mrc" in warning


# ---- Continue
def test_continue_redoes_what_changed_and_nothing_else(runner, imported):
    protocol = runner.run("OccupyProtLocalResolution", "changed", inputVolume=imported, filter=True)
    folder = Path(protocol.resolution_Volume.getFileName()).parent
    assert not protocol.filteredVolume.hasHalfMaps()
    assert runner.resume(protocol, numberOfThreads=1) == []
    assert list(folder.glob("filtered*"))
    assert runner.resume(protocol, filter=False) == ["resolutionStep", "createOutputStep"]
    assert not protocol.hasAttribute("filteredVolume")
    assert not list(folder.glob("filtered*"))


# ---- what the viewer shows
def test_the_slices_show_map_resolution_and_uncertainty(runner, from_halves):
    viewer = viewer_of(runner, from_halves)
    first = {"showSlices": "FSC 0.143", "showSigma": "Standard error", "showFiltered": "FSC 0.143"}
    for name, title in first.items():
        scene = shown(viewer, name).scene
        assert scene.layer == title
        assert {"FSC 0.143", "FSC 0.5", "Standard error", "Trust", "Mask"} == set(scene.titles())
    assert [item.name for item in scene.items] == ["Map", "Filtered"]


def test_a_slice_has_the_resolution_within_the_mask_and_the_map_elsewhere(runner, resolved):
    scene = shown(viewer_of(runner, resolved), "showSlices").scene
    cut = read(resolved.resolution_Volume).take(19, axis=2)
    inside = read(resolved.resolutionMask).take(19, axis=2) > 0.5
    drawn = scene.chosen().plane(2, 19)
    np.testing.assert_array_equal(drawn[inside], cut[inside])
    assert np.isnan(drawn[~inside]).all()
    scene.go("x", 19)
    pixels = scene.picture(next(panel for panel in scene.panels() if panel.axis == "x"))
    grey = (pixels == pixels[..., :1]).all(axis=-1)
    np.testing.assert_array_equal(grey, ~inside)


def test_a_double_click_on_each_output_opens_it(runner, from_halves):
    views = opened(runner, from_halves)
    chosen = {
        "resolution_Volume": "FSC 0.143",
        "resolution05_Volume": "FSC 0.5",
        "resolutionMask": "Mask",
        "filteredVolume": "FSC 0.143",
    }
    for name, layer in chosen.items():
        scene = views[name].scene
        assert scene.layer == layer
        values = (
            scene.items[scene.item].density if name == "filteredVolume" else scene.chosen().values
        )
        output = read(getattr(from_halves, name))
        np.testing.assert_array_equal(values.plane(0, 20), output[20])
    figure = views["globalResolution"].figure
    words = [t.get_text() for legend in figure.legends for t in legend.get_texts()]
    assert any(f"{from_halves.globalResolution.get():.2f} Å" in word for word in words)
    assert set(views) == {*chosen, "globalResolution"}


@pytest.mark.parametrize(
    ("name", "text"), [("showHistogram", "local resolution"), ("showGlobal", "frequency")]
)
def test_plots_have_the_numbers_of_the_run(runner, resolved, name, text):
    plotter = shown(viewer_of(runner, resolved), name)
    plotter.figure.canvas.draw()
    axes = plotter.figure.axes[0]
    assert text in axes.get_xlabel()
    words = [t.get_text() for legend in plotter.figure.legends for t in legend.get_texts()]
    assert any(f"{resolved.globalResolution.get():.2f} Å" in word for word in words)


def test_the_viewer_has_the_script_for_chimerax_and_the_parameters(runner, resolved, monkeypatch):
    monkeypatch.setattr(Chimera, "_program", "/no/such/ChimeraX")
    viewer = viewer_of(runner, resolved)
    message = shown(viewer, "showChimera").getMessage()
    script = next(word for word in message.split() if word.endswith(".cxc"))
    assert "resolution_color" in Path(script).read_text()
    (file,) = shown(viewer, "showParameters").getFileList()
    assert "window = " in Path(file).read_text()


def test_the_viewer_of_a_run_that_has_not_ended_says_so(runner, imported):
    viewer = viewer_of(runner, runner.new("OccupyProtLocalResolution", inputVolume=imported))
    assert "not ready" in shown(viewer, "showSlices").getMessage()


# ---- Stop
def test_stop_leaves_no_half_written_output(runner):
    data = np.random.default_rng(5).normal(size=(96, 96, 96)).astype(np.float32)
    pointer = runner.volume(write_mrc(runner.inputs / "stopped.mrc", data, VOXEL), VOXEL)
    protocol = runner.new("OccupyProtLocalResolution", "stopped", inputVolume=pointer)
    runner.project.launchProtocol(protocol, wait=False)
    folder = Path(protocol.getResultFolder())
    runner.wait_until(lambda: list(folder.glob(".occupy_unfinished_*")), protocol)
    runner.project.stopProtocol(protocol)
    runner.wait_until(lambda: not runner.processes(protocol), protocol)
    assert sorted(p.name for p in folder.iterdir() if p.is_file()) == ["params.json"]
