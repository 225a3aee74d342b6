"""Exact top-k of products of vectors, most of which need not be computed.

The score of user u and item i is one number, whoever computes it and how::

    s_ui = fl32( sum_j u_j y_ij + m_ui )

with the float32 vectors ``u`` and ``y_i``, the sum in double precision in one fixed order, ``m_ui``
an addition of the user's own (0 but for a few items) and ``fl32`` the rounding to single
precision. A list is sorted by falling score, ties by rising item. That this list comes out, and
nothing near it, rests on three steps. Let ``t`` be the score of the last of the k best items so far
of u, minus infinity while there are fewer; it never falls.

1. Products of a batch of users with a block of items are made in single precision by BLAS. In
   whatever order, with fused steps or without, such a product ``g`` obeys ``|g - u . y| <=
   gamma_d |u| |y|``, ``gamma_d = d e / (1 - d e)``, ``e = 2^-24`` (Higham, Accuracy and Stability
   of Numerical Algorithms, 2nd ed., eq. 3.5), plus less than ``2^-125`` a coordinate for underflow,
   numbers flushed to zero included. The score itself is within ``2 e |u| |y|`` of ``u . y``. With
   ``margin = gamma_(d+3) |u| |y|`` (for the largest ``|y|`` of the block, norms rounded up) and the
   underflow, an item with ``g < t - margin`` has ``s < t`` strictly: it is in no list of the best,
   and no tie with one. All others, not a number included, are candidates: their score is computed,
   and it alone decides.
2. Items lie in blocks by falling norm. By Cauchy and Schwarz ``u . y <= |u| |y|``, so once ``|u|
   |y| + margin < t`` for the largest norm to come, nothing to come is in the list of u, and the
   next products are made without u.
3. Items with an addition are held back from step 1: such an item is a candidate unless ``g + m_ui <
   t - margin``, and once u is out of the products unless ``|u| |y_i| + m_ui + margin < t``. Items
   that are not for u are marked, and never looked at.

Where norms multiply beyond single precision the margin is infinite and everything is a candidate.
So lists and scores depend neither on BLAS nor on the batch, the blocks, the number of threads or
how much was pruned. Norms of one size leave nothing to prune: then it is the product and one
comparison per score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .execution import Rows
from .matrices import Csr
from .pruned_kernels import (
    Additions,
    Cells,
    Heaps,
    Readers,
    Shelf,
    added_room,
    gather_added,
    mark_cells,
    row_norms,
    scan_block,
)
from .topk import Floats, Lists, finish_lists, start_lists

#: items of a block: its products with a batch of ``USERS`` stay in the cache of a core
BLOCK = 1024
USERS = 256
#: additions that a batch may hold; one with more is cut in two
ENTRIES = 2**21


@dataclass(frozen=True, eq=False)
class ItemIndex:
    """Vectors of items by falling norm, with the column of each.

    Attributes
    ----------
    shelf : Shelf
        Read-only arrays: vectors (m, d) float32, norms (m,) float64, columns (m,) int32 and, for
        all columns, their places or -1.
    barred : ndarray of uint8, or None
        A bit for every column that may not be recommended although it is here.
    """

    shelf: Shelf
    barred: npt.NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, vectors: Floats) -> ItemIndex:
        """The index of all items; row ``i`` of ``vectors`` belongs to column ``i``.

        Raises
        ------
        ValueError
            For a vector that is not finite, with its row.

        Examples
        --------
        >>> import numpy as np
        >>> index = ItemIndex.of(np.array([[1.0], [-3.0], [2.0]], dtype=np.float32))
        >>> index.shelf.columns.tolist()
        [1, 2, 0]
        """
        vectors = np.ascontiguousarray(vectors, np.float32)
        norms = finite_norms(vectors, "item vectors")
        order = np.argsort(-norms, kind="stable")
        return cls(_shelf(vectors[order], norms[order], order, len(vectors)))

    def among(self, allowed: npt.NDArray[np.bool_]) -> ItemIndex:
        """The same where only some columns may be recommended.

        Examples
        --------
        >>> import numpy as np
        >>> index = ItemIndex.of(np.array([[1.0], [-3.0], [2.0]], dtype=np.float32))
        >>> index.among(np.array([True, False, False])).shelf.columns.tolist()
        [0]
        """
        if 2 * int(allowed.sum()) > len(allowed):
            # bits cost less than a copy of most vectors
            return ItemIndex(self.shelf, np.packbits(~allowed, bitorder="little"))
        shelf = self.shelf
        kept = allowed[shelf.columns]
        parts = (shelf.vectors[kept], shelf.norms[kept], shelf.columns[kept])
        return ItemIndex(_shelf(*parts, len(allowed)))


@dataclass(frozen=True, eq=False)
class Memory:
    """Additions ``weight * (ties @ held)``, of which only the rows that are asked for are made."""

    ties: Csr
    held: Csr
    weight: float


def pruned_top_k(
    users: Floats,
    index: ItemIndex,
    k: int,
    *,
    rows: Rows | None = None,
    seen: Csr | None = None,
    memory: Memory | None = None,
) -> Lists:
    """The k best items of a batch of users by ``users . item``, see above.

    Parameters
    ----------
    users : ndarray of shape (b, d), float32
        Vectors of users.
    index : ItemIndex
        Items with vectors of the same length ``d``.
    k : int
        At least 1.
    rows : ndarray of shape (b,), optional
        The users' rows in ``seen`` and ``memory``, 0 to b - 1 where ``None``.
    seen : csr_array of shape (n_users, n_items), optional
        A stored cell leaves the item out.
    memory : Memory, optional
        What is added to some scores.

    Returns
    -------
    items : ndarray of shape (b, min(k, n_items)), int32
    scores : ndarray of the same shape, float32
        Lists with fewer items end in ``NO_ITEM`` with minus infinity.

    Raises
    ------
    ValueError
        For a vector that is not finite, with its row.

    Examples
    --------
    >>> import numpy as np
    >>> index = ItemIndex.of(np.array([[1.0], [-3.0], [2.0]], dtype=np.float32))
    >>> items, scores = pruned_top_k(np.array([[1.0], [-1.0]], dtype=np.float32), index, k=2)
    >>> items.tolist(), scores.tolist()
    ([[2, 0], [1, 0]], [[2.0, 1.0], [3.0, -1.0]])
    """
    rows = np.arange(len(users)) if rows is None else rows
    users = np.ascontiguousarray(users, np.float32)
    shelf = index.shelf
    n_items = len(shelf.places)
    if memory is not None and len(users) > 1 and _entries(memory, rows) > ENTRIES:
        cut = len(users) // 2
        options: dict[str, Any] = {"seen": seen, "memory": memory}
        halves = [
            pruned_top_k(users[part], index, k, rows=rows[part], **options)
            for part in (slice(cut), slice(cut, None))
        ]
        (items, scores), (more, lower) = halves
        return np.concatenate([items, more]), np.concatenate([scores, lower])
    heaps = _heaps(len(users), min(k, n_items), n_items)
    norms, marks = finite_norms(users, "user vectors", rows), _marks(index, len(users))
    if seen is not None:
        mark_cells(marks, rows, _cells(seen))
    added = _additions(memory, rows, marks, shelf)
    _scan(Readers(users, norms, marks, added), shelf, heaps)
    finish_lists(heaps.items, heaps.values)
    return heaps.items, heaps.values


def _scan(readers: Readers, shelf: Shelf, heaps: Heaps) -> None:
    """Go through the blocks, with fewer and fewer users."""
    users: Floats = readers.vectors
    n_left, n_items = len(users), len(shelf.columns)
    active = np.arange(n_left)
    room = np.empty(n_left * min(BLOCK, n_items), np.float32)
    for first in range(0, n_items, BLOCK):
        if n_left == 0:
            return
        items = shelf.vectors[first : first + BLOCK]
        products = room[: n_left * len(items)].reshape(n_left, len(items))
        some = users if n_left == len(users) else users[active[:n_left]]
        with np.errstate(over="ignore", invalid="ignore"):
            np.dot(some, items.T, out=products)
        n_left = scan_block(products, active, first, readers, shelf, heaps)


def _entries(memory: Memory, rows: Rows) -> int:
    """More than the additions to the scores of some users."""
    matrices = (_cells(memory.ties), _cells(memory.held))
    return int(added_room(rows, matrices, memory.held.shape[1]))


def _additions(
    memory: Memory | None, rows: Rows, marks: npt.NDArray[np.uint8], shelf: Shelf
) -> Additions:
    """The additions to the scores of some users, whose items are then marked."""
    n_entries = 0 if memory is None else _entries(memory, rows)
    n_blocks = -(-len(shelf.columns) // BLOCK)
    starts = np.empty((0 if memory is None else len(rows), n_blocks + 1), np.int64)
    added = Additions(starts, np.empty(n_entries, np.int32), np.empty(n_entries), BLOCK)
    if memory is not None:
        matrices = (_cells(memory.ties), _cells(memory.held))
        gather_added(rows, matrices, float(memory.weight), marks, shelf.places, added)
    return added


def finite_norms(vectors: Floats, name: str, rows: Rows | None = None) -> npt.NDArray[np.float64]:
    """Norms of some vectors, none of them too small; refuses what is not finite."""
    norms = np.empty(len(vectors))
    bad = row_norms(vectors, norms)
    if bad >= 0:
        value = vectors[bad][~np.isfinite(vectors[bad])][0]
        row = bad if rows is None else rows[bad]
        raise ValueError(f"{name} must be finite; got {value} in row {row}: fit again")
    return norms


def _shelf(vectors: Floats, norms: npt.NDArray[np.float64], columns: Rows, n_items: int) -> Shelf:
    """Read-only arrays in the order given."""
    places = np.full(n_items, -1, np.int32)
    places[columns] = np.arange(len(columns))
    shelf = Shelf(np.ascontiguousarray(vectors), norms, columns.astype(np.int32), places)
    for part in shelf:
        part.setflags(write=False)
    return shelf


def _heaps(n_users: int, length: int, n_items: int) -> Heaps:
    heaps = Heaps(np.empty((n_users, length), np.int32), np.empty((n_users, length), np.float32))
    start_lists(heaps.items, heaps.values, n_items)
    return heaps


def _marks(index: ItemIndex, n_users: int) -> npt.NDArray[np.uint8]:
    """A row of bits for each user, none set but for barred columns."""
    if index.barred is None:
        return np.zeros((n_users, (len(index.shelf.places) + 7) // 8), np.uint8)
    return np.repeat(index.barred[None, :], n_users, axis=0)


def _cells(matrix: Csr) -> Cells:
    return Cells(matrix.indptr, matrix.indices, matrix.data)
