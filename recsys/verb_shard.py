"""``suffuse shard``: from tables to a folder of shards, which a cluster fits on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import parsed_columns, progress_bars, say, spoken_errors, stage
from .options import Columns, Directed, Force, SocialColumns, read_tables
from .progress import tell

if TYPE_CHECKING:
    from ..datasets.sharded_tables import ShardedTables

_PARQUET = (".parquet", ".pq")


def shard_verb(
    interactions: Annotated[
        Path, typer.Option(help="Parquet of user-item rows: a file or a folder of parts.")
    ],
    shards: Annotated[int, typer.Option(help="How many shards, one for each worker.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    social: Annotated[
        Path | None, typer.Option(help="Parquet of ties: a file or a folder of parts.")
    ] = None,
    directed: Directed = False,
    columns: Columns = [],  # noqa: B006 - typer reads the default, nothing changes it
    social_columns: SocialColumns = [],  # noqa: B006
    force: Force = False,
) -> None:
    """Cut tables by user into shards of about the same size; parquet is never held as a whole.

    Example: `suffuse shard --interactions rows/ --social ties/ --shards 4 --out tables/`

    Then, on a cluster: `suffuse fit --interactions tables/ --backend ray --out model/`
    """
    with spoken_errors(), progress_bars():
        from ..datasets.shard_files import refuse_existing_tables
        from ..datasets.sharding import shard_tables

        refuse_existing_tables(out, overwrite=force)
        given: tuple[Any, Any] = interactions, social
        options: dict[str, Any] = {"n_shards": shards, "overwrite": force}
        if all(_is_parquet(path) for path in (interactions, social) if path is not None):
            options["directed"] = directed
            options["columns"] = parsed_columns("--columns", columns)
            options["social_columns"] = parsed_columns("--social-columns", social_columns)
            options["run"] = _told
        else:
            with stage("reading"):
                given = read_tables(
                    interactions, social, columns, social_columns, directed=directed
                )
        tables = shard_tables(given[0], out, social=given[1], **options)
    _describe(tables)
    say(f"tables: {out}")


def _is_parquet(path: Path) -> bool:
    """Whether a path is read piece by piece; a folder is one of parquet parts, or refused."""
    return path.is_dir() or path.name.lower().endswith(_PARQUET)


def _told(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> list[Any]:
    """Make the calls of a step one after the other, and tell how far it is."""
    name, results = function.__name__.replace("_", " "), []
    for done, call in enumerate(calls):
        tell(name, done, len(calls))
        results.append(function(*call))
    if calls:
        tell(name, len(calls), len(calls))
    return results


def _describe(tables: ShardedTables) -> None:
    """Say what was read, what was left out, and how even the shards are."""
    left = tables.left_out
    say(
        f"{sum(tables.n_rows)} interactions of {tables.n_users} users with {tables.n_items} items"
        + (f"; {left['merged']} repeated rows merged" if left["merged"] else "")
        + (f"; {left['zero']} rows of weight 0 left out" if left["zero"] else "")
    )
    if tables.directed is not None:
        n_ties = sum(tables.n_ties) if tables.directed else sum(tables.n_ties) // 2
        say(
            f"{n_ties} {'directed' if tables.directed else 'undirected'} ties"
            + (f"; {left['merged_ties']} repeated ties merged" if left["merged_ties"] else "")
            + (f"; {left['self_ties']} self ties left out" if left["self_ties"] else "")
            + (f"; {left['zero_ties']} ties of weight 0 left out" if left["zero_ties"] else "")
        )
    sizes = [high - low for low, high in zip(tables.starts, tables.starts[1:], strict=False)]
    say(
        f"shards: {tables.n_shards}, of {_span(sizes)} users, {_span(tables.n_rows)} interactions"
        + (f" and {_span(tables.n_ties)} ties as stored" if tables.directed is not None else "")
    )


def _span(sizes: tuple[int, ...] | list[int]) -> str:
    """The smallest and the largest of some sizes."""
    low, high = min(sizes), max(sizes)
    return f"{low}" if low == high else f"{low} to {high}"
