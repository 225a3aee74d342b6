"""Sparse matrices of single precision."""

import numpy as np
from scipy import sparse

from suffuse.recsys.matrices import scaled_rows, single, still


def test_single_keeps_values_and_copies_only_to_convert() -> None:
    """float64 becomes float32; float32 stays the same memory."""
    wide = sparse.csr_array([[1.5, 0.0], [0.0, 2.0]])
    narrow = single(wide)
    assert narrow.dtype == np.float32
    assert (narrow.toarray() == wide.toarray()).all()
    assert np.shares_memory(single(narrow).data, narrow.data)


def test_rows_are_scaled() -> None:
    """``diag(scale) M``."""
    scaled = scaled_rows([2.0, 0.0], sparse.csr_array([[1.0, 3.0], [4.0, 5.0]]))
    assert scaled.toarray().tolist() == [[2.0, 6.0], [0.0, 0.0]]


def test_a_still_view_is_read_only_and_no_copy() -> None:
    """The array itself stays what it was."""
    array = np.arange(3)
    view = still(array)
    assert np.shares_memory(view, array)
    assert not view.flags.writeable
    assert array.flags.writeable
