"""Certified solutions of the damped filter, and its series, wherever the rows of a panel are.

What a filter does with columns is a few calls of :class:`Solving` and :class:`Stepping`: on one
machine `filters.PanelHere` answers them, on shards of the rows many workers do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .polynomials import damped_coefficients

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]


class Stepping(Protocol):
    """Steps of P on one panel, wherever its rows are; `panels.Steps` where they are here."""

    @property
    def width(self) -> int:
        """The number of columns."""
        ...

    def begin(self, weight: float) -> None:
        """Begin the sum with ``w_0 x_0``."""
        ...

    def step(self, alpha: float, beta: float, weight: float) -> None:
        """Make the next vector, and add it to the sum."""
        ...

    def norms(self, p: float) -> Floats:
        """The l_p norm of each column of the vector made last."""
        ...

    def settle(self) -> None:
        """End the sum."""
        ...


class Solving(Protocol):
    """Columns b whose damped filter is asked for, wherever their rows are."""

    @property
    def directed(self) -> bool:
        """Whether the graph is, so that only the power series will do."""
        ...

    @property
    def p(self) -> float:
        """The ``p`` of the norm in which P never expands."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of the data."""
        ...

    def norms(self) -> Floats:
        """The norm of each column of b."""
        ...

    def steps(self) -> Stepping:
        """Steps from b, whose sum is x."""
        ...

    def residual(self, damping: float) -> Floats:
        """The norm of each column of ``(1-a) b - (I - aP) x``, which is kept."""
        ...

    def rest(self, columns: Columns) -> Solving:
        """Some columns of the residual, to be solved for by themselves."""
        ...

    def refine(self, columns: Columns, damping: float) -> None:
        """Add to x what was solved for the rest, over ``1 - a``."""
        ...


def certified(panel: Solving, damping: float, tol: float) -> Floats:
    """Solve a panel, bound the error, and refine the columns whose bound is above the tolerance.

    Parameters
    ----------
    panel
        The columns b; x is left where the panel keeps it.
    damping
        ``a`` in (0, 1).
    tol
        As in `damped`.

    Returns
    -------
    ndarray, shape (m,)
        ``|r|_p / (1-a)``, with room for the rounding of r itself.

    Raises
    ------
    FloatingPointError
        If rounding keeps the bound above ``tol``.

    Examples
    --------
    >>> from suffuse.diffusion.normalization import normalize
    >>> import scipy.sparse as sp
    >>> pair = normalize(sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])), "row", directed=False)
    >>> found = np.empty((2, 1))
    >>> from suffuse.diffusion.filters import PanelHere
    >>> panel = PanelHere(pair, np.array([[3.0], [0.0]]), slice(0, 1), found)
    >>> bool(certified(panel, 0.5, 1e-9)[0] < 3e-9), found.round(6).ravel()
    (True, array([2., 1.]))
    """
    eps = float(np.finfo(panel.dtype).eps)
    target = max(tol, 8.0 * eps / (1.0 - damping))
    factor = room(panel.dtype, damping)
    norms = panel.norms()
    _solve(panel, damping, target=target, norms=norms)
    allowed = target * norms
    bound = panel.residual(damping) * factor
    late = np.flatnonzero(~(bound <= allowed))
    while len(late):
        rest = panel.rest(late)
        _solve(rest, damping, target=target, norms=rest.norms())
        panel.refine(late, damping)
        refined = panel.residual(damping) * factor
        if not (refined[late] < 0.5 * bound[late]).any():
            reached = float(np.max(bound[late] / allowed[late])) * target
            raise FloatingPointError(
                f"tol must be at least {reached:.1e} here, the least that rounding in "
                f"{panel.dtype} allows for these values at damping {damping}; got {tol}"
            )
        bound = refined
        late = np.flatnonzero(~(bound <= allowed))
    return bound


def _solve(panel: Solving, damping: float, *, target: float, norms: Floats) -> None:
    """Solve a panel to about half of the target, by the series that the graph allows."""
    if panel.directed:
        tails = geometric(damping)
        power_series(panel.steps(), tails, p=panel.p, norms=norms, target=target / 2)
    else:
        chebyshev(panel.steps(), damped_coefficients(damping, target / 2))


def room(dtype: np.dtype[Any], damping: float) -> float:
    """What makes the norm of a residual a bound, with room for the rounding of the residual.

    Examples
    --------
    >>> round(room(np.dtype(np.float64), 0.5), 6)
    2.0
    """
    return (1.0 + 2.0 * float(np.finfo(dtype).eps)) / (1.0 - damping)


def chebyshev(steps: Stepping, coefficients: Floats) -> None:
    """``sum_k c_k T_k(P) b``, two vectors and one product per degree.

    Examples
    --------
    >>> from suffuse.diffusion.panels import Steps
    >>> from suffuse.diffusion.scaled_pattern import ScaledPattern
    >>> import scipy.sparse as sp
    >>> half, total = ScaledPattern.of(sp.csr_array([[0.5]])), np.empty((1, 1))
    >>> chebyshev(Steps(half, np.ones((1, 1)), slice(0, 1), total, 0), np.array([1.0, 2.0, 4.0]))
    >>> total.ravel()  # 1 + 2 / 2 + 4 (2 / 4 - 1)
    array([0.])
    """
    steps.begin(coefficients[0])
    for degree, weight in enumerate(coefficients[1:]):
        if degree == 0:
            steps.step(1.0, 0.0, weight)
        else:
            steps.step(2.0, -1.0, weight)
    steps.settle()


def power_series(
    steps: Stepping,
    tails: Iterator[tuple[float, float]],
    *,
    p: float = 2.0,
    norms: Floats | None = None,
    target: float = 0.0,
    n_products: int | None = None,
) -> Floats:
    """``sum_k w_k P^k b`` for weights that sum to one, by their tails; a bound on what is missing.

    With ``W_k = sum_(j>k) w_j`` the series is ``b + sum_k W_k P^k (Pb - b)``; cut anywhere, it is
    a convex combination of the ``P^k b``, and ``|P^k (Pb - b)|`` times the sum of the tails left
    bounds what is missing, since ``|P| <= 1``. It ends after so many products, or as soon as that
    bound is ``target`` times the ``norms`` of the columns, l_p norms.

    Examples
    --------
    >>> from suffuse.diffusion.panels import Steps
    >>> from suffuse.diffusion.scaled_pattern import ScaledPattern
    >>> import scipy.sparse as sp
    >>> half, total = ScaledPattern.of(sp.csr_array([[0.5]])), np.empty((1, 1))
    >>> steps = Steps(half, np.ones((1, 1)), slice(0, 1), total, 0)
    >>> _ = power_series(steps, geometric(0.5), n_products=1)
    >>> total.ravel()  # 1 / 2 + 1 / 2 * 1 / 2
    array([0.75])
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
            size = steps.norms(p)
        done += 1


def geometric(damping: float) -> Iterator[tuple[float, float]]:
    """Tails of ``(1-a) a^k`` and the sum of all that are left.

    Examples
    --------
    >>> tails = geometric(0.5)
    >>> next(tails), next(tails)
    ((0.5, 1.0), (0.25, 0.5))
    """
    tail = damping
    while True:
        yield tail, tail / (1.0 - damping)
        tail *= damping
