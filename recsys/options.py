"""Options that several verbs share, the tables that they read, and what may be written where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..datasets.interactions import Interactions
from ..datasets.readers import SUFFIXES, read_interactions, read_social
from ..datasets.social_graph import SocialGraph
from .console import parsed_columns

InteractionsFile = Annotated[Path, typer.Option(help="csv, tsv or parquet of user-item rows.")]
SocialFile = Annotated[Path | None, typer.Option(help="csv, tsv or parquet of ties.")]
Directed = Annotated[bool, typer.Option(help="A tie binds its source alone.")]
Columns = Annotated[
    list[str], typer.Option(help="role=column where a name is unusual, e.g. user_id=who")
]
SocialColumns = Annotated[
    list[str], typer.Option(help="role=column, e.g. source_id=fan target_id=idol")
]
Jobs = Annotated[int | None, typer.Option("--jobs", help="Threads; all cores by default.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what --out names.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]


def read_tables(
    interactions: Path,
    social: Path | None,
    columns: list[str],
    social_columns: list[str],
    *,
    directed: bool,
) -> tuple[Interactions, SocialGraph | None]:
    """The table and the graph of a fit, with ids of one kind."""
    table = read_interactions(interactions, columns=parsed_columns("--columns", columns))
    if social is None:
        return table, None
    names = parsed_columns("--social-columns", social_columns)
    graph = read_social(social, directed=directed, columns=names)
    _refuse_two_kinds(table.user_ids, graph.ids, (interactions, social))
    return table, graph


def _refuse_two_kinds(users: Any, people: Any, files: tuple[Path, Path]) -> None:
    """Numbers in one file and text in the other are two universes; no saved model holds both."""
    numeric = [np.asarray(ids).dtype.kind in "iuf" for ids in (users, people)]
    if len(people) and numeric[0] != numeric[1]:
        raise ValueError(
            f"ids must be of one kind; got {users[:1].tolist()} in {files[0]} and "
            f"{people[:1].tolist()} in {files[1]}: write both as numbers or both as text"
        )


def refuse_unwritable(path: Path, force: bool, option: str = "--out") -> None:
    """Refuse before anything is computed what could not be written at the end."""
    refuse_existing_file(path, force, option)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"{option} must end in one of {list(SUFFIXES)}; got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option} must lie in an existing folder; got {str(path)!r}")


def refuse_existing_file(path: Path, force: bool, option: str = "--out") -> None:
    """Refuse to replace a file unless told to."""
    if path.exists() and not force:
        raise FileExistsError(f"{option} must not exist yet; got {str(path)!r}: add --force")
