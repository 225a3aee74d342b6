"""Compiled passes over all ties: cosine of the signals at both ends, and the weights of friends.

Each writes one number per tie into one array and goes through the rows in threads. What is
summed is summed in one order for every tie and every row, so the bits do not depend on the number
of threads, and the cosine of (u, v) is that of (v, u).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import sparse

from ..diffusion.row_threads import over_rows
from .matrices import Csr, still

Singles: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.integer[Any]]

#: a sum may be taken in the lanes of a vector register: the order is that of the compiled code
_LANES = {"reassoc", "contract", "nsz"}


def tie_cosines(
    signals: Singles | Csr, sources: Places, indptr: Places, targets: Places
) -> Singles:
    """Cosine of the signals of ``sources[i]`` and of each of its targets, 0 where one is zero.

    ``targets[indptr[i]:indptr[i + 1]]`` belong to ``sources[i]``; shape (len(targets),).
    """
    found = np.empty(len(targets), np.float32)
    ties = still(sources), still(indptr), still(targets)
    if isinstance(signals, np.ndarray):
        rows = still(np.ascontiguousarray(signals))
        inverse = _inverse(np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64)))

        def dense(first: int, last: int) -> None:
            _dense_cosines(rows, inverse, ties, found, first, last)

        over_rows(dense, indptr, columns=rows.shape[1])
        return found
    given = sparse.csr_array(signals)
    cells = still(given.data), still(given.indices), still(given.indptr)
    inverse = _inverse(np.sqrt(_squares(given)))

    def thin(first: int, last: int) -> None:
        marks = np.zeros(given.shape[1], given.dtype)
        _sparse_cosines(cells, marks, inverse, ties, found, (first, last))

    over_rows(thin, indptr, columns=2 + given.nnz // max(given.shape[0], 1))
    return found


def summed(weights: npt.NDArray[Any], ties: Csr, scale: Singles) -> tuple[Doubles, Doubles]:
    """Row and column sums of ties that weigh ``weights * scale``, in double precision."""
    out, into = np.zeros(ties.shape[0]), np.zeros(ties.shape[1])
    places = still(ties.indptr), still(ties.indices)
    _sums(still(weights), places, scale, out, into)
    return out, into


def normalise(
    weights: npt.NDArray[Any], ties: Csr, scale: Singles, out: Doubles, into: Doubles
) -> None:
    """``scale <- D_r^-1/2 C D_c^-1/2`` in place, for ``C = weights * scale`` with these sums."""

    given, places = still(weights), (still(ties.indptr), still(ties.indices))

    def kernel(first: int, last: int) -> None:
        _normalise(given, places, scale, (out, into), first, last)

    over_rows(kernel, ties.indptr)


def _inverse(lengths: Doubles) -> Doubles:
    """``1 / lengths``, 0 for 0."""
    return np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)


def _squares(matrix: Csr) -> Doubles:
    """Squared length of every row."""
    squared = matrix.data.astype(np.float64) ** 2
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return np.asarray(np.bincount(rows, weights=squared, minlength=matrix.shape[0]), np.float64)


@njit(nogil=True, cache=True, fastmath=_LANES)
def _dense_cosines(
    signals: Any, inverse: Any, ties: Any, found: Any, first: int, last: int
) -> None:
    """Rows ``first`` to ``last`` over dense signals."""
    sources, indptr, targets = ties
    zero = signals.dtype.type(0)
    for row in range(first, last):
        u = sources[row]
        for tie in range(indptr[row], indptr[row + 1]):
            v = targets[tie]
            total = zero
            for k in range(signals.shape[1]):
                total += signals[u, k] * signals[v, k]
            found[tie] = total * (inverse[u] * inverse[v])


@njit(nogil=True, cache=True)
def _sparse_cosines(
    rows: Any, marks: Any, inverse: Any, ties: Any, found: Any, between: tuple[int, int]
) -> None:
    """The same over sparse rows; ``marks`` is a row of zeros, and one again at the end."""
    data, columns, starts = rows
    sources, indptr, targets = ties
    for row in range(between[0], between[1]):
        u = sources[row]
        for at in range(starts[u], starts[u + 1]):
            marks[columns[at]] += data[at]
        for tie in range(indptr[row], indptr[row + 1]):
            v = targets[tie]
            total = 0.0
            for at in range(starts[v], starts[v + 1]):
                total += marks[columns[at]] * data[at]
            found[tie] = total * (inverse[u] * inverse[v])
        for at in range(starts[u], starts[u + 1]):
            marks[columns[at]] = 0


@njit(nogil=True, cache=True)
def _sums(weights: Any, ties: Any, scale: Any, out: Any, into: Any) -> None:
    """Sums of ``weights * scale`` over rows and columns."""
    indptr, indices = ties
    for row in range(indptr.shape[0] - 1):
        total = 0.0
        for tie in range(indptr[row], indptr[row + 1]):
            weight = np.float64(weights[tie]) * np.float64(scale[tie])
            total += weight
            into[indices[tie]] += weight
        out[row] = total


@njit(nogil=True, cache=True)
def _normalise(weights: Any, ties: Any, scale: Any, sums: Any, first: int, last: int) -> None:
    """``sqrt(c / d_r) sqrt(c / d_c)``, which cannot overflow."""
    indptr, indices = ties
    out, into = sums
    for row in range(first, last):
        for tie in range(indptr[row], indptr[row + 1]):
            weight = np.float64(weights[tie]) * np.float64(scale[tie])
            if weight > 0.0:
                weight = np.sqrt(weight / out[row]) * np.sqrt(weight / into[indices[tie]])
            scale[tie] = weight
