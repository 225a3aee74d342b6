"""Compiled passes over tables of recommendations: into one row per user, and against the truth.

All but the two sorts are linear in the rows, and nothing is sorted where it is in order already;
membership is looked up in one row of marks, which stays in the cache of the processor. The sorts
are Shell's: lists are short or nearly sorted, and they compile quickly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


@_jit
def look_up(wanted: Any, low: int, table: Any, found: Any) -> None:
    """``found[i] = table[wanted[i] - low]``, -1 where that lies outside the table."""
    size = table.shape[0]
    for i in range(wanted.shape[0]):
        place = wanted[i] - low
        found[i] = table[place] if 0 <= place < size else -1


@_jit
def scan_order(rows: Any, values: Any, sizes: Any) -> bool:
    """Count the rows of each user; say whether they stand together, in strictly rising order."""
    in_order = True
    last = -1
    previous = 0.0
    for i in range(rows.shape[0]):
        row = rows[i]
        if row < 0:
            continue
        if row == last:
            if values[i] <= previous:
                in_order = False
        elif sizes[row] > 0:
            in_order = False
        sizes[row] += 1
        last = row
        previous = values[i]
    return in_order


@_jit
def place_rows(rows: Any, codes: Any, values: Any, items: Any, keys: Any) -> None:
    """Put every row at the next free place of its user's list; ``keys`` may be empty."""
    taken = np.zeros(items.shape[0], np.int32)
    keep = keys.shape[0] > 0
    for i in range(rows.shape[0]):
        row = rows[i]
        if row >= 0:
            items[row, taken[row]] = codes[i]
            if keep:
                keys[row, taken[row]] = values[i]
            taken[row] += 1


@_jit
def sort_lists(items: Any, keys: Any, sizes: Any, order: Any) -> None:
    """Sort each list by key, ties by ``order[item]``."""
    for row in range(items.shape[0]):
        gap = 1
        while gap < sizes[row] // 9:
            gap = 3 * gap + 1
        while gap > 0:
            for here in range(gap, sizes[row]):
                key, item = keys[row, here], items[row, here]
                free = here
                while free >= gap and (
                    keys[row, free - gap] > key
                    or (
                        keys[row, free - gap] == key and order[items[row, free - gap]] > order[item]
                    )
                ):
                    keys[row, free] = keys[row, free - gap]
                    items[row, free] = items[row, free - gap]
                    free -= gap
                keys[row, free] = key
                items[row, free] = item
            gap //= 3


@_jit
def spread_ranks(items: Any, keys: Any, sizes: Any, spread: Any) -> None:
    """Put each item at the column of its rank (from 1), or at the next free one behind it."""
    for row in range(items.shape[0]):
        column = -1
        for here in range(sizes[row]):
            column = max(int(keys[row, here]) - 1, column + 1)
            if column >= spread.shape[1]:
                break
            spread[row, column] = items[row, here]


@_jit
def mark_hits(items: Any, starts: Any, truth: Any, hits: Any, n_items: int) -> int:
    """Fill ``hits``, blank every repetition of an item with -1, and count those."""
    wanted = np.full(n_items, -1, np.int32)
    listed = np.full(n_items, -1, np.int32)
    repeated = 0
    for row in range(items.shape[0]):
        for place in range(starts[row], starts[row + 1]):
            wanted[truth[place]] = row
        for rank in range(items.shape[1]):
            item = items[row, rank]
            if item < 0:
                continue
            if listed[item] == row:
                items[row, rank] = -1
                repeated += 1
                continue
            listed[item] = row
            hits[row, rank] = wanted[item] == row
    return repeated


@_jit
def gains_of(items: Any, starts: Any, truth: Any, weights: Any, gains: Any, n_items: int) -> None:
    """Fill ``gains`` with the weight that each listed item has in its user's truth."""
    wanted = np.full(n_items, -1, np.int32)
    weight = np.zeros(n_items, np.float32)
    for row in range(items.shape[0]):
        for place in range(starts[row], starts[row + 1]):
            wanted[truth[place]] = row
            weight[truth[place]] = weights[place]
        for rank in range(items.shape[1]):
            item = items[row, rank]
            if item >= 0 and wanted[item] == row:
                gains[row, rank] = weight[item]


@_jit
def count_owned(items: Any, owners: Any, starts: Any, owned: Any, n_items: int) -> int:
    """How many listed items are in the row of ``owned`` that belongs to the list, if any."""
    marks = np.full(n_items, -1, np.int32)
    n_owned = 0
    for row in range(items.shape[0]):
        owner = owners[row]
        if owner < 0:
            continue
        for place in range(starts[owner], starts[owner + 1]):
            marks[owned[place]] = row
        for rank in range(items.shape[1]):
            item = items[row, rank]
            if item >= 0 and marks[item] == row:
                n_owned += 1
    return n_owned


@_jit
def count_repeated(
    starts: Any, items: Any, owners: Any, owned_starts: Any, owned: Any, n_items: int
) -> int:
    """How many entries of each segment are in the row of ``owned`` that belongs to it, if any."""
    marks = np.full(n_items, -1, np.int32)
    n_repeated = 0
    for row in range(starts.shape[0] - 1):
        owner = owners[row]
        if owner < 0:
            continue
        for place in range(owned_starts[owner], owned_starts[owner + 1]):
            marks[owned[place]] = row
        for place in range(starts[row], starts[row + 1]):
            if marks[items[place]] == row:
                n_repeated += 1
    return n_repeated


@_jit
def sort_segments(starts: Any, values: Any, weights: Any) -> None:
    """Sort each segment of ``values`` in place, and its weights with it."""
    for row in range(starts.shape[0] - 1):
        first, end = starts[row], starts[row + 1]
        gap = 1
        while gap < (end - first) // 9:
            gap = 3 * gap + 1
        while gap > 0:
            for here in range(first + gap, end):
                value, weight = values[here], weights[here]
                free = here
                while free >= first + gap and values[free - gap] > value:
                    values[free] = values[free - gap]
                    weights[free] = weights[free - gap]
                    free -= gap
                values[free] = value
                weights[free] = weight
            gap //= 3


@_jit
def mark_present(values: Any, low: int, present: Any) -> None:
    """``present[values[i] - low] = True``."""
    for i in range(values.shape[0]):
        present[values[i] - low] = True


@_jit
def group_rows(rows: Any, codes: Any, starts: Any, grouped: Any) -> None:
    """Copy ``codes`` into the segments of their rows, in the order in which they come."""
    free = starts[:-1].copy()
    for i in range(rows.shape[0]):
        row = rows[i]
        grouped[free[row]] = codes[i]
        free[row] += 1


@_jit
def merge_repeats(starts: Any, values: Any, rows: Any, distinct: Any, counts: Any) -> int:
    """Row, value and number of every run of equal values in a sorted segment; returns how many."""
    n = 0
    for row in range(starts.shape[0] - 1):
        for place in range(starts[row], starts[row + 1]):
            if place > starts[row] and values[place] == distinct[n - 1]:
                counts[n - 1] += 1
            else:
                rows[n] = row
                distinct[n] = values[place]
                counts[n] = 1
                n += 1
    return n
