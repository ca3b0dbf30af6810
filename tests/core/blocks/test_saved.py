"""Saved states: all that a result has is in them, and those of earlier versions are read."""

import dataclasses

import numpy as np
import pytest

from occupy_core.blocks.saved import (
    _ARRAYS,
    _NUMBERS,
    load_communities,
    read_made_from,
    save_communities,
)
from occupy_core.blocks.sketch.communities import Communities


@pytest.fixture
def communities():
    return Communities(
        seeds=np.array([3, 5, 9]),
        labels=np.array([0, 0, 1], np.int32),
        patterns=np.array([[True, False]] * 3),
        profiles=np.array([[True, False], [False, True]]),
        silhouettes=np.array([0.9, 0.8]),
        gradations=np.array([[0.1, 0.01], [0.2, 0.02]]),
        touching=np.eye(2, dtype=bool),
        n_screened=40,
        n_sampled=30,
        n_edges=7,
        correction="bh",
        log_limit=-9.5,
        min_distance=4.0,
    )


def test_every_field_is_saved():
    assert {field.name for field in dataclasses.fields(Communities)} == {*_ARRAYS, *_NUMBERS}


def test_what_is_saved_is_loaded(communities, tmp_path):
    path = save_communities(tmp_path / "c.npz", communities, "a digest")
    loaded = load_communities(path)
    for name in _ARRAYS:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(communities, name))
    for name in _NUMBERS:
        assert getattr(loaded, name) == getattr(communities, name)
    assert read_made_from(path) == "a digest"


def test_a_state_of_an_earlier_version_has_more_and_is_read(communities, tmp_path):
    path = save_communities(tmp_path / "c.npz", communities)
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez_compressed(path, **arrays, degrees=np.array([4, 4, 4], np.int32))
    np.testing.assert_array_equal(load_communities(path).seeds, communities.seeds)
