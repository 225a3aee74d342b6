"""Filters on columns, a panel at a time: the kernels of `sparse_steps`, with threads over rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from . import sparse_steps
from .norms import column_norms
from .row_threads import over_rows
from .scaled_pattern import ScaledPattern, Vector

Block: TypeAlias = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_LINE = 64


def empty_panel(n: int, width: int, dtype: npt.DTypeLike) -> Block:
    """A contiguous panel, shape (n, width), that begins with a cache line.

    Examples
    --------
    >>> panel = empty_panel(3, 2, np.float32)
    >>> panel.shape, panel.ctypes.data % 64
    ((3, 2), 0)
    """
    size = n * width * np.dtype(dtype).itemsize
    raw = np.empty(size + _LINE, np.uint8)
    first = -raw.ctypes.data % _LINE
    return raw[first : first + size].view(dtype).reshape(n, width)


def panels_of(m: int) -> Iterator[slice]:
    """Slices of at most 32 columns.

    Examples
    --------
    >>> list(panels_of(33))
    [slice(0, 32, None), slice(32, 33, None)]
    """
    for first in range(0, m, sparse_steps.WIDTH):
        yield slice(first, min(first + sparse_steps.WIDTH, m))


def loaded(
    pattern: ScaledPattern, values: Block, right: Vector | None, now: Block, at: int
) -> None:
    """``now = right values``, of the columns of ``values`` from ``at`` on."""
    over_rows(
        lambda first, last: sparse_steps.load((first, last), values, at, right, now),
        pattern.indptr,
    )


class Steps:
    """Steps of P on one panel, which add up ``sum_k w_k x_k`` as they go.

    Two vectors and the sum: with ``x_(-1) = x_0``, each step makes
    ``x_(k+1) = alpha P x_k + beta x_(k-1)`` in the place of ``x_(k-1)``.

    Parameters
    ----------
    pattern
        ``P``.
    values
        C-contiguous; the columns ``at`` are ``x_0``.
    total
        C-contiguous, float32 or float64, the precision of all that is computed; the sum goes to
        its columns from ``to`` on. It is one only after `settle`.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> pattern = ScaledPattern.of(sp.csr_array(np.array([[0.0, 0.5], [2.0, 0.0]])))
    >>> total = np.empty((2, 1))
    >>> steps = Steps(pattern, np.array([[1.0], [8.0]]), slice(0, 1), total, 0)
    >>> steps.begin(1.0)
    >>> steps.step(1.0, 0.0, 0.5)  # x_0 + 0.5 P x_0
    >>> steps.settle()
    >>> total.ravel()
    array([3., 9.])
    """

    def __init__(
        self, pattern: ScaledPattern, values: Block, at: slice, total: Block, to: int
    ) -> None:
        self.pattern, self.total, self.to = pattern, total, to
        self.width = at.stop - at.start
        self.scales = pattern.scales(total.dtype)
        self.now = empty_panel(pattern.n, self.width, total.dtype)
        self.before = empty_panel(pattern.n, self.width, total.dtype)
        loaded(pattern, values, self.scales.right, self.now, at.start)

    def begin(self, weight: float) -> None:
        """Begin the sum with ``w_0 x_0``."""
        now, before, total, to = self.now, self.before, self.total, self.to
        factor = total.dtype.type(weight)
        over_rows(
            lambda first, last: sparse_steps.begin((first, last), now, before, total, to, factor),
            self.pattern.indptr,
        )

    def step(self, alpha: float, beta: float, weight: float) -> None:
        """Make the next vector, and add it to the sum."""
        pattern, to, kind = self.pattern, self.to, self.total.dtype.type
        ties = (pattern.indptr, pattern.indices, pattern.data)
        scales = (self.scales.both, self.scales.own)
        panels = (self.now, self.before, self.total)
        weights = (kind(alpha), kind(beta), kind(weight))
        over_rows(
            lambda first, last: sparse_steps.step((first, last), ties, scales, panels, to, weights),
            pattern.indptr,
            columns=self.width,
        )
        self.now, self.before = self.before, self.now

    def norms(self, p: float) -> Floats:
        """The l_p norm of each column of the vector made last."""
        return column_norms(self.now, p, over=self.scales.right)

    def settle(self) -> None:
        """End the sum."""
        right, total, to, width = self.scales.right, self.total, self.to, self.width
        if right is None:
            return
        over_rows(
            lambda first, last: sparse_steps.settle((first, last), right, total, to, width),
            self.pattern.indptr,
        )


def product(pattern: ScaledPattern, values: Block) -> Block:
    """``P X``, in the precision of X, float32 or float64.

    Parameters
    ----------
    pattern
        ``P``.
    values
        Shape (n, m), C-contiguous.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> pattern = ScaledPattern.of(sp.csr_array(np.array([[0.0, 0.5], [2.0, 0.0]])))
    >>> product(pattern, np.array([[1.0], [8.0]])).ravel()
    array([4., 2.])
    """
    out = np.empty_like(values)
    given = pattern.scales(values.dtype)
    right = given.right
    ties = (pattern.indptr, pattern.indices, pattern.data)
    # what is loaded is ``right values``, and the diagonal works on that
    scales = (given.left, given.own_of_scaled)
    whole = right is None and values.shape[1] <= sparse_steps.WIDTH
    now = values
    for at in panels_of(values.shape[1]):
        to = at.start
        if not whole:
            if now.shape[1] != at.stop - to or now is values:
                now = empty_panel(pattern.n, at.stop - to, values.dtype)
            loaded(pattern, values, right, now, to)

        def multiply(first: int, last: int, now: Block = now, to: int = to) -> None:
            sparse_steps.product((first, last), ties, scales, now, out, to)

        over_rows(multiply, pattern.indptr, columns=now.shape[1])
    return out


def residual(
    pattern: ScaledPattern, start: Block, at: slice, result: Block, damping: float
) -> Block:
    """``(1-a) b - (I - aP) x`` of a panel, by double precision arithmetic.

    Parameters
    ----------
    pattern
        ``P``.
    start, at
        C-contiguous; the columns ``at`` are ``b``.
    result
        Of the shape and the precision of ``start``; the columns ``at`` are ``x``.
    damping
        ``a``.

    Returns
    -------
    ndarray, shape (n, width of at)
        Rounded to the precision of ``start``.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> pattern = ScaledPattern.of(sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])))
    >>> b, x = np.array([[3.0], [0.0]]), np.array([[2.0], [0.5]])
    >>> residual(pattern, b, slice(0, 1), x, 0.5).ravel()
    array([-0.25,  0.5 ])
    """
    width = at.stop - at.start
    now = result
    if result.shape[1] != width:
        now = empty_panel(pattern.n, width, start.dtype)
        loaded(pattern, result, None, now, at.start)
    rest = empty_panel(pattern.n, width, start.dtype)
    ties = (pattern.indptr, pattern.indices, pattern.data)
    scales = (pattern.left, pattern.right, pattern.own)
    panels = (now, start, rest)
    over_rows(
        lambda first, last: sparse_steps.residual(
            (first, last), ties, scales, panels, at.start, damping
        ),
        pattern.indptr,
        columns=2 * width,
    )
    return rest
