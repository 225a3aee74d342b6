"""Pictures of a profile and of explanations: how much there is, and where scores come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from .data_profile import Profile
from .explanation import Explanation
from .explanation_words import (
    CHANNELS,
    FRIENDS,
    FURTHER,
    HOLDERS,
    LEARNED,
    OWN,
    POPULAR,
    SECOND,
    SOLVER,
)
from .report_plots import FAINT, FIRST, INK, clipped, new_axes, plain_axes
from .report_plots import SECOND as BLUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: a colour and its strength for each channel: oneself blue, other people red, everybody grey
SHADES = {
    OWN: (BLUE, 1.0),
    LEARNED: (BLUE, 0.5),
    HOLDERS: (FIRST, 1.0),
    FRIENDS: (FIRST, 0.72),
    SECOND: (FIRST, 0.45),
    FURTHER: (FIRST, 0.22),
    POPULAR: (FAINT, 0.8),
    SOLVER: (FAINT, 0.35),
}


def plot_degrees(profile: Profile, *, axes: Axes | None = None) -> Axes:
    """The share of users, items and people with at least so many cells or ties, on log axes.

    A straight line downwards is a power law: few have very much.

    Parameters
    ----------
    profile : Profile
        What ``suffuse.recsys.profile`` found.
    axes : matplotlib axes, optional
        Where to draw; new ones by default.

    Returns
    -------
    matplotlib axes

    Examples
    --------
    >>> found = Profile(np.array([1, 3]), np.array([2, 2]), None)
    >>> [line.get_label() for line in plot_degrees(found).lines]
    ['items of a user', 'users of an item']
    """
    axes = new_axes() if axes is None else axes
    kinds: list[tuple[str, npt.NDArray[np.int64] | None, str, str]] = [
        ("items of a user", profile.user_counts, FIRST, "-"),
        ("users of an item", profile.item_counts, BLUE, "-"),
        ("ties of a user", profile.tie_counts, INK, ":"),
    ]
    for name, counts, colour, style in kinds:
        if counts is None or not counts.any():
            continue
        values, share = _at_least(counts)
        axes.plot(values, share, style, color=colour, label=name, linewidth=1.6)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("at least so many")
    axes.set_ylabel("share of all")
    axes.set_title("who has how much")
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    return plain_axes(axes)


def plot_histories(profile: Profile, *, axes: Axes | None = None) -> Axes:
    """How many users have no, few and many items, and who of them has ties.

    Parameters
    ----------
    profile : Profile
        What ``suffuse.recsys.profile`` found.
    axes : matplotlib axes, optional
        Where to draw; new ones by default.

    Returns
    -------
    matplotlib axes

    Examples
    --------
    >>> found = Profile(np.array([1, 3]), np.array([2, 2]), np.array([1, 1]))
    >>> len(plot_histories(found).patches)
    8
    """
    frame = profile.histories().iloc[::-1].reset_index(drop=True)
    if axes is None:
        axes = new_axes(height=2.4)
    places = np.arange(len(frame))
    if "with_ties" in frame:
        axes.barh(places, frame["with_ties"], 0.6, color=FIRST, label="with ties")
        axes.barh(
            places,
            frame["without_ties"],
            0.6,
            left=frame["with_ties"],
            color=FAINT,
            label="without",
        )
        axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    else:
        axes.barh(places, frame["n_users"], 0.6, color=FIRST)
    for place, count in zip(places, frame["n_users"], strict=True):
        axes.annotate(
            f"{count:,}",
            (count, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
        )
    axes.set_yticks(places, list(frame["users"]))
    axes.set_xlabel("users")
    axes.margins(x=0.14)
    return plain_axes(axes)


def plot_agreement(profile: Profile, *, axes: Axes | None = None) -> Axes:
    """Agreement along ties, beside where 95 % of random graphs with the same degrees lie.

    Parameters
    ----------
    profile : Profile
        One with ``agreement``.
    axes : matplotlib axes, optional
        Where to draw; new ones by default.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    ValueError
        If the profile has no graph, or no tie between people with items.

    Examples
    --------
    >>> from .tie_agreement import Level
    >>> level = Level("friends", 0.2, 0.1, 0.08, 0.12, 50)
    >>> found = Profile(np.array([1, 3]), np.array([2, 2]), np.array([1, 1]), agreement=(level,))
    >>> plot_agreement(found).get_yticklabels()[0].get_text()
    'friends'
    """
    frame = profile.agreement_frame().iloc[::-1].reset_index(drop=True)
    if frame.empty:
        raise ValueError("profile must hold the agreement of friends; got one without ties")
    if axes is None:
        axes = new_axes(height=1.3 + 0.36 * max(len(frame), 2))
    places = np.arange(len(frame))
    width = frame["high"] - frame["low"]
    axes.barh(places, width, 0.34, left=frame["low"], color=FAINT, alpha=0.55, label="at random")
    axes.plot(frame["chance"], places, "|", color=INK, markersize=11, label="_")
    axes.plot(frame["value"], places, "o", color=FIRST, markersize=6, label="as it is")
    axes.set_yticks(places, list(frame["measure"]))
    axes.set_ylim(-0.6, len(frame) - 0.4)
    axes.set_xlim(left=0.0)
    axes.set_xlabel("mean cosine; share of the items")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    return plain_axes(axes)


def plot_channels(found: Sequence[Explanation], *, axes: Axes | None = None) -> Axes:
    """Where the scores of some items come from, one bar each, the first on top.

    What speaks against an item lies left of zero.

    Parameters
    ----------
    found : sequence of Explanation
        Explanations, of one user.
    axes : matplotlib axes, optional
        Where to draw; new ones by default.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    ValueError
        If there is no explanation.

    Examples
    --------
    >>> import suffuse as sf
    >>> model = sf.EASE(regularization=1.0).fit(sf.datasets.tiny_world().interactions)
    >>> why = model.explain(model.user_ids_[0], model.item_ids_[0])
    >>> len(plot_channels([why]).patches)
    1
    """
    if not found:
        raise ValueError("found must hold at least one explanation; got none")
    totals = pd.DataFrame([why.totals() for why in found]).fillna(0.0)
    totals = totals.reindex(columns=[name for name in CHANNELS if name in totals])
    places = np.arange(len(found))[::-1]
    if axes is None:
        n_rows = -(-totals.shape[1] // 2)
        axes = new_axes(height=1.0 + 0.34 * len(found) + 0.2 * n_rows)
    above, below = np.zeros(len(found)), np.zeros(len(found))
    for name in totals.columns:
        values = totals[name].to_numpy(dtype=float)
        start = np.where(values >= 0, above, below)
        colour, strength = SHADES[str(name)]
        axes.barh(places, values, 0.62, left=start, color=colour, alpha=strength, label=name)
        above += np.maximum(values, 0.0)
        below += np.minimum(values, 0.0)
    axes.axvline(0.0, color=FAINT, linewidth=0.8)
    axes.set_yticks(places, [clipped(str(why.item)) for why in found])
    axes.set_xlabel("score")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(-0.3, 1.0))
    return plain_axes(axes)


def _at_least(
    counts: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Every number that somebody has, from 1, and the share of those who have as much."""
    values, how_many = np.unique(counts, return_counts=True)
    share = how_many[::-1].cumsum()[::-1] / len(counts)
    some = values > 0
    return values[some], share[some]
