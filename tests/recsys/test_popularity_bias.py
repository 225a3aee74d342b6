"""Novelty, popularity and the long tail."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys import popularity_bias as bias

Lists = npt.NDArray[np.int64]
COUNTS = np.array([6.0, 3.0, 1.0, 0.0, 2.0])
N_USERS = 6
LISTS = st.lists(
    st.lists(st.integers(0, 4), unique=True, max_size=4).map(lambda row: (row + [-1] * 4)[:4]),
    min_size=1,
    max_size=5,
).map(np.array)


@settings(deadline=None, max_examples=60)
@given(LISTS, st.integers(1, 5), st.sampled_from(["list", "k"]))
def test_means_over_lists_by_a_loop(lists: Lists, k: int, denominator: str) -> None:
    """Popularity and self-information, place by place."""
    popular = bias.arp(lists, COUNTS, k=k, denominator=denominator)  # type: ignore[arg-type]
    novel = bias.novelty(lists, COUNTS, N_USERS, k=k, denominator=denominator)  # type: ignore[arg-type]
    for user, row in enumerate(lists.tolist()):
        held = [item for item in row[:k] if item >= 0]
        if not held:
            assert math.isnan(popular[user])
            assert math.isnan(novel[user])
            continue
        size = len(held) if denominator == "list" else k
        assert popular[user] == pytest.approx(sum(COUNTS[item] for item in held) / size)
        bits = [-math.log2(max(COUNTS[item], 1.0) / N_USERS) for item in held]
        assert novel[user] == pytest.approx(sum(bits) / size)


def test_normalized_popularity_and_novelty() -> None:
    """Shares of all rows; and the item of a single user is 1."""
    assert bias.arp([[0, 1]], COUNTS, normalize=True).tolist() == [4.5 / 12]
    assert bias.arp([[0, 1]], np.zeros(5), normalize=True).tolist() == [0.0]
    found = bias.novelty([[2, 0], [3, -1]], COUNTS, N_USERS, normalize=True)
    assert found.tolist() == pytest.approx([0.5, 1.0])


def test_novelty_by_interactions() -> None:
    """The item with 6 of 12 rows has one bit."""
    assert bias.novelty([[0]], COUNTS, N_USERS, of="interactions").tolist() == [1.0]
    with pytest.raises(ValueError, match="of must be 'users' or 'interactions'"):
        bias.self_information(COUNTS, 6, of="rows")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="from 0 to N, 5; got 6"):
        bias.self_information(COUNTS, 5)
    assert np.isnan(bias.self_information([0.0], 0)).all()


def test_weighted_means_and_hits() -> None:
    """Discounts weigh the ranks, items that are no hits count as 0 above and not below."""
    found = bias.mean_over_list([[0, 1]], COUNTS, weights=[1.0, 0.5])
    assert found.tolist() == [(6 + 0.5 * 3) / 1.5]
    found = bias.mean_over_list([[0, 1]], COUNTS, weights=[1.0, 0.5], hits=[[False, True]])
    assert found.tolist() == [0.5 * 3 / 1.5]
    with pytest.raises(ValueError, match="one number per rank, 2; got 1"):
        bias.mean_over_list([[0, 1]], COUNTS, weights=[1.0])
    with pytest.raises(ValueError, match="denominator must be 'list' or 'k'"):
        bias.arp([[0]], COUNTS, denominator="n")  # type: ignore[arg-type]


def test_popularity_ranks_by_hand() -> None:
    """Four items that somebody had; ties share the mean rank; nobody's item is 0."""
    found = bias.popularity_ranks([6, 3, 1, 0, 3])
    assert found.tolist() == [1.0, 2.5 / 4, 0.25, 0.0, 2.5 / 4]
    assert bias.popularity_ranks([0, 0]).tolist() == [0.0, 0.0]


def test_tail_items_by_hand() -> None:
    """6 + 3 of 12 rows are below .8, with the item of 2 rows above it."""
    assert bias.tail_items(COUNTS).tolist() == [False, False, True, True, False]
    assert bias.tail_items(COUNTS, head=0.75).tolist() == [False, False, True, True, True]
    assert bias.tail_items(COUNTS, head=1.0).tolist() == [False, False, False, True, False]
    assert bias.tail_items([0, 0]).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_the_head_is_the_shortest_that_is_enough(counts: list[int], head: float) -> None:
    """It holds its share; without its least item it does not; no item of the tail is above it."""
    numbers = np.array(counts)
    tail = bias.tail_items(counts, head=head)
    if numbers.sum() == 0:
        assert tail.all()
        return
    top = numbers[~tail]
    assert top.sum() >= head * numbers.sum() - 1e-9
    assert top.sum() - top.min() < head * numbers.sum()
    assert numbers[tail].max(initial=0) <= top.min()


def test_lowest_items_by_hand() -> None:
    """A tenth of four is one; items without a row only where asked for."""
    assert bias.lowest_items(COUNTS).tolist() == [False, False, True, False, False]
    everybody = np.ones(5, bool)
    assert bias.lowest_items(COUNTS, among=everybody).tolist() == [False] * 3 + [True, False]
    half = bias.lowest_items(COUNTS, share=0.5)
    assert half.tolist() == [False, False, True, False, True]


def test_long_tail_as_share_and_as_number() -> None:
    """Two of three listed items are tail, at k = 4 two of four."""
    tail = np.array([False, True, True, False, False])
    lists = [[0, 1, 2, -1], [-1, -1, -1, -1]]
    assert bias.long_tail(lists, tail)[0] == pytest.approx(2 / 3)
    assert bias.long_tail(lists, tail, denominator="k")[0] == 0.5
    assert bias.long_tail(lists, tail, denominator="none")[0] == 2.0
    assert np.isnan(bias.long_tail(lists, tail)[1])


def test_popularity_lift_by_hand() -> None:
    """A quarter more; the same is 0; users without a list or a history enter neither side."""
    assert bias.popularity_lift([30.0, 20.0], [20.0, 20.0]) == 0.25
    assert bias.popularity_lift([7.0], [7.0]) == 0.0
    assert bias.popularity_lift([30.0, math.nan, 5.0], [20.0, 1.0, math.nan]) == 0.5
    assert math.isnan(bias.popularity_lift([math.nan], [1.0]))
    assert math.isnan(bias.popularity_lift([1.0], [0.0]))
