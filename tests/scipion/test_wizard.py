"""The wizard that shows the low-passed map, drawn without a screen."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
import pyworkflow
from pyworkflow.gui import dialog
from scipion_project import VOXEL, two_bodies, write_mrc

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.scale import ScaleParams, occupy_lowpass
from occupy_scipion.wizards import OccupyLowpassWizard
from occupy_scipion.wizards.wizard_lowpass import LowpassPreview


@pytest.mark.parametrize("name", ["OccupyProtLocalScale", "OccupyProtModifyMap"])
def test_the_wizard_fills_in_the_low_pass_chosen(runner, name):
    pointer = runner.volume(write_mrc(runner.inputs / "wizard.mrc", two_bodies()))
    key = "inputVolumes" if name == "OccupyProtLocalScale" else "inputVolume"
    protocol = runner.new(name, **{key: pointer})
    found = pyworkflow.Config.getDomain().findWizards(protocol, "tkinter")
    assert found["lowpass"] is OccupyLowpassWizard
    chosen = {}
    form = SimpleNamespace(protocol=protocol, setVar=chosen.__setitem__, root=None)
    preview = found["lowpass"]().show(form)
    preview.slider.set_val(10.03)
    preview.finish()
    assert chosen == {"lowpass": 10.0}


def test_the_wizard_asks_for_an_input_first(runner, monkeypatch):
    said = []
    monkeypatch.setattr(dialog, "showWarning", lambda *words: said.append(words))
    protocol = runner.new("OccupyProtLocalScale")
    OccupyLowpassWizard().show(SimpleNamespace(protocol=protocol, root=None))
    assert "input volume" in said[0][1]


def test_the_preview_shows_what_the_method_does_and_starts_with_its_own_choice():
    density = DensityMap(two_bodies(), Grid.cubic(24, VOXEL), "map")
    preview = LowpassPreview(density, ScaleParams(), lambda value: None)
    assert preview.slider.val == ScaleParams().resolve(density.grid).lowpass
    preview.slider.set_val(6.0)
    expected = occupy_lowpass(density, 6.0).data[12]
    np.testing.assert_allclose(preview.plotter.figure.axes[1].images[0].get_array(), expected)
    used = ScaleParams(lowpass=6.0).resolve(density.grid)
    assert f"{used.n_voxels_in_kernel} voxels" in preview.plotter.figure.axes[1].get_title()


def test_a_large_map_is_reduced_for_the_preview():
    grid = Grid((40, 150, 140), (1.0, 1.0, 1.0))
    density = DensityMap(np.random.default_rng(2).normal(size=grid.shape), grid)
    preview = LowpassPreview(density, ScaleParams(), lambda value: None)
    assert preview.plotter.figure.axes[1].images[0].get_array().shape == (128, 128)
