"""The training table, and the checks of parameters."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from suffuse.datasets import Interactions
from suffuse.recsys.inputs import checked_count, checked_number, preference_rows, training_table

TABLE = pd.DataFrame({"user_id": [2, 1, 2], "item_id": [1, 1, 3], "weight": [2.0, 3.0, 4.0]})


def test_a_table_comes_from_a_frame_a_matrix_or_itself() -> None:
    """Three doors, one table."""
    table = training_table(TABLE)
    assert training_table(table) is table
    assert training_table(sparse.csr_array([[0.0, 1.0]])).n_items == 2
    with pytest.raises(TypeError, match=r"interactions must be a pandas DataFrame.*got list"):
        training_table([(1, 2)])


def test_an_empty_table_is_refused() -> None:
    """Also one that a selection has emptied."""
    empty = Interactions.from_frame(TABLE).select(np.zeros(3, bool))
    with pytest.raises(ValueError, match="at least one row with a positive weight; got none"):
        training_table(empty)


def test_preference_rows() -> None:
    """Ones, or the weights; always single precision and a copy, on the indices of the table."""
    table = training_table(TABLE)
    ones, weights = (preference_rows(table, use_weights=use) for use in (False, True))
    assert ones.toarray().tolist() == [[1, 0], [1, 1]]
    assert weights.toarray().tolist() == [[3, 0], [2, 4]]
    assert ones.dtype == weights.dtype == np.float32
    assert np.shares_memory(ones.indices, table.items)
    weights.data[:] = 0
    assert table.weights.sum() == 9


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.25), np.int64(1)])
def test_numbers_within_bounds(value: object) -> None:
    """They come back as floats."""
    number = checked_number("share", value, high=1.0)
    assert number == value
    assert type(number) is float


@pytest.mark.parametrize(
    ("value", "open_ends", "rule"),
    [
        (1.5, {}, r"\[0, 1\]"),
        (-0.5, {}, r"\[0, 1\]"),
        (0.0, {"above": True}, r"\(0, 1\]"),
        (1.0, {"below": True}, r"\[0, 1\)"),
        (np.nan, {}, r"\[0, 1\]"),
        (np.inf, {}, r"\[0, 1\]"),
        (True, {}, r"\[0, 1\]"),
        ("0.5", {}, r"\[0, 1\]"),
        (None, {}, r"\[0, 1\]"),
    ],
)
def test_numbers_out_of_bounds(value: object, open_ends: dict[str, bool], rule: str) -> None:
    """The sentence holds the rule and the value."""
    with pytest.raises(ValueError, match=f"share must be a number in {rule}; got"):
        checked_number("share", value, high=1.0, **open_ends)


def test_the_way_out_is_named() -> None:
    """Where a word is allowed instead of a number."""
    with pytest.raises(ValueError, match=r'in \[0, inf\) or "auto"; got \'best\''):
        checked_number("memory", "best", otherwise='"auto"')


@pytest.mark.parametrize("value", [0, -3, 1.0, True, "2", None])
def test_counts_are_whole(value: object) -> None:
    """And of at least the lowest number that makes sense."""
    assert checked_count("k", np.int32(2)) == 2
    with pytest.raises(ValueError, match="k must be a whole number of at least 1; got"):
        checked_count("k", value)
