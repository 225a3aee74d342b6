"""Measures of a glass and what stands in it."""

import numpy as np
import pytest

from suffuse.diffusion import Partition
from suffuse.diffusion.walls import make_vessel


def test_an_open_glass():
    """No walls, no masks; volumes by the number of axes."""
    vessel = make_vessel((3, 4, 5), (1.0, 2.0, 0.5), None)
    assert vessel.open
    assert (vessel.n, vessel.cell) == (60, 1.0)
    assert make_vessel(7, 0.5, None).spacing == (0.5,)


def test_walls_add_up():
    """Partitions and obstacles in one list; of two partitions in one place both are shut."""
    solid = np.zeros((4, 4), dtype=bool)
    solid[3, 3] = True
    walls = [Partition(0, 2, hole=0), Partition(0, 2, hole=[0, 1]), solid]
    vessel = make_vessel((4, 4), 1.0, walls)
    np.testing.assert_array_equal(vessel.closed[0][1], [False, True, True, True])
    assert vessel.closed[1] is None
    assert vessel.water.sum() == 15
    assert not vessel.open


def test_holes_in_a_body():
    """In three dimensions the wall is a plane, and its hole an index into it."""
    shut = make_vessel((2, 3, 4), 1.0, Partition(1, 2, hole=(slice(None), 2))).closed[1]
    assert shut.shape == (2, 2, 4)
    assert not shut[:, 0].any()
    np.testing.assert_array_equal(shut[:, 1], [[True, True, False, True]] * 2)


@pytest.mark.parametrize(
    ("shape", "spacing", "walls", "message"),
    [
        ((2, 2, 2, 2), 1.0, None, "shape must be 1 to 3 whole numbers"),
        ((2, 0), 1.0, None, "shape must be"),
        ((2, 2.5), 1.0, None, "shape must be"),
        ((2, 2), -1.0, None, "spacing must be a positive length in m"),
        ((2, 2), (1.0, 1.0, 1.0), None, "spacing must be"),
        ((2, 2), np.nan, None, "spacing must be"),
        ((2, 2), 1.0, np.ones((2, 2)), "walls must be boolean and of shape"),
        ((2, 2), 1.0, np.ones((2, 3), dtype=bool), "walls must be boolean and of shape"),
        ((2, 2), 1.0, np.ones((2, 2), dtype=bool), "must leave room for water"),
        ((2, 2), 1.0, Partition(2, 1), "axis must be from 0 to 1; got 2"),
        ((2, 2), 1.0, Partition(0, 2), "before must be from 1 to 1"),
    ],
)
def test_bad_measures(shape, spacing, walls, message):
    """Each error names the rule and what came."""
    with pytest.raises(ValueError, match=message):
        make_vessel(shape, spacing, walls)
