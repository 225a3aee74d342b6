"""Whole numbers encoded and found by a table over their range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets.integer_codes import integer_codes, mark_used, recode, table_positions

WIDTHS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


@given(st.data(), st.sampled_from(WIDTHS))
@settings(deadline=None, max_examples=200)
def test_codes_are_those_of_numpy_unique(data: st.DataObject, width: str) -> None:
    """Any width, also at the ends of its range, one column or two."""
    bounds = np.iinfo(width)
    low = data.draw(st.integers(bounds.min, bounds.max - min(200, bounds.max - bounds.min)))
    number = st.integers(low, min(low + 200, bounds.max))
    columns = [
        np.array(data.draw(st.lists(number, min_size=1, max_size=20)), dtype=width)
        for _ in range(data.draw(st.integers(1, 2)))
    ]
    coded = integer_codes(columns)
    assert coded is not None
    codes, ids = coded
    expected, inverse = np.unique(np.concatenate(columns), return_inverse=True)
    assert ids.dtype == expected.dtype
    assert ids.tolist() == expected.tolist()
    assert np.concatenate(codes).tolist() == inverse.tolist()
    assert all(column.dtype == np.int32 for column in codes)


@pytest.mark.parametrize(
    "columns",
    [
        [np.array([0, 10**12])],
        [np.array([-(2**63), 2**63 - 1])],
        [np.array([], dtype=np.int64)],
        [np.array([1.0])],
        [np.array([True])],
        [np.array([1]), np.array([1], dtype=np.int32)],
    ],
)
def test_other_columns_are_left_to_hashing(columns: list[np.ndarray]) -> None:
    """A wide range, nothing, no whole numbers, two types."""
    assert integer_codes(columns) is None


def test_codes_can_take_the_place_of_the_numbers() -> None:
    """At many millions of rows there is no room for both."""
    column = np.array([-5, 9, -5], dtype=np.int32)
    coded = integer_codes([column], in_place=True)
    assert coded is not None
    assert coded[0][0] is column
    assert column.tolist() == [0, 1, 0]


def test_long_columns_are_encoded_in_pieces() -> None:
    """Longer than a piece, and not a multiple of it."""
    values = np.random.default_rng(0).integers(-1000, 1000, 600_001)
    coded = integer_codes([values])
    assert coded is not None
    assert (coded[1][coded[0][0]] == values).all()
    codes = coded[0][0]
    used = np.zeros(len(coded[1]) + 1, dtype=np.bool_)
    mark_used(codes, used)
    assert used.tolist() == [True] * len(coded[1]) + [False]
    recode(codes, np.arange(len(coded[1]), dtype=np.int32)[::-1])
    assert (coded[1][::-1][codes] == values).all()


@given(
    st.lists(st.integers(-20, 20), min_size=1, max_size=20, unique=True),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-25, 25), max_size=20),
)
@settings(deadline=None, max_examples=150)
def test_places_are_those_of_a_dictionary(ids: list[int], wanted: list[int]) -> None:
    """Numbers far outside the table are unknown."""
    found = table_positions(np.array(ids), np.array(wanted, dtype=np.int64))
    assert found is not None
    where = {value: place for place, value in enumerate(ids)}
    assert found.tolist() == [where.get(value, -1) for value in wanted]


def test_places_over_a_wide_range_are_left_to_others() -> None:
    """A table would cost more than the ids."""
    assert table_positions(np.array([0, 10**12]), np.array([0])) is None
