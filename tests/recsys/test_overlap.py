"""Lists beside other lists."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.recsys import overlap

Lists = npt.NDArray[np.int64]
ROWS = st.lists(st.integers(0, 5), unique=True, max_size=4).map(lambda row: (row + [-1] * 4)[:4])
PAIRS = st.lists(st.tuples(ROWS, ROWS), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(ROWS, min_size=1, max_size=5).map(np.array),
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
    st.integers(1, 4),
    st.integers(0, 99),
)
def test_popular_lists_skip_what_the_user_has(
    lists: Lists, counts: list[int], k: int, seed: int
) -> None:
    """Listed items that are new to a user are popular where a loop would have put them."""
    had = np.random.default_rng(seed).random((len(lists), 6)) < 0.4
    found = overlap.popular_places(lists, counts, sparse.csr_array(had.astype(float)), k=k)
    order = sorted(range(6), key=lambda item: (-counts[item], item))
    for user, row in enumerate(lists.tolist()):
        popular = [item for item in order if not had[user, item]][:k]
        for rank, item in enumerate(row):
            if item < 0:
                assert not found[user, rank]
            elif not had[user, item]:
                assert found[user, rank] == (item in popular)


def test_seen_places_by_hand() -> None:
    """The second item of one user; nothing at an empty place."""
    rows = sparse.csr_array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    found = overlap.seen_places([[0, 1], [1, -1]], rows)
    assert found.tolist() == [[False, True], [False, False]]
    with pytest.raises(ValueError, match=r"one row per list .*\(1, 3\); got \(2, 3\)"):
        overlap.seen_places([[0]], rows)


def test_shares_of_places() -> None:
    """Of the filled places, or of k; an empty list has none; marks at empty places do not count."""
    lists, marked = [[3, 4, -1], [-1, -1, -1]], np.ones((2, 3), bool)
    assert overlap.share_of_places(lists, marked)[0] == 1.0
    assert overlap.share_of_places(lists, marked, denominator="k")[0] == pytest.approx(2 / 3)
    assert overlap.share_of_places(lists, marked, k=1)[0] == 1.0
    assert np.isnan(overlap.share_of_places(lists, marked)[1])
    with pytest.raises(ValueError, match="shape of items"):
        overlap.share_of_places(lists, marked[:1])
    with pytest.raises(ValueError, match="denominator must be"):
        overlap.share_of_places(lists, marked, denominator="n")  # type: ignore[arg-type]


def test_unexpected_hits_by_hand() -> None:
    """Hits that are popular do not count; k may be longer than the lists."""
    hits, popular = [[True, True, False]], [[True, False, False]]
    assert overlap.unexpected_hits(hits, popular).tolist() == [1 / 3]
    assert overlap.unexpected_hits(hits, popular, k=1).tolist() == [0.0]
    assert overlap.unexpected_hits(hits, popular, k=10).tolist() == [0.1]


@settings(deadline=None, max_examples=80)
@given(PAIRS, st.integers(1, 5), st.integers(1, 5))
def test_overlap_is_that_of_sets(pairs: list[tuple[list[int], list[int]]], k: int, m: int) -> None:
    """All three denominators; NaN where one is 0."""
    lists, reference = (np.array(rows) for rows in zip(*pairs, strict=True))
    over = {
        name: overlap.overlap(lists, reference, k=k, reference_k=m, denominator=name)
        for name in ("list", "reference", "k")
    }
    for user, (row, other) in enumerate(pairs):
        one, two = set(row[:k]) - {-1}, set(other[:m]) - {-1}
        for name, size in (("list", len(one)), ("reference", len(two)), ("k", k)):
            expected = len(one & two) / size if size else math.nan
            assert over[name][user] == pytest.approx(expected, nan_ok=True)


@settings(deadline=None, max_examples=80)
@given(PAIRS, st.integers(1, 5), st.sampled_from([0.5, 0.9]))
def test_rank_biased_overlap_by_its_definition(
    pairs: list[tuple[list[int], list[int]]], k: int, p: float
) -> None:
    """The sum over depths, symmetric, and 1 for a full list beside itself."""
    lists, reference = (np.array(rows) for rows in zip(*pairs, strict=True))
    found = overlap.rank_biased_overlap(lists, reference, k=k, patience=p, normalize=False)
    for user, (row, other) in enumerate(pairs):
        shared = [len((set(row[:d]) & set(other[:d])) - {-1}) / d for d in range(1, k + 1)]
        expected = (1 - p) * sum(p**d * share for d, share in enumerate(shared))
        assert found[user] == pytest.approx(expected)
    swapped = overlap.rank_biased_overlap(reference, lists, k=k, patience=p, normalize=False)
    assert found == pytest.approx(swapped)
    full = np.array([[4, 2, 0]])
    assert overlap.rank_biased_overlap(full, full, patience=p) == pytest.approx([1.0])


def test_least_item_promoted_by_hand() -> None:
    """From place 5 and 6 into the first three; nothing lifted; no reference."""
    reference = [[1, 2, 3, 4, 5, 6, 7]]
    assert overlap.least_item_promoted([[7, 6, 2, 3]], reference, k=3).tolist() == [3.0]
    assert overlap.least_item_promoted([[3, 2, 1]], reference, k=3).tolist() == [0.0]
    assert overlap.least_item_promoted([[10, 11, 12]], reference, k=3).tolist() == [0.0]
    assert np.isnan(overlap.least_item_promoted([[1]], [[-1]], k=3)).all()


def test_references_for_other_users_are_refused() -> None:
    """Two tables of different length are no pairs of lists; nor is there a fourth denominator."""
    with pytest.raises(ValueError, match="one list per user, 1; got 2"):
        overlap.overlap([[1]], [[1], [2]])
    with pytest.raises(ValueError, match="denominator must be 'list', 'reference' or 'k'"):
        overlap.overlap([[1]], [[1]], denominator="n")  # type: ignore[arg-type]
