"""What a fit on a cluster is given, as shards in its storage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets.sharded_tables import ShardedTables, is_sharded, open_tables
from ..datasets.sharding import shard_in_memory, shard_tables
from .cluster import RayCluster
from .cluster_session import Session
from .inputs import training_table
from .progress import tell
from .store_files import write_file
from .ties import refuse_second_graph, with_ties

#: the folder of shards in the storage, and what they were made of
_TABLES, _SOURCE = "tables", "source.json"


@dataclass(frozen=True)
class Source:
    """What to fit on.

    Attributes
    ----------
    interactions : frame, sparse matrix, Interactions, ShardedTables or path
        A path names a folder of shards, or raw parquet: a file, or a folder of parts.
    social : frame, graph, sparse matrix, SocialGraph or path, optional
        Ties; None where the shards hold them.
    directed : bool, optional
        Whether a tie binds its source alone.
    columns, social_columns : mapping from role to column name, optional
        For raw parquet.
    """

    interactions: Any
    social: Any = None
    directed: bool | None = None
    columns: Any = None
    social_columns: Any = None


def sharded(one: Session, cluster: RayCluster, source: Source) -> ShardedTables:
    """The shards of a source, made in the storage where it is none yet.

    What is in memory is cut here; raw parquet is read, sorted and cut by tasks of the cluster, and
    shards that an earlier run has made of the same files are taken as they are.

    Raises
    ------
    ValueError
        For bad tables, a graph beside shards that hold one, another number of shards than asked.
    """
    given = source.interactions
    if isinstance(given, str | Path) and is_sharded(Path(given)):
        given = open_tables(given)
    if isinstance(given, ShardedTables):
        refuse_second_graph(given, source.social)
        _refuse_columns(source)
        _refuse_other_number(given, cluster)
        return given
    tell("sharding", 0, 0)
    folder = one.storage / _TABLES
    if isinstance(given, str | Path):
        tables = _from_files(one, cluster, source, folder)
    else:
        table, adjacency = with_ties(training_table(given), source.social, directed=source.directed)
        # the note of what shards of files were made of must not outlive them
        (one.storage / _SOURCE).unlink(missing_ok=True)
        # a number that nobody asked for must not be too large
        n_shards = cluster.n_shards or min(one.n_shards, table.n_users)
        tables = shard_in_memory(
            table,
            adjacency if source.social is not None else None,
            folder,
            n_shards=n_shards,
            directed=source.directed,
            overwrite=True,
        )
    tell("sharding", 1, 1)
    return tables


def _from_files(one: Session, cluster: RayCluster, source: Source, folder: Path) -> ShardedTables:
    """Shards of raw parquet; those of an earlier run where nothing has changed."""
    wanted = json.dumps(_described(source, one.n_shards), sort_keys=True).encode()
    note = one.storage / _SOURCE
    if cluster.resume and is_sharded(folder) and note.is_file() and note.read_bytes() == wanted:
        return open_tables(folder)
    note.unlink(missing_ok=True)
    tables = shard_tables(
        source.interactions,
        folder,
        social=source.social,
        n_shards=one.n_shards,
        at_most=cluster.n_shards is None,
        directed=source.directed,
        columns=source.columns,
        social_columns=source.social_columns,
        overwrite=True,
        run=one.run,
    )
    write_file(one.storage, _SOURCE, [wanted])
    return tables


def _described(source: Source, n_shards: int) -> dict[str, Any]:
    """What the shards of raw parquet depend on: files by name, size and time."""
    return {
        "n_shards": n_shards,
        "interactions": _files(source.interactions),
        "social": None if source.social is None else _files(source.social),
        "directed": source.directed,
        "columns": source.columns,
        "social_columns": source.social_columns,
    }


def _files(path: Any) -> Any:
    """Names, sizes and times of the parts of a table; of a table in memory its kind."""
    if not isinstance(path, str | Path):
        return type(path).__name__
    place = Path(path).absolute()
    parts = sorted(place.iterdir()) if place.is_dir() else [place]
    stats = [(part, part.stat()) for part in parts if part.is_file()]
    return [(str(part), stat.st_size, stat.st_mtime_ns) for part, stat in stats] or str(place)


def _refuse_columns(source: Source) -> None:
    for name, columns in (
        ("columns", source.columns),
        ("social_columns", source.social_columns),
    ):
        if columns:
            raise ValueError(
                f"{name} must be left out where the tables are shards, whose columns are known; "
                f"got {columns!r}"
            )


def _refuse_other_number(tables: ShardedTables, cluster: RayCluster) -> None:
    if cluster.n_shards not in (None, tables.n_shards):
        raise ValueError(
            f"n_shards must be that of the tables, {tables.n_shards}; got {cluster.n_shards}: "
            "leave it out, or make the tables anew (shard_tables)"
        )
