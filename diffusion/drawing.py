"""Pictures of dye in water; matplotlib and Pillow are imported when a picture is asked for."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Pixels = npt.NDArray[np.uint8]

#: clear water, and dye too thick to see through
WATER, DEEP = (234, 244, 250), (84, 8, 62)
# What the dye takes from red, green and blue where it is evenly mixed.
_ABSORBANCE = (0.16, 0.80, 0.38)
_STONE = (120, 116, 112)


def dye_colours(relative: npt.ArrayLike, *, clear: tuple[int, int, int] = WATER) -> Pixels:
    """The colour of water with dye in it, by the law of Beer and Lambert.

    Each of red, green and blue falls as ``exp(-a c)`` from that of clear water to that of thick
    dye, so that thin and thick dye can be told apart in one picture.

    Parameters
    ----------
    relative
        Concentration over that of the even mixture; any shape. NaN is a wall.
    clear
        Red, green and blue without dye.

    Returns
    -------
    ndarray of uint8, of the shape of `relative` with an axis of red, green, blue added

    Examples
    --------
    >>> dye_colours([0.0, 1e9]).tolist() == [list(WATER), list(DEEP)]
    True
    """
    share = np.asarray(relative, dtype=np.float64)[..., None]
    light = np.exp(-np.maximum(share, 0.0) * np.array(_ABSORBANCE))
    colour = np.array(DEEP) + (np.array(clear) - np.array(DEEP)) * light
    wall = np.isnan(share)
    return np.rint(np.where(wall, np.array(_STONE), colour)).astype(np.uint8)


def show_glass(axes: Axes, relative: npt.NDArray[np.float64], *, title: str = "") -> Any:
    """Paint dye into axes, as one who looks through the glass sees it.

    Parameters
    ----------
    axes
        Of matplotlib; frame and ticks are taken away.
    relative
        As in `dye_colours`; one axis is drawn as a strip, of three the last is looked along.
    title
        Above the picture.

    Returns
    -------
    AxesImage

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> show_glass(Figure().subplots(), np.eye(4), title="a line").get_array().shape
    (4, 4, 3)
    """
    seen = np.asarray(relative, dtype=np.float64)
    if seen.ndim == 1:
        seen = np.repeat(seen[None, :], max(1, len(seen) // 8), axis=0)
    elif seen.ndim == 3:
        seen = seen.mean(axis=2)
    image = axes.imshow(dye_colours(seen), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for side, spine in axes.spines.items():
        spine.set_visible(side != "top" or seen.shape[0] * 4 < seen.shape[1])
        spine.set_color("#8aa0ad")
        spine.set_linewidth(2.0)
    axes.set_title(title, fontsize=10)
    return image


def draw_glass(relative: npt.NDArray[np.float64], title: str) -> Figure:
    """A figure of one glass; see `show_glass`.

    Examples
    --------
    >>> len(draw_glass(np.eye(4), "a line").axes)
    1
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.0, 4.2), layout="constrained")
    show_glass(figure.subplots(), relative, title=title)
    return figure


def figure_pixels(figure: Figure) -> Pixels:
    """A figure as an array of red, green and blue, shape (height, width, 3).

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> figure_pixels(Figure(figsize=(2, 1), dpi=50)).shape
    (50, 100, 3)
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="rgba", dpi=figure.dpi)
    width, height = (int(size * figure.dpi) for size in figure.get_size_inches())
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)[..., :3].copy()


def write_gif(
    frames: Iterable[Pixels], path: str | Path, *, seconds: float = 0.08, hold: float = 2.5
) -> int:
    """Write an animation that repeats for ever, with Pillow.

    Parameters
    ----------
    frames
        Arrays of uint8, shape (height, width, 3), all alike; taken one by one.
    path
        Of the file.
    seconds
        How long a frame is shown; GIF counts in hundredths.
    hold
        How long the last frame is shown.

    Returns
    -------
    int
        The number of frames.

    Raises
    ------
    ValueError
        Where there is no frame.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_gif([dye_colours(np.eye(8)), dye_colours(np.ones((8, 8)))], f"{folder}/a.gif")
    2
    """
    from PIL import Image

    images = [
        Image.fromarray(frame).quantize(
            128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        for frame in frames
    ]
    if not images:
        raise ValueError("frames must hold at least one picture; got none")
    shown = [round(1000 * seconds)] * (len(images) - 1) + [round(1000 * hold)]
    images[0].save(
        path, format="GIF", save_all=True, append_images=images[1:], duration=shown, loop=0
    )
    return len(images)
