"""Shards of files, put together, are the tables that one machine reads."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
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
    ShardedTables,
    SocialGraph,
    as_social_graph,
    merging,
    open_tables,
    shard_build,
    shard_ids,
    shard_sources,
    shard_steps,
    shard_tables,
)
from suffuse.recsys.ties import with_ties

NUMBERS = ("int64", "int32", "uint8", "uint32")
WEIGHTS = (None, "float32", "float64", "int64")


@contextmanager
def everything_is_large() -> Iterator[None]:
    """Cut tables of any size into many chunks, and sample and look up a few rows at a time."""
    with ExitStack() as stack:
        for module, name, value in (
            (shard_sources, "_PIECE", 3),
            (shard_sources, "_CHUNK", 5),
            (shard_steps, "_SKETCH", 6),
            (shard_steps, "_SAMPLE", 8),
            (shard_build, "_LOOKED_UP", 4),
            (shard_ids, "_PILE", 4),
            (merging, "MANY_ROWS", 1),
        ):
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def in_any_order(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> list[Any]:
    """Make calls as a cluster might: through pickles, in another order, some of them twice."""
    order = list(range(len(calls))) * 2
    random.Random(7).shuffle(order)
    results = {
        i: pickle.loads(pickle.dumps(function))(*pickle.loads(pickle.dumps(calls[i])))
        for i in order
    }
    return [results[i] for i in range(len(calls))]


def parts_of(frame: pd.DataFrame, folder: Path, n_parts: int) -> Path:
    """Write a frame as a folder of parts with small row groups, some of them without a row."""
    folder.mkdir()
    for i in range(n_parts):
        low, high = (len(frame) * j // n_parts for j in (i, i + 1))
        part = frame.iloc[low:high]
        part.to_parquet(folder / f"part-{i}.parquet", index=False, row_group_size=2)
    return folder


@st.composite
def worlds(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame | None, bool]:
    """Draw interactions, perhaps ties, and whether those are directed."""
    text = draw(st.booleans())
    user = st.text("abé\U0001f600z", max_size=2) if text else st.integers(0, 12)
    kinds = ["object"] if text else list(NUMBERS)
    n = draw(st.integers(1, 25))
    column = st.lists(user, min_size=n, max_size=n)
    weight = st.sampled_from([0.0, 1.0, 2.5, 0.1]) if draw(st.booleans()) else st.just(1.0)
    frame = pd.DataFrame({"user_id": pd.Series(draw(column), dtype=draw(st.sampled_from(kinds)))})
    frame["item_id"] = draw(st.lists(st.sampled_from("xyzuvw"), min_size=n, max_size=n))
    kind = draw(st.sampled_from(WEIGHTS))
    if kind is not None:
        given_ = draw(st.lists(weight, min_size=n, max_size=n))
        frame["weight"] = np.array(given_).astype(kind)
        frame.loc[0, "weight"] = 1
    if draw(st.booleans()):
        return frame, None, False
    m = draw(st.integers(0, 20))
    ends = {name: draw(st.lists(user, min_size=m, max_size=m)) for name in ("source", "target")}
    ties = pd.DataFrame(
        {name: pd.Series(end, dtype=draw(st.sampled_from(kinds))) for name, end in ends.items()}
    )
    if draw(st.booleans()):
        ties["weight"] = np.array(draw(st.lists(weight, min_size=m, max_size=m)), dtype=np.float64)
    return frame, ties, draw(st.booleans())


def assert_same_table(found: Interactions, expected: Interactions) -> None:
    """Every array of two tables is the same, of the same type."""
    for name in ("user_ids", "item_ids", "users", "items", "weights"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype, name
        assert one.tolist() == other.tolist(), name
    assert (found.n_merged, found.n_zero) == (expected.n_merged, expected.n_zero)


def assert_same_ties(tables: ShardedTables, expected: Any, graph: SocialGraph) -> None:
    """The ties are those of one machine, and so is the count of what was left out."""
    found = tables.to_social()
    assert found is not None
    assert found.directed == graph.directed
    for name in ("indptr", "indices", "data"):
        one, other = getattr(found.adjacency, name), getattr(expected, name)
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    counts = [(one.n_merged, one.n_self_ties, one.n_zero) for one in (found, graph)]
    assert counts[0] == counts[1]


@pytest.mark.filterwarnings("ignore:social ids should be")
@settings(deadline=None, max_examples=60)
@given(worlds(), st.sampled_from([1, 2, 4]), st.integers(1, 3), st.booleans())
def test_shards_together_are_the_table_of_one_machine(
    world: tuple[pd.DataFrame, pd.DataFrame | None, bool], n_shards: int, n_parts: int, large: bool
) -> None:
    """Ids, codes, weights, ties and counts, from files and from memory."""
    frame, ties, directed = world
    expected = Interactions.from_frame(frame)
    graph = None if ties is None else as_social_graph(ties, directed=directed)
    expected, adjacency = with_ties(expected, graph, directed=None)
    with TemporaryDirectory() as place, ExitStack() as stack:
        if large:
            stack.enter_context(everything_is_large())
        folder = Path(place)
        rows = parts_of(frame, folder / "rows", n_parts)
        social = None if ties is None else parts_of(ties, folder / "ties", n_parts)

        def sharded() -> Iterator[ShardedTables]:
            options: dict[str, Any] = {"n_shards": n_shards, "directed": directed}
            run = in_any_order if large else None
            yield shard_tables(rows, folder / "tables", social=social, run=run, **options)
            yield shard_tables(frame, folder / "memory", social=ties, **options)

        if expected.n_users < n_shards:
            for _ in range(2):
                with pytest.raises(ValueError, match=f"number of users, {expected.n_users}; got"):
                    next(sharded())
            return
        for tables in sharded():
            assert_same_table(tables.to_interactions(), expected)
            if graph is None:
                assert tables.to_social() is None
                assert all(tables.ties(i).nnz == 0 for i in range(n_shards))
            else:
                assert_same_ties(tables, adjacency, graph)
            assert len(tables.n_rows) == n_shards == tables.n_shards
            assert min(np.diff(tables.starts)) >= 1


def skewed_world(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return rows of users with heavy tails, in the order of the users, and ties."""
    sizes = np.minimum(rng.pareto(1.2, size=n) * 3 + 1, 300).astype(int)
    users = np.repeat(rng.permutation(n) * 7, sizes)
    frame = pd.DataFrame({"user": np.sort(users), "item": rng.integers(0, 50, len(users))})
    ends = (rng.integers(0, n, size=(2, 4 * n)) ** 2 // n) * 7
    return frame, pd.DataFrame({"source": ends[0], "target": ends[1]})


@pytest.mark.parametrize("sample", [1 << 18, 4000])
def test_shards_are_balanced(tmp_path: Path, sample: int) -> None:
    """With heavy tails no shard is off by more than a quarter, all rows counted or a sample."""
    frame, ties = skewed_world(6000, np.random.default_rng(3))
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=5000)
    ties.to_parquet(tmp_path / "ties.parquet", row_group_size=5000)
    with (
        mock.patch.object(shard_steps, "_SAMPLE", sample),
        mock.patch.object(shard_steps, "_SKETCH", max(sample // 8, 500)),
    ):
        tables = shard_tables(
            tmp_path / "rows.parquet", tmp_path / "t", social=tmp_path / "ties.parquet", n_shards=4
        )
    load = np.diff(tables.starts) + tables.n_rows + tables.n_ties
    assert abs(load / load.mean() - 1).max() < 0.25


def test_what_is_written_does_not_depend_on_how_calls_are_made(tmp_path: Path) -> None:
    """Other orders and repetitions give the same bytes; other weights give another fingerprint."""
    frame, ties = skewed_world(300, np.random.default_rng(0))
    rows, social = tmp_path / "rows.parquet", tmp_path / "ties.parquet"
    frame.to_parquet(rows, row_group_size=500)
    ties.to_parquet(social, row_group_size=500)
    one = shard_tables(rows, tmp_path / "one", social=social, n_shards=3)
    other = shard_tables(rows, tmp_path / "other", social=social, n_shards=3, run=in_any_order)
    assert one.fingerprint == other.fingerprint
    ties.assign(weight=2.0).to_parquet(social)
    again = shard_tables(rows, tmp_path / "one", social=social, n_shards=3, overwrite=True)
    assert again.fingerprint != one.fingerprint
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        *("interactions", "item_ids.parquet", "social", "tables.json", "user_ids"),
    ]


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    """Wherever it stops, the old tables stay, and nothing is beside them."""
    frame, _ = skewed_world(50, np.random.default_rng(0))
    rows = tmp_path / "rows.parquet"
    frame.to_parquet(rows)
    old = shard_tables(rows, tmp_path / "tables", n_shards=2)

    def stopped(after: int) -> Callable[..., list[Any]]:
        calls = iter(range(after))

        def run(function: Callable[..., Any], given: list[tuple[Any, ...]]) -> list[Any]:
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return [function(*one) for one in given]

        return run

    for after in range(7):
        with pytest.raises(KeyboardInterrupt):
            shard_tables(rows, tmp_path / "tables", n_shards=3, overwrite=True, run=stopped(after))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.parquet", "tables"]
        assert open_tables(tmp_path / "tables").fingerprint == old.fingerprint
    new = shard_tables(rows, tmp_path / "tables", n_shards=3, overwrite=True, run=stopped(99))
    assert new.n_shards == 3


@pytest.mark.parametrize(
    ("rows", "ties", "what"),
    [
        (
            {"user": [1, None], "item": [1, 1]},
            None,
            "user of sharded.*got double: drop or fill nulls, or turn them",
        ),
        ({"user": ["a", None], "item": [1, 1]}, None, "a.parquet.*user must not be null.*row 1"),
        ({"user": [1.5], "item": [1]}, None, "user of sharded tables must be whole numbers"),
        ({"user": [1], "item": [b"x"]}, None, "item of sharded tables.*got binary"),
        ({"user": [1], "thing": [1]}, None, "a.parquet.*must have a column 'item_id'"),
        (
            {"user": [1, 2], "item": [1, 1], "weight": [1.0, -2.0]},
            None,
            r"a.parquet': weight must be at least 0; got -2.0 at row 1 \(1 such",
        ),
        (
            {"user": [1], "item": [1], "weight": [0.0]},
            None,
            "above 0 in at least one row; got 0 in",
        ),
        ({"user": [], "item": []}, None, "at least one row; got an empty table"),
        (
            {"user": [1], "item": [1]},
            {"source": ["a"], "target": ["b"]},
            "of one kind.*int64.*text",
        ),
        (
            {"user": [1], "item": [1]},
            {"source": [1], "target": [2], "weight": [np.inf]},
            "b.parquet.*weight must be finite; got inf at row 0",
        ),
    ],
)
def test_bad_files_are_refused_in_words(
    rows: dict[str, Any], ties: dict[str, Any] | None, what: str, tmp_path: Path
) -> None:
    """The file, the value and the rule are named, and nothing is left."""
    pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    social = None
    if ties is not None:
        social = tmp_path / "b.parquet"
        pd.DataFrame(ties).to_parquet(social)
    before = sorted(tmp_path.iterdir())
    with pytest.raises((ValueError, TypeError), match=what):
        shard_tables(tmp_path / "a.parquet", tmp_path / "t", social=social, n_shards=1)
    assert sorted(tmp_path.iterdir()) == before


def test_a_bad_row_in_a_later_piece_is_placed(tmp_path: Path) -> None:
    """Rows are counted from the beginning of the file, pieces are named by their first row."""
    frame = pd.DataFrame({"user": ["a"] * 9, "item": range(9), "weight": 1.0})
    frame.assign(weight=[1.0] * 7 + [-1.0, 1.0]).to_parquet(tmp_path / "w.parquet")
    frame.assign(user=["a"] * 8 + [None]).to_parquet(tmp_path / "n.parquet")
    with everything_is_large():
        with pytest.raises(ValueError, match=r"w.parquet', from row 6 on: weight .* at row 1"):
            shard_tables(tmp_path / "w.parquet", tmp_path / "t", n_shards=1)
        with pytest.raises(ValueError, match=r"null; got None at row 8 "):
            shard_tables(tmp_path / "n.parquet", tmp_path / "t", n_shards=1)


def test_parts_must_fit_together(tmp_path: Path) -> None:
    """Other columns or other ids in one part are refused; wider numbers are not."""
    first = pd.DataFrame({"user": np.array([1, 2], np.int32), "item": [1, 2]})
    first.to_parquet(tmp_path / "a.parquet")
    second = tmp_path / "b.parquet"
    pd.DataFrame({"user": [2**40], "item": [1]}).to_parquet(second)
    found = shard_tables(tmp_path, tmp_path / "t", n_shards=3)
    assert found.to_interactions().user_ids.tolist() == [1, 2, 2**40]
    pd.DataFrame({"user": np.array([2**63], np.uint64), "item": [1]}).to_parquet(second)
    assert shard_tables(second, tmp_path / "v", n_shards=1).user_ids(0).tolist() == [2**63]
    with pytest.raises(ValueError, match=r"int32 in .*uint64 in .*: write all as one type of num"):
        shard_tables(tmp_path, tmp_path / "u", n_shards=1)
    pd.DataFrame({"user": ["x"], "item": [1]}).to_parquet(second)
    with pytest.raises(ValueError, match="user must be of one kind in all parts; got int32 in"):
        shard_tables(tmp_path, tmp_path / "u", n_shards=1)
    pd.DataFrame({"who": [3], "item": [1]}).to_parquet(second)
    with pytest.raises(ValueError, match=r"b.parquet.*must have a column 'user_id'"):
        shard_tables(tmp_path, tmp_path / "u", n_shards=1)
    pd.DataFrame({"user": [3], "item": [1], "weight": [1.0]}).to_parquet(second)
    with pytest.raises(ValueError, match="parts must have the same columns"):
        shard_tables(tmp_path, tmp_path / "u", n_shards=1)
    second.write_bytes(b"no parquet")
    with pytest.raises(ValueError, match=r"must be a readable .parquet file; .*b.parquet' is not"):
        shard_tables(tmp_path, tmp_path / "u", n_shards=1)


def test_labels_and_named_columns(tmp_path: Path) -> None:
    """Texts in dictionaries are read, and columns of any name."""
    users = pa.array(["b", "a", "b"]).dictionary_encode()
    table = pa.table({"who": users, "what": pa.array([5, 6, 5]), "weight": pa.array([2.0, 1, 1])})
    pq.write_table(table, tmp_path / "rows.parquet")
    found = shard_tables(
        tmp_path / "rows.parquet",
        tmp_path / "t",
        n_shards=2,
        columns={"user_id": "who", "item_id": "what", "weight": None},
    )
    assert found.user_ids(0).tolist() == ["a"]
    assert found.to_interactions().matrix.toarray().tolist() == [[0, 1], [2, 0]]
    assert found.left_out["merged"] == 1


def test_strangers_are_worth_a_warning(tmp_path: Path) -> None:
    """Where no user of the graph has interactions, from files and from memory."""
    rows = pd.DataFrame({"user": [1, 2], "item": [1, 1]})
    ties = pd.DataFrame({"source": [3], "target": [4]})
    rows.to_parquet(tmp_path / "rows.parquet")
    ties.to_parquet(tmp_path / "ties.parquet")
    with pytest.warns(UserWarning, match="none of the 2 users of the graph has interactions"):
        shard_tables(
            tmp_path / "rows.parquet", tmp_path / "t", social=tmp_path / "ties.parquet", n_shards=2
        )
    with pytest.warns(UserWarning, match="none of the 2 users of the graph has interactions"):
        shard_tables(rows, tmp_path / "u", social=ties, n_shards=2)


@pytest.mark.parametrize("n_shards", [0, -1, 1.0, True])
def test_a_number_of_shards_that_is_none(n_shards: Any, tmp_path: Path) -> None:
    """Refused before anything is read."""
    with pytest.raises(ValueError, match="n_shards must be a whole number of at least 1; got"):
        shard_tables(tmp_path / "none.parquet", tmp_path / "t", n_shards=n_shards)


def test_files_and_values_are_not_mixed(tmp_path: Path) -> None:
    """Both tables are in files, or both are in memory; other files than parquet are no tables."""
    rows = pd.DataFrame({"user": [1, 2], "item": [1, 1]})
    rows.to_parquet(tmp_path / "rows.parquet")
    ties = pd.DataFrame({"source": [1], "target": [2]})
    with pytest.raises(TypeError, match="social must be parquet files where the interactions are"):
        shard_tables(tmp_path / "rows.parquet", tmp_path / "t", social=ties, n_shards=1)
    with pytest.raises(TypeError, match="social must be in memory where the interactions are"):
        shard_tables(rows, tmp_path / "t", social=tmp_path / "rows.parquet", n_shards=1)
    (tmp_path / "rows.csv").write_text("user,item\n1,1\n")
    with pytest.raises(ValueError, match="path must be parquet, a file or a folder of parts"):
        shard_tables(tmp_path / "rows.csv", tmp_path / "t", n_shards=1)
    with pytest.raises(FileNotFoundError, match="path must be an existing file or folder"):
        shard_tables(tmp_path / "nothing", tmp_path / "t", n_shards=1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="path must hold parquet files"):
        shard_tables(tmp_path / "empty", tmp_path / "t", n_shards=1)
