"""Differences within a list, and from what the user knows."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from scipy.spatial import distance

from suffuse.recsys import diversity

Lists = npt.NDArray[np.int64]
ROWS = st.lists(st.integers(0, 5), unique=True, max_size=4).map(lambda row: (row + [-1] * 4)[:4])
LISTS = st.lists(ROWS, min_size=1, max_size=5).map(np.array)
#: distances of scipy by our names; Hamming there is a share of the features
PEERS = {
    "cosine": distance.cosine,
    "euclidean": distance.euclidean,
    "hamming": lambda one, other: distance.hamming(one, other) * len(one),
    "jaccard": lambda one, other: distance.jaccard(one > 0, other > 0),
}


@pytest.mark.parametrize("name", list(PEERS))
@settings(deadline=None, max_examples=30)
@given(lists=LISTS, seed=st.integers(0, 99), k=st.integers(1, 5))
def test_ild_is_the_mean_over_pairs(name: str, lists: Lists, seed: int, k: int) -> None:
    """Each distance against scipy, pair by pair; one item or none has no diversity."""
    features = np.random.default_rng(seed).integers(0, 3, (6, 3)).astype(float)
    features[:, 0] += 1  # no zero row, which scipy's cosine does not know
    found = diversity.ild(lists, features, k=k, distance=name)  # type: ignore[arg-type]
    for user, row in enumerate(lists.tolist()):
        held = [item for item in row[:k] if item >= 0]
        pairs = [PEERS[name](features[a], features[b]) for a, b in combinations(held, 2)]
        expected = np.mean(pairs) if pairs else math.nan
        assert found[user] == pytest.approx(expected, abs=1e-9, nan_ok=True)


@settings(deadline=None, max_examples=30)
@given(LISTS, st.integers(0, 99))
def test_sparse_features_are_dense_features(lists: Lists, seed: int) -> None:
    """Zero rows and stored zeros included."""
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 2, (6, 4)).astype(float)
    stored = sparse.csr_array(np.ones((6, 4)))
    stored.data[:] = features.ravel()
    history = sparse.csr_array((rng.random((len(lists), 6)) < 0.5).astype(float))
    hits = rng.random(lists.shape) < 0.5
    assert diversity.ild(lists, stored) == pytest.approx(
        diversity.ild(lists, features), nan_ok=True
    )
    one, other = (diversity.serendipity(lists, hits, f, history) for f in (stored, features))
    assert one == pytest.approx(other, nan_ok=True)
    assert (stored.data == features.ravel()).all()


def test_missing_features_single_items_and_bad_distances() -> None:
    """NaN where an item is unknown; the value of a singleton is a choice."""
    features = [[1.0, 0.0], [math.nan, 0.0], [0.0, 1.0]]
    found = diversity.ild([[0, 1], [0, 2], [2, -1], [-1, -1]], features, singleton=0.0)
    assert found == pytest.approx([math.nan, 1.0, 0.0, math.nan], nan_ok=True)
    with pytest.raises(ValueError, match="distance must be 'cosine'"):
        diversity.ild([[0]], features, distance="dot")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"pass features\.toarray"):
        diversity.ild([[0]], sparse.csr_array([[1.0]]), distance="hamming")
    with pytest.raises(ValueError, match="codes below 3; got 3"):
        diversity.ild([[3]], features)


@settings(deadline=None, max_examples=40)
@given(LISTS, st.integers(0, 99))
def test_serendipity_by_a_loop(lists: Lists, seed: int) -> None:
    """Hits times distance from each item of the history, weights of the history left aside."""
    rng = np.random.default_rng(seed)
    features = rng.random((6, 3)) + 0.1
    history = (rng.random((len(lists), 6)) < 0.4) * rng.integers(1, 5, (len(lists), 6))
    hits = rng.random(lists.shape) < 0.6
    had = sparse.csr_array(history.astype(float))
    found = diversity.serendipity(lists, hits, features, had)
    for user, row in enumerate(lists.tolist()):
        own, total, size = np.flatnonzero(history[user]), 0.0, 0
        for rank, item in enumerate(row):
            size += item >= 0
            if item >= 0 and hits[user, rank] and len(own):
                total += np.mean([distance.cosine(features[item], features[j]) for j in own])
        expected = total / size if size and len(own) else math.nan
        assert found[user] == pytest.approx(expected, nan_ok=True)
    assert had.data.tolist() == history[history > 0].tolist()


def test_serendipity_of_another_history_is_refused() -> None:
    """One row per list, one column per item."""
    with pytest.raises(ValueError, match=r"history must have shape .*\(1, 2\); got \(2, 2\)"):
        diversity.serendipity([[0]], [[True]], np.eye(2), sparse.csr_array(np.eye(2)))


def test_rank_serendipity_at_two() -> None:
    """By hand: two hits of a popular item at its own place give 0, an unknown item its place."""
    lists = [[0, 1], [1, 2], [2, -1], [1, 2]]
    hits = [[True, True], [True, True], [False, False], [True, False]]
    found = diversity.rank_serendipity(lists, hits, [3, 2, 0, 0], k=2)
    assert found.tolist() == [0.0, 0.5, 0.0, 0.125]


@settings(deadline=None, max_examples=40)
@given(LISTS, st.integers(0, 99), st.sampled_from([0.0, 0.5]))
def test_list_entropy_is_that_of_scipy(lists: Lists, seed: int, smoothing: float) -> None:
    """With and without weights of the ranks and smoothing, dense and sparse."""
    rng = np.random.default_rng(seed)
    categories = rng.integers(0, 2, (6, 3)).astype(float)
    weights = np.array([1.0, 0.5, 0.25, 0.125])
    found = diversity.list_entropy(lists, categories, weights=weights, smoothing=smoothing)
    thin = sparse.csr_array(categories)
    assert found == pytest.approx(
        diversity.list_entropy(lists, thin, weights=weights, smoothing=smoothing), nan_ok=True
    )
    for user, row in enumerate(lists.tolist()):
        mass = sum((weights[r] * categories[i] for r, i in enumerate(row) if i >= 0), np.zeros(3))
        mass = mass + smoothing
        listed = any(item >= 0 for item in row)
        expected = stats.entropy(mass, base=2) if listed and mass.sum() else math.nan
        assert found[user] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(LISTS, st.integers(1, 5))
def test_distinct_categories_by_sets(lists: Lists, k: int) -> None:
    """Different categories of the first k, over k."""
    codes = np.array([9, 9, -2, 4, 4, 0])
    found = diversity.distinct_categories(lists, codes, k=k)
    for user, row in enumerate(lists.tolist()):
        assert found[user] == len({codes[item] for item in row[:k] if item >= 0}) / k
