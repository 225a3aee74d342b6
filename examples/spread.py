"""A drop spreads: Gaussian until it meets the wall, with a variance of 2 D t per axis.

python examples/spread.py spread.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from suffuse.diffusion import Glass
from suffuse.diffusion.drawing import show_glass

WIDTH = 0.1  # m
MOMENTS = {"4 hours": 4 * 3600.0, "1 day": 86400.0, "4 days": 4 * 86400.0, "27 days": 27 * 86400.0}
SHADES = ("#3b0a2a", "#86145c", "#c2558f", "#e3a7c3")


def main(size: int = 101, out: str | Path = "spread.png") -> dict[str, float]:
    """Draw the drop at four moments and its profile against the Gaussian; return the variances."""
    glass = Glass((size, size), WIDTH / size, temperature=293.15, particle_radius=0.5e-9)
    glass.drop((size // 2, size // 2), 1.0)  # a single cell
    x = (np.arange(size) - size // 2) * WIDTH / size
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    axes = figure.subplot_mosaic([["0", "1", "2", "3"], ["p"] * 4], height_ratios=(3, 2))
    variances = {}
    for number, (name, moment) in enumerate(MOMENTS.items()):
        glass.wait(moment - glass.time)
        show_glass(axes[str(number)], glass.relative, title=name)
        profile = glass.concentration.sum(axis=0) * WIDTH / size
        variances[name] = float((x**2 * profile).sum() / profile.sum())
        spread = 2.0 * glass.diffusivity * moment
        gauss = np.exp(-(x**2) / (2.0 * spread)) / np.sqrt(2.0 * np.pi * spread)
        shade = SHADES[number]
        axes["p"].plot(100 * x, profile, "o", markersize=2.5, color=shade, label=name)
        axes["p"].plot(100 * x, gauss, "-", linewidth=0.9, color=shade)
    axes["p"].set_xlabel("cm from the drop")
    axes["p"].set_ylabel("share per m")
    axes["p"].set_title(
        "dots: the glass; lines: the Gaussian of variance 2 D t in water without walls", fontsize=10
    )
    axes["p"].legend(frameon=False, fontsize=8)
    axes["p"].spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=90)
    return variances


if __name__ == "__main__":
    main(out=sys.argv[1] if len(sys.argv) > 1 else "spread.png")
