"""The ties of a graph as compressed rows: no weights are stored where all are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from . import tie_kernels

Matrix: TypeAlias = "sp.csr_array[np.float64, tuple[int, int]]"
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.integer[Any]]


# With weights between these, columns up to 1e25 stay below the largest number of float32.
_MODERATE = 1e-4, 1e9


@dataclass(frozen=True, eq=False)
class Ties:
    """A canonical adjacency of n nodes: rows sorted, no duplicates, no zeros.

    Attributes
    ----------
    indptr, indices
        The rows, with 32-bit indices where they suffice.
    data
        The weight of each tie; None where all weigh the same.
    weight
        That weight; 1 where there are data.
    """

    indptr: Indices
    indices: Indices
    data: Floats | None
    weight: float = 1.0

    @property
    def n(self) -> int:
        """The number of nodes."""
        return len(self.indptr) - 1

    def weights(self) -> Floats:
        """The weight of each tie, in a new array where all are the same."""
        return np.full(len(self.indices), self.weight) if self.data is None else self.data

    def matrix(self) -> Matrix:
        """The adjacency as csr_array; shares memory.

        Examples
        --------
        >>> ties_of(sp.csr_array([[0.0, 2.0], [2.0, 0.0]])).matrix().toarray()
        array([[0., 2.],
               [2., 0.]])
        """
        made: Matrix = sp.csr_array(
            (self.weights(), self.indices, self.indptr), shape=(self.n, self.n)
        )
        made.has_canonical_format = True
        return made

    def counts(self, *, columns: bool = False) -> Floats:
        """How many ties each row, or each column, has."""
        if not columns:
            return np.diff(self.indptr).astype(np.float64)
        found = np.zeros(self.n)
        tie_kernels.count_columns(self.indices, found)
        return found

    def sums(self, *, columns: bool = False) -> Floats:
        """Row sums or column sums of the weights.

        Examples
        --------
        >>> ties_of(sp.csr_array([[0.0, 2.0], [0.0, 0.0]])).sums(columns=True)
        array([0., 2.])
        """
        if self.data is None:
            return self.counts(columns=columns) * self.weight
        matrix = self.matrix()
        return row_sums(matrix) if not columns else np.asarray(matrix.T @ np.ones(self.n))


def ties_of(matrix: Matrix) -> Ties:
    """The ties of a canonical matrix; shares its memory, but for data that are all the same.

    Examples
    --------
    >>> ties_of(sp.csr_array([[0.0, 2.0], [1.0, 0.0]])).data
    array([2., 1.])
    """
    data = matrix.data
    if len(data) and data.min() == data.max():
        return Ties(matrix.indptr, matrix.indices, None, float(data[0]))
    return Ties(matrix.indptr, matrix.indices, data)


def read_as_it_is(raw: Any) -> Ties | None:
    """The ties of a matrix that is canonical already, copied; None of one that is not, or is wrong.

    Examples
    --------
    >>> read_as_it_is(sp.csr_array([[0, 1], [0, 0]])).weight
    1.0
    >>> read_as_it_is(sp.csr_array([[0, -1], [0, 0]])) is None
    True
    """
    kinds = raw.dtype.kind in "biu" or raw.dtype in (np.float32, np.float64)
    if raw.format != "csr" or not kinds or not raw.nnz or not raw.has_canonical_format:
        return None
    given = raw.data[: raw.nnz]
    low, high = given.min(), given.max()
    with np.errstate(over="ignore"):
        if not (low > 0 and np.isfinite(high) and np.isfinite(given.sum(dtype=np.float64))):
            return None
    small = max(raw.nnz, *raw.shape) < 2**31
    kind = np.int32 if small else np.int64
    data = None if low == high else given.astype(np.float64)
    weight = float(low) if low == high else 1.0
    return Ties(raw.indptr.astype(kind), raw.indices[: raw.nnz].astype(kind), data, weight)


def is_mirrored(ties: Ties, slack: float) -> bool:
    """Whether ``A`` equals its transpose within a relative slack; one pass, 8 bytes a node.

    Examples
    --------
    >>> is_mirrored(ties_of(sp.csr_array([[0.0, 2.0], [1.0, 0.0]])), 0.0)
    False
    """
    unread = ties.indptr[:-1].copy()
    return bool(tie_kernels.mirrored(ties.indptr, ties.indices, ties.data, unread, slack))


def is_moderate(weights: Floats) -> bool:
    """Whether products of roots of the positive ones stay far from the ends of single precision.

    Examples
    --------
    >>> is_moderate(np.array([0.0, 1.0, 1e6])), is_moderate(np.array([1e-30]))
    (True, False)
    """
    least, largest = _MODERATE
    return not bool(((weights > 0) & ((weights < least) | (weights > largest))).any())


def even_out(ties: Ties) -> None:
    """Give both directions of every tie the larger weight, in place; ties must be mirrored."""
    if ties.data is not None:
        tie_kernels.even_out(ties.indptr, ties.indices, ties.data, ties.indptr[:-1].copy())


def row_sums(matrix: Matrix) -> npt.NDArray[np.float64]:
    """``A 1``.

    Examples
    --------
    >>> row_sums(sp.csr_array(np.array([[0.0, 2.0], [0.0, 0.0]])))
    array([2., 0.])
    """
    return np.asarray(matrix @ np.ones(matrix.shape[1]))


def narrow_indices(matrix: Matrix) -> Matrix:
    """Give a matrix 32-bit indices where they suffice, in place: half the traffic per product.

    Examples
    --------
    >>> wide = sp.csr_array(([1.0], np.array([0]), np.array([0, 1])), shape=(1, 1))
    >>> narrow_indices(wide).indices.dtype
    dtype('int32')
    """
    if max(matrix.nnz, *matrix.shape) < 2**31:
        matrix.indices = matrix.indices.astype(np.int32, copy=False)
        matrix.indptr = matrix.indptr.astype(np.int32, copy=False)
    return matrix
