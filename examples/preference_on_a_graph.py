"""A preference dropped on one member of a club spreads as dye does, by the same calls.

python examples/preference_on_a_graph.py preference_on_a_graph.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import networkx as nx
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from suffuse.diffusion import Circle, Glass
from suffuse.diffusion.drawing import WATER, dye_colours, show_glass

LENGTHS = (0.0, 0.02, 0.1, 2.5)  # in lengths of the slowest mode
COLOURS = ("#5b8db8", "#b0306a")


def main(size: int = 64, out: str | Path = "preference_on_a_graph.png") -> dict[str, float]:
    """Draw both at four moments of their own time; return the mixedness of each at the last."""
    club = nx.karate_club_graph()
    watched = {
        "dye in water": Glass((size, size), 0.1 / size).drop(
            (size // 3, size // 3), 1.0, radius=0.014
        ),
        "a preference in a club": Circle(club).drop(0, 1.0),
    }
    laid = nx.kamada_kawai_layout(club)
    figure = Figure(figsize=(10, 7.4), layout="constrained")
    names = list(watched)
    axes = figure.subplot_mosaic(
        [*[[f"{name}{moment}" for moment in LENGTHS] for name in names], ["c"] * 4],
        height_ratios=(3, 3, 2.2),
    )
    ends = {}
    for (name, mixture), colour in zip(watched.items(), COLOURS, strict=True):
        slowest, curve = 1.0 / mixture.spectral_gap, []
        for moment in np.union1d(np.geomspace(1e-3, LENGTHS[-1], 60), LENGTHS):
            mixture.wait(max(moment * slowest - mixture.time, 0.0))
            curve.append((moment, mixture.mixedness))
            if moment in LENGTHS:
                panel = axes[f"{name}{moment}"]
                if isinstance(mixture, Glass):
                    show_glass(panel, mixture.relative, title=f"at {moment:g}")
                else:
                    draw_club(panel, club, laid, mixture)
        axes[f"{name}{LENGTHS[0]}"].set_ylabel(name)
        axes["c"].plot(*np.array(curve).T, color=colour, linewidth=2, label=name)
        ends[name] = float(mixture.mixedness)
    axes["c"].set_xscale("log")
    axes["c"].set_xlim(1e-3, LENGTHS[-1])
    axes["c"].set_xlabel("time, in lengths of the own slowest mode")
    axes["c"].set_ylabel("mixedness")
    axes["c"].legend(frameon=False)
    axes["c"].spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=80)
    return ends


def draw_club(axes: object, club: nx.Graph, laid: dict[int, np.ndarray], circle: Circle) -> None:
    """Members in the colour of what they have."""
    axes.set_facecolor(np.array(WATER) / 255.0)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    lines = [(laid[u], laid[v]) for u, v in club.edges]
    axes.add_collection(LineCollection(lines, colors="#b9cad4", linewidths=0.7, zorder=1))
    places = np.array([laid[member] for member in circle.operator.ids])
    shades = dye_colours(circle.relative, clear=(203, 213, 220)) / 255.0
    axes.scatter(*places.T, s=75, c=shades, edgecolors="#6d808c", linewidths=0.7, zorder=2)
    axes.margins(0.08)


if __name__ == "__main__":
    main(out=sys.argv[1] if len(sys.argv) > 1 else "preference_on_a_graph.png")
