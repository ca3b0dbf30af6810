"""What is said about a local resolution depends on what was found, and on nothing else."""

from types import SimpleNamespace

import numpy as np
import pytest

from occupy_core.maps import Grid
from occupy_core.resolution.messages import Findings, messages
from occupy_core.resolution.read.crossing import COARSEST
from occupy_core.resolution.result import LocalResolution

SHAPE = (6, 7, 8)


def findings(*, source="solvent noise", overall=4.0, single=None, second=None, **more):
    """What was found about a map of 4 Å, whose limit is at 3 Å."""
    analysis = SimpleNamespace(
        state=SimpleNamespace(inverted=more.get("inverted", False), words=lambda: ["masked"]),
        spectrum=SimpleNamespace(
            grid=Grid.cubic(32, 1.5), cutoff_frequency=1 / 3, cut=more.get("cut", False)
        ),
        energies=SimpleNamespace(window=more.get("window", 8.0)),
    )
    four = np.full(SHAPE, 4.0, np.float32)
    return Findings(
        analysis=analysis,
        local=LocalResolution(four, None, four / 10, np.zeros(SHAPE, bool)),
        overall=SimpleNamespace(at_0143=overall, censored=more.get("censored", False)),
        source=source,
        inside=np.full((32, 32, 32), more.get("inside", True)),
        second=None if second is None else np.full(SHAPE, second, np.float32),
        single=None if single is None else LocalResolution(single * four, None, four, four > 9),
        unit=more.get("unit", 1.0),
    )


def test_of_a_clear_map_there_is_nothing_to_say():
    assert messages(findings(), 0.0) == ()


@pytest.mark.parametrize("more", [{"source": "nothing"}, {"inside": False}])
def test_of_nothing_only_that_is_said(more):
    (said,) = messages(findings(inverted=True, censored=True, **more), 0.5)
    assert said == "Nothing stands out of the noise; no resolution is reported."


@pytest.mark.parametrize(
    ("more", "share", "sentence"),
    [
        ({"inverted": True}, 0.0, "darker than its solvent"),
        ({"source": "learned"}, 0.0, "cannot be measured (masked)"),
        ({}, 0.25, "has its Nyquist limit at 3.00 Å and 25% of the molecule"),
        ({"cut": True}, 0.25, "was low-passed at 3.00 Å and 25% of the molecule"),
        ({"censored": True}, 0.0, "has not fallen to 0.143"),
        ({"second": 0.3}, 0.0, "second opinion"),
        ({"source": "half maps", "overall": COARSEST}, 0.0, "do not agree at any resolution"),
        ({"overall": COARSEST}, 0.0, f"nothing is resolved even at {COARSEST:.0f} Å"),
        ({"source": "half maps", "single": 1.5}, 0.0, "differ by 50% in local resolution"),
    ],
)
def test_each_finding_is_one_sentence(more, share, sentence):
    said = messages(findings(**more), share)
    assert sum(sentence in text for text in said) == 1
    assert len(said) == 1 or more.get("source") == "learned"


@pytest.mark.parametrize(("second", "single"), [(0.2, None), (None, 1.2)])
def test_estimates_that_nearly_agree_are_no_news(second, single):
    assert messages(findings(source="half maps", second=second, single=single), 0.0) == ()


def test_a_window_that_the_model_never_saw_is_told():
    said = messages(findings(source="learned", window=30.0), 0.0)
    assert any("in a window of 30 Å it may be far off" in text for text in said)


def test_large_voxels_are_told_in_angstrom():
    said = messages(findings(unit=4.0, source="learned"), 0.5)
    assert any("voxels are large (6 Å), so the windows are too: 32 Å" in text for text in said)
    assert any("smaller voxels; half maps are more" in text for text in said)
    assert any("limit at 12.00 Å" in text for text in said)
