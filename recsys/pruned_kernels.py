"""Compiled parts of the exact top-k by pruning; what they compute is at ``pruned_topk.py``.

All run without the interpreter lock and write to arrays of one batch alone, so that batches run in
threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from .exact_products import exact_product
from .topk import comes_after, sift_down

#: products that are compared with the threshold at a time
CHUNK = 64
#: norms whose product is larger may overflow in single precision
LARGEST = 1e37
#: more than a product of single precision loses by underflow in one coordinate
SMALLEST = 2.0**-125
#: half the distance of 1 from the next number of single precision
UNIT = 2.0**-24


class Shelf(NamedTuple):
    """Items by falling norm: vectors (m, d), norms (m,), columns (m,) and who is where (n,)."""

    vectors: Any
    norms: Any
    columns: Any
    places: Any


class Additions(NamedTuple):
    """What is added to some scores, sorted by user and by block of items.

    Entries ``starts[u, b]`` to ``starts[u, b + 1]`` are those of user u in block b: places of items
    on the shelf, and what is added. No rows of ``starts`` are no additions.
    """

    starts: Any
    places: Any
    values: Any
    block: int


class Readers(NamedTuple):
    """Users of a batch: vectors (b, d), norms (b,), a bit for every item that is not for them."""

    vectors: Any
    norms: Any
    marks: Any
    added: Additions


class Cells(NamedTuple):
    """A compressed sparse row matrix."""

    indptr: Any
    indices: Any
    data: Any


class Heaps(NamedTuple):
    """The best so far of every user of a batch, the worst of them first; shape (b, k)."""

    items: Any
    values: Any


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


@_jit
def row_norms(rows: Any, norms: Any) -> int:
    """Euclidean norms, never too small; returns the first row with NaN or infinity, or -1."""
    for row in range(rows.shape[0]):
        total = exact_product(rows, row, rows, row)
        norms[row] = np.sqrt(total) * (1.0 + 1e-9)
        if not np.isfinite(norms[row]):
            return row
    return -1


@_jit
def slack(size: int, user_norm: float, item_norm: float) -> float:
    """How far a float32 product of vectors of ``size`` may be from the score of the pair."""
    reach = user_norm * item_norm
    if reach > LARGEST:
        return np.inf
    steps = (size + 3) * UNIT
    return steps / (1.0 - steps) * reach + (size + 3) * SMALLEST


@_jit
def mark_cells(marks: Any, rows: Any, cells: Any) -> None:
    """Set the bits of the stored columns of some rows."""
    indptr, indices = cells.indptr, cells.indices
    for place in range(rows.shape[0]):
        row = rows[place]
        for cell in range(indptr[row], indptr[row + 1]):
            item = indices[cell]
            marks[place, item >> 3] |= np.uint8(1 << (item & 7))


@_jit
def _put(score: float, item: int, items: Any, values: Any, user: int) -> None:
    """Replace the worst of what is kept for a user."""
    values[user, 0] = score
    items[user, 0] = item
    sift_down(values[user], items[user], values.shape[1])


@_jit
def _cut(threshold: float, margin: float) -> Any:
    """The float32 below which a product cannot belong to an item of the list."""
    if threshold == -np.inf or margin == np.inf:
        return np.float32(-np.inf)
    return np.nextafter(np.float32(threshold - margin), np.float32(-np.inf))


# The loops below take the arrays out of their tuples once, and call little with a tuple or a slice:
# numba counts the references of every array in it, which costs more than a product.


@_jit
def scan_block(products: Any, active: Any, first: int, readers: Any, shelf: Any, heaps: Any) -> int:
    """Take from a block of products what belongs to the lists of the active users.

    Row ``r`` of ``products`` holds those of user ``active[r]`` with the items from place ``first``
    on. The users to whom later items can still matter move to the front of ``active``; returns
    their number.
    """
    users, user_norms, marks, added = readers
    vectors, norms, columns, _ = shelf
    items, values = heaps
    size, width = users.shape[1], products.shape[1]
    after, left = first + width, 0
    for row in range(products.shape[0]):
        user, own = active[row], products[row]
        if added.starts.shape[0] > 0:
            _take_added(products, (row, first), user, readers, shelf, heaps)
        # items come by falling norm: the first of the block has its largest
        margin = slack(size, user_norms[user], norms[first])
        cut = _cut(values[user, 0], margin)
        for start in range(0, width, CHUNK):
            stop = min(start + CHUNK, width)
            hits = 1
            if stop - start == CHUNK:
                hits = 0
                # a view of known length runs in vector registers; true for NaN
                part = own[start : start + CHUNK]
                for j in range(CHUNK):
                    hits |= not (part[j] < cut)
            if hits == 0:
                continue
            for j in range(start, stop):
                if own[j] < cut:
                    continue
                item = columns[first + j]
                if (marks[user, item >> 3] >> (item & 7)) & 1:
                    continue
                score = np.float32(exact_product(users, user, vectors, first + j))
                if comes_after(values[user, 0], items[user, 0], score, item):
                    _put(score, item, items, values, user)
                    cut = _cut(values[user, 0], margin)
        if after < norms.shape[0]:
            most = user_norms[user] * norms[after]
            if not most + slack(size, user_norms[user], norms[after]) < values[user, 0]:
                active[left] = user
                left += 1
            elif added.starts.shape[0] > 0:
                _take_added(products, (-1, after), user, readers, shelf, heaps)
    return left


@_jit
def _take_added(products: Any, where: Any, user: int, readers: Any, shelf: Any, heaps: Any) -> None:
    """Keep the best of a user's items with additions: those of a block, or all from it on.

    ``where`` holds the row of ``products`` and the place of the first item of the block; with -1
    for the row there are no products, and the rest of the items is taken.
    """
    users, user_norms, _, (starts, added_places, added_values, block) = readers
    items, values = heaps
    row, first = where
    here = first // block
    last = starts.shape[1] - 1 if row < 0 else here + 1
    for entry in range(starts[user, here], starts[user, last]):
        place, addition = added_places[entry], added_values[entry]
        reach = user_norms[user] * shelf.norms[place]
        most = reach
        if row >= 0:
            most = products[row, place - first] + slack(
                users.shape[1], user_norms[user], shelf.norms[place]
            )
        # rounding of the score to single precision, and of the sum in double
        margin = 2.0 * UNIT * (reach + abs(addition)) + SMALLEST
        if most + addition + margin < values[user, 0]:
            continue
        score = np.float32(exact_product(users, user, shelf.vectors, place) + addition)
        item = shelf.columns[place]
        if comes_after(values[user, 0], items[user, 0], score, item):
            _put(score, item, items, values, user)


@_jit
def added_room(rows: Any, memory: Any, n_items: int) -> int:
    """More entries than there can be of additions for some users."""
    ties, held = memory
    tie_indptr, tie_indices, _ = ties
    indptr = held.indptr
    total = 0
    for row in rows:
        most = 0
        for tie in range(tie_indptr[row], tie_indptr[row + 1]):
            friend = tie_indices[tie]
            most += indptr[friend + 1] - indptr[friend]
        total += min(most, n_items)
    return total


@_jit
def gather_added(
    rows: Any, memory: Any, weight: float, marks: Any, places: Any, added: Additions
) -> None:
    """Fill in the additions ``weight * (W r)_ui``, and mark their items.

    ``memory`` are the matrices ``W`` and ``r``. Items that are marked already, and those without a
    place on the shelf, are left out.
    """
    starts, added_places, added_values, block = added
    sums = np.zeros(places.shape[0], np.float64)
    touched = np.empty(places.shape[0], np.int32)
    is_touched = np.zeros(places.shape[0], np.uint8)
    free = 0
    for user in range(rows.shape[0]):
        n_touched = _gather(rows[user], memory, sums, touched, is_touched)
        starts[user] = 0
        for slot in range(n_touched):
            item = touched[slot]
            is_touched[item] = 0
            place = places[item]
            if place < 0 or (marks[user, item >> 3] >> (item & 7)) & 1:
                sums[item] = 0.0
                touched[slot] = -1
                continue
            marks[user, item >> 3] |= np.uint8(1 << (item & 7))
            starts[user, place // block] += 1
        for here in range(starts.shape[1]):
            count = starts[user, here]
            starts[user, here] = free
            free += count
        # each start moves to the end of its block, and back by one block below
        for slot in range(n_touched):
            item = touched[slot]
            if item >= 0:
                entry = starts[user, places[item] // block]
                starts[user, places[item] // block] += 1
                added_places[entry] = places[item]
                added_values[entry] = weight * sums[item]
                sums[item] = 0.0
        for here in range(starts.shape[1] - 1, 0, -1):
            starts[user, here] = starts[user, here - 1]
        starts[user, 0] = 0 if user == 0 else starts[user - 1, starts.shape[1] - 1]


@_jit
def _gather(row: int, memory: Any, sums: Any, touched: Any, is_touched: Any) -> int:
    """``sum_v W_uv r_v`` in the order of the ties; returns how many items it touches."""
    ties, held = memory
    tie_indptr, tie_indices, tie_data = ties
    held_indptr, held_indices, held_data = held
    n_touched = 0
    for tie in range(tie_indptr[row], tie_indptr[row + 1]):
        friend, share = tie_indices[tie], np.float64(tie_data[tie])
        for cell in range(held_indptr[friend], held_indptr[friend + 1]):
            item = held_indices[cell]
            if is_touched[item] == 0:
                is_touched[item] = 1
                touched[n_touched] = item
                n_touched += 1
            sums[item] += share * np.float64(held_data[cell])
    return n_touched
