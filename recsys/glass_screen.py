"""A story of dye and water in the terminal: half-block pixels, curves, captions."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.console import Console
from rich.live import Live
from rich.style import Style
from rich.text import Text

from ..diffusion.drawing import WATER, dye_colours
from .glass_story import PERSON, Moment, Panel, Story, percent

Pixels = npt.NDArray[np.uint8]

_FRAME_SECONDS = 0.09
_GAP, _CURVE_ROWS, _OTHER_ROWS = 4, 3, 6
_LARGEST = 56
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SHADES = " .:-=+*#%@"
_TIE = (217, 228, 235)
_INK = "#c2558f"


def watch(story: Story, console: Console) -> None:
    """Show a story as it happens where there is a terminal, else only go through it.

    Examples
    --------
    >>> import io
    >>> from suffuse.recsys.glass_story import tell
    >>> story = tell(celsius=20, centimetres=10, cells=8, n_moments=3)
    >>> watch(story, Console(file=io.StringIO()))
    >>> len(story.even_after)
    2
    """
    if not console.is_terminal:
        for _ in story.moments():
            pass
        return
    size = picture_size(console)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for moment in story.moments():
            started = time.monotonic()
            live.update(screen(story, moment, size, colours=bool(console.color_system)))
            live.refresh()
            pause = _FRAME_SECONDS * (8.0 if moment.share == 0.0 else 1.0)
            time.sleep(max(0.0, pause - (time.monotonic() - started)))


def picture_size(console: Console) -> int:
    """Pixels along each side of a picture, so that two of them fit side by side.

    Examples
    --------
    >>> picture_size(Console(width=80, height=24))
    30
    """
    across = (console.width - _GAP - 2) // 2
    down = 2 * (console.height - _CURVE_ROWS - _OTHER_ROWS)
    return max(8, min(across, down, _LARGEST) // 2 * 2)


def screen(story: Story, moment: Moment, size: int, *, colours: bool = True) -> Text:
    """One moment as lines of text: heading, two pictures, two curves, a caption.

    Examples
    --------
    >>> from suffuse.recsys.glass_story import tell
    >>> story = tell(celsius=20, centimetres=10, cells=8, n_moments=3)
    >>> print(screen(story, next(story.moments()), 12, colours=False).plain.splitlines()[0])
     a drop of dye in water, 10 cm wide, 20 °C    minute 0
    """
    text = Text(no_wrap=True)
    text.append(f" {story.heading}", style="bold")
    text.append(f"    {moment.clock}\n", style=f"bold {_INK}")
    gap = Text(" " * _GAP)
    columns = []
    for panel, relative, curve in zip(story.panels, moment.relative, moment.curves, strict=True):
        reached = max(1, round(size * moment.share))
        columns.append(
            [
                Text(f"{panel.title:^{size}.{size}}"),
                *_picture(panel_pixels(panel, relative, size), colours),
                *_curve(curve, size, reached),
                Text(f"{percent(curve[-1]) + ' mixed':^{size}.{size}}", style="bold"),
            ]
        )
    for rows in zip(*columns, strict=True):
        text.append_text(Text(" "))
        text.append_text(gap.join(rows))
        text.append("\n")
    text.append(f" {moment.caption}", style="italic")
    return text


def panel_pixels(panel: Panel, relative: npt.NDArray[np.float64], size: int) -> Pixels:
    """The picture of a panel in so many pixels: the glass as it is, or people and their ties.

    Examples
    --------
    >>> from suffuse.recsys.glass_story import tell
    >>> panel = tell(celsius=20, centimetres=10, cells=8, n_moments=3).panels[0]
    >>> panel_pixels(panel, panel.mixture.relative, 16).shape
    (16, 16, 3)
    """
    if panel.places is None or panel.ties is None:
        rows = (np.arange(size) + 0.5) * relative.shape[0] / size
        columns = (np.arange(size) + 0.5) * relative.shape[1] / size
        return dye_colours(relative[np.ix_(rows.astype(int), columns.astype(int))])
    pixels = np.empty((size, size, 3), dtype=np.uint8)
    pixels[:] = WATER
    spots = np.rint(1 + panel.places * (size - 5)).astype(int)
    for u, v in panel.ties:
        steps = int(np.abs(spots[u] - spots[v]).max()) + 1
        line = np.rint(np.linspace(spots[u] + 1, spots[v] + 1, steps)).astype(int)
        pixels[line[:, 0], line[:, 1]] = _TIE
    shades = dye_colours(relative, clear=PERSON)
    wide = 3 if size >= 36 else 2
    for person in np.argsort(relative):
        row, column = spots[person]
        pixels[row : row + wide, column : column + wide] = shades[person]
    return pixels


def _picture(pixels: Pixels, colours: bool) -> list[Text]:
    """Two rows of pixels in each line, upper and lower half of the characters."""
    lines = []
    darkness = 1.0 - pixels.mean(axis=2) / 255.0
    for row in range(0, len(pixels), 2):
        line = Text()
        for column in range(pixels.shape[1]):
            upper, lower = pixels[row, column], pixels[row + 1, column]
            if colours:
                style = Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))
                line.append("▀", style=style)
            else:
                dark = darkness[row : row + 2, column].mean()
                line.append(_SHADES[min(9, int(dark * 14))])
        lines.append(line)
    return lines


def _curve(curve: tuple[float, ...], size: int, reached: int) -> list[Text]:
    """The curve of mixedness so far as a filled line, the whole story wide."""
    columns = np.linspace(0, len(curve) - 1, reached).round().astype(int)
    heights = [round(curve[at] * 8 * _CURVE_ROWS) for at in columns]
    lines = []
    for row in reversed(range(_CURVE_ROWS)):
        blocks = "".join(_EIGHTHS[min(8, max(0, height - 8 * row))] for height in heights)
        lines.append(Text(f"{blocks:<{size}}", style=_INK))
    return lines
