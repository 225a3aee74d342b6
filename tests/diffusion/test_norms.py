"""The size of columns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion import norms, row_threads
from suffuse.diffusion.norms import column_norms


def test_norms_without_overflow():
    """Large, small and zero columns, in every norm."""
    block = np.array([[3e200, 3e-200, 0.0], [4e200, -4e-200, 0.0]])
    np.testing.assert_allclose(column_norms(block, 2.0), [5e200, 5e-200, 0], rtol=1e-14)
    np.testing.assert_allclose(column_norms(block, 1.0), [7e200, 7e-200, 0], rtol=1e-14)
    np.testing.assert_allclose(column_norms(block, np.inf), [4e200, 4e-200, 0])
    huge = column_norms(block, 1000.0)
    np.testing.assert_allclose(huge, [4e200, 4e-200, 0], rtol=1e-12)
    narrow = column_norms(np.full((2, 1), 3e20, dtype=np.float32), 2.0)
    np.testing.assert_allclose(narrow, [3e20 * np.sqrt(2)], rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 20),
    m=st.sampled_from([0, 1, 2, 33]),
    p=st.sampled_from([1.0, 1.5, 2.0, 7.0, np.inf]),
)
def test_norms_are_those_of_numpy(seed, n, m, p):
    """Of blocks in groups of three rows, over a divisor of each row."""
    rng = np.random.default_rng(seed)
    block, over = rng.standard_normal((n, m)), rng.uniform(0.5, 2.0, n)
    expected = [np.linalg.norm(column / over, p) if n else 0.0 for column in block.T]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(norms, "_GROUP", 3)
        np.testing.assert_allclose(column_norms(block, p, over=over), expected, rtol=1e-13)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_nan_is_not_lost(p):
    """Wherever it stands: a bound must never look good because of it."""
    for row in (0, 1, 2):
        block = np.ones((3, 1))
        block[row] = np.nan
        assert np.isnan(column_norms(block, p)).all()


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_the_bits_do_not_depend_on_threads(p, monkeypatch):
    """Groups of rows are summed first, and are the same for any number of threads."""
    monkeypatch.setattr(row_threads, "_SMALL", 1)
    monkeypatch.setattr(norms, "_GROUP", 16)
    block = np.random.default_rng(0).standard_normal((1000, 3)).astype(np.float32)
    found = []
    for threads in (1, 2, 3, 7):
        with row_threads.limit_threads(threads):
            found.append(column_norms(block, p))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
