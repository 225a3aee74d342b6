"""Damping and time are one knob."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suffuse.diffusion import PropagationOperator, damping_from_time, time_from_damping


@given(st.floats(0.0, 0.999), st.floats(1e-3, 1e3))
def test_there_and_back(damping, rate):
    """Each is the inverse of the other."""
    assert damping_from_time(time_from_damping(damping, rate), rate) == pytest.approx(damping)


@pytest.mark.parametrize(("damping", "time"), [(0.5, 1.0), (0.85, 17 / 3), (0.95, 19.0)])
def test_usual_dampings(damping, time):
    """t = a / (1 - a) at rate 1."""
    assert time_from_damping(damping) == pytest.approx(time)


def test_damping_is_an_implicit_euler_step():
    """(I + tL) z = x for L = rate (I - P)."""
    op = PropagationOperator(nx.grid_2d_graph(4, 5), "flux")
    x = np.random.default_rng(0).standard_normal(20)
    z = op.diffuse(x, damping_from_time(0.3, op.rate), tol=1e-12)
    np.testing.assert_allclose(z + 0.3 * op.rate * (z - op.apply(z)), x, atol=1e-10)


def test_refusals():
    """The value and the rule."""
    with pytest.raises(ValueError, match=r"damping must be a number in \[0, 1\); got 1.0"):
        time_from_damping(1.0)
    with pytest.raises(ValueError, match=r"rate must be a positive finite number; got 0.0"):
        time_from_damping(0.5, rate=0.0)
    with pytest.raises(ValueError, match=r"time must be 0 or more and finite; got -1\.0"):
        damping_from_time(-1.0)
    with pytest.raises(ValueError, match=r"time \* rate must be below 1e15; got 1e\+20: use equil"):
        damping_from_time(1e20)
