"""What is read from parquet piece by piece is what the frame of the file gives."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets import (
    Interactions,
    SocialGraph,
    merging,
    parquet_codes,
    read_interactions,
    read_social,
    tie_matrix,
)

IDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "narrow": (pa.int64(), st.integers(-5, 5)),
    "wide": (pa.int64(), st.integers(-(10**9), 10**9)),
    "too wide": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "far": (pa.int64(), st.integers(2**62, 2**62 + 9)),
    "32 bit": (pa.int32(), st.integers(-5, 5)),
    "8 bit": (pa.uint8(), st.integers(0, 255)),
    "64 bit": (pa.uint64(), st.integers(2**63, 2**63 + 5)),
    "text": (pa.string(), st.text(max_size=2)),
    "long text": (pa.large_string(), st.sampled_from(["", "z", "é", "\uffff", "\U0001f600"])),
    "labels": (pa.dictionary(pa.int8(), pa.string()), st.sampled_from("abcd")),
    "numbered": (pa.dictionary(pa.int8(), pa.int64()), st.integers(0, 3)),
    "floats": (pa.float64(), st.sampled_from([0.5, 2.0, -1.0])),
    "bytes": (pa.binary(), st.binary(max_size=1)),
    "with nulls": (pa.int64(), st.integers(0, 3) | st.none()),
    "texts with nulls": (pa.string(), st.sampled_from(["a", "b", None])),
}
WEIGHTS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "float32": (pa.float32(), st.sampled_from([0.0, 1.0, 2.5])),
    "float64": (pa.float64(), st.sampled_from([0.0, 0.1, 0.7, 1e9])),
    "int": (pa.int32(), st.integers(0, 3)),
    "bad": (pa.float64(), st.sampled_from([1.0, -1.0, float("nan"), float("inf"), None])),
    "text": (pa.string(), st.sampled_from(["1", "2.5"])),
}
TIMES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "int": (pa.int64(), st.integers(0, 9)),
    "float": (pa.float64(), st.sampled_from([0.5, 7.0, None])),
    "moment": (pa.timestamp("us", tz="UTC"), st.integers(0, 10**15)),
    "text": (pa.string(), st.sampled_from(["2024-05-01", "2024-05-02T10:00"])),
}


@contextmanager
def everything_is_large(piece: int = 3) -> Iterator[None]:
    """Read and merge tables of any size as if they were large, in pieces of few rows."""
    with ExitStack() as stack:
        for module in (merging, parquet_codes, tie_matrix):
            stack.enter_context(mock.patch.object(module, "MANY_ROWS", 1))
        stack.enter_context(mock.patch.object(parquet_codes, "_PIECE", piece))
        stack.enter_context(mock.patch.object(parquet_codes, "_JOINED", 2))
        yield


def drawn_column(
    data: st.DataObject, kinds: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]], n: int
) -> pa.Array:
    """Return a column of one of the kinds."""
    kind, values = kinds[data.draw(st.sampled_from(sorted(kinds)))]
    listed = data.draw(st.lists(values, min_size=n, max_size=n))
    if pa.types.is_dictionary(kind):
        # a label that no row has, and an order that is not that of the texts
        labels = [*sorted(set(listed), reverse=True), type(listed[0])("9")]
        places = pa.array([labels.index(value) for value in listed], pa.int8())
        return pa.DictionaryArray.from_arrays(places, pa.array(labels, kind.value_type))
    return pa.array(listed, kind)


def drawn_file(data: st.DataObject, path: Path, names: tuple[str, str], *, timed: bool) -> Path:
    """Write a drawn table in tiny row groups."""
    n = data.draw(st.integers(1, 14))
    first = drawn_column(data, IDS, n)
    second = drawn_column(data, IDS, n)
    if data.draw(st.booleans()):
        shuffled = data.draw(st.permutations(range(n)))
        second = first.take(pa.array(shuffled))
    columns = {"extra": pa.array(range(n)), names[0]: first, names[1]: second}
    if data.draw(st.booleans()):
        columns["weight"] = drawn_column(data, WEIGHTS, n)
    if timed and data.draw(st.booleans()):
        columns["timestamp"] = drawn_column(data, TIMES, n)
    pq.write_table(
        pa.table(columns),
        path,
        row_group_size=data.draw(st.integers(1, 6)),
        use_dictionary=data.draw(st.booleans()),
    )
    return path


def outcome(read: Callable[[], Any]) -> Any:
    """Return a value, or the sentence of the error."""
    try:
        return read()
    except (ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def refuse_equal(one: Any, other: Any) -> None:
    """Compare two arrays to the last bit."""
    assert type(one) is type(other)
    if one is not None:
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()


def compare_tables(streamed: Any, framed: Any) -> None:
    """Every attribute of two tables is equal, or both are the same error."""
    if isinstance(framed, str):
        assert streamed == framed
        return
    assert isinstance(streamed, Interactions)
    for name in ("user_ids", "item_ids", "users", "items", "weights", "timestamps"):
        refuse_equal(getattr(streamed, name), getattr(framed, name))
    assert (streamed.n_merged, streamed.n_zero) == (framed.n_merged, framed.n_zero)
    assert not streamed.users.flags.writeable
    assert not streamed.user_ids.flags.writeable


@given(st.data())
@settings(deadline=None, max_examples=250)
def test_a_streamed_table_is_that_of_the_frame(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Ids of any type, nulls, weights, times, repetitions, weights of 0, in tiny row groups."""
    file = tmp_path_factory.getbasetemp() / "streamed.parquet"
    drawn_file(data, file, ("user_id", "item_id"), timed=True)
    framed = outcome(lambda: read_interactions(file))
    with everything_is_large():
        compare_tables(outcome(lambda: read_interactions(file)), framed)


@given(st.data(), st.booleans())
@settings(deadline=None, max_examples=200)
def test_a_streamed_graph_is_that_of_the_frame(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, directed: bool
) -> None:
    """The same of ties, whose ends share their ids."""
    file = tmp_path_factory.getbasetemp() / "ties.parquet"
    drawn_file(data, file, ("source_id", "target_id"), timed=False)
    framed = outcome(lambda: read_social(file, directed=directed))
    with everything_is_large():
        streamed = outcome(lambda: read_social(file, directed=directed))
    if isinstance(framed, str):
        assert streamed == framed
        return
    assert isinstance(streamed, SocialGraph)
    refuse_equal(streamed.ids, framed.ids)
    for name in ("data", "indices", "indptr"):
        refuse_equal(getattr(streamed.adjacency, name), getattr(framed.adjacency, name))
    counts = [(one.n_merged, one.n_self_ties, one.n_zero) for one in (streamed, framed)]
    assert counts[0] == counts[1]


def test_the_codes_come_without_a_frame(tmp_path: Path) -> None:
    """Numbers and texts never pass through pandas: that is what the memory is saved by."""
    pd.DataFrame({"user": [3, 1, 3], "item": ["b", "a", "b"]}).to_parquet(tmp_path / "t.parquet")
    with everything_is_large(), mock.patch.object(pd, "read_parquet", side_effect=AssertionError):
        table = read_interactions(tmp_path / "t.parquet")
    assert table.user_ids.tolist() == [1, 3]
    assert table.item_ids.tolist() == ["a", "b"]
    assert table.weights.tolist() == [1.0, 2.0]


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    """As in a frame: the caller's map, well-known names, a sentence with the file."""
    file = tmp_path / "t.parquet"
    pd.DataFrame({"who": [3, 1], "movieId": [5, 6], "rating": [2, 3]}).to_parquet(file)
    with everything_is_large():
        table = read_interactions(file, columns={"user_id": "who", "weight": None})
        assert table.weights.tolist() == [1.0, 1.0]
        with pytest.raises(ValueError, match=r"t\.parquet.*must have a column 'user_id'.*'who'"):
            read_interactions(file)
        with pytest.raises(ValueError, match=r"t\.parquet.*table; got 'whom'"):
            read_interactions(file, columns={"user_id": "whom"})


def test_an_index_is_no_column(tmp_path: Path) -> None:
    """pandas puts it back as an index, whose name is not looked at."""
    file = tmp_path / "t.parquet"
    frame = pd.DataFrame({"user": [1, 2], "item": [3, 4], "user_id": [7, 8]}).set_index("user_id")
    frame.to_parquet(file)
    with everything_is_large():
        assert read_interactions(file).user_ids.tolist() == [1, 2]


def test_names_that_are_no_texts_are_left_to_pandas(tmp_path: Path) -> None:
    """A column called 0."""
    file = tmp_path / "t.parquet"
    pd.DataFrame({0: [1, 2], 1: [3, 4]}).to_parquet(file)
    chosen: Any = {"user_id": 0, "item_id": 1}
    with everything_is_large():
        assert read_interactions(file, columns=chosen).item_ids.tolist() == [3, 4]


def test_a_file_that_breaks_off_is_refused_as_before(tmp_path: Path) -> None:
    """Zeros in the middle of the pages: the sentence is that of the frame."""
    file = tmp_path / "t.parquet"
    numbers = np.random.default_rng(0).integers(0, 99, (2, 5000))
    pd.DataFrame({"user": numbers[0], "item": numbers[1]}).to_parquet(file, compression="gzip")
    whole = bytearray(file.read_bytes())
    whole[60 : len(whole) - 3000] = bytes(len(whole) - 3060)
    file.write_bytes(whole)
    framed = outcome(lambda: read_interactions(file))
    assert "must be a readable .parquet file" in framed
    with everything_is_large(1000):
        assert outcome(lambda: read_interactions(file)) == framed
