"""OccuPy 0.1.13 on two EMDB entries: its stored maps and the numbers of its log.

Its maps are stored as float16; modified maps with the solvent excluded (amplify 4, attenuate 3,
sigmoid 4 with pivot 0.3, all by the "occ" scale).
"""

import numpy as np
import pytest

from occupy_core.maps.mrc import read_map
from occupy_core.scale.estimate import ScaleParams, estimate_scale
from occupy_core.scale.modify import ModifyParams, iter_modified
from occupy_core.solvent.region import inscribed_ellipsoid

MODIFY = ModifyParams(amplify=4.0, attenuate=3.0, sigmoid=4.0, pivot=0.3, exclude_solvent=True)
STORED = {
    "amplified": "ampl4_solExcl",
    "attenuated": "attn3_solExcl",
    "sigmoid": "sigm4_pivot03_solExcl",
}


class Entry:
    """A map, what OccuPy made of it and what we make of it."""

    def __init__(self, shared, name):
        self.density = read_map(shared / "data" / "maps" / f"{name}.map")
        with np.load(shared / "reference" / "occupy_0.1.13" / f"{name}.npz") as stored:
            self.peer = {key: stored[key] for key in stored}
        self.inside = inscribed_ellipsoid(self.density.grid.shape)
        self.res = estimate_scale(self.density, ScaleParams(method="occupy"))
        self.occ = estimate_scale(self.density, ScaleParams(method="occupy", mode="occ"))

    def compare(self, data, key):
        """Return the correlation and the median difference inside the inscribed sphere."""
        ours = data[self.inside].astype(np.float64)
        theirs = self.peer[key][self.inside].astype(np.float64)
        return np.corrcoef(ours, theirs)[0, 1], np.median(np.abs(ours - theirs))

    def logged(self, text):
        """Return the number that ends the line with a text, and the rounding of the log."""
        (line,) = [one for one in str(self.peer["log"]).splitlines() if one.startswith(text)]
        number = line.split()[-1]
        decimals = len(number.partition(".")[2])
        return pytest.approx(float(number), abs=0.501 * 10.0**-decimals)


@pytest.fixture(scope="module", params=["emd_3186", "emd_5168"])
def entry(request, shared):
    return Entry(shared, request.param)


@pytest.mark.parametrize("key", ["scale_res", "scale_occ", "confidence"])
def test_scale_and_confidence_are_those_of_occupy(entry, key):
    ours = {
        "scale_res": entry.res.scale,
        "scale_occ": entry.occ.scale,
        "confidence": entry.occ.confidence,
    }[key]
    correlation, difference = entry.compare(ours.data, key)
    assert correlation >= 0.999
    assert difference <= 0.005


def test_modified_maps_are_those_of_occupy(entry):
    occ = entry.occ
    for made in iter_modified(entry.density, occ.scale, occ.confidence, occ.solvent, MODIFY):
        correlation, _ = entry.compare(made.map.data, STORED[made.kind])
        assert correlation >= 0.995, made.kind


def test_numbers_are_those_of_the_log_of_occupy(entry):
    numbers, occ = entry.occ.params, entry.occ
    expected = {
        "Kernel s": numbers.kernel_size,
        "Kernel r": numbers.kernel_radius,
        "Kernel nv": numbers.n_voxels_in_kernel,
        "Tau": numbers.tau,
        "LP Filt.": numbers.lowpass,
        "Content at 1%": occ.solvent.content_at_one_percent,
        "Solvent drop": occ.solvent.edge,
        "Solvent peak": occ.solvent.mean,
        "Full scale": occ.full_scale,
        "Variability_limit": occ.variability_limit,
        "Primary conf. limit": occ.confidence_limit,
    }
    for text, ours in expected.items():
        assert ours == entry.logged(text), text


def test_masked_entry_gives_a_warning_and_a_usable_result(shared):
    density = read_map(shared / "data" / "maps" / "emd_3488.mrc")
    result = estimate_scale(density, ScaleParams(method="occupy", mode="occ"))
    (warning,) = result.warnings
    assert "of the voxels where emd_3488 may have solvent have exactly one value" in warning
    assert result.solvent.suspect
    assert np.isfinite(result.scale.data).all()
    assert result.confidence.data[result.scale.data > 0.9].mean() > 0.3
    for made in iter_modified(
        density, result.scale, result.confidence, result.solvent, ModifyParams(attenuate=3.0)
    ):
        assert np.isfinite(made.map.data).all()
