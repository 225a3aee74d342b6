"""The story of a drop: what is told is what happens."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from suffuse.datasets.planting import WorldShape
from suffuse.datasets.synthetic import make_social_world
from suffuse.diffusion import stokes_einstein
from suffuse.recsys.glass_story import clock, duration, tell


def small_world() -> pd.DataFrame:
    """Ties of some forty friends."""
    return make_social_world(48, 60, shape=WorldShape(mean_degree=4.0), rng=0).social


def test_left_alone_and_stirred() -> None:
    """The same drop; the stirred glass is even sooner, and both end even."""
    story = tell(celsius=20.0, centimetres=10.0, cells=24, n_moments=60)
    moments = list(story.moments())
    assert len(moments) == 60
    assert (moments[0].share, moments[-1].share) == (0.0, 1.0)
    np.testing.assert_array_equal(moments[0].relative[0], moments[0].relative[1])
    alone, stirred = (np.array(curve) for curve in moments[-1].curves)
    assert (np.diff(alone) >= -1e-12).all()
    assert (stirred >= alone - 1e-9).all()
    assert alone[-1] > 0.99
    assert story.even_after["left alone"] > 3 * story.even_after["stirred"]
    assert [line.split(":")[0] for line in story.words()[:2]] == ["left alone", "stirred"]


def test_the_clock_is_that_of_a_real_glass() -> None:
    """The story lasts 2.6 slowest modes of 10 cm of water, L^2 / (pi^2 D) each."""
    story = tell(celsius=20.0, centimetres=10.0, cells=64, n_moments=3)
    slowest = 0.1**2 / (np.pi**2 * stokes_einstein(293.15, 0.5e-9))
    assert story.seconds == pytest.approx(2.6 * slowest, rel=1e-3)


def test_dye_and_people() -> None:
    """The largest circle of a world, the same calls, the same end."""
    social = small_world()
    story = tell(celsius=20.0, centimetres=10.0, cells=16, n_moments=30, social=social)
    *_, last = story.moments()
    people = story.panels[1]
    assert people.places is not None
    assert people.ties is not None
    n = len(last.relative[1])
    assert people.title == f"a liking among {n} friends"
    assert people.places.shape == (n, 2)
    assert 0.0 <= people.places.min() <= people.places.max() <= 1.0
    assert people.ties.max() < n
    assert last.curves[1][0] == pytest.approx(0.0, abs=1e-12)
    assert last.curves[1][-1] > 0.99
    assert "the same calls" in story.words()[-1]


def test_times_for_people() -> None:
    """Minutes, hours, days."""
    assert [clock(s) for s in (0.0, 3599.0, 3600.0, 86400.0 * 2)] == [
        "minute 0",
        "minute 60",
        "hour 1",
        "day 2",
    ]
    assert [duration(s) for s in (1.0, 600.0, 36000.0)] == ["1 s", "10 min", "10 hours"]


@pytest.mark.parametrize(
    ("celsius", "centimetres", "n_moments", "message"),
    [
        (120.0, 10.0, 10, "temperature must be from 0 to 100 C; got 120.0"),
        (20.0, 0.0, 10, "width must be positive, in cm; got 0.0"),
        (20.0, 10.0, 1, "moments must be 2 or more; got 1"),
    ],
)
def test_bad_stories(celsius: float, centimetres: float, n_moments: int, message: str) -> None:
    """In the words of the command line."""
    with pytest.raises(ValueError, match=message):
        tell(celsius=celsius, centimetres=centimetres, cells=8, n_moments=n_moments)
