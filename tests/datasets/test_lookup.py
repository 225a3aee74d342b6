"""Ids found without hashing are found where hashing finds them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets.ids import encode_ids
from suffuse.datasets.lookup import is_rising, quick_positions, same_ids

Ids = npt.NDArray[Any]


def hashed(ids: Ids, wanted: Ids) -> list[int]:
    """Return places by a Python dictionary."""
    where = {value: place for place, value in enumerate(ids.tolist())}
    return [where.get(value, -1) for value in wanted.tolist()]


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_whole_numbers_of_any_width_are_found(data: st.DataObject) -> None:
    """Sorted or not, narrow or wide, few wanted or many, two dtypes."""
    widths = st.sampled_from(["int8", "uint8", "int32", "int64", "uint64"])
    arrays = []
    for longest in (200, 5):
        bounds = np.iinfo(data.draw(widths))
        number = st.integers(0, 120) | st.integers(int(bounds.min), int(bounds.max))
        listed = st.lists(number, min_size=1, max_size=longest, unique=longest == 200)
        arrays.append(np.array(data.draw(listed), dtype=bounds.dtype))
    ids, wanted = arrays
    if data.draw(st.booleans()):
        ids = np.sort(ids)
    found = quick_positions(ids, wanted)
    if found is None:
        mixed = {ids.dtype, wanted.dtype} >= {np.dtype("uint64")} and ids.dtype != wanted.dtype
        assert mixed or not is_rising(ids)
    else:
        assert found.dtype == np.int64
        assert found.tolist() == hashed(ids, wanted)


@given(
    st.lists(st.text(max_size=3), min_size=70, max_size=150, unique=True),
    st.lists(st.text(max_size=3), min_size=1, max_size=1),
    st.booleans(),
)
@settings(deadline=None, max_examples=100)
def test_a_text_is_found_among_many(ids: list[str], wanted: list[str], known: bool) -> None:
    """In sorted ids always."""
    array = encode_ids(ids, "x")[1]
    ask = np.array(ids[3:4] if known else wanted, dtype=object)
    found = quick_positions(array, ask)
    assert found is not None
    assert found.tolist() == hashed(array, ask)


def test_what_is_missing_among_unsorted_ids_is_left_to_hashing() -> None:
    """Binary search proves nothing there; what it finds by luck is right."""
    ids = np.array([9_000_000_000_000, 5, 10**15])
    assert quick_positions(ids, np.array([10**14])) is None
    texts = np.array([f"{i:03d}" for i in range(200)][::-1], dtype=object)
    assert quick_positions(texts, np.array(["000x"], dtype=object)) is None


@pytest.mark.parametrize(
    ("ids", "wanted"),
    [
        (np.arange(200).astype(object), ["7"]),
        (np.array([(i,) for i in range(3)] + [None], dtype=object)[:3], ["7"]),
        (np.arange(3), [7.0]),
        (np.array([1.5, 2.5], dtype=np.float32), [1.5]),
        (np.array([], dtype=object), ["7"]),
    ],
)
def test_mixtures_are_left_to_hashing(ids: Ids, wanted: list[object]) -> None:
    """Numbers beside texts, tuples, floats beside whole numbers, nobody at all."""
    asked = pd.Series(wanted).to_numpy()
    asked = asked.astype(object) if asked.dtype.kind not in "f" else asked
    assert quick_positions(ids, asked) is None


def test_times_and_floats_are_found_and_nulls_are_unknown() -> None:
    """NaN and NaT are nobody."""
    moments = np.array(["2024-01-01", "2024-02-01"], dtype="datetime64[s]")
    asked = np.array(["2024-02-01", "NaT"], dtype="datetime64[s]")
    assert quick_positions(moments, asked) is not None
    assert np.asarray(quick_positions(moments, asked)).tolist() == [1, -1]
    floats = np.array([0.5, 2.5, 3.5])
    assert np.asarray(quick_positions(floats, np.array([np.nan, 2.5]))).tolist() == [-1, 1]


def test_equal_ids_are_told_from_others() -> None:
    """The ends may agree where the middle does not; a value that compares oddly is no id."""
    assert same_ids(np.array(["a", "b"], object), np.array(["a", "b"], object))
    assert not same_ids(np.array([1, 2, 9]), np.array([1, 3, 9]))
    assert not same_ids(np.array([1, 2]), np.array([1, 2, 3]))
    odd = np.empty(1, dtype=object)
    odd[0] = np.array([1, 2])
    assert not same_ids(odd, odd.copy())


def test_rising_ids_are_numbers_times_or_texts() -> None:
    """Every one above the one before; sets compare, but not in one line."""
    assert is_rising(np.array(["a", "b"], dtype=object))
    assert not is_rising(np.array([1, 1]))
    assert not is_rising(np.array([frozenset(), frozenset({1})], dtype=object))
    assert not is_rising(np.array([True]))
