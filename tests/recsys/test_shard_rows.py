"""What workers read of sharded tables, put together, is what one machine reads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suffuse.datasets import Interactions, SocialWorld
from suffuse.datasets.shard_in_memory import shard_in_memory
from suffuse.datasets.sharded_tables import ShardedTables
from suffuse.recsys.cluster_workers import ShardState
from suffuse.recsys.inputs import preference_rows
from suffuse.recsys.shard_parts import ShardIds, ShardRows, ShardTies
from suffuse.recsys.shard_rows import load_ids, load_rows, load_ties
from suffuse.recsys.ties import with_ties


def read(state: ShardState) -> tuple[Any, ...]:
    """All that was loaded."""
    rows, ties, ids = (state.get(kind) for kind in (ShardRows, ShardTies, ShardIds))
    return rows, ties, ids


@pytest.fixture(scope="module")
def tables(tall: SocialWorld, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    """A table with weights and its ties, whole and as a folder of three shards."""
    frame = tall.interactions.assign(weight=np.arange(len(tall.interactions)) % 4 + 0.5)
    table = Interactions.from_frame(frame)
    table, adjacency = with_ties(table, tall.social, directed=False)
    folder = tmp_path_factory.mktemp("shards") / "tables"
    found = shard_in_memory(table, adjacency, folder, n_shards=3, directed=False)
    return table, adjacency, found


@pytest.mark.parametrize("use_weights", [False, True])
def test_shards_make_the_whole(
    tables: tuple[Interactions, Any, ShardedTables], workers_here: Any, use_weights: bool
) -> None:
    """Rows, ties and ids, in the order of one machine."""
    table, adjacency, sharded = tables
    workers, folder = workers_here(3), str(sharded.folder)
    workers.setup("rows", load_rows, [(folder, use_weights)] * 3)
    workers.setup("ties", load_ties, [(folder,)] * 3)
    workers.setup("ids", load_ids, [(folder,)] * 3)
    found = workers.fetch(workers.each(read))
    expected = preference_rows(table, use_weights=use_weights)
    np.testing.assert_array_equal(
        np.concatenate([rows.rows.toarray() for rows, _, _ in found]), expected.toarray()
    )
    np.testing.assert_array_equal(
        np.concatenate([ties.adjacency.toarray() for _, ties, _ in found]), adjacency.toarray()
    )
    users = np.concatenate([ids.users for _, _, ids in found])
    np.testing.assert_array_equal(users, table.user_ids)
    for shard, (rows, ties, ids) in enumerate(found):
        assert rows.rows.dtype == np.float32
        assert ties.adjacency.dtype == np.float64
        assert rows.shard == ties.shard == shard
        assert rows.starts == ties.starts == sharded.starts
        np.testing.assert_array_equal(ids.items, table.item_ids)


def test_as_many_workers_as_shards(
    tables: tuple[Interactions, Any, ShardedTables], tmp_path: Path
) -> None:
    """Otherwise users would be missing."""
    state = ShardState(shard=0, n_shards=2, n_threads=1)
    with pytest.raises(ValueError, match=r"a shard for each of 2 workers; got .* with 3"):
        load_rows(state, str(tables[2].folder), False)
    with pytest.raises(FileNotFoundError, match="must hold sharded tables"):
        load_ids(state, str(tmp_path))
