"""Exact top-k of dense score rows, with a rule for ties.

The order is total: a higher score comes first, and of two equal scores the item with the smaller
column number (items are columns in the order of their ids). So the list is the same as that of a
full stable sort, whatever the batch, the number of threads or the machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Lists = tuple[Codes, Floats]

#: scores that are compared with the worst kept one at a time
_CHUNK = 64
#: column number that fills up a list with fewer than k allowed items
NO_ITEM = -1


def top_k(scores: Floats, k: int) -> tuple[Codes, Floats]:
    """The k best columns of every row, best first.

    A score of minus infinity marks an item that may not be recommended; lists with fewer than
    ``k`` allowed items end in ``NO_ITEM`` with score minus infinity.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_items), float32
        Scores without NaN.
    k : int
        Length of a list, at least 1; may exceed ``n_items``.

    Returns
    -------
    items : ndarray of shape (n_rows, min(k, n_items)), int32
    values : ndarray of the same shape, float32

    Raises
    ------
    ValueError
        If a score is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> items, values = top_k(np.array([[1.0, 3.0, 3.0, 2.0]], dtype=np.float32), k=3)
    >>> items.tolist(), values.tolist()
    ([[1, 2, 3]], [[3.0, 3.0, 2.0]])
    """
    length = min(k, scores.shape[1])
    items = np.empty((scores.shape[0], length), np.int32)
    values = np.empty((scores.shape[0], length), np.float32)
    bad = _select(np.ascontiguousarray(scores, dtype=np.float32), items, values)
    if bad >= 0:
        raise ValueError(f"scores must not be NaN; got NaN in row {bad}")
    finish_lists(items, values)
    return items, values


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock, so that batches run in threads; cached on disk."""
    return njit(nogil=True, cache=True)(function)


@_jit
def comes_after(score_a: float, item_a: int, score_b: float, item_b: int) -> bool:
    """Whether item a stands behind item b in a list."""
    return score_a < score_b or (score_a == score_b and item_a > item_b)


@_jit
def sift_down(values: Any, items: Any, size: int) -> None:
    """Restore the heap (its root is the worst kept item) after the root was replaced."""
    node = 0
    while True:
        child = 2 * node + 1
        if child >= size:
            return
        right = child + 1
        if right < size and comes_after(values[right], items[right], values[child], items[child]):
            child = right
        if not comes_after(values[child], items[child], values[node], items[node]):
            return
        values[node], values[child] = values[child], values[node]
        items[node], items[child] = items[child], items[node]
        node = child


@_jit
def start_lists(items: Any, values: Any, n_items: int) -> None:
    """Heaps of nothing: every item comes before what they hold."""
    size = items.shape[1]
    for row in range(items.shape[0]):
        for slot in range(size):
            values[row, slot] = -np.inf
            items[row, slot] = n_items + size - slot


@_jit
def finish_lists(items: Any, values: Any) -> None:
    """Sort the heaps, best first; what is not filled becomes ``NO_ITEM``."""
    size = items.shape[1]
    for row in range(items.shape[0]):
        for last in range(size - 1, 0, -1):
            values[row, 0], values[row, last] = values[row, last], values[row, 0]
            items[row, 0], items[row, last] = items[row, last], items[row, 0]
            sift_down(values[row], items[row], last)
        for slot in range(size):
            if values[row, slot] == -np.inf:
                items[row, slot] = NO_ITEM


@_jit
def _select(scores: Any, items: Any, values: Any) -> int:
    """Heaps of the best per row; returns the first row with a NaN, or -1."""
    n_rows, n_items = scores.shape
    start_lists(items, values, n_items)
    for row in range(n_rows):
        for start in range(0, n_items, _CHUNK):
            part = scores[row, start : start + _CHUNK]
            if _any_above(part, values[row, 0]) and not _take(part, start, items[row], values[row]):
                return row
    return -1


@_jit
def _any_above(scores: Any, threshold: float) -> bool:
    """Whether one of the scores is above the threshold, or not a number."""
    hits = 0
    if scores.shape[0] == _CHUNK:
        # of a known length, so that it runs in vector registers
        for j in range(_CHUNK):
            hits |= not (scores[j] <= threshold)
        return hits != 0
    for j in range(scores.shape[0]):
        hits |= not (scores[j] <= threshold)
    return hits != 0


@_jit
def _take(scores: Any, first: int, items: Any, values: Any) -> bool:
    """Keep the best of some scores, which come in the order of items; False for a NaN."""
    for j in range(scores.shape[0]):
        score = scores[j]
        if score > values[0]:
            values[0] = score
            items[0] = first + j
            sift_down(values, items, values.shape[0])
        elif score != score:
            return False
    return True
