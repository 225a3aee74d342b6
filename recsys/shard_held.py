"""The items of friends, for lists on a shard: copied, block by block, out of the rows of all.

The rows of all shards lie side by side, each as its worker handed it out. For a block of users
those of their friends alone are copied, and ties renumbered. The entries of a row keep their
order, so that what a person is reminded of is summed up as on one machine, bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import sparse

from .execution import Rows
from .matrices import Csr, still

#: bytes of an item that somebody holds, in a copy
CELL = 8


class HeldRows(NamedTuple):
    """Preference rows of a shard as they travel; ``data`` is empty where every weight is 1."""

    indptr: npt.NDArray[Any]
    indices: npt.NDArray[Any]
    data: npt.NDArray[np.float32]

    @classmethod
    def of(cls, rows: Csr) -> HeldRows:
        """The arrays of a matrix.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy import sparse
        >>> rows = HeldRows.of(sparse.csr_array(np.array([[0, 1], [1, 1]], np.float32)))
        >>> rows.indices.tolist(), rows.data.tolist()
        ([1, 0, 1], [])
        """
        is_one = rows.nnz > 0 and rows.data.min() == rows.data.max() == 1
        return cls(rows.indptr, rows.indices, rows.data[:0] if is_one else rows.data)

    @property
    def nbytes(self) -> int:
        """Bytes of the three arrays."""
        return sum(array.nbytes for array in self)


@dataclass(eq=False)
class ShardHeld:
    """The preference rows of all users: a table for each shard, and the first user of each."""

    tables: tuple[HeldRows, ...]
    starts: tuple[int, ...]

    def lengths(self, users: Rows) -> npt.NDArray[np.int64]:
        """How many items some users hold, who come in rising order."""
        found = [np.empty(0, np.int64)]
        for table, own in self._by_shard(users):
            found.append(np.asarray(table.indptr[own + 1] - table.indptr[own], np.int64))
        return np.concatenate(found)

    def held(self, users: Rows, n_items: int) -> Csr:
        """``r`` of some users in rising order, a row for each; see ``channels.held_items``.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy import sparse
        >>> rows = HeldRows.of(sparse.csr_array(np.ones((2, 4), np.float32)))
        >>> ShardHeld((rows, rows), (0, 2, 4)).held(np.array([1, 3]), 4).toarray().tolist()
        [[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]]
        """
        indptr = np.concatenate([[0], np.cumsum(self.lengths(users))])
        indices, data = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32)
        done = 0
        for table, own in self._by_shard(users):
            cells = (still(table.indptr), still(table.indices), still(table.data))
            _copy_held(own, cells, indptr[done:], indices, data)
            done += len(own)
        return sparse.csr_array((data, indices, indptr), shape=(len(users), n_items))

    def _by_shard(self, users: Rows) -> list[tuple[HeldRows, Rows]]:
        """The table of each shard, and which of its rows are asked for."""
        cuts = np.searchsorted(users, self.starts)
        return [
            (table, np.asarray(users[cuts[shard] : cuts[shard + 1]], np.int64) - start)
            for shard, (table, start) in enumerate(zip(self.tables, self.starts, strict=False))
        ]


def block_ties(ties: Csr, block: slice) -> tuple[Csr, Rows]:
    """The ties of the users in a block, on their friends alone, and who these are.

    The rows stay those of ``ties``; those outside the block are empty.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> ties = sparse.csr_array(np.array([[0, 0, 0, 1], [0, 2, 0, 3], [4, 0, 0, 0]]))
    >>> some, friends = block_ties(ties, slice(1, 2))
    >>> some.toarray().tolist(), friends.tolist()
    ([[0, 0], [2, 3], [0, 0]], [1, 3])
    """
    first, last = ties.indptr[block.start], ties.indptr[block.stop]
    friends, places = np.unique(ties.indices[first:last], return_inverse=True)
    cells = (ties.data[first:last], places, np.clip(ties.indptr, first, last) - first)
    some: Csr = sparse.csr_array(cells, shape=(ties.shape[0], len(friends)))
    return some, friends.astype(np.int64)


@njit(nogil=True, cache=True)
def _copy_held(rows: Any, cells: Any, ends: Any, into: Any, values: Any) -> None:
    """Some rows, each over the root of its length, to ``ends[0]`` and on."""
    indptr, indices, data = cells
    is_one = data.shape[0] == 0
    for place in range(rows.shape[0]):
        first, last = indptr[rows[place]], indptr[rows[place] + 1]
        scale = np.float32(1.0 / np.sqrt(np.float64(max(last - first, 1))))
        free = ends[place]
        for cell in range(first, last):
            into[free] = indices[cell]
            values[free] = scale if is_one else scale * data[cell]
            free += 1
