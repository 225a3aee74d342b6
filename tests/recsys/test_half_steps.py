"""The exact half-step against dense solves, against implicit, and bit by bit against itself."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

from suffuse.recsys.execution import one_blas_thread
from suffuse.recsys.half_steps import half_step

Floats = npt.NDArray[np.float64]


def exact(cells: sparse.csr_array, items: Floats, confidence: float, penalty: float) -> Floats:
    """``(Y^T C_u Y + r I)^-1 Y^T C_u p_u`` user by user in double precision."""
    y = items.astype(float)
    found = np.zeros((cells.shape[0], y.shape[1]))
    dense, stored = cells.toarray().astype(float), (cells != 0).toarray()
    for user, row in enumerate(dense):
        weight = np.where(stored[user], confidence * row, 1.0)
        normal = y.T @ (weight[:, None] * y) + penalty * np.eye(y.shape[1])
        found[user] = np.linalg.solve(normal, y.T @ (weight * stored[user]))
    return found


def table(n: int, m: int, share: float, seed: int) -> sparse.csr_array:
    """Weights from 0.1 to 3; a row of everything, and an empty one where there is room."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, m)) < share) * rng.uniform(0.1, 3.0, (n, m))
    dense[0] = 1.0
    dense[1:2] = 0.0
    return sparse.csr_array(dense.astype(np.float32))


@settings(deadline=None, max_examples=80)
@given(
    st.integers(1, 12),
    st.sampled_from([1, 5, 40, 300, 600]),
    st.sampled_from([1, 2, 3, 4, 6, 31, 32, 33, 64, 65]),
    st.floats(0.0, 1.0),
    st.sampled_from([0.5, 1.0, 10.0]),
    st.integers(0, 999),
)
def test_it_solves_the_normal_equations(
    n: int, m: int, d: int, share: float, confidence: float, seed: int
) -> None:
    """Rows of any length, factors of any number, confidences below and above 1, both indices."""
    cells = table(n, m, share, seed)
    items = np.random.default_rng(seed).standard_normal((m, d)).astype(np.float32)
    found = half_step(cells, items, confidence=confidence, regularization=3.0, n_jobs=1)
    expected = exact(cells, items, confidence, 3.0)
    assert found.dtype == np.float32
    # rounding grows with the condition of the systems, which the penalty bounds
    np.testing.assert_allclose(found, expected, atol=5e-4 * max(1.0, np.abs(expected).max()))
    wide = sparse.csr_array(cells)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    again = half_step(
        wide, np.asfortranarray(items), confidence=confidence, regularization=3.0, n_jobs=1
    )
    np.testing.assert_array_equal(again, found)


def test_it_is_the_half_step_of_implicit() -> None:
    """As its ``recalculate_user`` gives it, to the rounding of single precision."""
    cells = table(200, 500, 0.1, 0)
    items = (np.random.default_rng(1).standard_normal((500, 24)) * 0.1).astype(np.float32)
    with one_blas_thread():
        solver = AlternatingLeastSquares(factors=24, regularization=5.0, alpha=8.0, num_threads=1)
        solver.item_factors = items.copy()
        expected = solver.recalculate_user(np.arange(200), sparse.csr_matrix(cells))
    found = half_step(cells, items, confidence=8.0, regularization=5.0, n_jobs=2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_row_gets_the_same_bits_in_any_company() -> None:
    """Whatever the number of threads, the rows beside it, and who may write to the arrays."""
    cells = table(600, 300, 0.2, 3)
    items = np.random.default_rng(0).standard_normal((300, 20)).astype(np.float32)

    def solved(rows: sparse.csr_array, n_jobs: int = 1) -> npt.NDArray[np.float32]:
        return half_step(rows, items, confidence=10.0, regularization=2.0, n_jobs=n_jobs)

    everybody = solved(cells)
    for n_jobs in (2, 5):
        np.testing.assert_array_equal(solved(cells, n_jobs), everybody)
    some = np.array([7, 0, 599, 7])
    np.testing.assert_array_equal(solved(cells[some]), everybody[some])
    for array in (cells.data, cells.indices, cells.indptr, items):
        array.setflags(write=False)
    np.testing.assert_array_equal(solved(cells), everybody)


def test_where_single_precision_fails_double_takes_its_place() -> None:
    """A system whose condition number is beyond float32, and one beside it that is not."""
    items = np.array([[1.0, 1.0], [1.0, 1.0 + 2e-4], [0.0, 1e-3]], np.float32)
    cells = sparse.csr_array(np.array([[1, 1, 0], [0, 0, 1]], np.float32))
    found = half_step(cells, items, confidence=1e8, regularization=1e-6, n_jobs=1)
    expected = exact(cells, items, 1e8, np.float32(1e-6))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found @ items.T, expected @ items.T, atol=2e-2)


@pytest.mark.parametrize("n_cells", [255, 256, 257, 512])
def test_long_rows_are_taken_in_parts(n_cells: int) -> None:
    """At the seams of the parts in which the cells of a row are taken."""
    items = np.random.default_rng(n_cells).standard_normal((600, 5)).astype(np.float32)
    row = np.zeros((1, 600), np.float32)
    row[0, :n_cells] = 1.0
    cells = sparse.csr_array(row)
    found = half_step(cells, items, confidence=4.0, regularization=1.0, n_jobs=1)
    np.testing.assert_allclose(found, exact(cells, items, 4.0, 1.0), rtol=1e-4, atol=1e-5)
