"""Areas under the curve, against scikit-learn, by counting pairs, and by law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from suffuse.recsys import roc

Case = tuple[np.ndarray, np.ndarray]


@st.composite
def scored(draw: st.DrawFn) -> Case:
    """Scores with ties, and which items are relevant: some are, some are not."""
    n = draw(st.integers(2, 12))
    scores = draw(arrays(np.float64, n, elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0])))
    relevant = draw(arrays(np.bool_, n))
    relevant[0], relevant[-1] = True, False
    return scores, relevant


@settings(deadline=None, max_examples=100)
@given(scored())
def test_agrees_with_scikit_learn(case: Case) -> None:
    """Ties count half."""
    scores, relevant = case
    assert roc.auc(scores, relevant) == pytest.approx(roc_auc_score(relevant, scores))
    assert roc.auc(-scores, relevant) == pytest.approx(1 - roc.auc(scores, relevant))


def test_a_constant_scorer_scores_like_a_random_one() -> None:
    """One half, whichever items are relevant."""
    assert roc.auc(np.zeros(7), np.arange(7) < 3) == 0.5


def test_users_of_one_kind_have_no_area() -> None:
    """All relevant, or none: NaN, and left out of the weighted mean."""
    assert np.isnan(roc.auc([1.0, 2.0], [1, 1]))
    assert np.isnan(roc.auc([1.0, 2.0], [0, 0]))
    assert roc.gauc([np.nan, 0.25, 1.0], [5, 1, 3]) == pytest.approx(13 / 16)
    assert np.isnan(roc.gauc([np.nan], [1]))


@settings(deadline=None, max_examples=60)
@given(scored())
def test_a_full_list_has_the_exact_area(case: Case) -> None:
    """Items in the order of distinct scores; a beginning guesses half of what it hides."""
    scores, relevant = case
    scores = scores + np.linspace(0, 0.1, len(scores))
    hits = relevant[np.argsort(-scores)][None]
    n, size = np.array([relevant.sum()]), np.array([len(scores)])
    exact = roc_auc_score(relevant, scores)
    assert roc.listed_auc(hits, n, size) == pytest.approx(exact)
    for length in range(len(scores) + 1):
        tied = np.where(np.argsort(np.argsort(-scores)) < length, scores, scores.min() - 1)
        cut = roc.listed_auc(hits[:, :length], n, size)
        assert cut == pytest.approx(roc_auc_score(relevant, tied))


def test_the_length_of_a_list_may_be_less_than_the_width() -> None:
    """Empty places at the end are no places."""
    hits, n = np.array([[True, False, False, False]]), np.array([2])
    short = roc.listed_auc(hits, n, np.array([6]), lengths=np.array([2]))
    assert short == pytest.approx(roc.listed_auc(hits[:, :2], n, np.array([6])))


def pairs_won(hits: np.ndarray, k: int, most: int) -> int:
    """Pairs of one of the first hits and one of the first k misses, the hit before, counted."""
    places = np.flatnonzero(hits)[:most]
    misses = [*np.flatnonzero(~hits), *range(len(hits), len(hits) + k)][:k]
    return sum(int(place < miss) for place in places for miss in misses)


@settings(deadline=None, max_examples=80)
@given(arrays(np.bool_, st.integers(1, 10)), st.integers(1, 6), st.integers(0, 4))
def test_partial_areas_count_pairs(hits: np.ndarray, k: int, more: int) -> None:
    """Over the first k misses, of all hits or of the first min(k, n)."""
    n = max(int(hits.sum()) + more, 1)
    most = min(k, n)
    one, count = hits[None], np.array([n])
    assert roc.partial_auc(one, count, k) == pytest.approx(pairs_won(hits, k, n) / (k * n))
    assert roc.pap(one, count, k) == pytest.approx(pairs_won(hits, k, most) / (k * most))


@settings(deadline=None, max_examples=60)
@given(arrays(np.bool_, st.integers(1, 10)), st.integers(1, 10))
def test_area_within_a_list(hits: np.ndarray, k: int) -> None:
    """Of the places up to the cut alone."""
    cut = hits[:k]
    found = roc.auc_within(hits[None], np.array([len(hits)]), k).item()
    if cut.any() and not cut.all():
        assert found == pytest.approx(roc_auc_score(cut, -np.arange(len(cut))))
    else:
        assert found == float(cut.any())


def test_percentile_rank_of_unlisted_items() -> None:
    """Behind a list of 2 of 10, places 2 to 9 are shared: 5.5 of 10."""
    hits = np.array([[False, False]])
    found = roc.percentile_rank(hits, np.array([1]), np.array([10]))
    assert found.tolist() == pytest.approx([55.0])


def test_bad_scores_are_refused() -> None:
    """Lengths that differ, and NaN."""
    with pytest.raises(ValueError, match="scores and relevant must be of one length"):
        roc.auc([1.0], [1, 0])
    with pytest.raises(ValueError, match="scores must not be NaN; got NaN at 1"):
        roc.auc([1.0, np.nan], [1, 0])
