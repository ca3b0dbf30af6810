"""The estimator for loops: the bytes of a fresh call, whatever came before; only what is asked."""

import dataclasses
import functools

import numpy as np
import pytest

import occupy_core as occ
from occupy_core.maps.kept import is_keeping, keeping, kept

GRID = occ.Grid((30, 35, 32), (1.5, 1.4, 1.6))
PARAMS = {
    "res": {},
    "occ": {"mode": "occ"},
    "small box": {"mode": "occ", "max_box": 30},
    "OccuPy": {"method": "occupy", "mode": "occ"},
    "OccuPy res": {"method": "occupy"},
    "recalibrated": {"mode": "occ", "nlrc": True},
}


@functools.lru_cache
def volume(seed, occupancy=0.5):
    return occ.two_bodies(GRID, occupancy=occupancy, noise=0.04, seed=seed)[0].data


@pytest.mark.parametrize("fields", PARAMS.values(), ids=PARAMS)
def test_every_call_has_the_bytes_of_a_fresh_one(fields):
    estimator = occ.ScaleEstimator(GRID, **fields)
    for seed, occupancy in ((1, 0.5), (2, 0.2), (1, 0.5)):
        data = volume(seed, occupancy)
        fresh = occ.local_scale(data, voxel_size=GRID.voxel_size, **fields)
        found = estimator(data)
        for name in ("scale", "confidence", "sigma"):
            assert np.array_equal(getattr(found, name), getattr(fresh, name))
        assert found.warnings == fresh.warnings
        assert repr(found.calibration) == repr(fresh.calibration)
        assert np.array_equal(estimator.scale_only(data), fresh.scale)


def test_half_maps_count_in_both_calls():
    estimator = occ.ScaleEstimator(GRID, mode="occ")
    data, halves = volume(1), (volume(2), volume(3))
    fresh = occ.local_scale(data, voxel_size=GRID.voxel_size, mode="occ", half_maps=halves)
    assert np.array_equal(estimator(data, half_maps=halves).scale, fresh.scale)
    assert np.array_equal(estimator.scale_only(data, half_maps=halves), fresh.scale)


def test_maps_and_files_come_out_as_maps(tmp_path):
    estimator = occ.ScaleEstimator(GRID, occ.ScaleParams(mode="occ"))
    density = occ.DensityMap(volume(1), GRID)
    found = estimator.scale_only(occ.write_map(tmp_path / "x.mrc", density))
    assert isinstance(found, occ.DensityMap)
    assert np.array_equal(found.data, estimator(density).scale.data)


def test_only_the_first_call_makes_what_follows_from_the_grid(monkeypatch):
    estimator = occ.ScaleEstimator(GRID, mode="occ")
    estimator(volume(1))
    before = set(estimator._store)
    assert {"footprint", "white noise", "discs"} <= {key[0] for key in before}

    def refuse(*arguments):
        raise AssertionError("made again")

    for name in ("solvent.region._ellipsoid", "scale.full_scale._footprint"):
        monkeypatch.setattr(f"occupy_core.{name}", refuse)
    monkeypatch.setattr("occupy_core.scale.lowpass._band", refuse)
    estimator(volume(2, 0.3))


def test_what_is_kept_is_made_once_and_only_inside():
    made, store = [], {}

    def make():
        made.append(1)
        return len(made)

    assert [kept("key", make), kept("key", make)] == [1, 2]
    with keeping(store):
        assert [kept("key", make), kept("key", make)] == [3, 3]
        assert is_keeping()
    assert not is_keeping()
    with keeping(store):
        assert kept("key", make) == 3


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda e: e(np.ones((3, 3, 3))), r"shape \(3, 3, 3\), but the estimator was made"),
        (lambda e: e.scale_only(np.ones((3, 3, 3))), r"shape \(3, 3, 3\), but"),
        (
            lambda e: e(occ.DensityMap(volume(1), dataclasses.replace(GRID, voxel_size=(2, 2, 2)))),
            "voxel size of .* but the estimator was made",
        ),
    ],
)
def test_maps_of_another_grid_are_refused(call, sentence):
    with pytest.raises(occ.GridMismatchError, match=sentence):
        call(occ.ScaleEstimator(GRID))


def test_wrong_parameters_are_told_when_it_is_made():
    with pytest.raises(occ.ParameterError, match="must be a Grid"):
        occ.ScaleEstimator((40, 45, 42))
    with pytest.raises(occ.ParameterError, match="kernel size is 4"):
        occ.ScaleEstimator(GRID, kernel_size=4)
    with pytest.raises(occ.ParameterError, match="larger than the shortest edge"):
        occ.ScaleEstimator(GRID, lowpass=400.0)
