"""What an update did to a model: what came in, how near to a refit it is, whether one is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from .fitted import ROWS

Certainty = Literal["exact", "certified", "estimated"]

#: names under which a model counts what came since its last fit
ROWS_SINCE, TIES_SINCE = "rows_since_fit_", "ties_since_fit_"
#: the same since the items of an ALS model last moved
ROWS_BEHIND = "rows_behind_"
#: share of all rows that may come before an estimated part is fitted again: up to here an update
#: of ALS was measured to cost less than a hundredth of NDCG (benchmarks/daily_update.py)
LASTS = 0.1
#: the same for the low-pass of SpectralFilter, measured so far
LOW_PASS = 0.2
#: the same for users who are folded in by a map and not by a half-step, which is not measured
FOLDED = 0.05


@dataclass(frozen=True)
class UpdatedPart:
    """How near one part of a model is to what a refit would give.

    Attributes
    ----------
    name : str
        What it is.
    certainty : {"exact", "certified", "estimated"}
        "exact": what a refit computes, up to rounding. "certified": its distance from that is at
        most ``bound``. "estimated": there is no bound; ``drift`` says how much it has aged.
    given : str
        What is held fixed in that comparison.
    bound : float or None
        Largest difference of a score, beside rounding in single precision.
    drift : float or None
        How far the part would move, or did, if it alone were fitted anew, relative to its size.
    lasts : float
        Share of all rows that may come by updates before this part calls for a refit.
    """

    name: str
    certainty: Certainty
    given: str
    bound: float | None = None
    drift: float | None = None
    lasts: float = LASTS


@dataclass(frozen=True)
class Update:
    """The record of :meth:`Recommender.update`.

    Attributes
    ----------
    n_rows, n_repeated_rows : int
        Pairs of user and item that are new to the model, and pairs that it knew already.
    n_new_users, n_new_items, n_changed_users : int
        Users and items that came; known users whose rows changed.
    n_new_ties, n_changed_ties : int
        Ties that came, and ties whose weight grew; undirected ones count once.
    rows_since_fit, ties_since_fit : float
        Share of all rows, and of all ties, that came by updates since the last fit.
    parts : tuple of UpdatedPart
        How near each part of the model is to a refit.
    reasons : tuple of str
        Why a refit is due; empty where it is not.
    seconds : float
        What the update took.

    Examples
    --------
    >>> import pandas as pd
    >>> import suffuse as sf
    >>> model = sf.Popularity().fit(sf.datasets.tiny_world().interactions)
    >>> rows = pd.DataFrame({"user_id": ["new"], "item_id": [model.item_ids_[0]]})
    >>> found = model.update(rows)
    >>> found.n_rows, found.n_new_users, found.refit_due, found.bound
    (1, 1, False, 0.0)
    """

    n_rows: int = 0
    n_repeated_rows: int = 0
    n_new_users: int = 0
    n_new_items: int = 0
    n_changed_users: int = 0
    n_new_ties: int = 0
    n_changed_ties: int = 0
    rows_since_fit: float = 0.0
    ties_since_fit: float = 0.0
    parts: tuple[UpdatedPart, ...] = ()
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def refit_due(self) -> bool:
        """Whether a fit on all rows and ties is worth its time now."""
        return bool(self.reasons)

    @property
    def bound(self) -> float | None:
        """Largest difference of a score to a refit with the same settings, where there is a bound.

        None where one part is estimated, as the factors of a refit are. Beside rounding.
        """
        if any(part.bound is None for part in self.parts):
            return None
        return float(sum(part.bound for part in self.parts if part.bound is not None))

    def to_frame(self) -> pd.DataFrame:
        """The parts: columns ``part, certainty, given, bound, drift``.

        Examples
        --------
        >>> Update(parts=(UpdatedPart("scores", "exact", "", 0.0),)).to_frame()["part"].tolist()
        ['scores']
        """
        rows = [
            {
                "part": part.name,
                "certainty": part.certainty,
                "given": part.given,
                "bound": part.bound,
                "drift": part.drift,
            }
            for part in self.parts
        ]
        columns = ["part", "certainty", "given", "bound", "drift"]
        return pd.DataFrame(rows, columns=columns).astype({"bound": float, "drift": float})

    def __str__(self) -> str:
        counts = (
            (self.n_rows, "new row"),
            (self.n_repeated_rows, "repeated row"),
            (self.n_new_users, "new user"),
            (self.n_new_items, "new item"),
            (self.n_changed_users, "changed user"),
            (self.n_new_ties, "new tie"),
            (self.n_changed_ties, "changed tie"),
        )
        words = [f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count]
        came = ", ".join(words) or "nothing new"
        due = f"a refit is due: {'; '.join(self.reasons)}" if self.refit_due else "no refit is due"
        return f"{came} in {self.seconds:.2f} s; {due}"


def answers_from_memory(model: Any) -> bool:
    """Whether a model holds diffused factors that it would not make again bit for bit.

    After an update they went on from the old ones, after a fit on a device they are the device's.
    """
    if "_prepared" not in vars(model):
        return False
    state = vars(model)
    return ROWS_SINCE in state or TIES_SINCE in state or bool(state.get("_device"))


def forget_updates(model: Any) -> None:
    """A fit has seen everything: nothing has come since, nothing of a folder is left."""
    for name in (ROWS_SINCE, TIES_SINCE, ROWS_BEHIND, ROWS):
        vars(model).pop(name, None)
