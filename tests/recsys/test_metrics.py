"""The formulas, by hand and by law."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from suffuse.recsys import metrics

Metric = Callable[[npt.NDArray[np.bool_], npt.NDArray[np.int64], int], npt.NDArray[np.float64]]

PER_USER: dict[str, Metric] = {
    "recall": metrics.recall,
    "precision": metrics.precision,
    "hit_rate": metrics.hit_rate,
    "ndcg": metrics.ndcg,
    "map": metrics.average_precision,
    "mrr": metrics.mrr,
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


@pytest.mark.parametrize("name", ["ndcg", "map", "mrr", "hit_rate"])
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


def test_coverage_by_hand() -> None:
    """Share of the catalogue with any exposure."""
    assert metrics.coverage(np.array([5, 0, 0, 1])) == 0.5
    assert metrics.coverage(np.zeros(3, np.int64)) == 0.0
    assert np.isnan(metrics.coverage(np.array([], np.int64)))


@settings(deadline=None, max_examples=100)
@given(arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 9)), st.integers(1, 5))
def test_gini_is_the_mean_difference(exposures: npt.NDArray[np.int64], times: int) -> None:
    """``sum_ij |x_i - x_j| / (2 n sum x)``; unchanged by scale and order."""
    found = metrics.gini(exposures)
    if exposures.sum() == 0:
        assert np.isnan(found)
        return
    pairs = np.abs(exposures[:, None] - exposures[None, :]).sum()
    assert found == pytest.approx(pairs / (2 * len(exposures) * exposures.sum()), abs=1e-12)
    assert metrics.gini(exposures[::-1] * times) == pytest.approx(found, abs=1e-12)
    assert -1e-12 <= found < 1


def test_gini_at_its_ends() -> None:
    """Equal shares 0; everything on one of n items (n - 1) / n."""
    assert metrics.gini(np.full(7, 3)) == pytest.approx(0.0)
    assert metrics.gini(np.array([0, 0, 0, 9])) == pytest.approx(0.75)
