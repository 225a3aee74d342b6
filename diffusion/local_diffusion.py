"""The damped filter after a small change: only what the change reaches is solved again.

For an earlier answer ``z`` the residual ``r = (1-a) x - (I - aP) z`` vanishes (up to the earlier
tolerance) wherever neither ``x`` nor the ties have changed, and the error is ``(I - aP)^-1 r``.
It is pushed along the ties: ``z_S += r_S``, ``r_S <- 0``, ``r += a P r_S`` for the nodes S whose
residual is largest (Andersen, Chung & Lang, FOCS 2006, for personalised PageRank), so that the
work grows with the change and not with the graph. ``|r|_p / (1-a)`` certifies the answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .blocks import as_block, check_number
from .edges import Matrix
from .norms import column_norms
from .operator import PropagationOperator

Floats = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.intp]

#: columns that are pushed at a time, as in the filters
_COLUMNS = 32
#: how much smaller the residuals are that the next sweep pushes
_FINER = 4.0
#: pushes may cost so many products with the whole graph; beyond, the filter solves everywhere
_PRODUCTS = 4.0


@dataclass(frozen=True, eq=False)
class Rediffusion:
    """A diffusion brought up to date, with its certificate.

    Attributes
    ----------
    values
        ``(1-a) (I - aP)^-1 x``, shape (n, m), in the type of x.
    bound
        Shape (m,): a bound on the error of each column, in the norm of the operator.
    touched
        How many nodes were pushed in some column.
    everywhere
        Whether the change was so wide that the whole graph was solved.
    """

    values: npt.NDArray[Any]
    bound: Floats
    touched: int
    everywhere: bool


def rediffuse(
    operator: PropagationOperator,
    X: npt.NDArray[Any],
    guess: npt.NDArray[Any],
    damping: float,
    *,
    tol: float = 1e-6,
) -> Rediffusion:
    """``P.diffuse(X, damping)`` from an earlier answer, by pushing the residual.

    Parameters
    ----------
    operator
        ``P`` as it is now.
    X
        What is diffused now, shape (n, m).
    guess
        The earlier answer, or any other guess, shape (n, m): the better it is, the less is done.
    damping
        ``a`` in [0, 1).
    tol
        As in `PropagationOperator.diffuse`: the error of each column is at most ``tol`` times the
        norm of that column of X.

    Returns
    -------
    Rediffusion
        The answer, and ``|r|_p / (1-a)`` with what rounding to the type of X adds.

    Raises
    ------
    TypeError, ValueError
        For a damping outside [0, 1), and for bad values or a bad shape.

    Examples
    --------
    A tie comes to a long row of people; what lies far from it stays as it was:

    >>> import networkx as nx
    >>> graph = nx.path_graph(200)
    >>> x = np.eye(200)[:, :1]
    >>> before = PropagationOperator(graph, "row").diffuse(x, 0.5, tol=1e-8)
    >>> graph.add_edge(0, 2)  # a shortcut
    >>> after = rediffuse(PropagationOperator(graph, "row"), x, before, 0.5, tol=1e-8)
    >>> bool(after.bound[0] <= 1e-8), after.everywhere, after.touched < 60
    (True, False, True)
    """
    check_number("damping", damping, "a number in [0, 1)", lambda a: 0.0 <= a < 1.0)
    check_number("tol", tol, "a positive finite number", lambda t: 0.0 < t < math.inf)
    start, shape = as_block(X, operator.n)
    earlier, other = as_block(guess, operator.n)
    if other != shape:
        raise ValueError(f"guess must have the shape of X, {shape}; got {other}")
    if damping == 0.0:
        return Rediffusion(start.copy().reshape(shape), np.zeros(start.shape[1]), 0, False)
    push = _Push(operator, float(damping))
    values = np.empty_like(start)
    bound = np.empty(start.shape[1])
    for first in range(0, start.shape[1], _COLUMNS):
        at = slice(first, first + _COLUMNS)
        block = start[:, at].astype(np.float64)
        found, bound[at] = push.solved(block, earlier[:, at].astype(np.float64), tol)
        values[:, at] = found
        if values.dtype != np.float64:
            # what rounding the answer adds to its error
            eps = float(np.finfo(values.dtype).eps)
            bound[at] += eps * column_norms(found, push.p)
    touched = int(np.count_nonzero(push.touched))
    return Rediffusion(values.reshape(shape), bound, touched, push.everywhere)


class _Push:
    """Pushes on one operator at one damping."""

    def __init__(self, operator: PropagationOperator, damping: float) -> None:
        self.operator = operator
        self.damping = damping
        self.p = operator._propagation.p
        self.columns: Matrix = operator.adjoint._propagation.matrix
        self.touched = np.zeros(operator.n, dtype=np.bool_)
        self.everywhere = False

    def solved(self, start: Floats, values: Floats, tol: float) -> tuple[Floats, Floats]:
        """Values within ``tol``, and the bound of each column."""
        a = self.damping
        norms = column_norms(start, self.p)
        allowed = np.maximum(tol, 8.0 * np.finfo(np.float64).eps / (1.0 - a)) * norms * (1.0 - a)
        rest = self.residual(start, values)
        if not self.pushed(values, rest, allowed):
            self.everywhere = True
            sizes = column_norms(rest, self.p)
            share = np.divide(allowed, sizes, out=np.ones_like(sizes), where=sizes > 0)
            needed = float(np.clip(share.min(initial=1.0), 1e-14, 0.5))
            values += self.operator.diffuse(rest, a, tol=needed / 2) / (1.0 - a)
        rest = self.residual(start, values)
        return values, column_norms(rest, self.p) / (1.0 - a)

    def residual(self, start: Floats, values: Floats) -> Floats:
        """``(1-a) x - (I - aP) z``."""
        rest: Floats = self.operator.apply(values)
        rest *= self.damping
        rest -= values
        rest += (1.0 - self.damping) * start
        return rest

    def pushed(self, values: Floats, rest: Floats, allowed: Floats) -> bool:
        """Push until every column's residual is within ``allowed``; False if that costs too much.

        Sweeps push what exceeds a threshold, which falls until the norm is small enough. At the
        last one every entry is so small that no norm of them can be too large.
        """
        left = _PRODUCTS * max(self.columns.nnz, 1)
        finest = allowed / len(rest) ** (1.0 / self.p)
        level = np.maximum(np.abs(rest).max(axis=0, initial=0.0) / _FINER, finest)
        while not (column_norms(rest, self.p) <= allowed).all():
            active = np.flatnonzero((np.abs(rest) > level).any(axis=1))
            while len(active):
                cost, reached = self.push_once(values, rest, active)
                left -= cost
                if left < 0:
                    return False
                near = (np.abs(rest[reached]) > level).any(axis=1)
                active = reached[near]
            if (level <= finest).all():
                break
            level = np.maximum(level / _FINER, finest)
        return True

    def push_once(self, values: Floats, rest: Floats, active: Nodes) -> tuple[int, Nodes]:
        """Move the residual of some nodes into their values and on to who listens to them."""
        moving = rest[active]
        values[active] += moving
        rest[active] = 0.0
        self.touched[active] = True
        rows = self.columns[active]
        reached, places = np.unique(rows.indices, return_inverse=True)
        local = type(rows)((rows.data, places, rows.indptr), shape=(len(active), len(reached)))
        rest[reached] += self.damping * np.asarray(local.T @ moving)
        return int(rows.nnz) + len(active), reached.astype(np.intp)
