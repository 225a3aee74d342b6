"""Whether lists keep the proportions of profiles."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from scipy.spatial.distance import jensenshannon

from suffuse.recsys import calibration

Values = npt.NDArray[np.float64]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Values, Values]:
    """Two tables of distributions, with zeros."""
    shape = (draw(st.integers(1, 4)), draw(st.integers(2, 5)))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    tables = []
    for _ in range(2):
        mass = rng.integers(0, 3, shape).astype(float)
        mass[:, 0] += mass.sum(axis=1) == 0
        tables.append(mass / mass.sum(axis=1, keepdims=True))
    return tables[0], tables[1]


@settings(deadline=None, max_examples=60)
@given(pairs(), st.sampled_from([2.0, math.e]))
def test_jensen_shannon_is_the_square_of_scipys(both: tuple[Values, Values], base: float) -> None:
    """Symmetric, in [0, 1] in base 2, 0 for the same."""
    p, q = both
    found = calibration.jensen_shannon(p, q, base=base)
    assert found == pytest.approx(jensenshannon(p, q, axis=1, base=base) ** 2, abs=1e-9)
    assert found == pytest.approx(calibration.jensen_shannon(q, p, base=base))
    assert (calibration.jensen_shannon(p, p) == 0).all()
    assert (calibration.jensen_shannon(p, q) <= 1 + 1e-12).all()


@settings(deadline=None, max_examples=60)
@given(pairs(), st.sampled_from([0.01, 0.5, 1.0]))
def test_calibration_kl_is_that_of_scipy(both: tuple[Values, Values], smoothing: float) -> None:
    """Against the mixture; at most ``-log a``; 0 for a calibrated list, and for a = 1."""
    p, q = both
    found = calibration.calibration_kl(p, q, smoothing=smoothing)
    mixed = (1 - smoothing) * q + smoothing * p
    assert found == pytest.approx(stats.entropy(p, mixed, axis=1), abs=1e-9)
    assert (found <= -math.log(smoothing) + 1e-9).all()
    assert calibration.calibration_kl(p, p) == pytest.approx(np.zeros(len(p)), abs=1e-12)


def test_what_is_no_distribution_is_refused_and_nan_stays_nan() -> None:
    """Shares that do not sum to 1 or are negative; an empty list has none."""
    nothing = [math.nan, math.nan]
    found = calibration.jensen_shannon([nothing, [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]])
    assert found == pytest.approx([math.nan, 0.0], nan_ok=True)
    assert np.isnan(calibration.calibration_kl([1.0, 0.0], nothing))
    with pytest.raises(ValueError, match="sum to 1 in every row"):
        calibration.jensen_shannon([0.5, 0.4], [1.0, 0.0])
    with pytest.raises(ValueError, match="at least 0"):
        calibration.jensen_shannon([1.5, -0.5], [1.0, 0.0])
    with pytest.raises(ValueError, match="smoothing must be"):
        calibration.calibration_kl([1.0], [1.0], smoothing=0.0)


def test_shares_of_lists_and_profiles() -> None:
    """By hand, with weights, with an item that does not count, with nothing at all."""
    groups = [0, 1, 1, -1]
    lists = [[0, 1, 2], [3, 0, -1], [-1, -1, -1]]
    found = calibration.list_shares(lists, groups, 2)
    assert found[0] == pytest.approx([1 / 3, 2 / 3])
    assert found[1].tolist() == [1.0, 0.0]
    assert np.isnan(found[2]).all()
    weighted = calibration.list_shares(lists, groups, 2, k=2, weights=[3.0, 1.0])
    assert weighted[0].tolist() == [0.75, 0.25]
    rows = sparse.csr_array([[9.0, 1.0, 0.0, 4.0], [0.0] * 4])
    had = calibration.profile_shares(rows, groups, 2)
    assert had[0].tolist() == [0.5, 0.5]
    assert np.isnan(had[1]).all()
    with pytest.raises(ValueError, match="one per item, 4; got 2"):
        calibration.profile_shares(rows, [0, 1], 2)
    with pytest.raises(ValueError, match="below n_groups, 1; got 1"):
        calibration.list_shares(lists, groups, 1)
    with pytest.raises(ValueError, match="whole numbers, one per item"):
        calibration.list_shares(lists, [0.5] * 4, 2)


def test_popularity_groups_by_hand() -> None:
    """Of ten rows the first item has four, more than a fifth; the last fifth starts behind 8."""
    assert calibration.popularity_groups([2, 4, 1, 1, 1, 1, 0]).tolist() == [1, 0, 1, 1, 2, 2, 2]
    assert calibration.popularity_groups([1, 9], cuts=[0.5]).tolist() == [1, 0]
    assert calibration.popularity_groups([0, 0], cuts=[0.5]).tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"ascending; got \[0.5, 0.2\]"):
        calibration.popularity_groups([1], cuts=[0.5, 0.2])


def test_upd_is_a_mean_of_means() -> None:
    """Groups count alike, whatever their size; small ones and users without a value do not."""
    values = [0.4, 0.0, 0.2, math.nan]
    assert calibration.upd(values, [0, 1, 1, 1]) == pytest.approx((0.4 + 0.1) / 2)
    assert calibration.upd(values) == pytest.approx(0.2)
    assert calibration.upd(values, [0, 1, 1, 1], min_size=2) == pytest.approx(0.1)
    assert math.isnan(calibration.upd(values, [0, 1, 1, 1], min_size=5))
