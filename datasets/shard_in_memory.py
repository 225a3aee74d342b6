"""Tables that are in memory, written as shards."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from .ids import IdArray, locate
from .interactions import Interactions
from .readers import PathLike
from .shard_cuts import even_cuts
from .shard_files import staged_tables, write_ids, write_record, write_rows
from .sharded_tables import PARTS, TEXT, ShardedTables, open_tables, part_name
from .social_graph import SocialGraph


def shard_in_memory(
    table: Interactions,
    adjacency: sparse.csr_array | None,
    folder: PathLike,
    *,
    n_shards: int,
    directed: bool | None,
    overwrite: bool = False,
) -> ShardedTables:
    """Write a table and its ties as shards, without times.

    Parameters
    ----------
    table : Interactions
        The interactions, with all users of the graph in its universe.
    adjacency : csr_array, shape (n_users, n_users), or None
        Who listens to whom, in the order of ``table.user_ids``.
    folder : path-like
        A new folder.
    n_shards : int
        Number of shards, at most that of users.
    directed : bool or None
        Whether a tie binds its source alone; None: where some tie is not as strong the other way.
    overwrite : bool, default False
        Replace sharded tables that are there.

    Returns
    -------
    ShardedTables
        What was written. Users stay in the order of the table.

    Raises
    ------
    FileExistsError
        If the folder is there and may not be overwritten.
    TypeError
        If ids are neither whole numbers nor texts.
    ValueError
        If there are more shards than users, or the adjacency does not fit the table.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"user": ["a", "b", "b"], "item": [7, 7, 9]})
    >>> table = Interactions.from_frame(frame)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = Path(place) / "tables"
    ...     shard_in_memory(table, None, folder, n_shards=2, directed=None)
    ShardedTables(2 shards, 3 rows, 2 users, 2 items)
    """
    counts = {"merged": table.n_merged, "zero": table.n_zero}
    if adjacency is None:
        directed = None
    elif adjacency.shape != (table.n_users, table.n_users):
        raise ValueError(
            f"adjacency must have one row and column per user, {table.n_users}; "
            f"got shape {adjacency.shape}"
        )
    elif directed is None:
        other_way: Any = adjacency - adjacency.T
        directed = bool(np.any(other_way.data))
    return _write(table, adjacency, Path(folder), n_shards, (directed, counts), overwrite)


def shard_values(
    table: Interactions,
    graph: SocialGraph | None,
    folder: PathLike,
    *,
    n_shards: int,
    overwrite: bool = False,
) -> ShardedTables:
    """Write a table and a graph as shards of all users of both; see `shard_in_memory`.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> table = Interactions.from_frame(pd.DataFrame({"user": ["a"], "item": [7]}))
    >>> ties = pd.DataFrame({"source": ["a"], "target": ["b"]})
    >>> graph = SocialGraph.from_frame(ties, directed=True)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = Path(place) / "tables"
    ...     shard_values(table, graph, folder, n_shards=2).ties(0).toarray().tolist()
    [[0.0, 1.0]]
    """
    counts = {"merged": table.n_merged, "zero": table.n_zero}
    if graph is None:
        return _write(table, None, Path(folder), n_shards, (None, counts), overwrite)
    ties = {
        "merged_ties": graph.n_merged,
        "self_ties": graph.n_self_ties,
        "zero_ties": graph.n_zero,
    }
    facts = (graph.directed, {**counts, **ties})
    if graph.n_nodes == 0:  # whose ids are of no kind
        return _write(table, _no_ties(table.n_users), Path(folder), n_shards, facts, overwrite)
    if graph.n_ties and (locate(table.user_ids, graph.ids) < 0).all():
        warn_of_strangers(graph.n_nodes, stacklevel=4)
    table = table.with_users(graph.ids)
    adjacency, _ = graph.reindex(table.user_ids)
    return _write(table, adjacency, Path(folder), n_shards, facts, overwrite)


def warn_of_strangers(n_nodes: int, *, stacklevel: int) -> None:
    """Warn that no user of a graph has interactions: the ids are probably of two kinds."""
    warnings.warn(
        f"social ids should be those of the interactions; none of the {n_nodes} users of the "
        "graph has interactions: are the ids of one kind?",
        stacklevel=stacklevel,
    )


def id_kind(ids: IdArray, name: str) -> str:
    """Return of what kind ids are that a file of shards can hold: "text", or a type of numbers.

    Raises
    ------
    TypeError
        If they are neither whole numbers nor texts.

    Examples
    --------
    >>> id_kind(np.array([1, 2]), "user ids"), id_kind(np.array(["a"], object), "user ids")
    ('int64', 'text')
    """
    if ids.dtype.kind in "iu":
        return str(ids.dtype)
    if ids.dtype == object and all(type(value) is str for value in ids):
        return TEXT
    odd = next((value for value in ids.tolist() if type(value) is not str), None)
    raise TypeError(
        f"{name} of sharded tables must be whole numbers or texts; got {odd!r}: "
        "turn them into texts first"
    )


def _no_ties(n: int) -> sparse.csr_array:
    """Return the adjacency of a graph without a tie."""
    return sparse.csr_array((n, n), dtype=np.float64)


def _write(
    table: Interactions,
    adjacency: sparse.csr_array | None,
    folder: Path,
    n_shards: int,
    facts: tuple[bool | None, Mapping[str, int]],
    overwrite: bool,
) -> ShardedTables:
    """Write the shards; ``facts`` are whether ties are directed, and what was left out."""
    directed, counts = facts
    kinds = {
        "users": id_kind(table.user_ids, "user ids"),
        "items": id_kind(table.item_ids, "item ids"),
        "weights": str(table.weights.dtype),
    }
    ties = _no_ties(table.n_users) if adjacency is None else adjacency.astype(float, copy=False)
    if not ties.has_sorted_indices:
        ties = ties.sorted_indices()
    starts: list[Any] = [table.matrix.indptr, ties.indptr]
    cuts = even_cuts(np.diff(starts[0]) + np.diff(starts[1]) + 1, n_shards)
    left_out = {"merged": 0, "zero": 0, "merged_ties": 0, "self_ties": 0, "zero_ties": 0}
    parts = PARTS if directed is not None else PARTS[:2]
    with staged_tables(folder, parts, overwrite=overwrite) as staging:
        items = "item_ids.parquet"
        files = {items: write_ids(staging / items, _arrow(table.item_ids))}
        for shard, cut in enumerate(pairwise(cuts.tolist())):
            files.update(_write_shard(staging, shard, cut, table))
            if directed is not None:
                name = part_name("social", shard)
                files[name] = _write_part(staging / name, ties, cut, ("source", "target"))
        n_rows, n_ties = (np.diff(indptr[cuts]).tolist() for indptr in starts)
        record = {
            "starts": cuts.tolist(),
            "n_items": table.n_items,
            "n_rows": n_rows,
            "n_ties": n_ties,
            "directed": directed,
            "kinds": kinds,
            "left_out": {**left_out, **counts},
            "files": files,
        }
        write_record(staging, record)
    return open_tables(folder)


def _write_shard(
    folder: Path, shard: int, cut: tuple[int, int], table: Interactions
) -> dict[str, tuple[int, str]]:
    """Write the users of a shard and their interactions."""
    ids, rows = part_name("user_ids", shard), part_name("interactions", shard)
    return {
        ids: write_ids(folder / ids, _arrow(table.user_ids[cut[0] : cut[1]])),
        rows: _write_part(folder / rows, table.matrix, cut, ("user", "item")),
    }


def _write_part(
    path: Path, matrix: Any, cut: tuple[int, int], names: tuple[str, str]
) -> tuple[int, str]:
    """Write some rows of a matrix, numbered from 0."""
    indptr = matrix.indptr[cut[0] : cut[1] + 1]
    part = slice(int(indptr[0]), int(indptr[-1]))
    rows = np.repeat(np.arange(cut[1] - cut[0], dtype=np.int32), np.diff(indptr))
    ends = {names[0]: rows, names[1]: matrix.indices[part]}
    return write_rows(path, ends, matrix.data[part])


def _arrow(ids: IdArray) -> Any:
    """Return ids as an arrow array."""
    return pa.array(ids, type=pa.large_string()) if ids.dtype == object else pa.array(ids)
