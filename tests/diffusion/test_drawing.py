"""Colours, pictures and animations."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from suffuse.diffusion.drawing import (
    DEEP,
    WATER,
    draw_glass,
    dye_colours,
    figure_pixels,
    show_glass,
    write_gif,
)


def test_more_dye_is_darker():
    """Clear water at 0, each colour falls, and a wall is grey."""
    ramp = dye_colours(np.linspace(0, 20, 50)).astype(int)
    assert tuple(ramp[0]) == WATER
    assert (np.diff(ramp, axis=0) <= 0).all()
    assert (ramp >= DEEP).all()
    wall = dye_colours(np.array([np.nan]))[0]
    assert np.ptp(wall.astype(int)) < 20


def test_even_dye_is_pink():
    """The even mixture can be told from clear water and from thick dye."""
    red, green, blue = dye_colours(1.0).astype(int)
    assert red > blue > green
    assert WATER[1] - green > 80


@pytest.mark.parametrize(
    ("shape", "seen"), [((16,), (2, 16)), ((5, 7), (5, 7)), ((3, 4, 5), (3, 4))]
)
def test_what_is_seen(shape, seen):
    """A line as a strip, a plane as it is, a body looked through along its last axis."""
    image = show_glass(Figure().subplots(), np.ones(shape))
    assert image.get_array().shape == (*seen, 3)


def test_pixels_of_a_figure():
    """As wide and as high as the figure."""
    pixels = figure_pixels(draw_glass(np.eye(4), "title"))
    assert pixels.shape == (420, 400, 3)
    assert pixels.dtype == np.uint8
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 2


def test_an_animation(tmp_path):
    """Pillow reads back as many frames, their times and their pixels; it repeats for ever."""
    frames = [dye_colours(np.full((12, 16), level)) for level in (0.0, 1.0, 5.0)]
    assert write_gif(frames, tmp_path / "a.gif", seconds=0.1, hold=1.5) == 3
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (3, (16, 12), 0)
        for number, frame in enumerate(frames):
            image.seek(number)
            assert image.info["duration"] == (1500 if number == 2 else 100)
            found = np.asarray(image.convert("RGB")).astype(int)
            assert np.abs(found - frame).max() <= 4


def test_no_frames_no_animation(tmp_path):
    """An error and no file."""
    with pytest.raises(ValueError, match="frames must hold at least one picture"):
        write_gif([], tmp_path / "a.gif")


def test_matplotlib_is_imported_when_asked_for():
    """A glass runs without matplotlib and Pillow being loaded."""
    code = (
        "import sys; from suffuse.diffusion import Glass; Glass(4, 1.0).drop(0, 1.0).wait(1.0); "
        "print([name for name in ('matplotlib', 'PIL', 'pandas') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
