"""Checks of lists of codes, and the compiled passes over them."""

from __future__ import annotations

import numpy as np
import pytest

from suffuse.recsys import list_checks as checks


def test_lists_come_out_as_they_should_be() -> None:
    """int32, contiguous, -1 for empty; the cut as given or the length."""
    lists, length = checks.checked_lists(np.array([[1, -5], [0, 2]])[:, ::-1], None, 3)
    assert lists.tolist() == [[-1, 1], [2, 0]]
    assert lists.dtype == np.int32
    assert lists.flags.c_contiguous
    assert length == 2
    assert checks.checked_lists([[0]], 7, 1)[1] == 7
    assert checks.checked_lists(np.empty((0, 0)), None, 0)[0].shape == (0, 0)


def test_tables_and_masks() -> None:
    """One number per item; a mask of the shape of the lists."""
    assert checks.item_table([1, 2], "counts").dtype == np.float64
    with pytest.raises(ValueError, match="counts must have one number per item; got shape"):
        checks.item_table([[1.0]], "counts")
    with pytest.raises(ValueError, match=r"hits must have the shape of items, \(1, 2\)"):
        checks.same_shape([[0, 1]], [[True]], "hits")


def test_a_quotient_by_nothing_is_nan() -> None:
    """Without a warning, for arrays and for numbers, broadcast."""
    found = checks.ratio([1.0, 0.0, -1.0], [2.0, 0.0, 0.0])
    assert found == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    assert float(checks.ratio(1.0, 4.0)) == 0.25
    assert checks.ratio([[2.0], [4.0]], [1.0, 2.0]).tolist() == [[2.0, 1.0], [4.0, 2.0]]


def test_filled_places_below_a_code() -> None:
    """Of the first two places; of codes of the catalogue."""
    lists = np.array([[0, 5, 1], [-1, 2, -1]], np.int32)
    assert checks.filled_places(lists, 2).tolist() == [2, 1]
    assert checks.filled_places(lists, 9, below=2).tolist() == [2, 0]


def test_read_only_lists_are_fine() -> None:
    """Lists that are frozen go through the compiled passes as they are."""
    lists = np.array([[0, 1]], np.int32)
    lists.setflags(write=False)
    totals, mass = checks.row_sums(lists, np.array([2.0, 3.0]), np.ones(2))
    assert totals.tolist() == [5.0]
    assert mass.tolist() == [2.0]
