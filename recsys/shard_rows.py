"""What a worker reads of a folder of sharded tables: the part of its own users."""

from __future__ import annotations

from ..datasets.sharded_tables import ShardedTables, open_tables
from .cluster_workers import ShardState
from .inputs import preference_cells
from .shard_parts import ShardIds, ShardRows, ShardTies


def load_rows(state: ShardState, tables_folder: str, use_weights: bool) -> None:
    """Keep the preference rows of the users of the shard, as ``ShardRows``."""
    tables = _tables(state, tables_folder)
    rows = preference_cells(tables.interactions(state.shard), use_weights=use_weights)
    state.put(ShardRows(rows, tables.starts, state.shard))


def load_ties(state: ShardState, tables_folder: str) -> None:
    """Keep the ties of the users of the shard, as ``ShardTies``; none without a graph."""
    tables = _tables(state, tables_folder)
    state.put(ShardTies(tables.ties(state.shard), tables.starts, state.shard))


def load_ids(state: ShardState, tables_folder: str) -> None:
    """Keep the raw ids of the users of the shard and of all items, as ``ShardIds``."""
    tables = _tables(state, tables_folder)
    state.put(ShardIds(tables.user_ids(state.shard), tables.item_ids()))


def _tables(state: ShardState, folder: str) -> ShardedTables:
    """The tables, which must have a shard for each worker."""
    tables = open_tables(folder)
    if tables.n_shards != state.n_shards:
        raise ValueError(
            f"tables must have a shard for each of {state.n_shards} workers; got {folder!r} with "
            f"{tables.n_shards}: start as many workers, or shard the tables anew"
        )
    return tables
