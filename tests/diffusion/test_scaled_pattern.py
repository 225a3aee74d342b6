"""P as scales times a pattern."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion import PropagationOperator
from suffuse.diffusion.panels import product
from suffuse.diffusion.scaled_pattern import ScaledPattern


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.integers(1, 10),
    st.sampled_from(["row", "column", "symmetric", 0.3, "doubly_stochastic", "flux"]),
    st.booleans(),
    st.booleans(),
)
def test_the_matrix_is_what_products_compute(seed, n, kind, weighted, directed):
    """For every kind, of ties with weights and without, and for the transpose."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n)) < 0.3) * (rng.uniform(0.5, 2.0, (n, n)) if weighted else 1.0)
    if not directed or kind in ("doubly_stochastic", "flux"):
        dense = np.maximum(dense, dense.T)
    op = PropagationOperator(dense, kind)
    matrix = op.to_sparse().toarray()
    np.testing.assert_allclose(op.apply(np.eye(n)), matrix, rtol=0, atol=1e-14)
    np.testing.assert_allclose(op.adjoint.apply(np.eye(n)), matrix.T, rtol=0, atol=1e-14)
    np.testing.assert_allclose(op.adjoint.to_sparse().toarray(), matrix.T, rtol=0, atol=1e-14)


def test_the_transpose_of_mirrored_ties_is_no_copy():
    """Averaging and mass are the same ties with the scales exchanged."""
    op = PropagationOperator(nx.star_graph(3), "row")
    pattern, other = op._propagation.pattern, op.adjoint._propagation.pattern
    assert other.indices is pattern.indices
    assert other.right is pattern.left
    assert pattern.data is None


def test_weights_too_far_apart_are_entries():
    """Scales of 1e-150 would vanish in single precision; the entries of P do not."""
    star = np.array([[0, 1, 4], [1, 0, 0], [4, 0, 0]]) * 1e300
    x = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    for kind in ("row", "column", "symmetric", 0.3, "doubly_stochastic", "flux"):
        huge, same = PropagationOperator(star, kind), PropagationOperator(star / 1e300, kind)
        np.testing.assert_allclose(huge.apply(x), same.apply(x), rtol=1e-6)
        adjoint = huge.adjoint.apply(x)
        np.testing.assert_allclose(adjoint, same.adjoint.apply(x), rtol=1e-6)
        assert adjoint.dtype == np.float32


def test_the_pattern_is_read_only():
    """A value."""
    pair = sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    pattern = ScaledPattern.of(pair)
    with pytest.raises(ValueError, match="read-only"):
        pattern.indices[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        pattern.matrix.data[0] = 0.0


@pytest.mark.parametrize("m", [0, 1, 32, 33, 64])
def test_products_of_any_width(m):
    """None, one, a panel, and more."""
    matrix = sp.csr_array(nx.to_scipy_sparse_array(nx.karate_club_graph()), dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((34, m))
    found = product(ScaledPattern.of(matrix), x)
    np.testing.assert_allclose(found, matrix @ x, rtol=0, atol=1e-12)
