"""Graded gain, against scikit-learn and by law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.metrics import dcg_score, ndcg_score

from suffuse.recsys import graded, metrics

GRADES = st.sampled_from([0.0, 0.0, 1.0, 2.0, 5.0])


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Grades, scores with ties, and a cut."""
    n = draw(st.integers(2, 9))
    grades = draw(arrays(np.float64, n, elements=GRADES))
    scores = draw(arrays(np.float64, n, elements=st.sampled_from([0.0, 0.5, 1.0, 3.0])))
    return grades, scores, draw(st.integers(1, n))


@settings(deadline=None, max_examples=100)
@given(scored())
def test_full_scores_agree_with_scikit_learn(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    """Ties averaged, or the last of them first as its ``ignore_ties`` has it."""
    grades, scores, k = case
    assert graded.dcg_of_scores(grades, scores, k) == pytest.approx(
        dcg_score([grades], [scores], k=k)
    )
    assert graded.ndcg_of_scores(grades, scores, k) == pytest.approx(
        ndcg_score([grades], [scores], k=k)
    )
    if len(np.unique(scores)) == len(scores):
        for ties in ("first", "last"):
            found = graded.dcg_of_scores(grades, scores, k, ties=ties)
            assert found == pytest.approx(dcg_score([grades], [scores], k=k))


def test_the_order_of_ties_may_be_given() -> None:
    """Of equal scores the first one first, or the last."""
    grades, scores = [3.0, 0.0, 1.0], [1.0, 1.0, 1.0]
    assert graded.dcg_of_scores(grades, scores, 1, ties="first") == 3.0
    assert graded.dcg_of_scores(grades, scores, 1, ties="last") == 1.0
    assert graded.dcg_of_scores(grades, scores, 1) == pytest.approx(4 / 3)


@settings(deadline=None, max_examples=60)
@given(arrays(np.float64, (4, 5), elements=GRADES), st.integers(1, 7))
def test_lists_agree_with_scikit_learn(gains: np.ndarray, k: int) -> None:
    """Where a list holds everything that the user took."""
    truth = sparse.csr_array(gains)
    found = graded.graded_ndcg(gains, truth, k)
    scores = np.tile(-np.arange(5.0), (4, 1))
    expected = [ndcg_score(gains[[u]], scores[[u]], k=min(k, 5)) for u in range(4)]
    assert found == pytest.approx(expected, abs=1e-7)


@settings(deadline=None, max_examples=60)
@given(arrays(np.bool_, (3, 6)), st.integers(0, 4), st.integers(1, 8))
@pytest.mark.parametrize("denominator", ["min", "n", "k"])
@pytest.mark.parametrize("discount", ["log2", "log2max2"])
def test_equal_grades_are_binary(
    denominator: str, discount: str, hits: np.ndarray, more: int, k: int
) -> None:
    """Every gain 2 is the same as every gain 1, and as the formula of hits."""
    n = np.maximum(hits.sum(axis=1) + more, 1)
    starts = np.concatenate([[0], np.cumsum(n)])
    worth = np.full(starts[-1], 2.0)
    truth = sparse.csr_array((worth, np.zeros(starts[-1], int), starts), shape=(3, 1))
    words = {"discount": discount, "denominator": denominator}
    found = graded.graded_ndcg(2.0 * hits, truth, k, **words)
    assert found == pytest.approx(metrics.ndcg(hits, n, k, **words))


def test_gains_by_hand() -> None:
    """Linear, exponential with a shift, binary; what is not relevant is worth nothing."""
    grades = [0.0, 1.0, 3.0, -2.0]
    assert graded.gain_of(grades, "linear").tolist() == [0, 1, 3, 0]
    assert graded.gain_of(grades, "exp").tolist() == [0, 1, 7, 0]
    assert graded.gain_of(grades, "exp", shift=1.0).tolist() == [0, 3, 15, 0]
    assert graded.gain_of(grades, "binary").tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="gain must be one of linear, exp, binary; got 'cubic'"):
        graded.gain_of(grades, "cubic")  # type: ignore[arg-type]


def test_gains_beyond_all_numbers_are_refused() -> None:
    """Two to the power of a play count is no finite number, and its share of itself none either."""
    assert np.isfinite(graded.gain_of([1000.0], "exp")).all()
    with pytest.raises(ValueError, match=r"gain must be linear or binary .* got 2\^\(3000 \+ 1\)"):
        graded.gain_of([2.0, 3000.0], "exp", shift=1.0)
    with pytest.raises(ValueError, match="shift must be a number"):
        graded.gain_of([2.0], "exp", shift="one")  # type: ignore[arg-type]


def test_a_user_without_gain_scores_zero() -> None:
    """No division by zero."""
    truth = sparse.csr_array(np.zeros((1, 2)))
    assert graded.graded_ndcg(np.zeros((1, 2)), truth, 2).tolist() == [0.0]
    assert graded.ndcg_of_scores([0, 0], [1, 2]) == 0.0


def test_bad_scores_are_refused() -> None:
    """Lengths that differ, scores that are not finite, unknown words for ties."""
    with pytest.raises(ValueError, match="grades and scores must be of one length"):
        graded.dcg_of_scores([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="scores must be finite"):
        graded.dcg_of_scores([1.0], [np.inf])
    with pytest.raises(ValueError, match="ties must be one of average, first, last; got 'best'"):
        graded.dcg_of_scores([1.0], [1.0], ties="best")  # type: ignore[arg-type]
