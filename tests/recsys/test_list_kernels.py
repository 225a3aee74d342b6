"""Compiled passes, against plain Python."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys import list_kernels as kernels


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 3)), max_size=12))
def test_order_is_seen(rows: list[tuple[int, int]]) -> None:
    """In order: a user's rows stand together and rise strictly; rows of nobody do not count."""
    users = np.array([row[0] for row in rows], np.int32)
    values = np.array([row[1] for row in rows], float)
    sizes = np.zeros(4, np.int32)
    found = kernels.scan_order(users, values, sizes)
    kept = [row for row in rows if row[0] >= 0]
    runs = [user for place, (user, _) in enumerate(kept) if not place or kept[place - 1][0] != user]
    rising = all(a[0] != b[0] or a[1] < b[1] for a, b in pairwise(kept))
    assert found == (len(runs) == len(set(runs)) and rising)
    assert sizes.tolist() == [sum(row[0] == user for row in rows) for user in range(4)]


def test_repetitions_count_once() -> None:
    """At their first place; what follows is blanked and counted."""
    items = np.array([[4, 2, 4, -1], [2, 2, 2, 4]], np.int32)
    hits = np.zeros(items.shape, bool)
    starts, truth = np.array([0, 1, 2]), np.array([4, 2], np.int32)
    assert kernels.mark_hits(items, starts, truth, hits, 5) == 3
    assert items.tolist() == [[4, 2, -1, -1], [2, -1, -1, 4]]
    assert hits.tolist() == [[True, False, False, False], [True, False, False, False]]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=4), st.integers(0, 9))
def test_segments_are_sorted(segments: list[list[int]], seed: int) -> None:
    """Each for itself, and the weights move with the values."""
    values = np.array([value for segment in segments for value in segment], np.int32)
    weights = values.astype(np.float32) * 10
    starts = np.concatenate([[0], np.cumsum([len(segment) for segment in segments])])
    kernels.sort_segments(starts, values, weights)
    assert values.tolist() == [value for segment in segments for value in sorted(segment)]
    assert weights.tolist() == (values * 10.0).tolist()


def test_long_segments_are_sorted() -> None:
    """Beyond the length up to which it is plain insertion."""
    values = np.random.default_rng(0).permutation(700).astype(np.int32)
    weights = values.astype(np.float32)
    kernels.sort_segments(np.array([0, 700]), values, weights)
    assert values.tolist() == list(range(700))
    assert weights.tolist() == list(range(700))


def test_what_is_owned_is_counted() -> None:
    """Rows without an owner do not count."""
    starts, owned = np.array([0, 2, 3]), np.array([1, 2, 0], np.int32)
    items = np.array([[1, 0, 2], [0, -1, 1], [1, 1, 1]], np.int32)
    owners = np.array([0, 1, -1])
    assert kernels.count_owned(items, owners, starts, owned, 3) == 3
    segments = np.array([0, 2, 3, 4])
    taken = np.array([1, 2, 0, 0], np.int32)
    assert kernels.count_repeated(segments, taken, owners, starts, owned, 3) == 3
