"""The propagation of a grid against the general operator and the laws of Fick and Ito."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion import Partition, PropagationOperator
from suffuse.diffusion.faces import face_conductances, fick, ito
from suffuse.diffusion.walls import make_vessel

SETTINGS = settings(deadline=None, max_examples=60)


@st.composite
def glasses(draw):
    """A vessel of one to three axes with random obstacles and a wall, and a field of D."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    walls = []
    if draw(st.booleans()):
        solid = rng.random(shape) < 0.3
        solid.flat[0] = False
        walls.append(solid)
    if shape[0] > 1 and draw(st.booleans()):
        hole = draw(st.sampled_from([None, 0])) if len(shape) > 1 else None
        walls.append(Partition(0, draw(st.integers(1, shape[0] - 1)), hole=hole))
    spacing = tuple(rng.uniform(0.5, 2.0, len(shape)))
    field = 10.0 ** rng.uniform(-2, 2, shape) if draw(st.booleans()) else 3.0
    return make_vessel(shape, spacing, walls), field


def dense_adjacency(vessel, field):
    """The conductance between every two cells, face by face, by its definition."""
    wander = np.broadcast_to(np.asarray(field, dtype=float), vessel.shape)
    adjacency = np.zeros((vessel.n, vessel.n))
    number = np.arange(vessel.n).reshape(vessel.shape)
    for cell in np.ndindex(*vessel.shape):
        for axis, edge in enumerate(vessel.spacing):
            other = tuple(k + (axis == at) for at, k in enumerate(cell))
            if other[axis] == vessel.shape[axis]:
                continue
            shut = vessel.closed[axis] is not None and vessel.closed[axis][cell]
            dry = vessel.water is not None and not (vessel.water[cell] and vessel.water[other])
            if not (shut or dry):
                mean = 2 * wander[cell] * wander[other] / (wander[cell] + wander[other])
                adjacency[number[cell], number[other]] = mean / edge**2
    wet = slice(None) if vessel.water is None else vessel.water.ravel()
    return (adjacency + adjacency.T)[wet][:, wet]


@SETTINGS
@given(glasses())
def test_fick_is_the_flux_kind(glass):
    """The same P and rate as the general operator makes of the conductances."""
    vessel, field = glass
    expected = PropagationOperator(dense_adjacency(vessel, field), "flux")
    made = fick(vessel, field)
    assert made.rate == pytest.approx(expected.rate, rel=1e-14)
    np.testing.assert_allclose(made.matrix.toarray(), expected.to_sparse().toarray(), atol=1e-15)
    assert made.matrix.has_canonical_format


@SETTINGS
@given(glasses())
def test_fick_is_doubly_stochastic(glass):
    """Entries from 0, rows and columns that sum to 1."""
    matrix = fick(*glass).matrix.toarray()
    assert matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(axis=0), 1.0, atol=1e-14)
    np.testing.assert_array_equal(matrix, matrix.T)


@SETTINGS
@given(glasses())
def test_ito_is_the_column_kind(glass):
    """``dc/dt = laplace(D c)``: minus the graph Laplacian of the open faces times diag(D)."""
    vessel, field = glass
    unit = dense_adjacency(vessel, 1.0)
    wander = np.broadcast_to(np.asarray(field, dtype=float), vessel.shape)
    wander = wander.ravel() if vessel.water is None else wander[vessel.water]
    generator = (np.diag(unit.sum(axis=0)) - unit) @ np.diag(wander)
    made = ito(vessel, field)
    found = made.rate * (np.eye(len(unit)) - made.matrix.toarray())
    np.testing.assert_allclose(found, generator, atol=1e-13 * max(made.rate, 1.0))
    frame = np.sqrt(made.masses)
    even = made.matrix.toarray() * frame[None, :] / frame[:, None]
    np.testing.assert_allclose(even, even.T, atol=1e-13)


def test_the_cfl_step_is_one_over_the_rate():
    """dx^2 / (2 d D) to the last digit, in one, two and three dimensions."""
    for n_axes in (1, 2, 3):
        vessel = make_vessel((4,) * n_axes, 0.5, None)
        assert 1.0 / fick(vessel, 3.0).rate == 0.5**2 / (2 * n_axes * 3.0)


def test_layers_in_series():
    """The face between D of 1 and 4 lets 1.6 through, the harmonic mean."""
    (through,) = face_conductances(make_vessel(2, 1.0, None), np.array([1.0, 4.0]))
    assert through[0] == pytest.approx(1.6)


def test_an_open_glass_is_one_part():
    """The labels that are known without a search are those that a search finds."""
    made = fick(make_vessel((3, 4), 1.0, None), 1.0)
    fresh = PropagationOperator(made.rate * made.matrix, "flux")
    assert not made.labels.any()
    assert not fresh._propagation.labels.any()
