"""The dictionary between a glass of water and a social graph, as code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One thing under its two names, and the call that is the same in both.

    Attributes
    ----------
    water
        In a glass of water.
    people
        Among people.
    code
        A Python expression in which ``mixture`` is a `Glass` or a `Circle`.
    why
        What makes them the same thing.
    """

    water: str
    people: str
    code: str
    why: str


#: every line holds for `Glass` and for `Circle`, word for word
DICTIONARY = (
    Entry(
        "dye",
        "preference",
        "mixture.concentration",
        "an amount on each node, never negative, that only moves",
    ),
    Entry(
        "water",
        "social graph",
        "mixture.operator",
        "cells tied by faces, people tied by friendship: the same PropagationOperator",
    ),
    Entry(
        "viscosity",
        "resistance of a tie",
        "1 / mixture.operator.degrees",
        "what flows through a face is D / dx^2 times the difference, through a tie its weight; "
        "one over it is the resistance, and D is one over the viscosity",
    ),
    Entry(
        "temperature",
        "activity",
        "mixture.spectral_gap",
        "it sets the pace and leaves the end as it is: D is proportional to T / viscosity, "
        "a circle of twice the activity gets there in half the time",
    ),
    Entry(
        "CFL condition",
        "bound of the damping",
        "mixture.largest_step * mixture.operator.rate",
        "a step of dt is a mean of the own and the neighbours' values, with the weights "
        "1 - dt rate and dt rate, as long as dt rate is at most 1; an implicit step is the damped "
        "filter with the damping dt rate / (1 + dt rate), below 1 for every dt",
    ),
    Entry(
        "evenly mixed",
        "doubly stochastic equilibrium",
        "mixture.equilibrium()",
        "rows and columns of P sum to 1, so that a constant stays and the total stays: the end "
        "is the mean, everywhere",
    ),
)
