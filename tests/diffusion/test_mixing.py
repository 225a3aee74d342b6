"""Measures of evenness, by hand and by their bounds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion.mixing import entropy, segregation, time_until

VALUES = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=30).filter(lambda x: sum(x) > 1e-3)


def test_segregation_by_hand():
    """A quarter of the cells full: variance 3/16, mean 1/4; at half strength a quarter of it."""
    assert segregation([1.0, 0.0, 0.0, 0.0], 1.0) == pytest.approx(1.0)
    # var = (3/16) / 4, m (c0 - m) = 1/8 * 7/8 with c0 = 1
    assert segregation([0.5, 0.0, 0.0, 0.0], 1.0) == pytest.approx((3 / 64) / (7 / 64))


@settings(deadline=None, max_examples=100)
@given(VALUES)
def test_bounds(values):
    """Segregation in [0, 1] and free of the unit; entropy in [0, log n]."""
    cells = np.array(values)
    found = segregation(cells, cells.max())
    assert 0.0 <= found <= 1.0
    assert segregation(8.0 * cells, 8.0 * cells.max()) == pytest.approx(found, abs=1e-12)
    assert -1e-12 <= entropy(cells) <= math.log(len(cells)) + 1e-12


def test_clear_water_has_no_measure():
    """An error that says what to do."""
    for measure in (entropy, lambda x: segregation(x, 1.0)):
        with pytest.raises(ValueError, match="got clear water: drop first"):
            measure(np.zeros(3))


def test_entropy_refuses_negative_values():
    """By their value."""
    with pytest.raises(ValueError, match=r"must not be negative; got -1.0"):
        entropy([1.0, -1.0])


def test_time_until():
    """exp(-2 gap t) by hand, nothing to wait for, and no end in sight."""
    assert time_until(math.exp(-3.0), 1.0, 0.0, 0.5) == pytest.approx(3.0)
    assert time_until(0.5, 0.4, 0.0, 0.5) == 0.0
    assert time_until(0.1, 1.0, 0.1, 0.5) == math.inf
