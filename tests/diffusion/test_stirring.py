"""Stirring moves water and does nothing else to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion.stirring import rotation, shear, stirred

SIZES = st.tuples(st.integers(1, 17), st.integers(1, 17))


@settings(deadline=None, max_examples=100)
@given(SIZES, st.floats(-3, 3), st.floats(0.1, 0.9))
def test_a_rotation_is_a_permutation(shape, turns, centre):
    """Every cell gives its water to exactly one."""
    places = rotation(shape, turns, centre=centre)
    np.testing.assert_array_equal(np.sort(places), np.arange(shape[0] * shape[1]))


@settings(deadline=None, max_examples=100)
@given(SIZES, st.floats(-3, 3), st.floats(0, 1))
def test_a_shear_is_a_permutation_within_rows(shape, reach, phase):
    """Every row keeps its own water."""
    places = shear(shape, reach, phase=phase).reshape(shape)
    rows = np.arange(shape[0] * shape[1]).reshape(shape)
    np.testing.assert_array_equal(np.sort(places, axis=1), rows)


def test_a_rotation_turns_the_middle_and_rests_at_the_wall():
    """Half a turn carries the middle across; the corners stay where they are."""
    places = rotation((32, 32), 0.5)
    row, column = divmod(int(places[16 * 32 + 18]), 32)
    # from one side of the middle, which is at 15.5, to the other, as far from it
    assert column < 15.5
    assert np.hypot(row - 15.5, column - 15.5) == pytest.approx(np.hypot(0.5, 2.5), abs=1.0)
    assert places[0] == 0


@pytest.mark.parametrize("flow", ["rotation", "shear"])
@pytest.mark.parametrize("shape", [(9, 7), (5, 6, 4), (1, 6, 4)])
def test_stirring_keeps_every_value(flow, shape):
    """After two hundred stirs the sorted values are the same to the last bit."""
    start = np.random.default_rng(0).random(shape)
    values = start
    for number in range(200):
        values = stirred(values, flow, 0.6, number)
    assert values.shape == shape
    np.testing.assert_array_equal(np.sort(values, axis=None), np.sort(start, axis=None))
    assert not np.array_equal(values, start)


@pytest.mark.parametrize("flow", ["rotation", "shear"])
def test_all_planes_of_a_body_are_stirred(flow):
    """Water moves along each of the three axes."""
    for axis in range(3):
        start = np.broadcast_to(
            np.arange(8.0).reshape([-1 if k == axis else 1 for k in range(3)]), (8, 8, 8)
        )
        values = start
        for number in range(6):
            values = stirred(values, flow, 0.5, number)
        assert not np.array_equal(values, start)


def test_what_cannot_be_stirred():
    """A line of cells, an unknown flow, a centre outside."""
    with pytest.raises(ValueError, match="shape must have two axes to be stirred"):
        stirred(np.ones((4, 1)), "shear", 1.0, 0)
    with pytest.raises(ValueError, match=r"flow must be 'rotation' or 'shear'; got 'spoon'"):
        stirred(np.ones((4, 4)), "spoon", 1.0, 0)
    with pytest.raises(ValueError, match="centre must be between 0 and 1"):
        rotation((4, 4), 1.0, centre=1.0)
