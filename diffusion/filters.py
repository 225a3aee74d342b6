"""The two functions of time of one propagation: damped and heat, each with its error bound.

Both have one Chebyshev routine where the spectrum is real and one power loop elsewhere. In both,
the coefficients sum to one, so that whatever one product keeps, range or total, is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import pdtrc

from .normalization import Propagation
from .norms import column_norms
from .panels import Block, Steps, empty_panel, panels_of, product, residual
from .polynomials import check_tau, damped_coefficients, heat_coefficients

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
        if n_hops is None:
            bound[at] = _certified(op, start, at, result, damping, tol)
        else:
            steps = Steps(op.pattern, start, at, result, at.start)
            _power_series(op, steps, _geometric(damping), n_products=n_hops)
            bound[at] = _residual(op, start, at, result, damping)[1] if certify else np.inf
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
            bound[at] = _power_series(op, steps, _poisson(tau), target=target / 4, norms=norms)
        else:
            _chebyshev(steps, polynomial)
            bound[at] = tail * norms
        if total is not result:
            result[:, at] = total
        bound[at] += (rounding + eps) * norms
    return result, bound


def _certified(
    op: Propagation, start: Block, at: slice, result: Block, damping: float, tol: float
) -> Floats:
    """Solve a panel, bound the error, and refine the columns whose bound is above the tolerance."""
    target = max(tol, 8.0 * float(np.finfo(start.dtype).eps) / (1.0 - damping))
    norms = column_norms(start[:, at], op.p)
    _solve(op, start, at, result, damping, target=target, norms=norms)
    allowed = target * norms
    rest, bound = _residual(op, start, at, result, damping)
    late = np.flatnonzero(~(bound <= allowed))
    while len(late):
        given = np.ascontiguousarray(rest[:, late])
        found, every = np.empty_like(given), slice(0, len(late))
        late_norms = column_norms(given, op.p)
        _solve(op, given, every, found, damping, target=target, norms=late_norms)
        result[:, late + at.start] += found / (1.0 - damping)
        rest, refined = _residual(op, start, at, result, damping)
        if not (refined[late] < 0.5 * bound[late]).any():
            reached = float(np.max(bound[late] / allowed[late])) * target
            raise FloatingPointError(
                f"tol must be at least {reached:.1e} here, the least that rounding in "
                f"{start.dtype} allows for these values at damping {damping}; got {tol}"
            )
        bound = refined
        late = np.flatnonzero(~(bound <= allowed))
    return bound


def _solve(
    op: Propagation,
    start: Block,
    at: slice,
    result: Block,
    damping: float,
    *,
    target: float,
    norms: Floats,
) -> None:
    """Solve a panel to about half of the target, by the series that the graph allows."""
    steps = Steps(op.pattern, start, at, result, at.start)
    if op.directed:
        _power_series(op, steps, _geometric(damping), norms=norms, target=target / 2)
    else:
        _chebyshev(steps, damped_coefficients(damping, target / 2))


def _residual(
    op: Propagation, start: Block, at: slice, result: Block, damping: float
) -> tuple[Block, Floats]:
    """``(1-a) b - (I - aP) x`` and ``|r|_p / (1-a)``, with room for the rounding of r itself."""
    rest = residual(op.pattern, start, at, result, damping)
    room = 1.0 + 2.0 * float(np.finfo(rest.dtype).eps)
    return rest, column_norms(rest, op.p) * (room / (1.0 - damping))


def _chebyshev(steps: Steps, coefficients: Floats) -> None:
    """``sum_k c_k T_k(P) b``, two vectors and one product per degree."""
    steps.begin(coefficients[0])
    for degree, weight in enumerate(coefficients[1:]):
        if degree == 0:
            steps.step(1.0, 0.0, weight)
        else:
            steps.step(2.0, -1.0, weight)
    steps.settle()


def _power_series(
    op: Propagation,
    steps: Steps,
    tails: Iterator[tuple[float, float]],
    *,
    norms: Floats | None = None,
    target: float = 0.0,
    n_products: int | None = None,
) -> Floats:
    """``sum_k w_k P^k b`` for weights that sum to one, by their tails; a bound on what is missing.

    With ``W_k = sum_(j>k) w_j`` the series is ``b + sum_k W_k P^k (Pb - b)``; cut anywhere, it is
    a convex combination of the ``P^k b``, and ``|P^k (Pb - b)|`` times the sum of the tails left
    bounds what is missing, since ``|P| <= 1``. It ends after so many products, or as soon as that
    bound is ``target`` times the ``norms`` of the columns.
    """
    steps.begin(1.0)
    size = np.full(steps.width, np.inf) if norms is None else 2.0 * norms
    done = 0
    while True:
        tail, rest = next(tails)
        bound = rest * size
        if done == n_products or (norms is not None and bool((bound <= target * norms).all())):
            steps.settle()
            return bound
        steps.step(1.0, -1.0 if done == 0 else 0.0, tail)
        if norms is not None:
            size = steps.norms(op.p)
        done += 1


def _geometric(damping: float) -> Iterator[tuple[float, float]]:
    """Tails of ``(1-a) a^k`` and the sum of all that are left."""
    tail = damping
    while True:
        yield tail, tail / (1.0 - damping)
        tail *= damping


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
