"""Steppers: what they keep, what they refuse, and how far they are from the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from suffuse.diffusion import PropagationOperator
from suffuse.diffusion.stepping import Parts, check_step, explicit, implicit, largest_step

LINE = np.diag(np.ones(5), 1) + np.diag(np.ones(5), -1)


@pytest.fixture
def line():
    """Six cells in a row, rate 2."""
    return PropagationOperator(LINE, "flux")


def laplacian():
    """``L`` of the line."""
    return np.diag(LINE.sum(axis=1)) - LINE


def test_explicit_is_the_matrix_power(line):
    """(1 - dt L)^m by dense arithmetic, with a shorter last step."""
    start = np.arange(6.0)
    whole = np.linalg.matrix_power(np.eye(6) - 0.4 * laplacian(), 3)
    last = np.eye(6) - 0.1 * laplacian()
    found = explicit(line, start, 1.3, dt=0.4)
    np.testing.assert_allclose(found, last @ whole @ start, atol=1e-14)


def test_the_largest_step_is_the_operator_itself(line):
    """At the CFL bound a step is P."""
    start = np.arange(6.0)
    step = largest_step(line.rate)
    np.testing.assert_array_equal(explicit(line, start, step, dt=step), line.apply(start))


def test_implicit_is_the_inverse(line):
    """(1 + dt L)^-m by dense arithmetic, at steps far past the explicit bound."""
    start = np.arange(6.0)
    once = np.linalg.inv(np.eye(6) + 7.0 * laplacian())
    found = implicit(line, start, 14.0, dt=7.0, tol=1e-13)
    np.testing.assert_allclose(found, once @ once @ start, atol=1e-11)


@pytest.mark.parametrize("stepper", ["explicit", "implicit"])
def test_first_order_in_time(line, stepper):
    """Half the step, half the error against the matrix exponential."""
    start, truth = np.eye(6)[0], expm(-laplacian()) @ np.eye(6)[0]
    errors = []
    for dt in (0.02, 0.01):
        if stepper == "explicit":
            found = explicit(line, start, 1.0, dt=dt)
        else:
            found = implicit(line, start, 1.0, dt=dt, tol=1e-13)
        errors.append(np.abs(found - truth).max())
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.05)


def test_past_the_bound():
    """1.04 of it is refused with the bound in the message; rounding of the bound is not."""
    with pytest.raises(ValueError, match=r"dt must be at most 0.25, the CFL bound.*got 0.26"):
        check_step(0.26, 0.25)
    check_step(0.25 * (1 + 1e-15), 0.25)


def test_nothing_moves_without_ties():
    """No face, no bound."""
    assert largest_step(0.0) == np.inf


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0, 1e-6))
def test_keep_restores_range_and_totals(seed, n_parts, noise):
    """What noise adds to a state is taken out again: range exactly, totals to rounding."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, n_parts, 40)).astype(np.int32)
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int32)
    exact = rng.random(40)
    exact[rng.random(40) < 0.3] = 0.0
    parts = Parts(labels if labels.any() else None)
    totals, high = parts.totals(exact), exact.max()
    values = exact + noise * rng.standard_normal(40)
    parts.keep(values, 0.0, high, totals)
    assert values.min() >= 0.0
    assert values.max() <= high
    np.testing.assert_allclose(parts.totals(values), totals, rtol=1e-14, atol=1e-300)
    assert np.abs(values - exact).max() <= 40 * noise


def test_keep_leaves_an_exact_state_alone():
    """Nothing to mend, nothing changed, bit by bit."""
    exact = np.random.default_rng(0).random(100)
    values = exact.copy()
    Parts(None).keep(values, exact.min(), exact.max(), Parts(None).totals(exact))
    np.testing.assert_array_equal(values, exact)
