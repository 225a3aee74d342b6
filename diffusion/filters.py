"""The two functions of time of one propagation: damped and heat, each with its error bound.

Both have one Chebyshev routine where the spectrum is real and one power loop elsewhere. In both,
the coefficients sum to one, so that whatever one product keeps, range or total, is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import pdtrc

from .normalization import Propagation
from .norms import column_norms
from .panels import Block, Steps, empty_panel, panels_of, product, residual
from .polynomials import check_tau, heat_coefficients
from .solving import Columns, certified, chebyshev, geometric, power_series, room

Floats = npt.NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)


def multiply(op: Propagation, values: Any) -> Any:
    """``P`` times dense or sparse values, in their precision, float32 or float64.

    Examples
    --------
    >>> from suffuse.diffusion.normalization import normalize
    >>> import scipy.sparse as sp
    >>> pair = normalize(sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])), "row", directed=False)
    >>> multiply(pair, np.array([[3.0], [0.0]])).ravel()
    array([0., 3.])
    """
    if isinstance(values, np.ndarray):
        return product(op.pattern, values)
    return op.matrix.astype(values.dtype, copy=False) @ values


def damped(
    op: Propagation,
    start: Block,
    damping: float,
    *,
    tol: float,
    n_hops: int | None = None,
    certify: bool = True,
) -> tuple[Block, Floats]:
    """``(1-a) (I - aP)^-1 b`` for every column b, and a bound on the error of each.

    Parameters
    ----------
    op
        The propagation.
    start
        Shape (n, m), float32 or float64, C-contiguous, finite.
    damping
        ``a`` in [0, 1).
    tol
        Error allowed, relative to ``|b|_p``; raised to ``8 eps / (1-a)`` where it is smaller.
    n_hops
        Stop the power series after so many products instead; ``tol`` then has no say.
    certify
        Whether to spend a product on the bound where `n_hops` is given; it is infinite without.

    Returns
    -------
    result : ndarray, shape (n, m)
    bound : ndarray, shape (m,)
        ``|r|_p / (1-a)``, computed in double precision whatever the precision of the data.

    Raises
    ------
    FloatingPointError
        If rounding keeps the bound above ``tol``.

    Examples
    --------
    >>> from suffuse.diffusion.normalization import normalize
    >>> import scipy.sparse as sp
    >>> pair = normalize(sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])), "row", directed=False)
    >>> result, bound = damped(pair, np.array([[3.0], [0.0]]), 0.5, tol=1e-9)
    >>> result.round(6).ravel(), bool(bound[0] < 3e-9)
    (array([2., 1.]), True)
    """
    if damping == 0.0:
        return start.copy(), np.zeros(start.shape[1])
    result = np.empty_like(start)
    bound = np.empty(start.shape[1])
    for at in panels_of(start.shape[1]):
        panel = PanelHere(op, start, at, result)
        if n_hops is None:
            bound[at] = certified(panel, damping, tol)
        else:
            power_series(panel.steps(), geometric(damping), n_products=n_hops)
            bound[at] = panel.residual(damping) * room(start.dtype, damping) if certify else np.inf
    return result, bound


def heat(op: Propagation, start: Block, time: float, *, tol: float) -> tuple[Block, Floats]:
    """``exp(-tL) b`` for every column b, and a bound on the error of each.

    Works in double precision, a few columns at a time, whatever the precision of the data.

    Parameters
    ----------
    op
        The propagation; ``L = rate (I - P)``.
    start
        Shape (n, m), float32 or float64, finite.
    time
        Non-negative.
    tol
        Error allowed, relative to ``|b|_p``; raised to ``8 eps (1 + t rate)`` with the ``eps`` of
        float64, and to ``4 eps`` with that of the data, where it is smaller.

    Returns
    -------
    result : ndarray, shape (n, m)
    bound : ndarray, shape (m,)

    Raises
    ------
    ValueError
        For a time beyond ``1e8 / rate``.

    Examples
    --------
    >>> from suffuse.diffusion.normalization import normalize
    >>> import scipy.sparse as sp
    >>> pair = normalize(sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])), "row", directed=False)
    >>> result, bound = heat(pair, np.array([[2.0], [0.0]]), 1.0, tol=1e-9)
    >>> np.allclose(result.ravel(), [1 + np.exp(-2), 1 - np.exp(-2)], atol=4e-9)
    True
    """
    tau = time * op.rate
    check_tau(time, tau, op.rate)
    if tau == 0.0:
        return start.copy(), np.zeros(start.shape[1])
    eps = float(np.finfo(start.dtype).eps)
    rounding = 4.0 * _EPS * (1.0 + tau)
    target = max(tol, 2.0 * rounding, 4.0 * eps)
    polynomial, tail = None, 0.0
    if not op.directed:
        polynomial, tail = heat_coefficients(tau, target / (8.0 * op.conditioning))
        tail *= 2.0 * op.conditioning
        frame_rounding = _EPS * op.conditioning * len(polynomial)
        if frame_rounding <= target / 4:
            rounding = frame_rounding
        else:
            polynomial = None
    result = np.empty_like(start)
    bound = np.empty(start.shape[1])
    for at in panels_of(start.shape[1]):
        norms = column_norms(start[:, at], op.p)
        total, to = result, at.start
        if start.dtype != np.float64:
            total, to = empty_panel(len(start), at.stop - at.start, np.float64), 0
        steps = Steps(op.pattern, start, at, total, to)
        if polynomial is None:
            bound[at] = power_series(steps, _poisson(tau), p=op.p, target=target / 4, norms=norms)
        else:
            chebyshev(steps, polynomial)
            bound[at] = tail * norms
        if total is not result:
            result[:, at] = total
        bound[at] += (rounding + eps) * norms
    return result, bound


@dataclass(eq=False)
class PanelHere:
    """Columns ``at`` of a block on this machine, and the columns of the result.

    Examples
    --------
    >>> from suffuse.diffusion.normalization import normalize
    >>> import scipy.sparse as sp
    >>> pair = normalize(sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])), "row", directed=False)
    >>> PanelHere(pair, np.array([[3.0], [0.0]]), slice(0, 1), np.empty((2, 1))).norms()
    array([3.])
    """

    op: Propagation
    start: Block
    at: slice
    result: Block

    def __post_init__(self) -> None:
        self._left: Block = self.start[:, :0]
        self._found: Block = self._left

    @property
    def directed(self) -> bool:
        """Whether the graph is."""
        return self.op.directed

    @property
    def p(self) -> float:
        """The ``p`` of the norm."""
        return self.op.p

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of the data."""
        return self.start.dtype

    def norms(self) -> Floats:
        """The norm of each column of b."""
        return column_norms(self.start[:, self.at], self.p)

    def steps(self) -> Steps:
        """Steps from b."""
        return Steps(self.op.pattern, self.start, self.at, self.result, self.at.start)

    def residual(self, damping: float) -> Floats:
        """The norm of each column of the residual."""
        self._left = residual(self.op.pattern, self.start, self.at, self.result, damping)
        return column_norms(self._left, self.p)

    def rest(self, columns: Columns) -> PanelHere:
        """Some columns of the residual."""
        given = np.ascontiguousarray(self._left[:, columns])
        self._found = np.empty_like(given)
        return PanelHere(self.op, given, slice(0, len(columns)), self._found)

    def refine(self, columns: Columns, damping: float) -> None:
        """Add to x what was solved for the rest."""
        self.result[:, columns + self.at.start] += self._found / (1.0 - damping)


def _poisson(tau: float) -> Iterator[tuple[float, float]]:
    """Tails of the Poisson distribution with mean tau and the sum of all that are left."""
    count, rest = 0, tau
    while True:
        tail = float(pdtrc(count, tau))
        if tail == 0.0:
            rest = 0.0
        yield tail, max(rest, 4.0 * _EPS * tau * tail)
        rest -= tail
        count += 1
