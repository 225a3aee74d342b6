"""Where heat ends, and how far from there a state is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from .normalization import Propagation

Block = npt.NDArray[Any]


def equilibrium(op: Propagation, start: Block) -> Block:
    """``lim exp(-tL) b``, the projection onto the still states of each component.

    ``x_u = d_u^(1-s) sum_v d_v^s b_v / sum_v d_v`` over the component of u, in closed form.

    Parameters
    ----------
    op
        A propagation that is not directed.
    start
        Shape (n, m).

    Raises
    ------
    ValueError
        For a directed propagation.

    Examples
    --------
    >>> from suffuse.diffusion.normalization import normalize
    >>> pair = normalize(sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])), "row", directed=False)
    >>> equilibrium(pair, np.array([[3.0], [0.0]])).ravel()
    array([1.5, 1.5])
    """
    _need_symmetric(op, "equilibrium", "use heat over a long time")
    n, labels = len(op.masses), op.labels
    n_parts = int(labels.max()) + 1
    share = op.masses**op.exponent
    gather = sp.csr_array((share, (labels, np.arange(n))), shape=(n_parts, n))
    totals = np.asarray(gather @ np.ascontiguousarray(start, dtype=np.float64))
    totals /= np.bincount(labels, weights=op.masses)[:, None]
    spread = (op.masses ** (1.0 - op.exponent))[:, None]
    result = np.empty_like(start)
    np.multiply(totals[labels], spread, out=result, casting="same_kind")
    return result


def dirichlet_energy(op: Propagation, block: Block) -> npt.NDArray[np.float64]:
    """``1/2 sum_uv A_uv (d_u^(s-1) x_u - d_v^(s-1) x_v)^2`` for every column x.

    Summed over ties as squares, so that it is never negative and exact near equilibrium.

    Parameters
    ----------
    op
        A propagation that is not directed.
    block
        Shape (n, m).

    Raises
    ------
    ValueError
        For a directed propagation.

    Examples
    --------
    >>> from suffuse.diffusion.normalization import normalize
    >>> pair = normalize(sp.csr_array(np.array([[0.0, 2.0], [2.0, 0.0]])), "row", directed=False)
    >>> dirichlet_energy(pair, np.array([[3.0], [0.0]]))
    array([18.])
    """
    _need_symmetric(op, "dirichlet_energy", "look at X - P.apply(X)")
    matrix, d, s = op.matrix, op.masses, op.exponent
    rows = np.repeat(np.arange(len(d), dtype=matrix.indices.dtype), np.diff(matrix.indptr))
    across = np.flatnonzero(rows != matrix.indices)
    u, v = rows[across], matrix.indices[across]
    ties = op.rate * matrix.data[across] * d[u] ** s * d[v] ** (1.0 - s)
    height = d ** (s - 1.0)
    energy = np.empty(block.shape[1])
    for j in range(block.shape[1]):
        level = height * block[:, j]
        energy[j] = 0.5 * float(ties @ (level[u] - level[v]) ** 2)
    return energy


def _need_symmetric(op: Propagation, what: str, otherwise: str) -> None:
    """Refuse a directed propagation."""
    if op.directed:
        raise ValueError(
            f"{what} must have a symmetric adjacency; got a directed one: build the operator "
            f"with directed=False, or {otherwise}"
        )
