"""The true tastes: the formula, and draws that follow it."""

import numpy as np
import pytest

from suffuse.datasets import Truth


def small_truth() -> Truth:
    """Return two users, two communities of two circles, six items."""
    return Truth(
        circles=np.array([0, 3]),
        personal=np.array([[2, 3], [3, 3]]),
        shares=np.array([0.4, 0.9]),
        genres=np.array([0, 0, 1, 2, 3, 3]),
        popularity=np.array([0.3, 0.1, 0.2, 0.1, 0.1, 0.2]),
        n_circles=2,
    )


def test_scores_follow_the_formula_by_hand() -> None:
    """User 0: own genre 0, community {0, 1}, personal genres 2 (40 %) and 3 (60 %)."""
    expected = [
        0.3 * (0.1 + 0.45 / 0.4 + 0.2 / 0.6),
        0.1 * (0.1 + 0.45 / 0.4 + 0.2 / 0.6),
        0.2 * (0.1 + 0.2 / 0.6),
        0.1 * (0.1 + 0.25 * 0.4 / 0.1),
        0.1 * (0.1 + 0.25 * 0.6 / 0.3),
        0.2 * (0.1 + 0.25 * 0.6 / 0.3),
    ]
    assert small_truth().scores([0])[0] == pytest.approx(expected)


def test_scores_are_probabilities_and_low_rank() -> None:
    """Rows sum to 1, and are tastes of genres times popularity."""
    truth = small_truth()
    scores = truth.scores([0, 1])
    assert scores.sum(axis=1) == pytest.approx(1.0)
    assert scores == pytest.approx(truth.tastes([0, 1])[:, truth.genres] * truth.popularity)
    assert truth.communities.tolist() == [0, 1]


def test_draws_follow_the_scores() -> None:
    """Observed choices against p(i | u): chi-square with 5 degrees of freedom."""
    truth, n = small_truth(), 60_000
    for user in (0, 1):
        items = truth.choose(np.random.default_rng(user), np.full(n, user), truth.sampler())
        expected = n * truth.scores([user])[0]
        observed = np.bincount(items, minlength=6)
        # The 0.999 quantile of chi-square with 5 degrees of freedom is 20.5.
        assert ((observed - expected) ** 2 / expected).sum() < 20.5


def test_the_truth_is_read_only() -> None:
    """Values are frozen."""
    with pytest.raises(ValueError, match="read-only"):
        small_truth().circles[0] = 1
