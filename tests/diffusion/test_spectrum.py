"""The slowest mode against closed forms and dense eigenvalues."""

import math

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import eigsh

from suffuse.diffusion import Partition
from suffuse.diffusion.faces import fick, ito
from suffuse.diffusion.normalization import normalize
from suffuse.diffusion.spectrum import box_gap, spectral_gap
from suffuse.diffusion.walls import make_vessel


def dense_gap(propagation):
    """The least rate that is not 0, from all eigenvalues."""
    frame = propagation.masses ** (propagation.exponent - 0.5)
    matrix = propagation.matrix.toarray() * frame[:, None] / frame[None, :]
    rates = np.linalg.eigvalsh(propagation.rate * (np.eye(len(matrix)) - matrix))
    return rates[rates > 1e-9][0]


@pytest.mark.parametrize("shape", [(9,), (5, 8), (4, 3, 6), (40, 30), (2000,)])
def test_the_box_in_closed_form(shape):
    """The least 2 - 2 cos(pi / n) over the axes, which Lanczos and dense solvers find as well."""
    vessel = make_vessel(shape, 0.5, None)
    found = spectral_gap(fick(vessel, 2.0), n_axes=len(shape))
    expected = 2.0 * (2 - 2 * math.cos(math.pi / max(shape))) / 0.25
    assert box_gap(vessel, 2.0) == pytest.approx(expected, rel=1e-9)
    assert found == pytest.approx(expected, rel=1e-7)


def test_the_largest_bodies_are_not_factorised():
    """Lanczos on P itself, for graphs whose factorisation would fill the memory."""
    vessel = make_vessel((12, 14, 28), 1.0, None)
    assert spectral_gap(fick(vessel, 1.0), n_axes=3) == pytest.approx(
        box_gap(vessel, 1.0), rel=1e-6
    )


@pytest.mark.parametrize("law", [fick, ito])
def test_uneven_water_with_walls(law):
    """Random D, a wall with a hole and an obstacle, against all eigenvalues."""
    rng = np.random.default_rng(1)
    solid = rng.random((18, 16)) < 0.1
    vessel = make_vessel((18, 16), 1.0, [Partition(0, 9, hole=slice(5, 8)), solid])
    propagation = law(vessel, rng.uniform(0.5, 2.0, (18, 16)))
    assert spectral_gap(propagation, n_axes=2) == pytest.approx(dense_gap(propagation), rel=1e-7)


def test_two_chambers_have_the_gap_of_the_slower():
    """A wall without a hole: the larger chamber decides."""
    vessel = make_vessel(10, 1.0, Partition(0, 3))
    found = spectral_gap(fick(vessel, 1.0), n_axes=2)
    assert found == pytest.approx(2 - 2 * math.cos(math.pi / 7), rel=1e-12)


def test_no_two_cells_touch():
    """Nothing can move, and nothing is slow."""
    assert spectral_gap(fick(make_vessel(1, 1.0, None), 1.0), n_axes=2) == math.inf
    assert box_gap(make_vessel((1, 1), 1.0, None), 1.0) == math.inf


def test_a_social_graph():
    """The doubly stochastic kind of a scale-free graph, small and large."""
    for n in (60, 500, 4500):
        graph = nx.to_scipy_sparse_array(nx.barabasi_albert_graph(n, 3, seed=0), dtype=float)
        even = normalize(sp.csr_array(graph), "doubly_stochastic", directed=False)
        found = spectral_gap(even, n_axes=None)
        if n <= 500:
            assert found == pytest.approx(dense_gap(even), rel=1e-7)
        else:
            largest = eigsh(even.matrix, k=2, which="LA", return_eigenvectors=False)
            assert found == pytest.approx(1.0 - largest.min(), rel=1e-6)
