"""What may be diffused, at its edges."""

import numpy as np
import pytest

from suffuse.diffusion.blocks import as_block, check_hops, check_number, check_values


def test_a_block_of_the_right_type_is_not_copied():
    """A contiguous block passes through; its readers do not write."""
    block = np.ones((4, 2), dtype=np.float32)
    assert np.shares_memory(as_block(block, 4)[0], block)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_sums_are_no_infinity(dtype):
    """The largest values that pass leave room for their sum; larger ones are refused."""
    values = np.full(10_000, 9e24, dtype=dtype)
    check_values(values)
    assert np.isfinite(values.sum())
    with pytest.raises(ValueError, match=r"at most 1e.25 in magnitude; got .* at row 1"):
        check_values(np.array([1.0, 2e25], dtype=np.float32))


def test_numpy_numbers_are_numbers():
    """Scalars of numpy are real numbers and whole numbers too."""
    check_number("damping", np.float32(0.5), "in [0, 1)", lambda a: 0 <= a < 1)
    check_hops(np.int64(3))
    with pytest.raises(TypeError, match="n_hops must be a whole number"):
        check_hops(True)
