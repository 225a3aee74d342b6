"""A fitted model between workers and storage: written shard by shard, read shard by shard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .cluster_workers import ShardState, Workers
from .row_parts import all_rows
from .selection import Selection, set_dials
from .shard_parts import ShardFactors, ShardIds, ShardRows, ShardTies
from .sharded_model import ALS_NAMES, SOCIAL_NAMES, assemble, open_sharded, write_shard


def publish_model(
    workers: Workers, model: Any, base: Any, selection: Selection | None, folder: Path
) -> None:
    """Write the model that workers hold to a new folder; ``model`` is fitted from then on.

    ``base`` is the ALS model; another than ``model`` where that is social diffusion over it, whose
    settings are given then.
    """
    folder.mkdir(parents=True)
    names: tuple[str, ...] = ALS_NAMES
    if selection is not None:
        names = SOCIAL_NAMES
        set_dials(model, selection)
        model.base_ = base
    asked = [(str(folder), names)] * workers.n
    described = workers.steadily(lambda: workers.fetch(workers.each(write_shard, asked)))
    assemble(model, folder, described)


def keep_storage(model: Any, storage: object) -> None:
    """Let a temporary folder live until the rows of a model are read from it."""
    for rows in all_rows(model):
        rows.keep(storage)


@contextmanager
def unchanged_on_error(model: Any) -> Iterator[None]:
    """Leave a model as it was where the block fails."""
    before = dict(vars(model))
    try:
        yield
    except BaseException:
        vars(model).clear()
        vars(model).update(before)
        raise


def load_shard(state: ShardState, folder: str, starts: tuple[int, ...]) -> int:
    """Read the users of a worker from a model folder, whatever its shards; how many ties."""
    stored, shard = open_sharded(folder), state.shard

    def rows(name: str) -> Any:
        return stored.between(name, starts[shard], starts[shard + 1])

    state.put(ShardIds(rows("user_ids_"), stored.item_ids()))
    state.put(ShardRows(rows("interactions_"), starts, shard))
    state.put(ShardFactors(rows("user_factors_"), stored.item_factors()))
    if "social_" not in stored.names:
        return 0
    ties = ShardTies(rows("social_"), starts, shard)
    state.put(ties)
    return int(ties.adjacency.nnz)
