"""The cells of a shard of users, by user and by item, as ``implicit`` takes them.

Who holds an item is on all shards: each hands the columns of a block of items to the worker that
has it, who puts them together in the order of the users, as the transpose of the whole would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import sparse

from .matrices import Csr, still
from .scoring import Floats

Ints = npt.NDArray[np.int32]

#: cells that are weighted at a time
_CELLS = 1 << 22


class Columns(NamedTuple):
    """Columns of a block of items, of the users of one shard.

    ``counts`` holders of each item; ``users`` item by item, counted from 0 within the shard, in
    ascending order; ``weights`` of the cells, empty where all are 1.
    """

    counts: Ints
    users: Ints
    weights: Floats

    @property
    def nbytes(self) -> int:
        """Of the three arrays."""
        return self.counts.nbytes + self.users.nbytes + self.weights.nbytes


def weighted(rows: Csr, scale: npt.NDArray[np.float64] | None) -> Csr:
    """Preference rows with their discount by item, as one machine rounds it."""
    if scale is None:
        return rows
    data = np.empty(rows.nnz, np.float32)
    for start in range(0, rows.nnz, _CELLS):
        part = slice(start, start + _CELLS)
        data[part] = (scale[rows.indices[part]] * rows.data[part]).astype(np.float32)
    return sparse.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)


def confidences(rows: Csr, confidence: float) -> Any:
    """``confidence * rows`` as a matrix of the older kind, whose arrays can be written to."""
    if rows.nnz >= 2**31:
        raise ValueError(
            f"a shard must have fewer than 2^31 rows; got {rows.nnz}: take more shards"
        )
    data = rows.data * np.float32(confidence)
    parts = (data, np.array(rows.indices, np.int32), np.array(rows.indptr, np.int32))
    return sparse.csr_matrix(parts, shape=rows.shape)


def columns_of(rows: Csr, cuts: Sequence[int], *, with_weights: bool) -> list[Columns]:
    """The columns of every block of items, cut at ``cuts``.

    Examples
    --------
    >>> rows = sparse.csr_array(np.array([[0, 1], [1, 1]], np.float32))
    >>> [part.users.tolist() for part in columns_of(rows, (0, 1, 2), with_weights=False)]
    [[1], [0, 1]]
    """
    turned: Any = sparse.csc_array(rows)
    turned.sort_indices()
    counts = np.diff(turned.indptr).astype(np.int32)
    found = []
    for first, last in pairwise(cuts):
        part = slice(turned.indptr[first], turned.indptr[last])
        users = turned.indices[part].astype(np.int32)
        weights = turned.data[part].astype(np.float32) if with_weights else np.empty(0, np.float32)
        found.append(Columns(counts[first:last], users, weights))
    return found


def joined_columns(
    parts: Sequence[Columns], starts: Sequence[int], confidence: Floats | float
) -> Any:
    """A row for every item of a block, of the users of all shards, times ``confidence``.

    ``starts`` are the first users of the shards, and at the end their number; ``confidence`` is
    one for each item where the cells have no weights.

    Examples
    --------
    >>> one, other = (np.array(users, np.int32) for users in ([1], [0]))
    >>> counts, none = np.array([1], np.int32), np.empty(0, np.float32)
    >>> parts = [Columns(counts, one, none), Columns(counts, other, none)]
    >>> joined_columns(parts, (0, 2, 3), np.array([5], np.float32)).toarray().tolist()
    [[0.0, 5.0, 5.0]]
    """
    lengths = np.asarray(np.sum([part.counts for part in parts], axis=0, dtype=np.int64))
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    narrow = _narrow(pointers)
    users = np.empty(pointers[-1], np.int32)
    has_weights = any(len(part.weights) for part in parts)
    data = np.empty(len(users), np.float32)
    places = pointers[:-1].copy()
    for part, first in zip(parts, starts[:-1], strict=True):
        cells = (still(part.counts), still(part.users), still(part.weights))
        _place(cells, first, places, users, data, has_weights)
    if has_weights:
        data *= np.float32(confidence)
    else:
        # one for all where there would be weights, if the block had cells
        each = np.broadcast_to(np.asarray(confidence, np.float32), lengths.shape)
        data[:] = np.repeat(each, lengths)
    shape = (len(lengths), starts[-1])
    return sparse.csr_matrix((data, users, narrow), shape=shape)


def _narrow(pointers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """In 32 bits, as the positions are: implicit takes no mixture."""
    if pointers[-1] >= 2**31:
        raise ValueError(
            f"a block of items must have fewer than 2^31 rows; got {pointers[-1]}: take more shards"
        )
    return pointers.astype(np.int32)


@njit(nogil=True, cache=True)
def _place(cells: Any, first: int, places: Any, users: Any, data: Any, weighted: bool) -> None:
    """Write the columns of one shard behind those of the shards before it."""
    counts, own, weights = cells
    at = 0
    for item in range(len(counts)):
        to = places[item]
        for _ in range(counts[item]):
            users[to] = own[at] + first
            if weighted:
                data[to] = weights[at]
            to += 1
            at += 1
        places[item] = to
