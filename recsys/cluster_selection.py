"""The dials of a fit on a cluster: as given, or chosen by one worker as one machine chooses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from ..datasets.sharded_tables import ShardedTables, open_tables
from .cluster_workers import ShardState, Workers
from .memory import available_bytes, readable_bytes
from .memory_by_model import estimated_for
from .memory_estimate import TableSizes
from .selection import Selection, from_settings, to_settings
from .store_files import write_file
from .ties import with_ties

_CHOSEN = "settings.json"


def selection_for(
    workers: Workers, model: Any, tables: ShardedTables, storage: Path, *, resume: bool
) -> Selection:
    """The settings of all groups of users, for an unfitted ``SocialDiffusion``.

    Where something is "auto", the first worker reads all shards and runs the hold-out of one
    machine, so what is chosen is what one machine chooses; it is noted in ``storage``, and taken
    from there where a run goes on.

    Raises
    ------
    MemoryError
        Where that worker's memory is too small for all shards.
    """
    given: Selection | None = model.given_selection(has_ties=sum(tables.n_ties) > 0)
    if given is not None:
        return given
    key = f"{tables.fingerprint} {model!r}"
    found = _noted(storage / _CHOSEN, key) if resume else None
    if found is None:
        first = (model, str(tables.folder))
        asked = [first, *[(None, "")] * (workers.n - 1)]
        found = workers.steadily(lambda: workers.fetch(workers.each(choose, asked))[0])
        _note(storage, key, found)
    return found


def choose(state: ShardState, model: Any, folder: str) -> Selection | None:
    """The chosen settings; None on workers that are not asked."""
    if model is None:
        return None
    tables = open_tables(folder)
    _refuse_too_large(model, tables)
    table, adjacency = with_ties(tables.to_interactions(), tables.to_social(), directed=None)
    model.n_jobs = state.n_threads
    selection: Selection = model.chosen_selection(table, adjacency)
    return selection


def _refuse_too_large(model: Any, tables: ShardedTables) -> None:
    """Raise where one worker cannot hold what the hold-out needs."""
    ties = sum(tables.n_ties)
    sizes = TableSizes(tables.n_users, tables.n_items, sum(tables.n_rows), ties)
    needed, free = estimated_for(model, sizes).peak, available_bytes()
    if needed > free:
        raise MemoryError(
            'damping, memory and background must be numbers where they are "auto" and one worker '
            f"cannot hold all tables: choosing needs about {readable_bytes(needed)}, and it has "
            f"{readable_bytes(free)}: choose on a part of the users on one machine, and pass "
            "settings=model.settings_ of that fit"
        )


def _note(storage: Path, key: str, selection: Selection) -> None:
    frames = {"ablation": selection.ablation, "trials": selection.trials}
    noted = {"key": key, "settings": to_settings(selection)} | {
        name: frame.to_dict("split", index=False) for name, frame in frames.items()
    }
    write_file(storage, _CHOSEN, [json.dumps(noted).encode()])


def _noted(path: Path, key: str) -> Selection | None:
    """What an earlier run of the same fit chose."""
    if not path.is_file():
        return None
    try:
        noted = json.loads(path.read_text("utf-8"))
        if noted["key"] != key:
            return None
        plain = from_settings(noted["settings"])
        ablation, trials = (pd.DataFrame(**noted[name]) for name in ("ablation", "trials"))
    except (ValueError, TypeError, KeyError):
        return None  # damaged: chosen anew
    return Selection(plain.normalization, plain.warm, plain.few, plain.cold, ablation, trials)
