"""Compiled passes that put coded rows in order by counting: linear, without keys and comparisons.

A table sorted by its second end is a list of firsts for every second. Walking those lists in order
and appending every second to the row of its first sorts the table by first, then by second: two
passes of a counting sort, which is what turning a sparse matrix over twice does. This module
imports numba, so it is imported where a large table is built, never with the room.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Codes = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


@_jit
def in_order(first: Any, second: Any, strictly: bool) -> bool:
    """Whether rows are sorted by both ends; ``strictly``: and no pair comes twice."""
    for i in range(1, first.shape[0]):
        if first[i] < first[i - 1]:
            return False
        if first[i] == first[i - 1]:
            if second[i] < second[i - 1]:
                return False
            if strictly and second[i] == second[i - 1]:
                return False
    return True


@_jit
def _count(keys: Any, sizes: Any) -> None:
    """Add to ``sizes`` how often every key occurs."""
    for i in range(keys.shape[0]):
        sizes[keys[i]] += 1


@_jit
def _place(keys: Any, values: Any, heads: Any, placed: Any) -> None:
    """Put every value at the next free place of its key; ``heads`` moves on."""
    for i in range(keys.shape[0]):
        head = heads[keys[i]]
        placed[head] = values[i]
        heads[keys[i]] = head + 1


@_jit
def _place_positions(keys: Any, heads: Any, placed: Any) -> None:
    """Put every position at the next free place of its key."""
    for i in range(keys.shape[0]):
        head = heads[keys[i]]
        placed[head] = i
        heads[keys[i]] = head + 1


@_jit
def _place_again(keys: Any, listed: Any, heads: Any, placed: Any) -> None:
    """Put listed positions, in their order, at the next free place of their keys."""
    for at in range(listed.shape[0]):
        position = listed[at]
        head = heads[keys[position]]
        placed[head] = position
        heads[keys[position]] = head + 1


@_jit
def _count_distinct(starts: Any, firsts: Any, sizes: Any) -> None:
    """Add to ``sizes`` the number of distinct seconds of every first."""
    last = np.full(sizes.shape[0], -1, np.int32)
    for second in range(starts.shape[0] - 1):
        for place in range(starts[second], starts[second + 1]):
            first = firsts[place]
            if last[first] != second:
                last[first] = second
                sizes[first] += 1


@_jit
def _fill_distinct(starts: Any, firsts: Any, heads: Any, seconds: Any, counts: Any) -> None:
    """Append every second to the rows of its firsts, once; ``counts`` may be empty."""
    last = np.full(heads.shape[0], -1, np.int32)
    counted = counts.shape[0] > 0
    for second in range(starts.shape[0] - 1):
        for place in range(starts[second], starts[second + 1]):
            first = firsts[place]
            if last[first] != second:
                last[first] = second
                seconds[heads[first]] = second
                heads[first] += 1
            if counted:
                counts[heads[first] - 1] += 1


@_jit
def _fill_largest(
    starts: Any, firsts: Any, given: Any, heads: Any, seconds: Any, weights: Any
) -> None:
    """Append every second to the rows of its firsts, once, with the largest weight given."""
    last = np.full(heads.shape[0], -1, np.int32)
    for second in range(starts.shape[0] - 1):
        for place in range(starts[second], starts[second + 1]):
            first = firsts[place]
            if last[first] != second:
                last[first] = second
                seconds[heads[first]] = second
                weights[heads[first]] = given[place]
                heads[first] += 1
            elif weights[heads[first] - 1] < given[place]:
                weights[heads[first] - 1] = given[place]


def starts_of(sizes: Starts) -> Starts:
    """Where every list begins and the last one ends, of the sizes of the lists.

    Examples
    --------
    >>> starts_of(np.array([2, 0, 1])).tolist()
    [0, 2, 2, 3]
    """
    starts = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=starts[1:])
    return starts


def stable_order(first: Codes, second: Codes, n_first: int, n_second: int) -> npt.NDArray[Any]:
    """The stable permutation that sorts rows by both ends, as ``numpy.lexsort`` has it.

    Parameters
    ----------
    first, second : ndarray of int32, shape (n,)
        Codes below `n_first` and `n_second`.
    n_first, n_second : int
        The sizes of the two universes.

    Returns
    -------
    ndarray of int32 (int64 from 2**31 rows on), shape (n,)
        Positions of the rows in order.

    Examples
    --------
    >>> ends = (np.array([1, 0, 1], np.int32), np.array([0, 1, 0], np.int32))
    >>> stable_order(*ends, 2, 2).tolist()
    [1, 0, 2]
    """
    kind: Any = np.int32 if len(first) < 2**31 else np.int64
    by_second = np.empty(len(first), dtype=kind)
    _place_positions(second, starts_of(_sizes(second, n_second))[:-1], by_second)
    order = np.empty(len(first), dtype=kind)
    _place_again(first, by_second, starts_of(_sizes(first, n_first))[:-1], order)
    return order


def distinct_pairs(
    first: Codes, second: Codes, n_first: int, n_second: int
) -> tuple[Starts, Codes, Codes | None]:
    """Rows of distinct pairs, sorted, and how often each was there.

    Parameters
    ----------
    first, second : ndarray of int32, shape (n,)
        Codes below `n_first` and `n_second`. `second` is overwritten: at 50 million rows there is
        no room for a third copy.
    n_first, n_second : int
        The sizes of the two universes.

    Returns
    -------
    starts : ndarray of int64, shape (n_first + 1,)
        Where the row of every first begins.
    seconds : ndarray of int32, shape (m,)
        The seconds of every first, rising; the memory of `second`.
    counts : ndarray of int32 or None
        How often every pair was there; None where each was there once.

    Examples
    --------
    >>> ends = (np.array([1, 0, 1], np.int32), np.array([0, 1, 0], np.int32))
    >>> [part.tolist() for part in distinct_pairs(*ends, 2, 2)]
    [[0, 1, 2], [1, 0], [1, 2]]
    """
    lists = starts_of(_sizes(second, n_second))
    firsts = np.empty(len(first), dtype=np.int32)
    _place(second, first, lists[:-1].copy(), firsts)
    starts = _distinct_starts(lists, firsts, n_first)
    repeated = int(starts[-1]) < len(first)
    counts = np.zeros(int(starts[-1]) if repeated else 0, dtype=np.int32)
    _fill_distinct(lists, firsts, starts[:-1].copy(), second, counts)
    return starts, second[: int(starts[-1])], counts if repeated else None


def tie_rows(
    first: Codes,
    second: Codes,
    weights: npt.NDArray[np.float64] | None,
    n: int,
    *,
    both_ways: bool,
) -> tuple[Starts, Codes, npt.NDArray[np.float64] | None]:
    """Rows of distinct ties, sorted, each with its largest weight.

    Parameters
    ----------
    first, second : ndarray of int32, shape (m,)
        The two ends of every tie, codes below `n`.
    weights : ndarray of float64, shape (m,), or None
        None: every tie weighs 1.
    n : int
        The number of people.
    both_ways : bool
        True: a tie stands in the rows of both of its ends.

    Returns
    -------
    starts : ndarray of int64, shape (n + 1,)
        Where the row of every person begins.
    others : ndarray of int32
        The people in every row, rising.
    weights : ndarray of float64 or None
        Beside `others`; None where no weights were given.

    Examples
    --------
    >>> ends = (np.array([1, 0], np.int32), np.array([0, 2], np.int32))
    >>> starts, others, _ = tie_rows(*ends, None, 3, both_ways=True)
    >>> starts.tolist(), others.tolist()
    ([0, 2, 3, 4], [1, 2, 0, 0])
    """
    sizes = _sizes(second, n)
    if both_ways:
        _count(first, sizes)
    lists = starts_of(sizes)
    ways = ((second, first), (first, second)) if both_ways else ((second, first),)
    firsts = np.empty(int(lists[-1]), dtype=np.int32)
    _placed_ways(ways, lists, firsts, None)
    starts = _distinct_starts(lists, firsts, n)
    others = np.empty(int(starts[-1]), dtype=np.int32)
    heads = starts[:-1].copy()
    if weights is None:
        _fill_distinct(lists, firsts, heads, others, np.zeros(0, dtype=np.int32))
        return starts, others, None
    given = np.empty(int(lists[-1]), dtype=np.float64)
    _placed_ways(ways, lists, given, weights)
    largest = np.empty(len(others), dtype=np.float64)
    _fill_largest(lists, firsts, given, heads, others, largest)
    return starts, others, largest


def _placed_ways(
    ways: tuple[tuple[Codes, Codes], ...], lists: Starts, placed: Any, values: Any
) -> None:
    """Place, way after way, `values` or the other ends in the list of every key."""
    heads = lists[:-1].copy()
    for keys, others in ways:
        _place(keys, others if values is None else values, heads, placed)


def _sizes(keys: Codes, n: int) -> Starts:
    """How often every code below `n` occurs (numpy.bincount would copy the codes)."""
    sizes = np.zeros(n, dtype=np.int64)
    _count(keys, sizes)
    return sizes


def _distinct_starts(lists: Starts, firsts: Codes, n_first: int) -> Starts:
    """Where the row of every first begins, once each of its seconds counts once."""
    sizes = np.zeros(n_first, dtype=np.int64)
    _count_distinct(lists, firsts, sizes)
    return starts_of(sizes)
