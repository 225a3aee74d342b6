"""Hot water mixes faster; and what an uneven temperature does depends on the law, Fick's or Ito's.

python examples/temperature.py temperature.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from suffuse.diffusion import Glass
from suffuse.diffusion.drawing import show_glass

WIDTH, DAY = 0.1, 86400.0
COLOURS = {"fick": "#b0306a", "ito": "#5b8db8"}
LAWS = {"fick": "Fick: div(D grad c), ends even", "ito": "Ito: laplace(D c), ends as 1/D"}


def main(size: int = 80, out: str | Path = "temperature.png") -> dict[str, float]:
    """Draw three temperatures after two days and the ends of both laws; return max / min."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    axes = figure.subplot_mosaic(
        [["5", "20", "80", "end"], ["p"] * 4], height_ratios=(3, 2.4), width_ratios=(1, 1, 1, 1)
    )
    for celsius in (5, 20, 80):
        glass = Glass((size, size), WIDTH / size, temperature=celsius + 273.15)
        glass.drop("centre", 1.0, radius=0.008).wait(2 * DAY)
        show_glass(axes[str(celsius)], glass.relative, title=f"{celsius} °C, after two days")
    # cold on the left, hot on the right
    ramp = np.linspace(278.15, 353.15, size)
    field = np.broadcast_to(ramp, (size, size))
    ends = {}
    for form, colour in COLOURS.items():
        glass = Glass((size, size), WIDTH / size, temperature=field, form=form)
        end = glass.drop("centre", 1.0, radius=0.008).equilibrium()
        ends[form] = float(end.max() / end.min())
        level = end[0] / end.mean()
        axes["p"].plot(ramp - 273.15, level, color=colour, linewidth=2, label=LAWS[form])
        if form == "ito":
            show_glass(axes["end"], end / end.mean(), title="5 to 80 °C, the end by Ito")
    axes["p"].set_ylim(0, None)
    axes["p"].set_xlabel("temperature of the water, °C, from left to right")
    axes["p"].set_ylabel("concentration / mean, at the end")
    axes["p"].legend(frameon=False)
    axes["p"].spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=80)
    return ends


if __name__ == "__main__":
    main(out=sys.argv[1] if len(sys.argv) > 1 else "temperature.png")
