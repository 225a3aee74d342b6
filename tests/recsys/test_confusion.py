"""Hits, misses and what was not listed, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, matthews_corrcoef

from suffuse.recsys import confusion


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lists of 4 of 12 items, and what users took, as hits and counts."""
    rng = np.random.default_rng(seed)
    lists = np.array([rng.permutation(12)[:4] for _ in range(30)])
    taken = rng.random((30, 12)) < 0.3
    taken[:, 0] |= ~taken.any(axis=1)
    return lists, taken, np.take_along_axis(taken, lists, axis=1)


@pytest.mark.parametrize("seed", [0, 1])
def test_accuracy_and_mcc_agree_with_scikit_learn(seed: int) -> None:
    """On the whole catalogue of each user."""
    lists, taken, hits = random_case(seed)
    n = taken.sum(axis=1)
    for user, items in enumerate(lists):
        shown = np.isin(np.arange(12), items)
        one, count = hits[user : user + 1], n[user : user + 1]
        expected = accuracy_score(taken[user], shown)
        assert confusion.accuracy(one, count, 4, n_items=12) == pytest.approx(expected)
        expected = matthews_corrcoef(taken[user], shown)
        assert confusion.mcc(one, count, 4, n_items=12) == pytest.approx(expected)


def test_mcc_without_a_contrast_is_zero() -> None:
    """A user who took the whole catalogue."""
    assert confusion.mcc(np.array([[True]]), np.array([1]), 1, n_items=1).tolist() == [0.0]


def test_a_cut_beyond_the_catalogue_leaves_no_true_negative() -> None:
    """Nobody is told apart from whom, and both stay in their ranges."""
    hits, n = np.array([[True, False], [False, False]]), np.array([1, 2])
    assert confusion.accuracy(hits, n, 50, n_items=5).tolist() == [0.2, 0.0]
    assert (np.abs(confusion.mcc(hits, n, 50, n_items=5)) <= 1.0).all()
    for metric in (confusion.accuracy, confusion.mcc):
        with pytest.raises(ValueError, match="n_items must be a whole number of at least 1; got 0"):
            metric(hits, n, 2, n_items=0)


def test_r_precision_looks_at_as_many_places_as_there_are_relevant_items() -> None:
    """Two relevant: a hit at rank 3 does not count; with the other cut it does."""
    hits, n = np.array([[True, False, True]]), np.array([2])
    assert confusion.r_precision(hits, n, 3).tolist() == [0.5]
    assert confusion.r_precision(hits, n, 3, cut="k").tolist() == [1.0]
    assert confusion.r_precision(hits, n, 1).tolist() == [0.5]
    with pytest.raises(ValueError, match="cut must be one of n, k; got 'all'"):
        confusion.r_precision(hits, n, 3, cut="all")  # type: ignore[arg-type]


def test_pooled_recall_weighs_users_by_what_they_took() -> None:
    """Three hits of nine, or of five that two places can show to each."""
    hits, n = np.array([[True, False], [True, True], [False, False]]), np.array([1, 6, 2])
    assert confusion.pooled_recall(hits, n, 2) == pytest.approx(3 / 9)
    assert confusion.pooled_recall(hits, n, 2, denominator="min") == pytest.approx(3 / 5)
    assert np.isnan(confusion.pooled_recall(hits[:0], n[:0], 2))
