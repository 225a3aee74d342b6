"""Pictures: values in, matplotlib figures out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.sparse.csgraph import dijkstra

from ..diffusion.operator import PropagationOperator
from .execution import one_blas_thread
from .report import Report
from .social import SocialDiffusion

_COLOURS = ("#b8b8b8", "#5b8db8", "#b0306a", "#e8e2d4")


def draw_demo(reports: Mapping[tuple[str, str], Report], model: SocialDiffusion) -> Figure:
    """Two panels: who gains how much from the graph, and one preference that spreads.

    Parameters
    ----------
    reports : mapping of (users, model name) to Report
        Reports with ``ndcg@10``.
    model : SocialDiffusion
        A fitted model, for its graph.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.make_social_world(n_users=200, n_items=80, rng=0)
    >>> model = sf.SocialDiffusion(damping=0.3, memory=1.0, background=0.1)
    >>> model = model.fit(world.interactions, social=world.social)
    >>> report = sf.evaluate(model.recommend(), world.interactions, metrics=["ndcg@10"])
    >>> len(draw_demo({("warm", "ours"): report}, model).axes)
    2
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_accuracy(left, reports)
    _draw_spread(right, model)
    return figure


def _draw_accuracy(axes: Axes, reports: Mapping[tuple[str, str], Report]) -> None:
    groups = list(dict.fromkeys(users for users, _ in reports))
    names = list(dict.fromkeys(name for _, name in reports))
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        rows = [
            reports[group, name].to_frame().set_index("metric").loc["ndcg@10"] for group in groups
        ]
        centres = np.arange(len(groups)) + (place - (len(names) - 1) / 2) * width
        values = np.array([row["value"] for row in rows], dtype=float)
        halves = np.array([row["high"] for row in rows], dtype=float) - values
        axes.bar(
            centres,
            values,
            width * 0.92,
            yerr=halves,
            capsize=3,
            label=name,
            color=_COLOURS[place % len(_COLOURS)],
            edgecolor="#444444",
            linewidth=0.6,
        )
    sizes = {users: len(report.user_ids) for (users, _), report in reports.items()}
    axes.set_xticks(range(len(groups)), [f"{group} users ({sizes[group]})" for group in groups])
    axes.set_ylabel("NDCG@10, 95 % interval")
    axes.set_title("Who gains from the graph")
    axes.legend(frameon=False, loc="upper right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(top=axes.get_ylim()[1] * 1.25)


def _draw_spread(axes: Axes, model: SocialDiffusion) -> None:
    """A preference dropped on one user, by distance in hops, for three dampings."""
    hops = _hops_from(model.social_, start := int(np.argmax(np.diff(model.social_.indptr))))
    drop = np.zeros(len(hops))
    drop[start] = 1.0
    reach = np.arange(int(hops.max()) + 1)
    with one_blas_thread():
        operator = PropagationOperator(model.social_, "doubly_stochastic")
        for damping, colour in ((0.3, "#e3a7c3"), (0.6, "#c95f95"), (0.9, "#7a1f4b")):
            spread = operator.diffuse(drop, damping)
            shares = [spread[hops == hop].sum() for hop in reach]
            axes.plot(reach, shares, "o-", color=colour, label=f"damping {damping:g}")
    axes.set_yscale("log")
    axes.set_xticks(reach)
    axes.set_xlabel("distance from the user on whom it was dropped, in ties")
    axes.set_ylabel("share of the preference (sums to 1)")
    axes.set_title("How far one preference spreads")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _hops_from(adjacency: Any, start: int) -> Any:
    """Number of ties from ``start`` to every user; -1 where there is no way."""
    distance = dijkstra(adjacency, indices=[start], unweighted=True)[0]
    return np.where(np.isfinite(distance), distance, -1).astype(int)
