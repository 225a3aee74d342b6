"""Expected exposure against its target."""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys import expected_exposure as expected
from suffuse.recsys.fairness_items import attention, item_exposure

GRADES = st.lists(st.integers(0, 2), min_size=1, max_size=5)


@settings(deadline=None, max_examples=40)
@given(GRADES, st.integers(1, 6), st.sampled_from(["log2", "rbp"]))
def test_the_target_is_the_mean_of_all_ideal_rankings(grades: list[int], k: int, kind: str) -> None:
    """Every ranking by relevance, ties in every order, tried one by one."""
    weights = attention(kind, k)  # type: ignore[arg-type]
    order = range(len(grades))
    ideal = [
        ranking
        for ranking in permutations(order)
        if all(grades[a] >= grades[b] for a, b in pairwise(ranking))
    ]
    mean = item_exposure(ideal, len(grades), weights)
    assert expected.target_exposure(grades, weights) == pytest.approx(mean)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sets(st.integers(0, 5), max_size=6), min_size=1, max_size=4),
    st.integers(1, 8),
)
def test_the_mean_target_is_the_mean_of_targets(truths: list[set[int]], k: int) -> None:
    """Users with nothing, with something and with everything relevant."""
    weights = attention("log2", k)
    starts = np.concatenate([[0], np.cumsum([len(truth) for truth in truths])])
    items = [item for truth in truths for item in sorted(truth)]
    single = [
        expected.target_exposure([float(i in truth) for i in range(6)], weights) for truth in truths
    ]
    found = expected.mean_target_exposure(starts, items, 6, weights)
    assert found == pytest.approx(np.mean(single, axis=0))
    assert found.sum() == pytest.approx(weights[:6].sum())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
def test_loss_is_disparity_less_relevance(pairs: list[tuple[float, float]]) -> None:
    """``EE-L = EE-D - EE-R + |e*|^2``, and 0 where exposure is as it should be."""
    exposure, target = (np.array(side) for side in zip(*pairs, strict=True))
    loss = expected.ee_l(exposure, target)
    parts = expected.ee_d(exposure) - expected.ee_r(exposure, target) + expected.ee_d(target)
    assert loss == pytest.approx(parts, abs=1e-9)
    assert loss >= 0
    assert expected.ee_l(target, target) == 0.0
    half = expected.ee_r(exposure, target, factor=1.0)
    assert expected.ee_r(exposure, target) == pytest.approx(2 * half)


def test_a_stochastic_ranker_can_lose_nothing() -> None:
    """Two relevant items, each first half of the time: exposure is the target."""
    weights = attention("rbp", 3, patience=0.5)
    target = expected.target_exposure([1, 1, 0], weights)
    mixed = item_exposure([[0, 1, 2], [1, 0, 2]], 3, weights)
    assert expected.ee_l(mixed, target) == 0.0
    assert expected.ee_l(item_exposure([[0, 1, 2]], 3, weights), target) == 0.125


def test_attention_beside_merit() -> None:
    """As shares, and as they are; nothing at all has no share."""
    assert expected.amortized_attention([3.0, 1.0], [1.0, 1.0]) == 0.5
    assert expected.amortized_attention([3.0, 1.0], [1.0, 1.0], normalize=False) == 2.0
    assert expected.amortized_attention([1.0, 0.0], [0.0, 1.0]) == 2.0
    assert math.isnan(expected.amortized_attention([0.0], [1.0]))
    with pytest.raises(ValueError, match="one number per item; got 1 and 2"):
        expected.amortized_attention([1.0], [1.0, 2.0])


def test_bad_truth_is_refused() -> None:
    """Codes beyond the items; nobody to take a mean over."""
    with pytest.raises(ValueError, match="from 0 below 2; got 2"):
        expected.mean_target_exposure([0, 1], [2], 2, [1.0])
    nobody: npt.NDArray[np.float64] = expected.mean_target_exposure([0], [], 2, [1.0])
    assert np.isnan(nobody).all()
