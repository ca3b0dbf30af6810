"""What the window for slices shows, without a screen (tests/gui has it on one)."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import mrcfile
import numpy as np

from occupy_core.commands.shared.colors import OCCUPANCY, local_scale
from occupy_core.errors import MapFormatError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import read_map, write_map
from occupy_scipion.viewers.palette import GREY, Palette
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.scene import ALL, DIFFERENCE, PER_PAGE, TWO, Item, Layer, Scene

SHAPE, EDGES = (6, 10, 21), (1.0, 1.5, 2.0)


def a_map(seed: int = 0) -> DensityMap:
    data = np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)
    return DensityMap(data, Grid(SHAPE, EDGES), f"map {seed}")


def a_scene(count: int = 1, **given) -> Scene:
    scale = np.clip(a_map(9).data, 0, 1)
    layers = (
        Layer(
            title="Local scale",
            values=Planes.of(a_map().with_data(scale)),
            palette=Palette.of(local_scale()),
            error=Planes.of(a_map().with_data(scale / 10)),
            within=Planes.of(a_map(3)),
        ),
    )
    maps = [a_map(seed) for seed in range(count)]
    return Scene([Item(name=m.name, density=Planes.of(m), layers=layers) for m in maps], **given)


@pytest.mark.parametrize("kind", ["float32", "float16", "int8", "big-endian", "gzip", "axes"])
def test_planes_are_those_of_the_map(tmp_path, kind):
    path, values = tmp_path / "a.mrc", np.rint(10 * a_map().data)
    if kind == "big-endian":
        with mrcfile.new(path) as mrc:
            mrc.set_data(values.astype(">f4"))
            mrc.set_volume()
            mrc.voxel_size = EDGES
    else:
        with mrcfile.new(path) as mrc:
            mrc.set_data(values.astype("f4" if kind in ("gzip", "axes") else kind))
            mrc.set_volume()
            mrc.voxel_size = EDGES
            if kind == "axes":
                mrc.header.mapc, mrc.header.mapr, mrc.header.maps = 3, 2, 1
                mrc.header.cella = tuple(float(v) for v in np.array(EDGES) * SHAPE)
                mrc.header.mx, mrc.header.my, mrc.header.mz = SHAPE
    if kind == "gzip":
        packed = tmp_path / "a.mrc.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path = packed
    with pytest.warns() if kind == "axes" else np.errstate():
        whole = read_map(path)
    planes = Planes.of(f"{path}:mrc" if kind == "float32" else path)
    assert planes.grid.shape == whole.grid.shape
    assert planes.grid.voxel_size == pytest.approx(whole.grid.voxel_size)
    for axis, n in enumerate(planes.shape):
        for index in (0, n // 2, n - 1):
            np.testing.assert_array_equal(
                planes.plane(axis, index), whole.data.take(index, axis=axis)
            )
    assert planes.value((1, 2, 3)) == whole.data[1, 2, 3]


def test_a_map_that_is_gone_or_cut_is_told(tmp_path):
    with pytest.raises(MapFormatError, match="does not exist"):
        Planes.of(tmp_path / "none.mrc")
    path = write_map(tmp_path / "cut.mrc", a_map())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MapFormatError, match="truncated"):
        Planes.of(path)


def test_slices_of_hundreds_of_maps_need_no_file_handles(tmp_path):
    path = write_map(tmp_path / "a.mrc", a_map())
    before = len(list(Path("/proc/self/fd").iterdir()))
    every = [Planes.of(path) for _ in range(300)]
    for planes in every:
        planes.plane(2, 5)
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 5


def test_a_slice_keeps_the_shape_of_the_box():
    scene = a_scene()
    sizes = {panel.axis: scene.size(panel) for panel in scene.panels()}
    assert sizes == {"z": (21.0, 15.0), "y": (21.0, 12.0), "x": (15.0, 12.0)}
    shapes = {panel.axis: scene.picture(panel).shape for panel in scene.panels()}
    assert shapes == {"z": (10, 21, 3), "y": (6, 21, 3), "x": (6, 10, 3)}


def test_the_cursor_links_the_axes():
    scene = a_scene()
    along_z, along_y, along_x = scene.panels()
    scene.point(along_z, 4, 7)
    assert scene.place == [3, 7, 4]
    assert scene.cursor(along_y) == (4, 3)
    assert scene.cursor(along_x) == (7, 3)
    scene.step("z", 2)
    np.testing.assert_array_equal(scene.values(along_z), a_map().data[5])
    scene.step("z", 99)
    scene.step("x", -99)
    assert scene.place == [5, 7, 0]


def test_words_say_what_is_under_the_cursor():
    scene = a_scene()
    inside = np.argwhere(a_map(3).data >= 0.5)[0]
    scene.place = [int(i) for i in inside]
    z, y, x = scene.place
    scale = float(np.clip(a_map(9).data, 0, 1)[z, y, x])
    words = scene.words()
    assert words[0] == f"voxel {x + 1}, {y + 1}, {z + 1}"
    assert words[1] == f"at {x * 1.0:.1f}, {y * 1.5:.1f}, {z * 2.0:.1f} Å (x, y, z)"
    assert words[2] == f"density {a_map().data[z, y, x]:.4g}"
    assert words[3] == f"Local scale {scale:.2f} ± {scale / 10:.2f}"
    scene.place = [int(i) for i in np.argwhere(a_map(3).data < 0.5)[0]]
    assert scene.words()[3] == "Local scale: no value"


@pytest.mark.parametrize("opacity", [0.0, 0.5, 1.0])
def test_the_colours_lie_over_the_map_where_there_is_a_value(opacity):
    scene = a_scene()
    scene.opacity = opacity
    panel = scene.panels()[0]
    index = scene.place[0]
    grey, _ = GREY.between(*scene.grey).paint(a_map().data[index])
    colors = 255 * local_scale().rgb(np.clip(a_map(9).data, 0, 1)[index])
    inside = (a_map(3).data[index] >= 0.5)[..., None]
    expected = np.where(inside, grey + opacity * (colors - grey), grey)
    np.testing.assert_allclose(scene.picture(panel), expected, atol=3)


def test_the_contour_runs_where_the_map_has_its_level():
    scene = a_scene()
    ramp = np.broadcast_to(np.arange(21, dtype=np.float32), SHAPE)
    scene.items[0] = Item(name="ramp", density=Planes.of(a_map().with_data(ramp)))
    assert scene.contour(scene.panels()[0]) == []
    scene.level = 7.25
    (line,) = scene.contour(scene.panels()[0])
    np.testing.assert_allclose(line[:, 0], 7.25)


def test_two_maps_and_their_difference():
    scene = a_scene(3)
    scene.item, scene.other = 2, 1
    scene.mode = TWO
    assert [panel.item for panel in scene.panels()] == [2, 2, 2, 1, 1, 1]
    scene.mode = DIFFERENCE
    panel = scene.panels()[0]
    index = scene.place[0]
    np.testing.assert_array_equal(scene.values(panel), a_map(2).data[index] - a_map(1).data[index])
    at_zero = scene.palette().paint(np.zeros(1))[0][0]
    assert at_zero.min() > 245  # no difference is white
    assert f"difference {a_map(2).data[3, 5, 10] - a_map(1).data[3, 5, 10]:.4g}" in scene.words()


def test_all_maps_are_shown_at_one_slice_page_by_page():
    scene = a_scene(PER_PAGE + 3, axis="y")
    scene.mode = ALL
    assert [panel.item for panel in scene.panels()] == list(range(PER_PAGE))
    scene.page = 1
    assert [panel.item for panel in scene.panels()] == [PER_PAGE, PER_PAGE + 1, PER_PAGE + 2]
    np.testing.assert_array_equal(scene.values(scene.panels()[1]), a_map(PER_PAGE + 1).data[:, 5])


def test_the_range_of_the_colours_can_be_changed():
    scene = a_scene()
    scene.limits["Local scale"] = (0.2, 0.4)
    assert scene.palette().ends == (0.2, 0.4)
    scene.opacity = 1.0
    values = np.clip(a_map(9).data, 0, 1)[scene.place[0]]
    inside = a_map(3).data[scene.place[0]] >= 0.5
    pixels = scene.picture(scene.panels()[0])
    chosen = pixels[inside & (values > 0.4)]
    full = np.broadcast_to(255 * local_scale().rgb(np.array(1.0)), chosen.shape)
    assert len(chosen)
    np.testing.assert_allclose(chosen, full, atol=3)


def test_colours_of_a_palette_are_those_of_its_scale():
    values = np.linspace(0, 1, 500)
    pixels, known = Palette.of(OCCUPANCY).paint(np.append(values, np.nan))
    np.testing.assert_allclose(pixels[:-1], 255 * OCCUPANCY.rgb(values), atol=3)
    assert list(known) == [True] * 500 + [False]
