"""Raw ids of any type go in and come out."""

import datetime
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets.ids import (
    axis_ids,
    distinct_ids,
    encode_ids,
    encode_pairs,
    id_column,
    locate,
    union_ids,
)

RAW_ID = st.one_of(
    st.integers(-(2**40), 2**40),
    st.text(max_size=4),
    st.uuids(),
    st.tuples(st.integers(0, 3), st.text(max_size=2)),
    st.frozensets(st.integers(0, 3), max_size=2),
)


@given(st.lists(RAW_ID, min_size=1, max_size=30))
@settings(deadline=None, max_examples=150)
def test_every_id_comes_back_equal(values: list[object]) -> None:
    """ids[codes] equals what went in, for any mixture of hashable types."""
    codes, ids = encode_ids(values, "user_id")
    assert [ids.tolist()[code] for code in codes] == values
    assert len(set(ids.tolist())) == len(ids) == len(set(values))


@given(st.lists(RAW_ID, min_size=1, max_size=15, unique=True), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_the_order_of_ids_does_not_depend_on_the_order_of_rows(values: list[object], rnd) -> None:
    """The same set of ids gives the same array, however the rows are shuffled."""
    shuffled = values.copy()
    rnd.shuffle(shuffled)
    assert encode_ids(values, "x")[1].tolist() == encode_ids(shuffled, "x")[1].tolist()


@given(st.lists(st.integers() | st.just(7), min_size=1, max_size=30))
@settings(deadline=None, max_examples=100)
def test_whole_numbers_of_any_size_are_sorted(values: list[int]) -> None:
    """Numbers beyond 64 bits are ids, too, and come in order."""
    assert encode_ids(values, "x")[1].tolist() == sorted(set(values))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Series([3, 1, 3]), "i"),
        (pd.Series([3, 1, 3], dtype="UInt16"), "u"),
        (pd.Series([3, 1, 3], dtype="int32[pyarrow]"), "i"),
        (pd.Series([2.5, 1.0]), "f"),
        (pd.Series(["b", "a"]), "O"),
        (pd.Series(["b", "a"], dtype="string"), "O"),
        (pd.Series(["b", "a", "b"], dtype="category"), "O"),
        (pd.Series([3, 1, 3], dtype="category"), "i"),
        (pd.Series(pd.to_datetime(["2024-02-01", "2024-01-01"])), "M"),
        (np.array(["b", "a"]), "O"),
        (pd.Index([5, 4]), "i"),
        ([uuid.UUID(int=4), uuid.UUID(int=2)], "O"),
        ([datetime.date(2024, 1, 2), datetime.date(2024, 1, 1)], "O"),
        ([(2, "x"), (1, "y")], "O"),
    ],
)
def test_the_dtype_of_ids_is_a_natural_one(values: object, kind: str) -> None:
    """Numbers and datetimes keep their kind, everything else is an object array; all sorted."""
    codes, ids = encode_ids(values, "x")
    assert ids.dtype.kind == kind
    assert codes.dtype == np.int32
    assert ids.ndim == 1
    assert not ids.flags.writeable
    assert ids.tolist() == sorted(ids.tolist())


def test_a_mixture_is_ordered_by_type_and_text() -> None:
    """Ids that cannot be compared are ordered by type name, then repr."""
    assert encode_ids(["b", 2, "a", 10], "x")[1].tolist() == [10, 2, "a", "b"]


@pytest.mark.parametrize("null", [None, np.nan, pd.NA, pd.NaT])
def test_a_null_id_is_refused_with_its_row(null: object) -> None:
    """The message names the row, counted from 0, and how many there are."""
    with pytest.raises(ValueError, match=r"who must not be null.*row 1 \(2 such rows"):
        encode_ids(pd.Series(["a", null, null], dtype=object), "who")


def test_an_id_that_cannot_be_hashed_is_refused() -> None:
    """A list is no id."""
    with pytest.raises(TypeError, match="user_id must hold hashable ids"):
        encode_ids([[1], [2]], "user_id")


@pytest.mark.parametrize("bad", ["abc", b"abc"])
def test_a_bare_text_is_no_list_of_ids(bad: object) -> None:
    """The classic slip: "abc" would be three ids."""
    with pytest.raises(TypeError, match="must be a list, array or column of ids"):
        distinct_ids(bad, "users")


def test_a_two_dimensional_array_is_no_list_of_ids() -> None:
    """The shape is named."""
    with pytest.raises(ValueError, match=r"one-dimensional; got shape \(2, 1\)"):
        distinct_ids(np.array([[1], [2]]), "users")


@pytest.mark.parametrize("given", [lambda ids: ids, lambda ids: ids.to_numpy()])
def test_distinct_ids_share_no_memory_with_a_column_that_can_be_written_to(given: Any) -> None:
    """Whoever changes their column afterwards does not change our ids."""
    column = pd.Series([1, 2, 3])
    kept = distinct_ids(given(column), "user_ids")
    column.iloc[0] = 0
    assert kept.tolist() == [1, 2, 3]


def test_distinct_ids_keeps_order_and_refuses_repetition() -> None:
    """An axis has every id once."""
    assert distinct_ids([3, 1, 2], "ids").tolist() == [3, 1, 2]
    with pytest.raises(ValueError, match="every id once; got 'a' again at 2"):
        distinct_ids(["a", "b", "a"], "ids")


def test_axis_ids_fit_their_axis() -> None:
    """Numbers by default, else exactly one id per row."""
    assert axis_ids(None, 3, "user_ids").tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="one id per row, 3; got 2"):
        axis_ids(["a", "b"], 3, "user_ids")


@given(
    st.lists(RAW_ID, min_size=1, max_size=12, unique=True),
    st.lists(RAW_ID, max_size=12),
)
@settings(deadline=None, max_examples=150)
def test_locate_agrees_with_a_dictionary(ids: list[object], wanted: list[object]) -> None:
    """The oracle is a Python dict."""
    array = np.empty(len(ids), dtype=object)
    array[:] = ids
    where = {value: place for place, value in enumerate(ids)}
    assert locate(array, wanted).tolist() == [where.get(value, -1) for value in wanted]


def test_locate_does_not_confuse_a_number_with_its_text() -> None:
    """1 and "1" are two people."""
    assert locate(np.array([1, 2]), ["1", 2]).tolist() == [-1, 1]


@given(st.lists(RAW_ID, min_size=1, max_size=12, unique=True), st.lists(RAW_ID, max_size=12))
@settings(deadline=None, max_examples=100)
def test_union_holds_both_sets_and_says_where_the_first_went(
    ids: list[object], more: list[object]
) -> None:
    """The union is that of Python sets; codes lead back to the first ids."""
    first = encode_ids(ids, "x")[1]
    codes, union = union_ids(first, more, "x")
    assert set(union.tolist()) == set(ids) | set(more)
    assert [union.tolist()[code] for code in codes] == first.tolist()


def test_union_of_datetimes_of_two_resolutions_stays_datetime() -> None:
    """Seconds and nanoseconds are the same moments."""
    seconds = np.array(["2024-01-01"], dtype="datetime64[s]")
    _, union = union_ids(seconds, np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]"), "x")
    assert union.dtype.kind == "M"
    assert len(union) == 2


def test_union_of_signed_and_unsigned_loses_no_digit() -> None:
    """int64 and uint64 have no common integer type: floats would merge neighbours."""
    big = 2**63 + 1
    _, union = union_ids(np.array([-1]), np.array([big, big - 1], dtype=np.uint64), "x")
    assert set(union.tolist()) == {-1, big, big - 1}


def test_pairs_share_one_code() -> None:
    """Both ends of a tie are the same people, also with two dtypes."""
    u, v, ids = encode_pairs([2, 1], ["a", 2], ("source_id", "target_id"))
    assert [(ids[i], ids[j]) for i, j in zip(u, v, strict=True)] == [(2, "a"), (1, 2)]


def test_a_null_in_the_second_column_is_named() -> None:
    """The message says which end it was."""
    with pytest.raises(ValueError, match="target_id must not be null"):
        encode_pairs([1], [None], ("source_id", "target_id"))


def test_id_column_keeps_tuples() -> None:
    """A tuple stays one entry."""
    array = np.empty(2, dtype=object)
    array[:] = [(1, 2), (3, 4)]
    assert id_column(array).tolist() == [(1, 2), (3, 4)]
