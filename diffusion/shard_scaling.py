"""How the rows of a shard are normalised: what each shard adds to degrees, mirrors and scalings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from . import sparse_steps, tie_kernels
from .normalization import entries, inverse_power
from .row_shards import GhostRows, RowsOfP
from .row_threads import over_rows
from .scaled_pattern import ScaledPattern
from .ties import Ties

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.integer[Any]]

#: relative difference of the two directions of a tie that rounding explains
SLACK = 16.0 * float(np.finfo(np.float64).eps)


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


def mirror_marks(indptr: Places, indices: Places, data: Floats, first: int) -> tuple[int, int]:
    """Two numbers, without the weights and with them, whose sums over all shards say what mirrors.

    ``sum_uv h(u, v) - h(v, u)`` modulo ``2**64`` over the rows from ``first`` on: zero where every
    tie has its mirror, and where one lacks it zero with a probability of ``2**-64``.

    Examples
    --------
    >>> one_way = mirror_marks(np.array([0, 1]), np.array([1]), np.array([2.0]), 0)
    >>> other_way = mirror_marks(np.array([0, 1]), np.array([0]), np.array([3.0]), 1)
    >>> [(a + b) % 2**64 == 0 for a, b in zip(one_way, other_way)]
    [True, False]
    """
    bits = np.ascontiguousarray(data).view(np.uint64)
    found = np.zeros(2, np.uint64)
    _marks(indptr, indices, bits, np.uint64(first), found)
    return int(found[0]), int(found[1])


def mirrored_weights(ghosts: GhostRows, data: Floats) -> tuple[Floats, ...]:
    """For each shard the weights of the ties to its nodes, by node and then by row.

    In a mirrored graph that is the order of the shard's own ties to these rows.

    Examples
    --------
    >>> theirs = (np.array([0, 1]), np.empty(0, int))
    >>> ghosts = GhostRows(np.array([0, 2]), np.array([1, 2]), 1, theirs)
    >>> mirrored_weights(ghosts, np.array([5.0, 6.0]))[0]
    array([5., 6.])
    """
    found = []
    for where in _ties_to(ghosts):
        order = np.argsort(ghosts.indices[where], kind="stable")
        found.append(data[where[order]])
    return tuple(found)


def evened(ghosts: GhostRows, data: Floats, mirrors: Sequence[Floats]) -> Floats | None:
    """The larger weight of both directions of every tie; None where they differ beyond rounding.

    ``mirrors`` is what each shard has for this one by `mirrored_weights`.

    Examples
    --------
    >>> ghosts = GhostRows(np.array([0, 1]), np.array([1]), 0, (np.empty(0, int), np.array([0])))
    >>> evened(ghosts, np.array([5.0]), [np.empty(0), np.array([7.0])]) is None
    True
    """
    even = data.copy()
    for where, mirror in zip(_ties_to(ghosts), mirrors, strict=True):
        here = data[where]
        if len(here) != len(mirror):
            return None
        larger = np.maximum(here, mirror)
        if (np.abs(here - mirror) > SLACK * larger).any():
            return None
        even[where] = larger
    return even


def column_sums(ghosts: GhostRows, data: Floats | None) -> Floats:
    """What the rows add to the column of each own node and ghost; counts where data are None.

    Examples
    --------
    >>> ghosts = GhostRows(np.array([0, 1]), np.array([1]), 0, (np.empty(0, int), np.array([0])))
    >>> column_sums(ghosts, np.array([5.0]))
    array([0., 5.])
    """
    found = np.zeros(ghosts.n + ghosts.n_ghosts)
    if data is None:
        tie_kernels.count_columns(ghosts.indices, found)
    else:
        _sum_columns(ghosts.indices, data, found)
    return found


def power_rows(
    ghosts: GhostRows,
    data: Floats | None,
    degrees: tuple[Floats, Floats],
    exponent: float,
    *,
    moderate: bool,
    directed: bool,
) -> RowsOfP:
    """The rows of ``D_r^-s A D_c^-(1-s)``.

    Parameters
    ----------
    ghosts
        The ties.
    data
        Their weights; None where all ties of the graph weigh the same.
    degrees
        Row sums of own nodes and column sums of own nodes and ghosts; counts where data are None.
    exponent
        ``s``.
    moderate
        Whether weights and sums of the whole graph are, so that scales can stand for entries.
    directed
        Whether the whole graph is.

    Examples
    --------
    >>> ghosts = GhostRows(np.array([0, 1]), np.array([1]), 0, (np.empty(0, int), np.array([0])))
    >>> sums = np.array([4.0]), np.array([4.0, 1.0])
    >>> rows = power_rows(ghosts, np.array([4.0]), sums, 0.5, moderate=True, directed=False)
    >>> rows.pattern.left, rows.right
    (array([0.5]), array([0.5, 1. ]))
    """
    out, into = degrees
    n = ghosts.n
    still = np.ones(n, np.bool_)
    if exponent > 0.0:
        still &= out == 0
    if exponent < 1.0:
        still &= into[:n] == 0
    own = still.astype(np.float64) if still.any() else None
    if data is None or moderate:
        left, right = inverse_power(out, exponent), inverse_power(into, 1.0 - exponent)
    else:
        data = entries(Ties(ghosts.indptr, ghosts.indices, data), out, into, exponent)
        left = right = None
    p = np.inf if exponent == 1.0 else 1.0 / (1.0 - exponent)
    return _rows(ghosts, data, (left, right, own), directed, p)


class EvenScaling:
    """Sweeps of the symmetric scaling of `sinkhorn.doubly_stochastic`, on the rows of a shard.

    Attributes
    ----------
    scale
        Shape (n + ghosts, 1): the scaling of own nodes and ghosts.
    sums
        Shape (n,): the row sums of the graph so scaled.

    Examples
    --------
    >>> ghosts = GhostRows(np.array([0, 0]), np.empty(0, np.int32), 0, (np.empty(0, int),))
    >>> alone = EvenScaling(ghosts, None)
    >>> alone.sweep(), alone.scale.ravel()
    (0.0, array([1.]))
    """

    def __init__(self, ghosts: GhostRows, data: Floats | None) -> None:
        self.ghosts, self.data = ghosts, data
        counts = np.diff(ghosts.indptr).astype(np.float64)
        degrees = counts if data is None else row_sums(ghosts, data)
        self.loops = np.where(counts > 0, degrees / np.maximum(counts, 1), 1.0)
        self.scale = np.ones((ghosts.n + ghosts.n_ghosts, 1))
        self.sums = np.ones(ghosts.n)
        self.scale[: ghosts.n, 0] = 1.0 / np.sqrt(self._times())

    def given(self) -> tuple[Floats, ...]:
        """The scaling of own nodes for the shards that have them as ghosts."""
        return self.ghosts.given(self.scale)

    def take(self, blocks: Sequence[Floats]) -> None:
        """The scaling of ghosts."""
        self.ghosts.take(blocks, self.scale)

    def sweep(self) -> float:
        """Sum the rows as they are scaled; how far the farthest sum is from 1."""
        self.sums = self.scale[: self.ghosts.n, 0] * self._times()
        return float(np.abs(self.sums - 1.0).max())

    def divide(self) -> None:
        """Scale own nodes by what the sweep found."""
        self.scale[: self.ghosts.n, 0] = self._divided()

    def given_next(self) -> tuple[Floats, ...]:
        """As `given`, of what `divide` will make of it."""
        return self.ghosts.given(self._divided()[:, None])

    def rows(self, largest: float, *, moderate: bool) -> RowsOfP:
        """The rows of P; ``largest`` is the largest row sum of all shards."""
        ghosts, data = self.ghosts, self.data
        scale = self.scale[:, 0]
        own_scale = scale[: ghosts.n]
        own = own_scale * self.loops * own_scale / largest + (1.0 - self.sums / largest)
        unit = scale / math.sqrt(largest)
        if data is None or moderate:
            return _rows(ghosts, data, (unit[: ghosts.n].copy(), unit, own), False, 2.0)
        left = np.repeat(unit[: ghosts.n], np.diff(ghosts.indptr))
        return _rows(ghosts, left * unit[ghosts.indices] * data, (None, None, own), False, 2.0)

    def _divided(self) -> Floats:
        """The scaling of own nodes over the roots of the sums."""
        return np.asarray(self.scale[: self.ghosts.n, 0] / np.sqrt(self.sums))

    def _times(self) -> Floats:
        """The graph with its loops times the scaling."""
        indptr = self.ghosts.indptr
        ties, scales = (indptr, self.ghosts.indices, self.data), (None, self.loops)
        now, out = self.scale, np.empty((self.ghosts.n, 1))
        over_rows(
            lambda first, last: sparse_steps.product((first, last), ties, scales, now, out, 0),
            indptr,
        )
        return out[:, 0]


def row_sums(ghosts: GhostRows, data: Floats) -> Floats:
    """The sum of every row.

    Examples
    --------
    >>> ghosts = GhostRows(np.array([0, 1]), np.array([1]), 0, (np.empty(0, int), np.array([0])))
    >>> row_sums(ghosts, np.array([5.0]))
    array([5.])
    """
    found = np.zeros(ghosts.n)
    _sum_rows(ghosts.indptr, data, found)
    return found


def _rows(ghosts: GhostRows, data: Floats | None, scales: Any, directed: bool, p: float) -> RowsOfP:
    """Rows around left, right and own scales, right of ghosts too."""
    left, right, own = scales
    if right is not None:
        right.flags.writeable = False
    pattern = ScaledPattern(
        ghosts.indptr.view(),
        ghosts.indices.view(),
        None if data is None else data.view(),
        left,
        None if right is None else right[: ghosts.n],
        own,
    )
    return RowsOfP(ghosts, pattern, right, directed, p)


def _ties_to(ghosts: GhostRows) -> list[Places]:
    """Which ties lead to the nodes of each shard."""
    found: list[Places] = []
    for other, rows in enumerate(ghosts.rows_of):
        first, last = (0, ghosts.n) if other == ghosts.shard else (rows.start, rows.stop)
        found.append(np.flatnonzero((ghosts.indices >= first) & (ghosts.indices < last)))
    return found


@_jit
def _mixed(value: Any) -> Any:
    """The finalizer of splitmix64 (Steele, Lea & Flood, OOPSLA 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@_jit
def _marks(indptr: Any, indices: Any, bits: Any, first: Any, found: Any) -> None:
    """Sums of hashes of ties less those of their mirrors."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    bare, whole = np.uint64(0), np.uint64(0)
    for row in range(len(indptr) - 1):
        u = first + np.uint64(row) + golden
        for e in range(indptr[row], indptr[row + 1]):
            v = np.uint64(indices[e]) + golden
            there = _mixed(_mixed(u) + v)
            back = _mixed(_mixed(v) + u)
            bare += there - back
            whole += _mixed(there ^ bits[e]) - _mixed(back ^ bits[e])
    found[0], found[1] = bare, whole


@_jit
def _sum_columns(indices: Any, data: Any, found: Any) -> None:
    """Add the weight of every tie to its column."""
    for e in range(len(indices)):
        found[indices[e]] += data[e]


@_jit
def _sum_rows(indptr: Any, data: Any, found: Any) -> None:
    """Add up the weights of every row, one after the other."""
    for row in range(len(indptr) - 1):
        total = 0.0
        for e in range(indptr[row], indptr[row + 1]):
            total += data[e]
        found[row] = total
