"""Rows of P for some of the nodes: what one of several machines does in a step.

The nodes are cut into ranges, one for each shard. A shard has the rows of its own nodes; the others
that they listen to are its *ghosts*: rows of a panel that their owners send before every step.
In a shard its own nodes are numbered first, in their order, and then the ghosts, those of one
owner after those of another. The ties of a row stay in the order of the whole graph, so that a sum
over them has the bits of one machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from . import sparse_steps
from .norms import column_norms
from .panels import Block, empty_panel
from .row_threads import over_rows
from .scaled_pattern import ScaledPattern

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.integer[Any]]


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


@dataclass(eq=False)
class GhostRows:
    """The ties of the nodes of a shard, and who needs which rows.

    Attributes
    ----------
    indptr, indices
        The ties, by the numbers of the shard: own nodes, then ghosts.
    shard
        Whose ties these are.
    wanted
        For each shard its nodes that are ghosts here, counted from 0 there; none for this shard.
    needed
        For each shard the own nodes that are ghosts there; empty until they are known.

    Examples
    --------
    Nodes 0 and 1 of four, of which node 1 listens to node 3:

    >>> found = ghost_rows(np.array([0, 1, 2]), np.array([1, 3]), starts=(0, 2, 4), shard=0)
    >>> found.indices, found.wanted[1]
    (array([1, 2], dtype=int32), array([1], dtype=int32))
    """

    indptr: Places
    indices: Places
    shard: int
    wanted: tuple[Places, ...]
    needed: tuple[Places, ...] = ()

    @property
    def n(self) -> int:
        """The number of own nodes."""
        return len(self.indptr) - 1

    @property
    def n_ghosts(self) -> int:
        """The number of ghosts."""
        return sum(len(codes) for codes in self.wanted)

    @property
    def rows_of(self) -> list[slice]:
        """The rows of a panel that hold the ghosts of each shard."""
        ends = self.n + np.cumsum([0, *(len(codes) for codes in self.wanted)])
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]

    def given(self, rows: Block) -> tuple[Block, ...]:
        """What each shard needs of a panel or a column, one contiguous array for each."""
        return tuple(_taken(rows, places) for places in self.needed)

    def take(self, blocks: Sequence[Block], rows: Block) -> None:
        """Put what the shards gave into the rows of the ghosts."""
        for block, here in zip(blocks, self.rows_of, strict=True):
            rows[here] = block

    def parts(self, values: Floats) -> tuple[Floats, ...]:
        """Sums for the ghosts of each shard, out of those of all columns."""
        return tuple(values[here].copy() for here in self.rows_of)

    def added(self, own: Floats, parts: Sequence[Floats]) -> Floats:
        """Sums for own nodes: those of every shard, in the order of the shards."""
        total = np.zeros(self.n)
        for origin, (part, places) in enumerate(zip(parts, self.needed, strict=True)):
            if origin == self.shard:
                total += own[: self.n]
            else:
                total[places] += part
        return total


def ghost_rows(indptr: Places, indices: Places, *, starts: Sequence[int], shard: int) -> GhostRows:
    """Number the columns of the rows of a shard anew: own nodes, then ghosts.

    Parameters
    ----------
    indptr, indices
        The rows; columns among all nodes.
    starts
        Where the nodes of each shard begin, and how many there are.
    shard
        Whose rows these are.

    Examples
    --------
    >>> ghost_rows(np.array([0, 2]), np.array([0, 2]), starts=(0, 1, 2, 3), shard=1).rows_of
    [slice(1, 2, None), slice(2, 2, None), slice(2, 3, None)]
    """
    first, last = starts[shard], starts[shard + 1]
    n, n_all = last - first, starts[-1]
    kind = np.int32 if n_all < 2**31 else np.int64
    place: Places = np.full(n_all, -1, kind)
    place[indices] = 0
    place[first:last] = -1
    ghosts = np.flatnonzero(place == 0)
    place[first:last] = np.arange(n)
    place[ghosts] = np.arange(n, n + len(ghosts))
    ends = np.searchsorted(ghosts, starts)
    wanted: tuple[Places, ...] = tuple(
        (ghosts[ends[other] : ends[other + 1]] - starts[other]).astype(kind)
        for other in range(len(starts) - 1)
    )
    pointers = np.int32 if len(indices) < 2**31 else np.int64
    return GhostRows(indptr.astype(pointers, copy=False), place[indices], shard, wanted)


@dataclass(eq=False)
class RowsOfP:
    """The rows of P of one shard.

    Attributes
    ----------
    ghosts
        Who is who.
    pattern
        The ties by the numbers of the shard, with the scales of own nodes.
    right
        ``right`` of own nodes and ghosts, float64; None for ones.
    directed
        Whether the whole graph is.
    p
        The ``p`` of the norm in which P never expands.
    """

    ghosts: GhostRows
    pattern: ScaledPattern
    right: Floats | None
    directed: bool
    p: float


class ShardPanel:
    """Steps of P on at most 32 columns of own rows, as `panels.Steps` with ghosts.

    Two panels, ``now`` with the rows of ghosts and ``before`` without: a step writes what comes
    next into ``before``, and then own rows of the two change places.

    Examples
    --------
    Both halves of a pair of friends of whom one has 8, the other 0:

    >>> import scipy.sparse as sp
    >>> halves = []
    >>> for shard in (0, 1):
    ...     ghosts = ghost_rows(
    ...         np.array([0, 1]), np.array([1 - shard]), starts=(0, 1, 2), shard=shard
    ...     )
    ...     ghosts.needed = tuple(np.arange(len(codes)) for codes in ghosts.wanted)
    ...     pattern = ScaledPattern(ghosts.indptr, ghosts.indices)
    ...     halves.append(ShardPanel(RowsOfP(ghosts, pattern, None, False, 2.0), np.float64))
    >>> totals = [np.empty((1, 1)), np.empty((1, 1))]
    >>> for half, value, total in zip(halves, (8.0, 0.0), totals):
    ...     half.load(np.array([[value]]), slice(0, 1), total, 0)
    ...     half.begin(0.5)
    >>> given = [half.given() for half in halves]
    >>> for shard, half in enumerate(halves):
    ...     half.take([given[0][shard], given[1][shard]])
    ...     half.step(1.0, 0.0, 0.5)
    >>> totals[0].ravel(), totals[1].ravel()
    (array([4.]), array([4.]))
    """

    def __init__(self, rows: RowsOfP, dtype: npt.DTypeLike) -> None:
        self.rows = rows
        self.scales = rows.pattern.scales(np.dtype(dtype))
        n, n_ghosts = rows.ghosts.n, rows.ghosts.n_ghosts
        self._now_room = empty_panel(n + n_ghosts, sparse_steps.WIDTH, dtype).reshape(-1)
        self._before_room = empty_panel(n, sparse_steps.WIDTH, dtype).reshape(-1)
        self._shape(sparse_steps.WIDTH)
        self.total, self.to = self.before, 0

    def load(self, values: Block, at: slice, total: Block, to: int) -> None:
        """Take columns as ``x_0``; the sum goes to columns of ``total`` from ``to`` on."""
        self._shape(at.stop - at.start)
        self.total, self.to = total, to
        self._load(values, at.start, self.scales.right)

    def begin(self, weight: float) -> None:
        """Begin the sum with ``w_0 x_0``."""
        own, before, total, to = self.own, self.before, self.total, self.to
        factor = total.dtype.type(weight)
        self._over(
            lambda first, last: sparse_steps.begin((first, last), own, before, total, to, factor)
        )

    def given(self) -> tuple[Block, ...]:
        """What each shard needs of the vector made last."""
        return self.rows.ghosts.given(self.now)

    def take(self, blocks: Sequence[Block]) -> None:
        """Put what the shards gave into the rows of the ghosts."""
        self.rows.ghosts.take(blocks, self.now)

    def step(self, alpha: float, beta: float, weight: float) -> None:
        """Make the next vector from the last one with its ghosts, and add it to the sum."""
        pattern, to, kind = self.rows.pattern, self.to, self.total.dtype.type
        ties = (pattern.indptr, pattern.indices, pattern.data)
        scales = (self.scales.both, self.scales.own)
        panels = (self.now, self.before, self.total)
        weights = (kind(alpha), kind(beta), kind(weight))
        self._over(
            lambda first, last: sparse_steps.step((first, last), ties, scales, panels, to, weights),
            columns=self.width,
        )
        own, before, width = self.own.reshape(-1), self.before.reshape(-1), self.width
        self._over(lambda first, last: _swap(own, before, first * width, last * width))

    def norms(self, p: float) -> Floats:
        """The l_p norm of each column of own rows of the vector made last."""
        return column_norms(self.own, p, over=self.scales.right)

    def settle(self) -> None:
        """End the sum."""
        right, total, to, width = self.scales.right, self.total, self.to, self.width
        if right is not None:
            self._over(
                lambda first, last: sparse_steps.settle((first, last), right, total, to, width)
            )

    def look_back(self, result: Block, at: slice) -> None:
        """Take columns of the result as ``x``, whose residual is asked for."""
        self._shape(at.stop - at.start)
        self._load(result, at.start, None)

    def residual(self, start: Block, at: int, damping: float) -> Block:
        """``(1-a) b - (I - aP) x``, for columns of ``start`` from ``at`` on.

        It lies where ``before`` was, until the next `load`.
        """
        pattern, rest = self.rows.pattern, self.before
        ties = (pattern.indptr, pattern.indices, pattern.data)
        scales = (pattern.left, self.rows.right, pattern.own)
        panels = (self.now, start, rest)
        self._over(
            lambda first, last: sparse_steps.residual(
                (first, last), ties, scales, panels, at, damping
            ),
            columns=2 * self.width,
        )
        return rest

    def _load(self, values: Block, at: int, right: Any) -> None:
        own = self.own
        self._over(lambda first, last: sparse_steps.load((first, last), values, at, right, own))

    def _shape(self, width: int) -> None:
        """Give the panels so many columns, in the memory that they have."""
        ghosts = self.rows.ghosts
        n, n_all = ghosts.n, ghosts.n + ghosts.n_ghosts
        self.width = width
        self.now = self._now_room[: n_all * width].reshape(n_all, width)
        self.own = self.now[:n]
        self.before = self._before_room[: n * width].reshape(n, width)

    def _over(self, kernel: Any, *, columns: int = 1) -> None:
        over_rows(kernel, self.rows.pattern.indptr, columns=columns)


def joined_norms(parts: Sequence[Floats], p: float) -> Floats:
    """The l_p norms of columns out of those of their parts, without overflow.

    Examples
    --------
    >>> joined_norms([np.array([3.0]), np.array([4.0])], 2.0)
    array([5.])
    """
    sizes = np.stack(parts)
    top = sizes.max(axis=0)
    if p == np.inf:
        return np.asarray(top)
    unit = np.where((top > 0) & np.isfinite(top), top, 1.0)
    return np.asarray(unit * ((sizes / unit) ** p).sum(axis=0) ** (1.0 / p))


def _taken(rows: Block, places: Places) -> Block:
    """Some rows, or entries of a column, as one contiguous array."""
    given = rows if rows.ndim == 2 else rows.reshape(-1, 1)
    found = np.empty((len(places), given.shape[1]), rows.dtype)
    ends = np.arange(len(places) + 1)
    over_rows(
        lambda first, last: _copy_rows(given, places, found, first, last),
        ends,
        columns=given.shape[1],
    )
    return found if rows.ndim == 2 else found.reshape(-1)


@_jit
def _copy_rows(rows: Any, places: Any, found: Any, first: int, last: int) -> None:
    """``found = rows[places]``."""
    for at in range(first, last):
        given, here = rows[places[at]], found[at]
        for j in range(len(here)):
            here[j] = given[j]


@_jit
def _swap(one: Any, other: Any, first: int, last: int) -> None:
    """Exchange entries of two flat arrays."""
    for at in range(first, last):
        kept = one[at]
        one[at] = other[at]
        other[at] = kept
