"""A story of dye and water as an animation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ..diffusion.drawing import WATER, dye_colours, figure_pixels, show_glass, write_gif
from .glass_story import PERSON, Moment, Panel, Story, percent
from .progress import tell

_CURVES = ("#5b8db8", "#b0306a")
_INK = "#33414a"


def film(story: Story, path: Path) -> None:
    """Write a story as a GIF that repeats for ever.

    Examples
    --------
    >>> import tempfile
    >>> from suffuse.recsys.glass_story import tell
    >>> story = tell(celsius=20, centimetres=10, cells=8, n_moments=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     film(story, Path(folder) / "glass.gif")
    ...     (Path(folder) / "glass.gif").read_bytes()[:6]
    b'GIF89a'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gif(_frames(story), path, seconds=0.09, hold=3.0)


def _frames(story: Story) -> Iterator[npt.NDArray[np.uint8]]:
    stage = _Stage(story)
    for number, moment in enumerate(story.moments(), start=1):
        tell("drawing", number, story.n_moments)
        yield stage.shot(moment)


class _Stage:
    """A figure that is made once and repainted for every frame."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.figure = Figure(figsize=(6.4, 4.9), dpi=92, facecolor="white")
        grid = self.figure.add_gridspec(
            2, 2, height_ratios=(4.0, 1.15), left=0.085, right=0.975, top=0.83, bottom=0.105,
            wspace=0.10, hspace=0.22,
        )  # fmt: skip
        self.axes = [self.figure.add_subplot(grid[0, column]) for column in range(2)]
        self.figure.text(0.085, 0.945, story.heading, fontsize=12, weight="bold", color=_INK)
        self.clock = self.figure.text(
            0.975, 0.945, "", fontsize=12, weight="bold", color=_CURVES[1], ha="right"
        )
        self.caption = self.figure.text(0.085, 0.893, "", fontsize=10, style="italic", color=_INK)
        self.artists: list[Any] = [None, None]
        self._lay_curves(self.figure.add_subplot(grid[1, :]))

    def _lay_curves(self, axes: Axes) -> None:
        """The axes that both curves of mixedness share."""
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(0.0, 1.05)
        axes.set_yticks([0.0, 1.0], ["0", "100 %"], fontsize=8)
        days = self.story.seconds / 86400.0
        whole = [day for day in (1, 3, 7, 14, 30, 60, 120, 240) if day < 0.97 * days]
        ticks = whole if days >= 2 else []
        axes.set_xticks(
            [(day / days) ** 0.5 for day in ticks],
            [f"{day} day{'s' * (day > 1)}" for day in ticks],
            fontsize=8,
        )
        axes.set_title("mixed", loc="left", fontsize=9, color=_INK)
        axes.spines[["top", "right"]].set_visible(False)
        self.lines = [
            axes.plot([], [], color=colour, linewidth=2.2, label=panel.title)[0]
            for colour, panel in zip(_CURVES, self.story.panels, strict=True)
        ]
        axes.legend(frameon=False, fontsize=8, loc="lower right")

    def shot(self, moment: Moment) -> npt.NDArray[np.uint8]:
        """One frame."""
        self.clock.set_text(moment.clock)
        self.caption.set_text(moment.caption)
        for place, panel in enumerate(self.story.panels):
            relative, curve = moment.relative[place], moment.curves[place]
            if self.artists[place] is None:
                self.artists[place] = _lay(self.axes[place], panel, relative)
            elif panel.places is None:
                self.artists[place].set_data(dye_colours(relative))
            else:
                self.artists[place].set_facecolor(dye_colours(relative, clear=PERSON) / 255.0)
            title = f"{panel.title}: {percent(curve[-1])} mixed"
            self.axes[place].set_title(title, fontsize=10, color=_INK)
            self.lines[place].set_data(np.linspace(0.0, moment.share, len(curve)), curve)
        return figure_pixels(self.figure)


def _lay(axes: Axes, panel: Panel, relative: npt.NDArray[np.float64]) -> Any:
    """Paint a panel for the first time, and return what changes later."""
    if panel.places is None or panel.ties is None:
        return show_glass(axes, relative)
    axes.set_facecolor("#{:02x}{:02x}{:02x}".format(*WATER))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(1.06, -0.06)
    axes.set_aspect("equal")
    spots = panel.places[:, ::-1]
    ties = LineCollection([*spots[panel.ties]], colors="#b9cad4", linewidths=0.9, zorder=1)
    axes.add_collection(ties)
    return axes.scatter(
        spots[:, 0],
        spots[:, 1],
        s=95,
        c=dye_colours(relative, clear=PERSON) / 255.0,
        edgecolors="#6d808c",
        linewidths=0.8,
        zorder=2,
    )
