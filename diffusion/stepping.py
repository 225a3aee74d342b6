"""Time passes: free spreading, and Euler's two ways of taking steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
import numpy.typing as npt

from .operator import PropagationOperator
from .times import damping_from_time

Floats = npt.NDArray[np.float64]

# A step this much past the bound is a rounding of the bound, not past it.
_ROUNDING = 1e-12
# A remainder of this share of a step is a rounding, not a step.
_CRUMB = 1e-9
# What a sum may be off by without its terms being off.
_NOISE = 4.0 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Parts:
    """Which nodes are connected, and what is kept among them.

    Attributes
    ----------
    labels
        The part of each node; None where all are one part.
    """

    labels: npt.NDArray[np.int32] | None

    @cached_property
    def n(self) -> int:
        """The number of parts."""
        return 1 if self.labels is None else int(self.labels.max()) + 1

    def totals(self, values: Floats) -> Floats:
        """The sum over each part.

        Examples
        --------
        >>> Parts(np.array([0, 0, 1])).totals(np.array([1.0, 2.0, 5.0]))
        array([3., 5.])
        """
        if self.labels is None:
            return np.array([values.sum()])
        return np.asarray(np.bincount(self.labels, values, self.n), dtype=np.float64)

    def keep(self, values: Floats, low: float, high: float, totals: Floats) -> None:
        """Take out what rounding and truncation added, in place: back to range and total.

        The exact solution stays between `low` and `high` and keeps the totals; a computed one
        does so to its tolerance. It is clipped, and what its totals then have too much or too
        little is taken from, or given to, each node in proportion to its room.

        Examples
        --------
        >>> values = np.array([-1e-17, 0.5, 0.5 + 1e-16])
        >>> Parts(None).keep(values, 0.0, 1.0, np.array([1.0]))
        >>> bool(values.min() == 0.0 and values.sum() == 1.0)
        True
        """
        if values.min() < low or values.max() > high:
            np.clip(values, low, high, out=values)
        excess = self.totals(values) - totals
        # infinite bounds leave room for nothing but scaling, which starts at 0
        for sign, bound in ((1.0, low if math.isfinite(low) else 0.0), (-1.0, high)):
            over = np.where(sign * excess > _NOISE * np.abs(totals), sign * excess, 0.0)
            if not (over > 0.0).any():
                continue
            room = np.abs(values - (bound if math.isfinite(bound) else 0.0))
            offered = self.totals(room)
            share = np.divide(over, offered, out=np.zeros_like(over), where=offered > 0.0)
            room *= share[0] if self.labels is None else share[self.labels]
            values -= sign * room


def largest_step(rate: float) -> float:
    """The CFL bound of the explicit step, ``1 / rate``: beyond it P has negative entries.

    Examples
    --------
    >>> largest_step(4.0)
    0.25
    """
    return math.inf if rate == 0.0 else 1.0 / rate


def check_step(dt: float, bound: float) -> None:
    """Refuse an explicit step past the bound, which would amplify what it should smooth.

    Examples
    --------
    >>> check_step(1.04, 1.0)
    Traceback (most recent call last):
    ...
    ValueError: dt must be at most 1, the CFL bound of the explicit step, past which it blows up; \
got 1.04: take a smaller step, or stepper='implicit' or 'heat', which have no bound
    """
    if not dt <= bound * (1.0 + _ROUNDING):
        raise ValueError(
            f"dt must be at most {bound:.6g}, the CFL bound of the explicit step, past which it "
            f"blows up; got {dt!r}: take a smaller step, or stepper='implicit' or 'heat', "
            "which have no bound"
        )


def explicit(operator: PropagationOperator, values: Floats, time: float, *, dt: float) -> Floats:
    """Explicit Euler, ``x <- x + dt rate (P x - x)``, over a time.

    Parameters
    ----------
    operator
        Of n nodes.
    values
        Shape (n,).
    time
        In the units of ``1 / rate``; the last step is shorter where `dt` does not divide it.
    dt
        At most ``1 / rate``, the CFL bound: there the step is ``x <- P x`` itself.

    Raises
    ------
    ValueError
        For a step past the bound.

    Examples
    --------
    >>> pair = PropagationOperator(np.array([[0, 1], [1, 0]]), "flux")
    >>> explicit(pair, np.array([1.0, 0.0]), 1.0, dt=0.5)
    array([0.5, 0.5])
    """
    check_step(dt, largest_step(operator.rate))
    for length in _lengths(time, dt):
        share = min(length * operator.rate, 1.0)
        moved = operator.apply(values)
        if share < 1.0:
            moved -= values
            moved *= share
            moved += values
        values = moved
    return values


def implicit(
    operator: PropagationOperator, values: Floats, time: float, *, dt: float, tol: float
) -> Floats:
    """Implicit Euler, ``x <- (I + dt L)^-1 x``, the damped filter.

    Its damping is ``dt rate / (1 + dt rate)``, below 1 for every dt.
    No step is too long for it to stay stable, though long ones are inaccurate: an error of
    order dt.

    Examples
    --------
    >>> pair = PropagationOperator(np.array([[0, 1], [1, 0]]), "flux")
    >>> implicit(pair, np.array([3.0, 0.0]), 1.0, dt=1.0, tol=1e-12)
    array([2., 1.])
    """
    for length in _lengths(time, dt):
        values = operator.diffuse(values, damping_from_time(length, operator.rate), tol=tol)
    return values


def _lengths(time: float, dt: float) -> Iterator[float]:
    """As many whole steps as fit, and what is left."""
    whole = math.floor(time / dt + _CRUMB)
    yield from repeat(dt, whole)
    left = time - whole * dt
    if left > _CRUMB * dt:
        yield left
