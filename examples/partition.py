"""Walls: a hole is enough to end even, only later; an isolated chamber keeps what it has.

python examples/partition.py partition.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from suffuse.diffusion import Glass, Partition
from suffuse.diffusion.drawing import show_glass

WIDTH, DAY = 0.1, 86400.0
SHOWN = (2, 20, 80)


def main(size: int = 72, out: str | Path = "partition.png") -> dict[str, float]:
    """Draw three vessels at three moments and at the end; return max / min of each end."""
    hole = slice(round(0.44 * size), round(0.56 * size))
    walls = {
        "a wall with a hole": Partition(axis=1, before=size // 2, hole=hole),
        "an obstacle": pillar(size),
        "a wall, no hole": Partition(axis=1, before=size // 2),
    }
    figure = Figure(figsize=(10, 7.6), layout="constrained")
    grid = figure.subplots(len(walls), len(SHOWN) + 1)
    ratios = {}
    for row, (name, wall) in zip(grid, walls.items(), strict=True):
        glass = Glass((size, size), WIDTH / size, walls=wall)
        glass.drop((size // 2, size // 5), 1.0, radius=0.012)
        for axes, day in zip(row, SHOWN, strict=False):
            glass.wait(day * DAY - glass.time)
            show_glass(axes, glass.relative, title=f"day {day}")
        end = glass.equilibrium()
        show_glass(row[-1], np.where(glass.water, end / end[glass.water].mean(), np.nan))
        row[-1].set_title("the end", fontsize=10)
        row[0].set_ylabel(name)
        if isinstance(wall, Partition):
            for axes in row:
                draw_wall(axes, wall, size)
        with np.errstate(divide="ignore"):
            ratios[name] = float(end[glass.water].max() / end[glass.water].min())
    figure.savefig(out, dpi=80)
    return ratios


def pillar(size: int) -> np.ndarray:
    """A round obstacle right of the middle."""
    y, x = np.mgrid[:size, :size] / size
    return (x - 0.55) ** 2 + (y - 0.5) ** 2 < 0.2**2


def draw_wall(axes: object, wall: Partition, size: int) -> None:
    """A line where the wall is shut."""
    shut = np.ones(size, dtype=bool)
    if wall.hole is not None:
        shut[wall.hole] = False
    rows = np.flatnonzero(np.diff(np.r_[False, shut, False]))
    for first, last in rows.reshape(-1, 2):
        axes.plot([wall.before - 0.5] * 2, [first - 0.5, last - 0.5], color="#787470", linewidth=3)


if __name__ == "__main__":
    main(out=sys.argv[1] if len(sys.argv) > 1 else "partition.png")
