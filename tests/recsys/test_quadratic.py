"""Quadratic forms of sparse columns against the dense product."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.recsys.quadratic import quadratic_forms


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(1, 12),
    m=st.integers(1, 9),
    density=st.floats(0, 1),
    seed=st.integers(0, 2**16),
    double=st.booleans(),
)
def test_equal_to_the_dense_product(
    n: int, m: int, density: float, seed: int, double: bool
) -> None:
    """``diag(C^T S C)``, empty columns and both precisions included."""
    rng = np.random.default_rng(seed)
    columns = sparse.csc_array(rng.random((n, m)) * (rng.random((n, m)) < density))
    square = rng.standard_normal((n, n))
    matrix = (square + square.T).astype(np.float64 if double else np.float32)
    out = np.empty(m)
    quadratic_forms(columns.indptr, columns.indices, columns.data, matrix, out)
    dense = columns.toarray()
    expected = np.diag(dense.T @ matrix.astype(np.float64) @ dense)
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-9)
