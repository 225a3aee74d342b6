"""Random factors of a part of the rows are those rows of all, as implicit draws them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.als import AlternatingLeastSquares
from scipy import sparse

from suffuse.recsys.execution import one_blas_thread
from suffuse.recsys.factor_start import start_factors


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    first=st.integers(0, 40),
    n_rows=st.integers(0, 40),
    n_factors=st.integers(1, 9),
)
def test_any_rows_are_those_of_numpy(seed: int, first: int, n_rows: int, n_factors: int) -> None:
    """To the bit, also where a row begins in the middle of a step of the generator."""
    shape = (first + n_rows, n_factors)
    whole = np.random.default_rng(seed).random(shape, dtype=np.float32) * np.float32(0.01)
    found = start_factors(seed, first, n_rows, n_factors)
    assert found.dtype == np.float32
    assert found.shape == (n_rows, n_factors)
    np.testing.assert_array_equal(found, whole[first:])


@pytest.mark.parametrize("n_factors", [4, 5])
def test_they_are_what_implicit_starts_from(n_factors: int) -> None:
    """Its factors before the first half-step: the users, then the items."""
    n_users, n_items = 7, 5
    rows = sparse.csr_matrix(np.ones((n_users, n_items), np.float32))
    with one_blas_thread():
        model = AlternatingLeastSquares(factors=n_factors, iterations=0, random_state=11)
        model.fit(rows, show_progress=False)
    users = start_factors(11, 0, n_users, n_factors)
    items = start_factors(11, n_users, n_items, n_factors)
    np.testing.assert_array_equal(users, model.user_factors)
    np.testing.assert_array_equal(items, model.item_factors)


@pytest.mark.parametrize("n_factors", [2, 3])
def test_rows_far_away_cost_no_more(n_factors: int) -> None:
    """Rows that no memory has room to reach by drawing agree wherever one begins to read them."""
    first = 10**11 + 1
    found = start_factors(0, first, 6, n_factors)
    for skipped in range(1, 6):
        later = start_factors(0, first + skipped, 6 - skipped, n_factors)
        np.testing.assert_array_equal(later, found[skipped:])
    assert len(np.unique(found)) == found.size
    assert 0 <= found.min() < found.max() < 0.01


def test_numbers_differ_by_seed_and_are_drawn_anew() -> None:
    """Two calls give two arrays of the same numbers; another seed gives others."""
    one, again, other = (start_factors(seed, 3, 4, 5) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.shares_memory(one, again)
    assert (one != other).all()
