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
    return items, values


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock, so that batches run in threads; cached on disk."""
    return njit(nogil=True, cache=True)(function)


@_jit
def _worse(score_a: float, item_a: int, score_b: float, item_b: int) -> bool:
    return score_a < score_b or (score_a == score_b and item_a > item_b)


@_jit
def _sift_down(values: Any, items: Any, size: int) -> None:
    """Restore the heap (its root is the worst kept item) after the root was replaced."""
    node = 0
    while True:
        child = 2 * node + 1
        if child >= size:
            return
        right = child + 1
        if right < size and _worse(values[right], items[right], values[child], items[child]):
            child = right
        if not _worse(values[child], items[child], values[node], items[node]):
            return
        values[node], values[child] = values[child], values[node]
        items[node], items[child] = items[child], items[node]
        node = child


@_jit
def _select(scores: Any, items: Any, values: Any) -> int:
    """Heap selection per row; returns the first row with a NaN, or -1."""
    n_rows, n_items = scores.shape
    size = items.shape[1]
    for row in range(n_rows):
        kept_values = values[row]
        kept_items = items[row]
        for slot in range(size):
            kept_values[slot] = -np.inf
            kept_items[slot] = n_items + size - slot
        for item in range(n_items):
            score = scores[row, item]
            if score > kept_values[0] and size > 0:
                kept_values[0] = score
                kept_items[0] = item
                _sift_down(kept_values, kept_items, size)
            elif score != score:
                return row
        for last in range(size - 1, 0, -1):
            kept_values[0], kept_values[last] = kept_values[last], kept_values[0]
            kept_items[0], kept_items[last] = kept_items[last], kept_items[0]
            _sift_down(kept_values, kept_items, last)
        for slot in range(size):
            if kept_values[slot] == -np.inf:
                kept_items[slot] = -1
    return -1
