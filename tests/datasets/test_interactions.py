"""The user-item table: read, merged, refused, extended, selected."""

import dataclasses
import logging
import uuid

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.datasets import Interactions

ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 5), st.integers(1, 9)),
    min_size=1,
    max_size=30,
)


def frame_of(rows: list[tuple[str, int, int]]) -> pd.DataFrame:
    """Return rows as a frame."""
    return pd.DataFrame(rows, columns=["user_id", "item_id", "weight"])


@given(ROWS)
@settings(deadline=None, max_examples=100)
def test_frame_in_frame_out(rows: list[tuple[str, int, int]]) -> None:
    """The frame that comes out is the grouped frame of pandas, with equal ids."""
    frame = frame_of(rows)
    table = Interactions.from_frame(frame)
    expected = frame.groupby(["user_id", "item_id"], as_index=False).weight.sum()
    assert table.to_frame().to_dict("list") == expected.to_dict("list")
    assert table.n_merged == len(rows) - len(expected)
    assert table.matrix.sum() == frame.weight.sum()


@given(ROWS)
@settings(deadline=None, max_examples=50)
def test_the_matrix_is_that_of_scipy(rows: list[tuple[str, int, int]]) -> None:
    """A coo matrix of the codes, summed by scipy, is the oracle."""
    frame = frame_of(rows)
    table = Interactions.from_frame(frame)
    codes = (table.user_codes(frame.user_id), table.item_codes(frame.item_id))
    expected = sparse.coo_array((frame.weight, codes), shape=(table.n_users, table.n_items))
    assert (table.matrix.toarray() == expected.toarray()).all()
    assert table.matrix.has_canonical_format


def test_the_input_frame_is_not_changed() -> None:
    """Reading leaves the frame as it was, index included."""
    frame = frame_of([("b", 1, 2), ("a", 1, 2)]).set_index(pd.Index([7, 7]))
    before = frame.copy(deep=True)
    Interactions.from_frame(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_the_table_shares_no_memory_with_the_frame() -> None:
    """Also where nothing had to be sorted, merged or converted; the frame stays writeable."""
    weights, times = np.array([1.0, 2.0], dtype=np.float32), np.array([5, 6])
    frame = pd.DataFrame({"user_id": [1, 2], "item_id": [3, 4]})
    frame["weight"], frame["timestamp"] = weights, times
    table = Interactions.from_frame(frame)
    assert table.timestamps is not None
    for name, array in (("weight", table.weights), ("timestamp", table.timestamps)):
        assert not np.shares_memory(array, frame[name].to_numpy())
        frame.loc[0, name] = 9
    assert table.weights.tolist() == [1.0, 2.0]
    assert table.timestamps.tolist() == [5, 6]


def test_repeated_rows_keep_the_latest_time() -> None:
    """Weights add up, times do not."""
    frame = pd.DataFrame({"user": [1, 1, 1], "item": [2, 2, 3], "timestamp": [50, 70, 60]})
    table = Interactions.from_frame(frame)
    assert table.weights.tolist() == [2.0, 1.0]
    assert table.timestamps is not None
    assert table.timestamps.tolist() == [70, 60]


def test_zero_weight_rows_are_counted_and_their_ids_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A weight of 0 says that nothing happened; nobody is forgotten."""
    with caplog.at_level(logging.INFO, logger="suffuse.datasets"):
        table = Interactions.from_frame(frame_of([("a", 1, 0), ("b", 2, 3)]))
    assert (len(table), table.n_users, table.n_items, table.n_zero) == (1, 2, 2, 1)
    assert "left out 1 rows of weight 0" in caplog.text


def test_merged_rows_are_said(caplog: pytest.LogCaptureFixture) -> None:
    """Merging is logged, with the count."""
    with caplog.at_level(logging.INFO, logger="suffuse.datasets"):
        Interactions.from_frame(frame_of([("a", 1, 1), ("a", 1, 1)]))
    assert "merged 1 repeated" in caplog.text


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"user_id": [], "item_id": []}), "at least one row; got an empty table"),
        (pd.DataFrame({"user_id": [1]}), "must have a column 'item_id'"),
        (pd.DataFrame({"user_id": [1, None], "item_id": [1, 2]}), "user_id must not be null"),
        (frame_of([("a", 1, 0)]), "above 0 in at least one row; got 0 in all 1 rows"),
        (frame_of([("a", 1, -2)]), "weight must be at least 0; got -2 at row 0"),
    ],
)
def test_bad_frames_are_refused(frame: pd.DataFrame, message: str) -> None:
    """One clear sentence each."""
    with pytest.raises(ValueError, match=message):
        Interactions.from_frame(frame)


def test_a_matrix_keeps_its_empty_rows_and_columns() -> None:
    """Users and items without an entry are first-class."""
    matrix = sparse.csr_array(np.array([[0, 0, 1], [0, 0, 0]]))
    table = Interactions.from_matrix(matrix, user_ids=["x", "y"])
    assert (table.n_users, table.n_items, len(table)) == (2, 3, 1)
    assert table.item_ids.tolist() == [0, 1, 2]
    assert (table.matrix.toarray() == matrix.toarray()).all()


def test_a_matrix_with_repeated_and_zero_entries_is_merged() -> None:
    """Entries stored twice add up; stored zeros are left out; the matrix is not changed."""
    matrix = sparse.coo_array(([1.0, 2.0, 0.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    table = Interactions.from_matrix(matrix)
    assert table.matrix.toarray().tolist() == [[0, 3], [0, 0]]
    assert (table.n_merged, table.n_zero, matrix.nnz) == (1, 1, 3)


def test_an_empty_matrix_is_refused() -> None:
    """The shape is in the sentence."""
    with pytest.raises(ValueError, match=r"matrix of shape \(2, 3\) without any entry"):
        Interactions.from_matrix(sparse.csr_array((2, 3)))


def test_ids_must_fit_the_matrix() -> None:
    """One id per row."""
    with pytest.raises(ValueError, match="user_ids must have one id per row, 2; got 1"):
        Interactions.from_matrix(sparse.csr_array(np.eye(2)), user_ids=["x"])


def test_everything_is_read_only() -> None:
    """Values are frozen."""
    table = Interactions.from_frame(frame_of([("a", 1, 1)]))
    for array in (table.users, table.items, table.weights, table.user_ids, table.matrix.data):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.users = table.items
    assert table.matrix is table.matrix


def test_columns_of_unequal_length_are_refused() -> None:
    """The bare constructor checks its lengths."""
    ids, codes = np.array(["a"]), np.zeros(1, dtype=np.int32)
    with pytest.raises(ValueError, match="weights must have one entry per row, 1; got 2"):
        Interactions(ids, ids, codes, codes, np.ones(2))


@given(ROWS, st.lists(st.sampled_from("abcdefg"), max_size=8), st.lists(st.integers(-3, 9)))
@settings(deadline=None, max_examples=100)
def test_a_larger_universe_keeps_every_row(
    rows: list[tuple[str, int, int]], users: list[str], items: list[int]
) -> None:
    """with_users and with_items add ids and change nothing else."""
    table = Interactions.from_frame(frame_of(rows))
    larger = table.with_users(users).with_items(items)
    assert set(larger.user_ids) == set(table.user_ids) | set(users)
    assert set(larger.item_ids) == set(table.item_ids) | set(items)
    pd.testing.assert_frame_equal(larger.to_frame(), table.to_frame())
    assert larger.n_merged == table.n_merged


def test_a_user_of_another_type_can_be_added() -> None:
    """Order may change, rows and times do not."""
    frame = pd.DataFrame({"user": [2, 1], "item": [5, 6], "timestamp": [8, 9]})
    larger = Interactions.from_frame(frame).with_users([uuid.UUID(int=1), "x"])
    got = {tuple(row) for row in larger.to_frame().itertuples(index=False)}
    assert got == {(2, 5, 1.0, 8), (1, 6, 1.0, 9)}
    assert larger.n_users == 4


def test_select_keeps_the_universe() -> None:
    """Codes stay comparable; the two halves are the whole."""
    table = Interactions.from_frame(frame_of([("a", 1, 1), ("a", 2, 1), ("b", 1, 5)]))
    mask = np.array([True, False, True])
    kept, rest = table.select(mask), table.select(~mask)
    assert kept.user_ids is table.user_ids
    assert ((kept.matrix + rest.matrix).toarray() == table.matrix.toarray()).all()
    assert len(table.select(np.zeros(3, dtype=bool))) == 0


@pytest.mark.parametrize("mask", [[0, 1, 1], [True], np.ones((3, 1), dtype=bool)])
def test_a_mask_must_be_boolean_and_fit(mask: object) -> None:
    """Positions are no mask."""
    table = Interactions.from_frame(frame_of([("a", 1, 1), ("a", 2, 1), ("b", 1, 5)]))
    with pytest.raises(ValueError, match="mask must be boolean with one entry per row, 3"):
        table.select(mask)


def test_the_text_says_the_sizes() -> None:
    """A short repr, not a page of arrays."""
    frame = pd.DataFrame({"user": [1], "item": [2], "timestamp": [3]})
    text = repr(Interactions.from_frame(frame))
    assert text == "Interactions(1 rows, 1 users, 1 items, with timestamps)"


@given(ROWS, st.lists(st.sampled_from("abcdef"), max_size=4))
@settings(deadline=None, max_examples=100)
def test_a_table_that_knows_everybody_is_returned_itself(
    rows: list[tuple[str, int, int]], more: list[str]
) -> None:
    """Nobody new: the same object; else the ordered union, and the same rows in raw ids."""
    table = Interactions.from_frame(frame_of(rows))
    larger = table.with_users(more)
    assert (larger is table) == (set(more) <= set(table.user_ids))
    assert larger.user_ids.tolist() == sorted({*table.user_ids, *more})
    pd.testing.assert_frame_equal(larger.to_frame(), table.to_frame())
    assert table.with_items([]) is table
    assert table.with_items([9]).item_ids.tolist() == [*table.item_ids.tolist(), 9]


def test_ids_in_no_order_are_put_in_order_even_if_nobody_is_new() -> None:
    """The union is ordered, whatever the matrix said."""
    table = Interactions.from_matrix(sparse.csr_array([[1, 0], [0, 2]]), user_ids=["b", "a"])
    ordered = table.with_users(["a"])
    assert ordered.user_ids.tolist() == ["a", "b"]
    assert ordered.matrix.toarray().tolist() == [[0, 2], [1, 0]]
    with pytest.raises(ValueError, match="user ids must not be null"):
        table.with_users(["a", None])
