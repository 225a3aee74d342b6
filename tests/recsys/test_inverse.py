"""The tiled inverse against numpy's."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import linalg

from suffuse.recsys import inverse, progress_to
from suffuse.recsys.inverse import spd_inverse


def positive_definite(n: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """A random matrix with eigenvalues of at least 1."""
    rows = np.random.default_rng(seed).standard_normal((n, n + 3))
    matrix: npt.NDArray[np.float64] = rows @ rows.T / n + np.eye(n)
    return matrix


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 33, 64, 71])
def test_equals_numpy_around_the_tile_size(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below, at and above one, two, ... tiles; the result is symmetric to rounding."""
    monkeypatch.setattr(inverse, "_TILE", 8)
    matrix = positive_definite(n)
    found = spd_inverse(matrix.copy(), n_jobs=1, stage="inverting")
    np.testing.assert_allclose(found, np.linalg.inv(matrix), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found, found.T, rtol=1e-10, atol=1e-12)


def test_equals_numpy_above_the_real_tile_size() -> None:
    """Once with the tile size that is in use."""
    matrix = positive_definite(1100)
    found = spd_inverse(matrix.copy(), n_jobs=2, stage="inverting")
    np.testing.assert_allclose(found, np.linalg.inv(matrix), rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_of_threads_changes_no_bit(
    dtype: type[np.floating], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in single precision, which keeps its type."""
    monkeypatch.setattr(inverse, "_TILE", 16)
    matrix = positive_definite(100).astype(dtype)
    one, two, three = (
        spd_inverse(matrix.copy(), n_jobs=n_jobs, stage="inverting") for n_jobs in (1, 2, 3)
    )
    assert one.dtype == dtype
    assert one.tobytes() == two.tobytes() == three.tobytes()
    np.testing.assert_allclose(one, np.linalg.inv(matrix.astype(float)), atol=1e-4)


def test_works_in_place_and_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument holds the result; progress ends at the order of the matrix."""
    monkeypatch.setattr(inverse, "_TILE", 8)
    matrix = positive_definite(30)
    told: list[tuple[str, int, int]] = []
    with progress_to(lambda *news: told.append(news)):
        found = spd_inverse(matrix, n_jobs=1, stage="inverting")
    assert found is matrix
    assert told[-1] == ("inverting", 30, 30)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_matrix_that_is_not_positive_definite_is_refused() -> None:
    """By LAPACK, rather than inverted to nonsense."""
    with pytest.raises(linalg.LinAlgError, match="not positive definite"):
        spd_inverse(np.diag([1.0, -1.0]), n_jobs=1, stage="inverting")
