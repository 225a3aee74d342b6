"""Changes within groups: scipy's own test, one group at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from suffuse.recsys.contrasts import within_groups
from suffuse.recsys.groups import Groups

SEEDS = st.integers(0, 10_000)


def draw(seed: int) -> tuple[np.ndarray, Groups]:
    """Values with different means and spreads, a few of them unknown, and groups."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(4, 200, p=[0.5, 0.3, 0.15, 0.05])
    values = rng.normal(codes == 1, 0.5 + (codes == 2))
    values[rng.integers(0, 200, 5)] = np.nan
    return values, Groups(codes.astype(np.int64), ("a", "b", "c", "d"))


@given(seed=SEEDS, ci=st.sampled_from([0.8, 0.95]))
@settings(deadline=None, max_examples=25)
def test_changes_are_held_against_zero(seed: int, ci: float) -> None:
    """Mean, interval and p are those of scipy's one-sample test."""
    values, groups = draw(seed)
    known = ~np.isnan(values)
    for code, row in within_groups(values, groups, ci=ci).iterrows():
        own = values[known & (groups.codes == code)]
        if len(own) < 10:
            assert np.isnan(row["p"])
            continue
        test = stats.ttest_1samp(own, 0.0)
        low, high = test.confidence_interval(ci)
        assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
        assert row["p"] == pytest.approx(test.pvalue, rel=1e-6)


def test_p_holm_is_that_of_the_steps() -> None:
    """The smallest p times the number of groups, and so on, never falling."""
    found = within_groups(*draw(3)).dropna().sort_values("p")
    steps = np.maximum.accumulate(found["p"].to_numpy() * np.arange(len(found), 0, -1))
    assert found["p_holm"].to_numpy() == pytest.approx(np.minimum(steps, 1.0))


def test_no_spread_is_no_division_by_zero() -> None:
    """No change at all: p 1; the same change for everybody: p 0, and an interval of one point."""
    found = within_groups(np.repeat([0.0, 1.0], 12), Groups(np.repeat([0, 1], 12), ("a", "b")))
    assert found["p"].tolist() == [1.0, 0.0]
    assert found[["low", "high"]].values.tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_small_and_empty_groups() -> None:
    """Nine users are too few for a mean, and so is nobody; both are there."""
    groups = Groups(np.repeat([0, 1], [9, 20]), ("few", "many", "gone"))
    found = within_groups(np.linspace(0, 1, 29), groups).set_index("group")
    assert np.isnan(found.loc[["few", "gone"]].drop(columns="n_users").to_numpy(float)).all()
    assert found.loc["gone", "n_users"] == 0
    assert np.isfinite(found.loc["many"].to_numpy(dtype=float)).all()


def test_bad_arguments() -> None:
    """One value for each user; numbers in their range."""
    groups = Groups(np.array([0, 0]), ("a",))
    with pytest.raises(ValueError, match=r"shape \(2,\); got \(3,\)"):
        within_groups([1.0, 2.0, 3.0], groups)
    with pytest.raises(ValueError, match="ci must be"):
        within_groups([1.0, 2.0], groups, ci=1.0)
    with pytest.raises(ValueError, match="min_size must be"):
        within_groups([1.0, 2.0], groups, min_size=0)
