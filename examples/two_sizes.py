"""Particles of two sizes: the larger ones live in slower time, and come to the same end.

python examples/two_sizes.py two_sizes.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from suffuse.diffusion import Glass
from suffuse.diffusion.drawing import show_glass

WIDTH, DAY = 0.1, 86400.0
RADII = {"dye, 0.5 nm": 0.5e-9, "protein, 2 nm": 2e-9}
COLOURS = ("#b0306a", "#5b8db8")
SHOWN = (1, 8, 32)


def main(size: int = 72, out: str | Path = "two_sizes.png") -> dict[str, float]:
    """Draw both at three moments and as curves; return the days until each is 99 % mixed."""
    glass = Glass((size, size), WIDTH / size, particle_radius=RADII)
    for name in RADII:
        glass.drop((size // 3, size // 2), 1.0, radius=0.014, species=name)
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    axes = figure.subplot_mosaic([[f"{name}{day}" for day in SHOWN] + ["c", "c"] for name in RADII])
    days = np.geomspace(0.05, 256.0, 60)
    curve = []
    for day in np.union1d(days, SHOWN):
        glass.wait(max(day * DAY - glass.time, 0.0))
        curve.append((day, *glass.mixedness))
        if day in SHOWN:
            for name, relative in zip(RADII, glass.relative, strict=True):
                show_glass(axes[f"{name}{int(day)}"], relative, title=f"day {day:g}")
    times, *mixed = np.array(curve).T
    reached = {}
    for name, values, colour in zip(RADII, mixed, COLOURS, strict=True):
        axes[f"{name}{SHOWN[0]}"].set_ylabel(name)
        axes["c"].plot(times, values, color=colour, linewidth=2, label=name)
        reached[name] = float(np.interp(0.99, values, times))
    axes["c"].set_xscale("log")
    axes["c"].set_xticks([0.1, 1, 4, 16, 64, 256], ["0.1", "1", "4", "16", "64", "256"])
    axes["c"].minorticks_off()
    axes["c"].set_xlabel("days")
    axes["c"].set_ylabel("mixedness")
    axes["c"].set_title("four times the radius, four times as long", fontsize=10)
    axes["c"].legend(frameon=False, loc="lower right")
    axes["c"].spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=80)
    return reached


if __name__ == "__main__":
    main(out=sys.argv[1] if len(sys.argv) > 1 else "two_sizes.png")
