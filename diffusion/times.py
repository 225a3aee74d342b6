"""Damping and diffusion time are one knob."""

from __future__ import annotations

import math

from .blocks import check_number


def damping_from_time(time: float, rate: float = 1.0) -> float:
    """The damping of an implicit Euler step over a time: ``a = t rate / (1 + t rate)``.

    Raises
    ------
    ValueError
        For a time or a rate that is negative or not finite, or too large for ``a < 1``.

    Examples
    --------
    >>> damping_from_time(1.0), damping_from_time(0.25, rate=4.0)
    (0.5, 0.5)
    """
    check_number("time", time, "0 or more and finite", lambda t: 0.0 <= t < math.inf)
    check_number("rate", rate, "0 or more and finite", lambda r: 0.0 <= r < math.inf)
    damping = time * rate / (1.0 + time * rate)
    if not damping < 1.0:
        raise ValueError(f"time * rate must be below 1e15; got {time * rate!r}: use equilibrium")
    return damping


def time_from_damping(damping: float, rate: float = 1.0) -> float:
    """The time of the implicit Euler step that a damping stands for: ``t = a / ((1-a) rate)``.

    Raises
    ------
    ValueError
        For a damping outside [0, 1) and a rate that is not positive and finite.

    Examples
    --------
    >>> time_from_damping(0.5), time_from_damping(0.5, rate=4.0)
    (1.0, 0.25)
    """
    check_number("damping", damping, "a number in [0, 1)", lambda a: 0.0 <= a < 1.0)
    check_number("rate", rate, "a positive finite number", lambda r: 0.0 < r < math.inf)
    return damping / ((1.0 - damping) * rate)
