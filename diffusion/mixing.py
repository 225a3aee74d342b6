"""How evenly something is mixed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def segregation(concentration: npt.ArrayLike, undiluted: float) -> float:
    """Danckwerts' intensity of segregation, ``var(c) / (m (c0 - m))`` with the mean m.

    1 while every cell is either dye as it was dropped (``c0``) or clear water, 0 when even. In
    units of c0 it is ``var(c) / (m (1 - m))``.

    Parameters
    ----------
    concentration
        Of cells of equal volume, any shape.
    undiluted
        ``c0``: the concentration of the dye as it was dropped.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Where there is no dye.

    References
    ----------
    Danckwerts, "The definition and measurement of some characteristics of mixtures", Applied
    Scientific Research A 3 (1952) 279.

    Examples
    --------
    >>> segregation([2.0, 0.0], undiluted=2.0), segregation([1.0, 1.0], undiluted=2.0)
    (1.0, 0.0)
    """
    values = np.asarray(concentration, dtype=np.float64)
    mean = float(values.mean())
    if not mean > 0.0:
        raise ValueError("concentration must be positive somewhere; got clear water: drop first")
    # a drop that filled the whole glass was even from the start
    room = mean * (undiluted - mean)
    spread = float(np.square(values - mean).mean())
    return min(spread / room, 1.0) if spread > 0.0 < room else 0.0


def entropy(concentration: npt.ArrayLike) -> float:
    """``-sum_i p_i log p_i`` of the shares ``p = c / sum(c)``, in nats.

    0 with all of it in one cell, ``log n`` when it is even over n cells.

    Raises
    ------
    ValueError
        For negative values, and where there is no dye.

    Examples
    --------
    >>> entropy([1.0, 0.0]), bool(np.isclose(entropy([3.0, 3.0]), np.log(2)))
    (0.0, True)
    """
    values = np.asarray(concentration, dtype=np.float64)
    if values.min() < 0.0:
        raise ValueError(f"concentration must not be negative; got {float(values.min())!r}")
    total = float(values.sum())
    if not total > 0.0:
        raise ValueError("concentration must be positive somewhere; got clear water: drop first")
    shares = values.ravel() / total
    shares = shares[shares > 0.0]
    return abs(float(shares @ np.log(shares)))


def time_until(left: float, now: float, end: float, gap: float) -> float:
    """When a segregation that falls from `now` to `end` as ``exp(-2 gap t)`` has come to `left`.

    Examples
    --------
    >>> round(time_until(0.01, 1.0, 0.0, 0.5), 6), time_until(0.01, 1.0, 0.2, 0.5)
    (4.60517, inf)
    """
    if now <= left:
        return 0.0
    if left <= end:
        return math.inf
    return math.log((now - end) / (left - end)) / (2.0 * gap)


@dataclass
class Dye:
    """One species in the water.

    Attributes
    ----------
    values
        Concentration at each node; replaced, never changed.
    speed
        How fast its time goes.
    undiluted
        The highest concentration that a drop made; 0 before the first.
    totals
        The sum of the values over each connected part, as dropped.
    """

    values: Floats
    speed: float
    undiluted: float = 0.0
    totals: Floats = field(default_factory=lambda: np.zeros(1))

    @property
    def segregation(self) -> float:
        """Danckwerts' intensity of segregation."""
        return segregation(self.values, self.undiluted)
