"""The formulas, by hand and by law."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from suffuse.recsys import metrics, over_cuts

Metric = Callable[[npt.NDArray[np.bool_], npt.NDArray[np.int64], int], npt.NDArray[np.float64]]

PER_USER: dict[str, Metric] = {
    "recall": metrics.recall,
    "precision": metrics.precision,
    "hit_rate": metrics.hit_rate,
    "ndcg": metrics.ndcg,
    "map": metrics.average_precision,
    "mrr": metrics.mrr,
    "capped recall": partial(metrics.recall, denominator="min"),
    "f1": metrics.f_beta,
    "f2": partial(metrics.f_beta, beta=2.0),
    "rbp": metrics.rbp,
    "map, divided by n": partial(metrics.average_precision, denominator="n"),
    "ndcg, ideal of k": partial(metrics.ndcg, denominator="k"),
    "ndcg, ranks 1 and 2 alike": partial(metrics.ndcg, discount="log2max2"),
    "mean precision": over_cuts.mean_precision,
    "mean recall": over_cuts.mean_recall,
    "rbp of what is possible": partial(metrics.rbp, denominator="min"),
}
RANKED = ("ndcg", "map", "mrr")


@st.composite
def judged(draw: st.DrawFn) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], int]:
    """Hits, numbers of relevant items (no fewer than hits), and a cut."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(0, 8)))
    hits = draw(arrays(np.bool_, shape))
    more = draw(arrays(np.int64, shape[0], elements=st.integers(0, 5)))
    return hits, np.maximum(hits.sum(axis=1) + more, 1), draw(st.integers(1, 10))


def test_by_hand() -> None:
    """Hits at ranks 1, 3 and 4 of 5, four relevant items, cut at 4."""
    hits, n = np.array([[True, False, True, True, False]]), np.array([4])
    assert metrics.recall(hits, n, 4) == pytest.approx(3 / 4)
    assert metrics.precision(hits, n, 4) == pytest.approx(3 / 4)
    assert metrics.hit_rate(hits, n, 4) == pytest.approx(1)
    assert metrics.mrr(hits, n, 4) == pytest.approx(1)
    assert metrics.average_precision(hits, n, 4) == pytest.approx((1 + 2 / 3 + 3 / 4) / 4)
    gains = 1 / np.log2([2, 4, 5])
    ideal = 1 / np.log2([2, 3, 4, 5])
    assert metrics.ndcg(hits, n, 4) == pytest.approx(gains.sum() / ideal.sum())


def test_denominators() -> None:
    """Precision divides by k however short the list; MAP and NDCG by the best that k allows."""
    hits = np.array([[True, True]])
    few, many = np.array([2]), np.array([50])
    assert metrics.precision(hits, few, 10) == pytest.approx(0.2)
    assert metrics.average_precision(hits, few, 10) == metrics.ndcg(hits, few, 10) == 1.0
    assert metrics.average_precision(hits, many, 2) == metrics.ndcg(hits, many, 2) == 1.0
    assert metrics.average_precision(hits, many, 10) == pytest.approx(0.2)
    assert metrics.recall(hits, many, 2) == pytest.approx(2 / 50)


@pytest.mark.parametrize("name", list(PER_USER))
@settings(deadline=None, max_examples=80)
@given(judged())
def test_range_and_shape(
    name: str, case: tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], int]
) -> None:
    """One value per user, from 0 to 1; 0 without a hit among the first k."""
    hits, n, k = case
    values = PER_USER[name](hits, n, k)
    assert values.shape == n.shape
    assert (values >= 0).all()
    assert (values <= 1 + 1e-12).all()
    assert (values[~hits[:, :k].any(axis=1)] == 0).all()
    assert (values[hits[:, :k].any(axis=1)] > 0).all()


@pytest.mark.parametrize("name", list(PER_USER))
@settings(deadline=None, max_examples=60)
@given(judged(), st.integers(0, 99))
def test_users_do_not_touch_each_other(
    name: str, case: tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], int], seed: int
) -> None:
    """Permuting users permutes values."""
    hits, n, k = case
    order = np.random.default_rng(seed).permutation(len(n))
    np.testing.assert_array_equal(
        PER_USER[name](hits[order], n[order], k), PER_USER[name](hits, n, k)[order]
    )


@pytest.mark.parametrize("name", list(PER_USER))
@settings(deadline=None, max_examples=80)
@given(judged(), st.data())
def test_moving_a_hit_up_never_lowers_a_value(
    name: str,
    case: tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], int],
    data: st.DataObject,
) -> None:
    """And it raises NDCG where it changes the first k."""
    hits, n, k = case
    if hits.shape[1] < 2:
        return
    place = data.draw(st.integers(1, hits.shape[1] - 1))
    better = hits.copy()
    swapped = hits[:, place] & ~hits[:, place - 1]
    better[swapped, place - 1], better[swapped, place] = True, False
    before, after = PER_USER[name](hits, n, k), PER_USER[name](better, n, k)
    assert (after >= before - 1e-12).all()
    if name == "ndcg" and place <= k:
        assert (after[swapped] > before[swapped]).all()


@pytest.mark.parametrize(
    "name", ["ndcg", "map", "mrr", "hit_rate", "capped recall", "rbp of what is possible"]
)
@settings(deadline=None, max_examples=60)
@given(st.integers(1, 8), st.integers(1, 12))
def test_a_perfect_list_scores_one(name: str, n_relevant: int, k: int) -> None:
    """All relevant items first, then others."""
    hits = np.arange(12)[None, :] < n_relevant
    assert PER_USER[name](hits, np.array([n_relevant]), k) == pytest.approx(1.0)


@pytest.mark.parametrize("name", list(PER_USER))
def test_an_empty_list_scores_zero(name: str) -> None:
    """No division by zero, no warning."""
    values = PER_USER[name](np.zeros((2, 0), bool), np.array([1, 5]), 10)
    assert values.tolist() == [0, 0]


def test_f_beta_by_hand() -> None:
    """Precision 1/2 and recall 1/4: their weighted harmonic mean; 0 where there is no hit."""
    hits, n = np.array([[True, False, True, False], [False] * 4]), np.array([8, 8])
    for beta in (0.5, 1.0, 2.0):
        expected = (1 + beta**2) * 0.5 * 0.25 / (beta**2 * 0.5 + 0.25)
        assert metrics.f_beta(hits, n, 4, beta=beta) == pytest.approx([expected, 0.0])


def test_f_beta_of_short_lists() -> None:
    """Precision may divide by the length of the list."""
    hits, n = np.array([[True, False, False]]), np.array([1])
    found = metrics.f_beta(hits, n, 3, denominator="list", lengths=np.array([2]))
    assert found == pytest.approx(2 * 0.5 * 1.0 / 1.5)


def test_rbp_of_a_list_of_hits() -> None:
    """``1 - p^k``, the sum of the geometric weights."""
    hits = np.ones((1, 6), bool)
    for p in (0.5, 0.8, 0.95):
        assert metrics.rbp(hits, np.array([9]), 4, p=p) == pytest.approx(1 - p**4)


@pytest.mark.parametrize(
    ("denominator", "expected"),
    [("min", 1 / 3), ("n", 1 / 4), ("k", 1 / 3), ("hits", 1.0), ("list", 1 / 2)],
)
def test_what_average_precision_divides_by(denominator: str, expected: float) -> None:
    """One hit at rank 1, four relevant, a list of two, cut at 3."""
    found = metrics.average_precision(
        np.array([[True, False]]),
        np.array([4]),
        3,
        denominator=denominator,  # type: ignore[arg-type]
        lengths=np.array([2]),
    )
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("denominator", "n_ideal"), [("min", 3), ("n", 5), ("k", 3), ("hits", 1)])
@pytest.mark.parametrize("discount", ["log2", "log2max2", "reciprocal", "none"])
def test_what_ndcg_divides_by(denominator: str, n_ideal: int, discount: str) -> None:
    """One hit at rank 2, five relevant, cut at 3; the ideal has so many hits."""
    weights = {
        "log2": [1 / np.log2(r + 1) for r in range(1, 6)],
        "log2max2": [1, 1, *(1 / np.log2(r) for r in range(3, 6))],
        "reciprocal": [1 / r for r in range(1, 6)],
        "none": [1] * 5,
    }[discount]
    found = metrics.ndcg(
        np.array([[False, True, False]]),
        np.array([5]),
        3,
        discount=discount,  # type: ignore[arg-type]
        denominator=denominator,  # type: ignore[arg-type]
    )
    assert found == pytest.approx(weights[1] / sum(weights[:n_ideal]))


def test_variants_that_divide_by_an_empty_list_are_not_defined() -> None:
    """NaN, as in LensKit, and no warning."""
    hits, n, lengths = np.zeros((1, 2), bool), np.array([3]), np.array([0])
    for metric in (metrics.precision, metrics.average_precision):
        assert np.isnan(metric(hits, n, 2, denominator="list", lengths=lengths)).all()


def test_the_base_of_the_logarithm_cancels() -> None:
    """NDCG with natural logarithms is NDCG."""
    hits, n = np.array([[False, True, True]]), np.array([4])
    assert metrics.ndcg(hits, n, 3, discount="ln") == pytest.approx(metrics.ndcg(hits, n, 3))


@pytest.mark.parametrize(
    ("metric", "option"),
    [
        (metrics.recall, {"denominator": "list"}),
        (metrics.precision, {"denominator": "hits"}),
        (metrics.average_precision, {"denominator": "all"}),
        (metrics.ndcg, {"denominator": "list"}),
        (metrics.ndcg, {"discount": "log10"}),
        (metrics.f_beta, {"beta": 0}),
        (metrics.f_beta, {"denominator": "n"}),
        (metrics.rbp, {"p": 1.0}),
    ],
)
def test_unknown_variants_are_refused(metric: Any, option: dict[str, Any]) -> None:
    """By the name of the option, with the value that was given."""
    ((name, value),) = option.items()
    with pytest.raises(ValueError, match=rf"{name} must be .*; got {value!r}"):
        metric(np.array([[True]]), np.array([1]), 1, **option)
