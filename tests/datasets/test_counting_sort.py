"""Counting puts rows in the order that sorting does."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets import counting_sort

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=60)
Codes = npt.NDArray[np.int32]


def ends_of(pairs: list[tuple[int, int]]) -> tuple[Codes, Codes]:
    """Return pairs as two columns of codes."""
    columns = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    return columns[:, 0].copy(), columns[:, 1].copy()


@given(PAIRS)
@settings(deadline=None, max_examples=150)
def test_the_order_is_that_of_a_stable_lexsort(pairs: list[tuple[int, int]]) -> None:
    """The oracle is numpy, which keeps equal rows in their order."""
    first, second = ends_of(pairs)
    order = counting_sort.stable_order(first, second, 6, 5)
    assert order.tolist() == np.lexsort((second, first)).tolist()
    for strictly in (False, True):
        ordered = sorted(set(pairs)) if strictly else sorted(pairs)
        assert counting_sort.in_order(first, second, strictly) == (pairs == ordered)


@given(PAIRS)
@settings(deadline=None, max_examples=150)
def test_distinct_pairs_are_those_of_a_dictionary(pairs: list[tuple[int, int]]) -> None:
    """Each pair once, in order, with how often it was there."""
    first, second = ends_of(pairs)
    starts, seconds, counts = counting_sort.distinct_pairs(first, second, 6, 5)
    distinct = sorted(set(pairs))
    firsts = np.repeat(np.arange(6), np.diff(starts)).tolist()
    assert list(zip(firsts, seconds.tolist(), strict=True)) == distinct
    if len(distinct) == len(pairs):
        assert counts is None
    else:
        assert counts is not None
        assert counts.tolist() == [pairs.count(pair) for pair in distinct]


@given(PAIRS, st.booleans(), st.booleans(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_tie_rows_are_those_of_a_dense_loop(
    pairs: list[tuple[int, int]], both_ways: bool, weighted: bool, rnd
) -> None:
    """Every tie once, with its largest weight, in one row or in two."""
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    weights = np.array([rnd.choice([0.5, 1.0, 3.0]) for _ in pairs])
    dense = np.zeros((6, 6))
    for (u, v), weight in zip(pairs, weights if weighted else np.ones(len(pairs)), strict=True):
        dense[u, v] = max(dense[u, v], weight)
        if both_ways:
            dense[v, u] = max(dense[v, u], weight)
    starts, others, kept = counting_sort.tie_rows(
        *ends_of(pairs), weights if weighted else None, 6, both_ways=both_ways
    )
    rows, columns = np.nonzero(dense)
    assert np.repeat(np.arange(6), np.diff(starts)).tolist() == rows.tolist()
    assert others.tolist() == columns.tolist()
    if weighted:
        assert kept is not None
        assert kept.tolist() == dense[rows, columns].tolist()
    else:
        assert kept is None


@pytest.mark.parametrize("n", [1, 5000])
def test_one_row_that_holds_everything_is_sorted(n: int) -> None:
    """A single user with every item, listed twice and backwards."""
    second = np.tile(np.arange(n, dtype=np.int32)[::-1], 2)
    starts, seconds, counts = counting_sort.distinct_pairs(np.zeros_like(second), second, 1, n)
    assert starts.tolist() == [0, n]
    assert seconds.tolist() == list(range(n))
    assert counts is not None
    assert set(counts.tolist()) == {2}
