"""Tables cut by user into shards, without holding the raw table in one process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .columns import INTERACTION_COLUMNS, SOCIAL_COLUMNS, Columns
from .readers import PathLike
from .shard_build import BuiltShard, build_shard, code_ties
from .shard_files import refuse_existing_tables, staged_tables, write_record
from .shard_ids import joint_kind
from .shard_in_memory import shard_in_memory as shard_in_memory
from .shard_in_memory import shard_values, warn_of_strangers
from .shard_sources import Source, open_source
from .shard_steps import (
    ShardPlan,
    choose_cuts,
    gather_items,
    split_rows,
    split_ties,
    survey_rows,
    survey_ties,
)
from .sharded_tables import PARTS, ShardedTables, open_tables
from .tables import as_interactions, as_social_graph

#: called with a function and the arguments of every call; gives the results in their order
Run = Callable[[Callable[..., Any], list[tuple[Any, ...]]], list[Any]]


def shard_tables(
    interactions: Any,
    folder: PathLike,
    *,
    social: Any = None,
    n_shards: int,
    at_most: bool = False,
    directed: bool | None = None,
    columns: Columns | None = None,
    social_columns: Columns | None = None,
    overwrite: bool = False,
    run: Run | None = None,
) -> ShardedTables:
    """Cut tables by user into shards of about the same size, in files of their own.

    Parquet files are read a piece at a time: distinct items and a sample of the users first, which
    say where to cut; then every piece is split by shard, and every shard put in order by itself.
    No process holds the raw table. What comes out is what `Interactions.from_frame` and
    `SocialGraph.from_frame` make of it, but for the times, which are not kept.

    Parameters
    ----------
    interactions : path-like, DataFrame, scipy sparse array or Interactions
        A parquet file or a folder of parts, with a user, an item and optionally a weight in every
        row; or a table in memory, see `as_interactions`.
    folder : path-like
        A new folder, which appears when all is written.
    social : path-like, DataFrame, scipy sparse array, networkx graph or SocialGraph, optional
        The ties. Their people are users; undirected ties stand in the rows of both ends.
    n_shards : int
        Number of shards, at most that of users.
    at_most : bool, default False
        Take as many shards as there are users where those are fewer.
    directed : bool, optional
        Whether a tie binds its source alone; see `as_social_graph`.
    columns, social_columns : mapping from role to column name, optional
        Where names are unusual.
    overwrite : bool, default False
        Replace sharded tables that are there.
    run : callable(function, list of tuples of arguments) -> list of results, optional
        What makes the calls of one step, which are independent of each other, may be made on any
        machine that sees the files and the folder, and may be repeated. One after the other here
        by default.

    Returns
    -------
    ShardedTables
        What was written.

    Raises
    ------
    FileExistsError
        If the folder is there and may not be overwritten.
    FileNotFoundError
        If there is no such file.
    TypeError
        If ids are neither whole numbers nor texts.
    ValueError
        If a column is missing, an id is null, a weight is bad, or there are fewer users than
        shards; the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as place:
    ...     file = Path(place) / "rows.parquet"
    ...     pd.DataFrame({"user": ["a", "b", "b"], "item": [7, 7, 9]}).to_parquet(file)
    ...     tables = shard_tables(file, Path(place) / "tables", n_shards=2)
    ...     tables, tables.user_ids(1).tolist(), tables.interactions(1).toarray().tolist()
    (ShardedTables(2 shards, 3 rows, 2 users, 2 items), ['b'], [[1.0, 1.0]])
    """
    _refuse_count(n_shards)
    place = Path(folder)
    refuse_existing_tables(place, overwrite=overwrite)
    if not _is_path(interactions):
        table = as_interactions(interactions, columns=columns)
        _refuse_path(social)
        graph = None
        if social is not None:
            graph = as_social_graph(social, directed=directed, columns=social_columns)
        n_here = min(n_shards, table.n_users) if at_most else n_shards
        return shard_values(table, graph, place, n_shards=n_here, overwrite=overwrite)
    _refuse_value(social)
    rows = open_source(interactions, INTERACTION_COLUMNS, ("user_id", "item_id"), columns)
    if rows.n_rows == 0:
        raise ValueError("the interactions must hold at least one row; got an empty table")
    ties = None
    if social is not None:
        ties = open_source(social, SOCIAL_COLUMNS, ("source_id", "target_id"), social_columns)
    parts = PARTS if ties is not None else PARTS[:2]
    with staged_tables(place, (*parts, "work"), overwrite=overwrite) as staging:
        job = _Job(staging, rows, ties, bool(directed), run or _one_after_another)
        write_record(staging, job.record(n_shards, at_most=at_most))
        shutil.rmtree(staging / "work")
    return open_tables(place)


@dataclass(frozen=True)
class _Job:
    """Files to shard, where to, and how calls are made."""

    staging: Path
    rows: Source
    ties: Source | None
    directed: bool
    run: Run

    def record(self, n_shards: int, *, at_most: bool) -> dict[str, Any]:
        """Write all shards, and return what ``tables.json`` says about them."""
        plan = self._plan(n_shards)
        chunks = self.rows.chunks((plan.users, plan.items))
        tie_chunks = [] if self.ties is None else self.ties.chunks((plan.users, plan.users))
        surveys = [(plan, chunk, i) for i, chunk in enumerate(chunks)]
        tie_surveys = [(plan, chunk, i) for i, chunk in enumerate(tie_chunks)]
        self.run(survey_rows, surveys)
        self.run(survey_ties, tie_surveys)
        [(n_items, items_file)] = self.run(gather_items, [(plan,)])
        [firsts] = self.run(choose_cuts, [(plan, at_most)])
        n_shards = len(firsts) + 1
        plan = replace(plan, n_shards=n_shards)
        self.run(split_rows, [(plan, *call[1:], firsts) for call in surveys])
        split = self.run(split_ties, [(plan, *call[1:], firsts) for call in tie_surveys])
        shards = self.run(build_shard, [(plan, i, n_items) for i in range(n_shards)])
        _refuse_no_rows(shards)
        starts = [0, *np.cumsum([shard.n_users for shard in shards]).tolist()]
        n_ties, files = [0] * n_shards, {"item_ids.parquet": items_file}
        for shard in shards:
            files.update(shard.files)
        if self.ties is not None:
            coded = self.run(code_ties, [(plan, i, starts) for i in range(n_shards)])
            n_ties = [n for n, _ in coded]
            for _, written in coded:
                files.update(written)
            known = sum(one.n_row_users + one.n_named - one.n_users for one in shards)
            if sum(n_ties) and not known:
                warn_of_strangers(sum(one.n_named for one in shards), stacklevel=4)
        only_social = starts[-1] > sum(shard.n_row_users for shard in shards)
        return {
            "starts": starts,
            "n_items": n_items,
            "n_rows": [shard.n_rows for shard in shards],
            "n_ties": n_ties,
            "directed": None if self.ties is None else self.directed,
            "kinds": self._kinds(plan, only_social=only_social),
            "left_out": self._left_out(shards, split, sum(n_ties)),
            "files": files,
        }

    def _plan(self, n_shards: int) -> ShardPlan:
        """Return what all steps must know."""
        users, n_ties, n_tie_chunks = self.rows.kinds[0], 0, 0
        if self.ties is not None and self.ties.n_rows:
            n_ties, n_tie_chunks = self.ties.n_rows, len(self.ties.chunks(self.ties.kinds))
            joint = joint_kind([users, *self.ties.kinds])
            if joint is None:
                raise ValueError(
                    f"ids must be of one kind; got {users} in {self.rows.paths[0]!r} and "
                    f"{' and '.join(sorted(set(self.ties.kinds)))} in {self.ties.paths[0]!r}: "
                    "write both as one type of numbers, or both as text"
                )
            users = joint
        return ShardPlan(
            folder=str(self.staging),
            n_shards=n_shards,
            users=users,
            items=self.rows.kinds[1],
            weights=self.rows.weights,
            directed=self.directed,
            n_rows=self.rows.n_rows,
            n_ties=n_ties,
            n_chunks=len(self.rows.chunks(self.rows.kinds)),
            n_tie_chunks=n_tie_chunks,
        )

    def _kinds(self, plan: ShardPlan, *, only_social: bool) -> dict[str, str]:
        """Return the types of what is stored; ids of ties count where they name somebody new."""
        users = plan.users if only_social else self.rows.kinds[0]
        return {"users": users, "items": plan.items, "weights": plan.weights or "float32"}

    def _left_out(
        self, shards: list[BuiltShard], split: list[tuple[int, int, int]], n_ties: int
    ) -> dict[str, int]:
        """Return how many rows went into another one or were left out."""
        kept, own, zero = (sum(column) for column in zip((0, 0, 0), *split, strict=True))
        return {
            "merged": sum(shard.n_merged for shard in shards),
            "zero": sum(shard.n_zero for shard in shards),
            "merged_ties": kept - (n_ties if self.directed else n_ties // 2),
            "self_ties": own,
            "zero_ties": zero,
        }


def _one_after_another(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> list[Any]:
    """Make the calls here."""
    return [function(*call) for call in calls]


def _is_path(table: Any) -> bool:
    """Whether a table is given by where it is."""
    return isinstance(table, str | os.PathLike)


def _refuse_count(n_shards: Any) -> None:
    """Refuse a number of shards that is none."""
    is_count = isinstance(n_shards, int | np.integer) and not isinstance(n_shards, bool)
    if not is_count or n_shards < 1:
        raise ValueError(f"n_shards must be a whole number of at least 1; got {n_shards!r}")


def _refuse_path(social: Any) -> None:
    """Refuse ties in files beside a table in memory."""
    if _is_path(social):
        raise TypeError(
            f"social must be in memory where the interactions are; got {str(social)!r}: "
            "read it with read_social, or give the interactions as parquet files"
        )


def _refuse_value(social: Any) -> None:
    """Refuse ties in memory beside a table in files."""
    if social is not None and not _is_path(social):
        raise TypeError(
            "social must be parquet files where the interactions are; got "
            f"{type(social).__name__}: write it with write_table, or read the interactions with "
            "read_interactions"
        )


def _refuse_no_rows(shards: list[BuiltShard]) -> None:
    """Refuse a table without a row that weighs something."""
    if not any(shard.n_rows for shard in shards):
        n_zero = sum(shard.n_zero for shard in shards)
        raise ValueError(f"weight must be above 0 in at least one row; got 0 in all {n_zero} rows")
