"""The compiled steps against dense products."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from suffuse.diffusion import sparse_steps

ROUNDING = {np.float32: 2e-5, np.float64: 1e-13}


def random_matrix(seed, n, *, dense_row=False):
    """A sparse matrix with empty rows, and its parts."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((n, n)) < 0.3, rng.uniform(0.5, 2.0, (n, n)), 0.0)
    dense[rng.random(n) < 0.3] = 0.0
    if dense_row:
        dense[rng.integers(n)] = rng.uniform(0.5, 2.0, n)
    return sp.csr_array(dense), dense


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 12),
    width=st.sampled_from([1, 2, 31, 32]),
    kind=st.sampled_from([np.float32, np.float64]),
    wide=st.booleans(),
    dense_row=st.booleans(),
)
def test_step_is_a_fused_recurrence(seed, n, width, kind, wide, dense_row):
    """alpha (scale A x + own x) + beta before, and the sum, in both types of values and indices."""
    matrix, dense = random_matrix(seed, n, dense_row=dense_row)
    rng = np.random.default_rng(seed)
    now, before = rng.standard_normal((2, n, width)).astype(kind)
    total = rng.standard_normal((n, width + 3)).astype(kind)
    scale, own = rng.random((2, n)).astype(kind)
    expected = 2.0 * (scale[:, None] * (dense @ now) + own[:, None] * now) - 0.5 * before
    expected_total = total.astype(np.float64)
    expected_total[:, 2 : 2 + width] += 0.25 * expected
    index = np.int64 if wide else np.int32
    ties = (matrix.indptr.astype(index), matrix.indices.astype(index), matrix.data)
    weights = tuple(kind(weight) for weight in (2.0, -0.5, 0.25))
    panels = (now, before, total)
    sparse_steps.step((0, n), ties, (scale, own), panels, 2, weights)
    np.testing.assert_allclose(before, expected, rtol=0, atol=60 * ROUNDING[kind])
    np.testing.assert_allclose(total, expected_total, rtol=0, atol=60 * ROUNDING[kind])


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 12),
    width=st.sampled_from([1, 5, 32]),
    weighted=st.booleans(),
    scaled=st.booleans(),
)
def test_product(seed, n, width, weighted, scaled):
    """With data and without, with scales and without: None stands for ones, or for no diagonal."""
    matrix, dense = random_matrix(seed, n)
    rng = np.random.default_rng(seed)
    now = rng.standard_normal((n, width))
    left, own = rng.random((2, n))
    adjacency = dense if weighted else (dense > 0) * 1.0
    expected = adjacency @ now
    if scaled:
        expected = left[:, None] * expected + own[:, None] * now
    out = np.full((n, width), np.nan)
    ties = (matrix.indptr, matrix.indices, matrix.data if weighted else None)
    sparse_steps.product((0, n), ties, (left, own) if scaled else (None, None), now, out, 0)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("width", [1, 32])
def test_the_residual_is_summed_in_double_precision(width):
    """Of float32 values that cancel: single precision would leave a thousand times more."""
    rng = np.random.default_rng(0)
    matrix, dense = random_matrix(1, 200)
    now, start = rng.standard_normal((2, 200, width)).astype(np.float32)
    left, right, own = rng.random((3, 200))
    exact = np.float64(now) - 0.5 * (
        left[:, None] * (dense @ (right[:, None] * np.float64(now))) + own[:, None] * now
    )
    start[:] = exact / 0.5  # (1-a) b is x - a P x but for the rounding of b
    expected = 0.5 * np.float64(start) - exact
    rest = np.full((200, width), np.nan, np.float32)
    ties = (matrix.indptr, matrix.indices, matrix.data)
    panels = (now, start, rest)
    sparse_steps.residual((0, 200), ties, (left, right, own), panels, 0, 0.5)
    scale = np.abs(expected).max()
    assert scale < 1e-5
    np.testing.assert_allclose(rest, expected, rtol=0, atol=1e-6 * scale + 1e-13)


def test_only_the_rows_asked_for_are_written():
    """A range of rows is a range of rows."""
    matrix, dense = random_matrix(3, 10)
    now, out = np.ones((10, 2)), np.full((10, 2), 7.0)
    ties = (matrix.indptr, matrix.indices, matrix.data)
    sparse_steps.product((3, 6), ties, (None, None), now, out, 0)
    np.testing.assert_allclose(out[3:6], (dense @ now)[3:6], rtol=1e-14)
    assert (out[[0, 1, 2, 6, 7, 8, 9]] == 7.0).all()


@pytest.fixture
def without_prefetch(monkeypatch):
    """An LLVM that knows no such instruction."""

    def refuse(builder, address):
        raise AttributeError("no prefetch here")

    monkeypatch.setattr(sparse_steps, "_ask", refuse)
    sparse_steps.prefetch_compiles.cache_clear()
    yield
    sparse_steps.prefetch_compiles.cache_clear()


def gather(sums, u, ties, data, panel):
    """The sums of one row, compiled anew."""
    indptr, indices, _ = ties
    flat = panel.reshape(-1)
    for e in range(indptr[u], indptr[u + 1]):
        sparse_steps._prefetch(flat, np.int64(indices[e]) * panel.shape[1])
        for j in range(panel.shape[1]):
            sums[j] += data[e] * panel[indices[e], j]


def test_kernels_compile_without_prefetch(without_prefetch):
    """They are slower then, and the same to the bit."""
    assert not sparse_steps.prefetch_compiles()
    matrix, dense = random_matrix(5, 30)
    panel, sums = np.random.default_rng(0).standard_normal((30, 8)), np.zeros(8)
    u = int(np.argmax(np.diff(matrix.indptr)))
    ties = (matrix.indptr, matrix.indices, matrix.data)
    njit(gather)(sums, u, ties, matrix.data, panel)
    np.testing.assert_allclose(sums, dense[u] @ panel, rtol=1e-13)


def test_prefetch_compiles_here():
    """With the versions that are installed."""
    assert sparse_steps.prefetch_compiles()
