"""A preference that spreads, as a picture: the people at some times, and the curves."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ..diffusion.drawing import WATER, dye_colours
from ..diffusion.spreading import Spread
from .glass_story import PERSON
from .inputs import checked_count

_INK, _TIE = "#33414a", "#b9cad4"
#: from the seeds outwards, the colour of dye that thins out
_HOPS = ("#54083e", "#b0306a", "#dc7fa6", "#f0bdd2", "#8fb6d1", "#5b8db8", "#b8b8b8")
#: pictures of people in a row
_MOST_TIMES = 5


def draw_spread(found: Spread, ties: Any, *, most: int = 120, random_state: int = 0) -> Figure:
    """People and their ties at some times above, who holds it and who has received it below.

    Parameters
    ----------
    found : Spread
        What `suffuse.spread` returned.
    ties : csr_array, shape (n, n)
        Ties between its nodes, in their order; only which there are counts.
    most : int
        People drawn: the seeds, then those whom it reached first.
    random_state : int
        Of their places.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import suffuse as sf
    >>> from suffuse.recsys.preference_spread import spread
    >>> graph = nx.path_graph(3)
    >>> found = spread(graph, 0, [0.0, 1.0])
    >>> len(draw_spread(found, nx.to_scipy_sparse_array(graph, format="csr")).axes)
    4
    """
    shown = _times_shown(len(found.times))
    people = _people(found, checked_count("most", most))
    places, ends = _laid(ties, people, random_state)
    width = max(2.9 * len(shown), 9.0)
    figure = Figure(figsize=(width, 6.6), layout="constrained", facecolor="white")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1.0))
    above, below = halves
    for axes, row in zip(np.atleast_1d(above.subplots(1, len(shown))), shown, strict=True):
        _draw_people(axes, found, (places, ends, people), row)
    of_all = f"{len(people)} of {len(found.ids)} people, those whom it reaches first"
    above.suptitle(
        "A preference among friends"
        + (f" ({of_all})" if len(people) < len(found.ids) else f" ({len(people)} people)"),
        fontsize=11,
        color=_INK,
    )
    left, right = below.subplots(1, 2)
    _draw_holders(left, found)
    _draw_reached(right, found)
    return figure


def _times_shown(n_times: int) -> list[int]:
    """The times that get a picture: all, or some from the first to the last."""
    return sorted(set(np.linspace(0, n_times - 1, min(n_times, _MOST_TIMES)).astype(int).tolist()))


def _people(found: Spread, most: int) -> npt.NDArray[np.int64]:
    """The seeds, then those whom it reached first, then those who hold most."""
    held = found.relative.max(axis=0)
    distance = np.where(found.hops < 0, np.iinfo(np.int64).max, found.hops)
    return np.lexsort((-held, distance, found.arrival, found.hops != 0))[:most]


def _laid(
    ties: Any, people: npt.NDArray[np.int64], random_state: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Places in the unit square, and the ends of every tie among those drawn."""
    among = ties[people][:, people]
    graph = nx.from_scipy_sparse_array(among)
    reach = 1.6 / np.sqrt(max(len(people), 1))
    laid = nx.spring_layout(graph, k=reach, iterations=120, seed=random_state)
    places = np.array([laid[place] for place in range(len(people))]).reshape(-1, 2)
    places = places - places.min(axis=0)
    places /= np.maximum(places.max(axis=0), 1e-12)
    ends = np.array([edge for edge in graph.edges if edge[0] != edge[1]], dtype=np.int64)
    return places, ends.reshape(-1, 2)


def _draw_people(
    axes: Axes,
    found: Spread,
    drawn: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]],
    row: int,
) -> None:
    """One moment: everybody in the colour of what they hold, ringed once they are reached."""
    where, ends, people = drawn
    axes.set_facecolor("#{:02x}{:02x}{:02x}".format(*WATER))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(-0.06, 1.06)
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.add_collection(LineCollection([*where[ends]], colors=_TIE, linewidths=0.6, zorder=1))
    # who holds much lies above who holds little, and seeds above all
    top = np.lexsort((found.relative[row, people], found.hops[people] == 0))
    places, people = where[top], people[top]
    relative = found.relative[row, people]
    reached = found.arrival[people] <= found.times[row]
    seeds = found.hops[people] == 0
    size = float(np.clip(4200.0 / max(len(people), 1), 12.0, 90.0))
    axes.scatter(
        places[:, 0],
        places[:, 1],
        s=np.where(seeds, 2.8 * size, size),
        c=dye_colours(relative, clear=PERSON) / 255.0,
        edgecolors=np.where(seeds, "#14181b", np.where(reached, "#54083e", "#9fb0bb")).tolist(),
        linewidths=np.where(seeds, 1.6, np.where(reached, 0.9, 0.5)).tolist(),
        zorder=2,
    )
    time = float(found.times[row])
    axes.set_title(f"time {time:g}: {found.reached(time)} reached", fontsize=10, color=_INK)


def _draw_holders(axes: Axes, found: Spread) -> None:
    """Who holds it, by distance from the seeds."""
    shares = found.by_hops
    if shares.shape[1] > len(_HOPS):
        head = shares[:, : len(_HOPS) - 1]
        shares = np.column_stack([head, shares[:, len(_HOPS) - 1 :].sum(axis=1)])
    names = ["the seeds", "friends", "friends of friends"]
    names += [f"{hop} ties away" for hop in range(3, shares.shape[1])]
    if shares.shape[1] < found.by_hops.shape[1]:
        names[shares.shape[1] - 1] = f"{shares.shape[1] - 1} or more ties away"
    bands = axes.stackplot(
        found.moments, shares.T, colors=_HOPS, labels=names[: shares.shape[1]], linewidth=0
    )
    axes.set_ylabel("who holds it")
    _finish(axes, found)
    # the seeds lie at the bottom: list them there too
    axes.legend(
        handles=bands[::-1],
        frameon=False,
        fontsize=8,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.2,
    )


def _draw_reached(axes: Axes, found: Spread) -> None:
    """Who has received it, and how evenly it is spread."""
    reached = f"reached: held {found.share:g} of their level"
    evened = "variance gone"
    when = np.sort(found.arrival[np.isfinite(found.arrival)])
    share = np.arange(1, len(when) + 1) / len(found.ids)
    last = found.moments[-1:]
    axes.step(
        np.concatenate([when, last]),
        np.concatenate([share, share[-1:]]),
        where="post",
        color="#b0306a",
        linewidth=2.2,
        label=reached,
    )
    axes.plot(found.moments, found.mixedness, color="#5b8db8", linewidth=2.2, label=evened)
    axes.set_ylabel("share")
    _finish(axes, found)
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _finish(axes: Axes, found: Spread) -> None:
    """Axes of time, with the times that are drawn above."""
    for time in found.times:
        axes.axvline(float(time), color="#33414a", linewidth=0.6, linestyle=":", alpha=0.6)
    axes.set_xlim(0.0, max(float(found.moments[-1]), 1e-12))
    axes.set_ylim(0.0, 1.02)
    axes.set_yticks([0.0, 0.5, 1.0], ["0", "50 %", "100 %"])
    axes.set_xlabel("time (people pass on once per unit)")
    axes.spines[["top", "right"]].set_visible(False)
