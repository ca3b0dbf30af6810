"""Trust in a local resolution: the chance that it is right within a tenth."""

import numpy as np
import pytest
from scipy import stats

from occupy_core.commands.shared.trust import resolution_trust


@pytest.mark.parametrize("resolution", [2.5, 4.0, 11.0])
@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_it_is_the_share_of_a_normal_distribution_within_a_tenth(resolution, sigma):
    values = (np.full(3, v, np.float32) for v in (sigma, resolution))
    expected = 2 * stats.norm.cdf(0.1 * resolution / sigma) - 1
    np.testing.assert_allclose(resolution_trust(*values, finest=2.0), expected, atol=1e-5)


def test_a_guess_is_not_trusted_and_an_unknown_error_gives_none():
    sigma = np.array([0.1, 0.1, np.nan], np.float32)
    found = resolution_trust(sigma, np.array([2.9, 3.1, 4.0], np.float32), finest=3.0)
    assert found[0] == 0
    assert found[1] > 0.99
    assert np.isnan(found[2])
