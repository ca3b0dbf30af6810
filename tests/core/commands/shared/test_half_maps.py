"""Half maps that do not lie on their map are told at every door."""

from dataclasses import replace

import numpy as np
import pytest
from small_jobs import run_cli

import occupy_core as occ
from occupy_core.maps import DensityMap, Grid, write_map
from occupy_core.maps.synthetic import two_bodies

GRID = Grid((34, 32, 30), (2.0, 1.8, 2.0))
TOLD = "half map 1 .* has 34 x 32 x 30 voxels, but .* has 28 x 26 x 24"


def cropped(density):
    """The middle of a map, at its place."""
    grid = density.grid
    start = tuple(o + 3 * v for o, v in zip(grid.origin, grid.voxel_size, strict=True))
    small = Grid(tuple(n - 6 for n in grid.shape), grid.voxel_size, start)
    return DensityMap(np.ascontiguousarray(density.data[3:-3, 3:-3, 3:-3]), small, "cropped")


@pytest.fixture(scope="module")
def maps():
    """A map, cropped, and half maps that are not."""
    density, _ = two_bodies(GRID)
    rng = np.random.default_rng(2)
    halves = tuple(
        density.with_data(density.data + rng.normal(0, 0.1, GRID.shape), f"h{i}") for i in (1, 2)
    )
    return cropped(density), halves


@pytest.mark.parametrize(
    "command",
    [
        "scale {map}",
        "scale {map} --amplify 3",
        "scale {map} --method occupy --amplify 3",
        "resolution {map}",
        "regions {map} --masks {map}",
    ],
)
def test_a_cropped_map_with_uncropped_halves_is_told_by_every_command(
    tmp_path, capsys, maps, command
):
    files = [write_map(tmp_path / f"{m.name}.mrc", m) for m in (maps[0], *maps[1])]
    words = command.format(map=files[0]).split()
    words += ["--half1", files[1], "--half2", files[2], "--outdir", tmp_path / "out"]
    status, _, said = run_cli(capsys, *words)
    assert status == 2
    (line,) = [line for line in said.splitlines() if "error" in line]
    assert "half map 1 h1 has 34 x 32 x 30 voxels, but cropped has 28 x 26 x 24" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("as_arrays", [False, True])
@pytest.mark.parametrize(
    "door",
    [
        lambda m, h, **v: occ.local_scale(m, half_maps=h, **v),
        lambda m, h, **v: occ.local_scale(m, method="occupy", half_maps=h, **v),
        lambda m, h, **v: occ.local_resolution(m, half_maps=h, **v),
        lambda m, h, **v: occ.region_occupancy([m], [m], half_maps=[h], **v),
    ],
)
def test_and_by_every_function(maps, door, as_arrays):
    density, halves = maps
    given = {"voxel_size": GRID.voxel_size} if as_arrays else {}
    if as_arrays:
        density, halves = density.data, tuple(half.data for half in halves)
    with pytest.raises(occ.GridMismatchError, match=TOLD):
        door(density, halves, **given)


def test_halves_with_another_voxel_size_are_told(maps):
    density, halves = maps
    other = tuple(cropped(half) for half in halves)
    wrong = tuple(
        replace(half, grid=replace(half.grid, voxel_size=(2.1, 1.9, 2.1))) for half in other
    )
    with pytest.raises(occ.GridMismatchError, match="half map 1 cropped has a voxel size"):
        occ.local_resolution(density, half_maps=wrong)
