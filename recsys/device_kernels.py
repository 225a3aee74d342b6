"""Compiled part of lists on a device: exact scores of candidates, and whether they are enough.

What is computed, and why it is the list, is at ``device_lists.py``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from .exact_products import exact_product
from .pruned_kernels import LARGEST, SMALLEST, UNIT, slack
from .topk import comes_after, sift_down

#: the smallest number of single precision that no device takes for zero
FLUSHED = 2.0**-126


class Candidates(NamedTuple):
    """The largest device scores of every user in any order, shape (b, c), and their places."""

    places: Any
    scores: Any


class Added(NamedTuple):
    """Entries ``starts[u, 0]`` to ``starts[u, 1]``: places with an addition for u, and what it is.

    No rows of ``starts`` are no additions.
    """

    starts: Any
    places: Any
    values: Any


class Batch(NamedTuple):
    """Users: vectors (b, d), norms (b,), and what is added to their scores."""

    vectors: Any
    norms: Any
    added: Added


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


@_jit
def device_margin(size: int, user_norm: float, item_norm: float, added: float) -> float:
    """How far a device score may be from the score, for items up to ``item_norm``.

    ``added`` is the largest addition in absolute value.
    """
    if added > LARGEST:
        return np.inf
    margin: float = slack(size, user_norm, item_norm) + 4.0 * UNIT * added
    return margin + math.sqrt(size) * FLUSHED * (user_norm + item_norm) + 4.0 * SMALLEST


@_jit
def take_candidates(batch: Batch, found: Candidates, shelf: Any, heaps: Any, proven: Any) -> bool:
    """Fill the heaps with exact scores, and mark users of whose lists nothing can be missing.

    Returns whether all device scores were as near as they have to be.
    """
    # arrays are taken out of their tuples once: numba counts references at every look inside
    items, values = heaps
    users, norms, (starts, added_places, added_values) = batch
    places, products = found
    vectors, item_norms, columns, _ = shelf
    size, n_places = users.shape[1], columns.shape[0]
    entries = np.full(n_places if starts.shape[0] else 0, -1, np.int64)
    near = True
    for user in range(users.shape[0]):
        largest = 0.0
        if starts.shape[0]:
            for entry in range(starts[user, 0], starts[user, 1]):
                entries[added_places[entry]] = entry
                largest = max(largest, abs(added_values[entry]))
        margin = device_margin(size, norms[user], item_norms[0], largest)
        if margin < np.inf:
            worst = np.inf
            for slot in range(places.shape[1]):
                product = np.float64(products[user, slot])
                worst = min(worst, product)
                if product == -np.inf:
                    continue
                place = places[user, slot]
                total = exact_product(users, user, vectors, place)
                if starts.shape[0] and entries[place] >= 0:
                    total += added_values[entries[place]]
                score = np.float32(total)
                near &= abs(np.float64(score) - product) <= margin
                if comes_after(values[user, 0], items[user, 0], score, columns[place]):
                    values[user, 0] = score
                    items[user, 0] = columns[place]
                    sift_down(values[user], items[user], values.shape[1])
            is_whole = places.shape[1] == n_places or worst == -np.inf
            proven[user] = is_whole or worst + margin < values[user, 0]
        if starts.shape[0]:
            for entry in range(starts[user, 0], starts[user, 1]):
                entries[added_places[entry]] = -1
    return near
