"""Rows of ``P`` for people who come to a graph after it was normalised.

They listen to the people of the graph and to each other; nobody of the graph listens to them, so
its own ``P`` stays as it is. What is solved for them is small: one row each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from .edges import Matrix, row_sums
from .operator import PropagationOperator

Floats = npt.NDArray[np.float64]

_EXPONENTS = {"row": 1.0, "symmetric": 0.5, "column": 0.0}
_SWEEPS, _TIGHT = 2000, 1e-12


@dataclass(frozen=True, eq=False)
class NewTies:
    """The ties of m newcomers to a graph of n people.

    Parameters
    ----------
    listens
        Shape (m, n): how much each newcomer listens to each person of the graph.
    among
        Shape (m, m): how much newcomers listen to each other.
    heard
        Shape (m,): the total weight with which people of the graph listen to each newcomer. It
        counts for the degree of the newcomer alone.
    """

    listens: Matrix
    among: Matrix
    heard: Floats

    @property
    def out(self) -> Floats:
        """The total weight with which each newcomer listens, shape (m,)."""
        return np.asarray(row_sums(self.listens) + row_sums(self.among))

    @property
    def into(self) -> Floats:
        """The total weight with which others listen to each newcomer, shape (m,)."""
        return np.asarray(self.heard + self.among.T @ np.ones(len(self.heard)))


@dataclass(frozen=True, eq=False)
class Doorway:
    """What the rows of newcomers need to know of the people of an operator.

    Attributes
    ----------
    kind
        The normalization of the operator.
    into
        Shape (n,): column sums of its adjacency.
    scale
        Shape (n,): the doubly stochastic scaling ``s``, 0 for people without a tie, whose own
        depends on no weight; ones for the other kinds.
    rate
        The rate of the operator.
    """

    kind: str | float
    into: Floats
    scale: Floats
    rate: float

    @classmethod
    def of(cls, operator: PropagationOperator, adjacency: Matrix) -> Doorway:
        """The doorway of an operator that was made from ``adjacency``, without self loops.

        Examples
        --------
        >>> pair = sp.csr_array(np.array([[0.0, 3.0], [3.0, 0.0]]))
        >>> Doorway.of(PropagationOperator(pair), pair).scale.round(4)
        array([0.4082, 0.4082])
        """
        ties = np.diff(adjacency.indptr)
        scale = np.ones(operator.n)
        if operator.normalization == "doubly_stochastic":
            # the diagonal of P is s^2 times the loop, so that s need not be found again
            loops = np.where(ties > 0, operator.degrees / np.maximum(ties, 1), 1.0)
            scale = np.where(ties > 0, np.sqrt(operator.to_sparse().diagonal() / loops), 0.0)
        into = np.asarray(adjacency.T @ np.ones(operator.n), np.float64)
        return cls(operator.normalization, into, scale, operator.rate)

    def rows(self, ties: NewTies) -> tuple[Matrix, Matrix]:
        """Rows of ``P`` for newcomers: over the n people of the graph, and over the m newcomers.

        With ``d_u`` the row sum of u and ``d'_v`` the column sum of v, to which u alone has come:

        ====================  ==================================================================
        exponent s            ``A_uv d_u^-s d'_v^-(1-s)``; "row", "symmetric" and "column" are
                              s = 1, 1/2 and 0; one without ties keeps what is theirs
        "doubly_stochastic"   ``s_u A_uv s_v``, ``s_v`` as it is and ``s_u`` from
                              ``s_u (sum_v A_uv s_v + l_u s_u) = 1`` with the loop ``l_u``, the
                              mean weight of u's ties (1 where there is none); ``A_uv^-1/2`` is
                              the ``s_v`` of a v without other ties
        "flux"                ``A_uv / rate``, and the rest of 1 to oneself
        ====================  ==================================================================

        Examples
        --------
        >>> pair = sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
        >>> ties = NewTies(sp.csr_array([[1.0, 0.0]]), sp.csr_array((1, 1)), np.array([1.0]))
        >>> door = Doorway.of(PropagationOperator(pair, "symmetric"), pair)
        >>> door.rows(ties)[0].toarray().round(4)
        array([[0.7071, 0.    ]])
        """
        if self.kind == "doubly_stochastic":
            carried = self._carried(ties.listens)
            own = _own_scale(ties, row_sums(carried))
            return _evened(_scaled(carried, own), _scaled(ties.among, own, own))
        if self.kind == "flux":
            pace = 1.0 / np.maximum(np.maximum(self.rate, ties.out), np.finfo(np.float64).tiny)
            return _evened(*(_scaled(part, pace) for part in (ties.listens, ties.among)))
        exponent = _EXPONENTS[self.kind] if isinstance(self.kind, str) else self.kind
        listens, among = by_degrees(ties, self.into, exponent)
        still = np.ones(len(ties.heard), dtype=np.bool_)
        if exponent > 0.0:
            still &= ties.out == 0
        if exponent < 1.0:
            still &= ties.into == 0
        return listens, sp.csr_array(among + sp.diags_array(still.astype(np.float64)))

    def _carried(self, listens: Matrix) -> Matrix:
        """``A_uv s_v``."""
        scale = self.scale[listens.indices]
        data = np.where(scale > 0, listens.data * scale, np.sqrt(listens.data))
        return sp.csr_array((data, listens.indices, listens.indptr), shape=listens.shape)


def by_degrees(ties: NewTies, into: Floats, exponent: float) -> tuple[Matrix, Matrix]:
    """``A_uv d_u^-s d'_v^-(1-s)`` for the ties of newcomers.

    ``into`` are the column sums of the graph, shape (n,). To that of v the tie of u alone is
    added, not those of other newcomers: a row does not depend on who else is new.

    Examples
    --------
    >>> ties = NewTies(sp.csr_array([[2.0, 2.0]]), sp.csr_array((1, 1)), np.zeros(1))
    >>> by_degrees(ties, np.array([7.0, 2.0]), 0.5)[0].toarray().round(4)
    array([[0.3333, 0.5   ]])
    """
    out, heard = ties.out, ties.into
    parts = []
    for part, grown in ((ties.listens, into), (ties.among, None)):
        rows = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
        total = heard[part.indices] if grown is None else grown[part.indices] + part.data
        data = (part.data / out[rows]) ** exponent * (part.data / total) ** (1.0 - exponent)
        parts.append(sp.csr_array((data, part.indices, part.indptr), shape=part.shape))
    return parts[0], parts[1]


def damped_newcomers(
    start: Floats, carried: Floats, among: Matrix, damping: float, *, tol: float = 1e-6
) -> Floats:
    """``z = (1-a) x + a (P_UV z_V + P_UU z)`` for the rows of newcomers.

    Parameters
    ----------
    start
        ``x``, shape (m, d).
    carried
        ``P_UV z_V``, what comes from the people of the graph, shape (m, d).
    among
        ``P_UU``, shape (m, m).
    damping
        ``a`` in [0, 1).
    tol
        Error allowed, relative to the largest entry. Without ties among newcomers there is none.

    Examples
    --------
    >>> z = damped_newcomers(np.array([[1.0]]), np.array([[4.0]]), sp.csr_array((1, 1)), 0.25)
    >>> z.tolist()
    [[1.75]]
    """
    fixed = (1.0 - damping) * start + damping * carried
    diagonal = among.diagonal()
    others = sp.csr_array(among - sp.diags_array(diagonal))
    others.eliminate_zeros()
    own = 1.0 / (1.0 - damping * diagonal)[:, None]
    found: Floats = np.asarray(fixed * own)
    if others.nnz == 0:
        return found
    enough = tol * max(1.0 - damping, 1e-6)
    while True:
        step: Floats = np.asarray((fixed + damping * (others @ found)) * own)
        change = float(np.abs(step - found).max())
        found = step
        if change <= enough * float(np.abs(found).max()):
            return found


def _own_scale(ties: NewTies, carried: Floats) -> Floats:
    """The positive ``s_u`` whose rows sum to 1, where ``carried = sum_v A_uv s_v``."""
    count = np.diff(ties.listens.indptr) + np.diff(ties.among.indptr)
    loops = np.where(count > 0, ties.out / np.maximum(count, 1), 1.0)
    own: Floats = 2.0 / (carried + np.sqrt(carried**2 + 4.0 * loops))
    if ties.among.nnz == 0:
        return own
    for _ in range(_SWEEPS):
        sums = own * (carried + loops * own + ties.among @ own)
        if np.abs(sums - 1.0).max() <= _TIGHT:
            break
        own = own / np.sqrt(sums)
    return own


def _scaled(matrix: Matrix, left: Floats, right: Floats | None = None) -> Matrix:
    """``diag(left) matrix diag(right)``."""
    scaled = sp.diags_array(left) @ matrix
    return sp.csr_array(scaled if right is None else scaled @ sp.diags_array(right))


def _evened(listens: Matrix, among: Matrix) -> tuple[Matrix, Matrix]:
    """The same rows, what is missing to a sum of 1 on the diagonal."""
    sums = row_sums(listens) + row_sums(among)
    fit = 1.0 / np.maximum(sums, 1.0)
    rest = np.maximum(1.0 - sums, 0.0)
    return _scaled(listens, fit), sp.csr_array(_scaled(among, fit) + sp.diags_array(rest))
