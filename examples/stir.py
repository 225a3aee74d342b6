"""Stirring alone never mixes, diffusion alone takes weeks; together they take days.

python examples/stir.py stir.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure

from suffuse.diffusion import Glass
from suffuse.diffusion.drawing import show_glass

WIDTH, DAY = 0.1, 86400.0
STEPS, SHOWN = 60, (0, 3, 8, 20, 59)
NAMES = {
    "diffusion alone": (True, False),
    "stirring alone": (False, True),
    "both": (True, True),
}
COLOURS = ("#5b8db8", "#8a8a8a", "#b0306a")


def main(size: int = 96, out: str | Path = "stir.png") -> dict[str, list[float]]:
    """Draw three glasses through thirty days; return the intensity of segregation of each."""
    figure = Figure(figsize=(10, 8.6), layout="constrained")
    rows = [[f"{name}{step}" for step in SHOWN] for name in NAMES]
    axes = figure.subplot_mosaic([*rows, ["c"] * len(SHOWN)], height_ratios=(3, 3, 3, 2.6))
    curves = {}
    for (name, (diffuses, stirs)), colour in zip(NAMES.items(), COLOURS, strict=True):
        glass = Glass((size, size), WIDTH / size)
        glass.drop((round(0.3 * size), round(0.35 * size)), 1.0, radius=0.014)
        curve = [glass.segregation]
        for step in range(STEPS):
            if step in SHOWN:
                title = f"day {step / 2:g}" if name == "diffusion alone" else ""
                show_glass(axes[f"{name}{step}"], glass.relative, title=title)
            if diffuses:
                glass.wait(DAY / 2)
            if stirs:
                glass.stir(strength=0.7)
            curve.append(glass.segregation)
        axes[f"{name}{SHOWN[0]}"].set_ylabel(name)
        axes["c"].plot([step / 2 for step in range(STEPS + 1)], curve, color=colour, label=name)
        curves[name] = curve
    axes["c"].set_yscale("log")
    axes["c"].set_ylim(1e-4, 1.5)
    axes["c"].set_xlabel("days")
    axes["c"].set_ylabel("segregation")
    axes["c"].legend(frameon=False)
    axes["c"].spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=72)
    return curves


if __name__ == "__main__":
    main(out=sys.argv[1] if len(sys.argv) > 1 else "stir.png")
