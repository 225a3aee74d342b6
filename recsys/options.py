"""Options that several verbs share, the tables that they read, and what may be written where."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import parsed_columns

if TYPE_CHECKING:
    import pandas as pd

    from ..datasets.interactions import Interactions
    from ..datasets.social_graph import SocialGraph
    from .report import Report

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
Device = Annotated[
    str | None, typer.Option(help="cpu, cuda or cuda:0: compute by torch, which it needs.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace what --out names.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]

#: columns that hold names, the first that a table has
_NAMES = ("name", "title", "label", "artist")


def read_tables(
    interactions: Path,
    social: Path | None,
    columns: list[str],
    social_columns: list[str],
    *,
    directed: bool,
) -> tuple[Interactions, SocialGraph | None]:
    """The table and the graph of a fit, with ids of one kind."""
    from ..datasets.readers import read_interactions, read_social
    from ..datasets.sharded_tables import is_sharded, open_tables
    from .ties import refuse_second_graph

    if is_sharded(interactions):
        tables = open_tables(interactions)
        refuse_second_graph(tables, social)
        return tables.to_interactions(), tables.to_social()
    table = read_interactions(interactions, columns=parsed_columns("--columns", columns))
    if social is None:
        return table, None
    names = parsed_columns("--social-columns", social_columns)
    graph = read_social(social, directed=directed, columns=names)
    refuse_other_kind(table.user_ids, graph.ids, interactions, beside=str(social))
    return table, graph


def read_labels(
    path: Path | None,
    key: str,
    label: str | None,
    columns: Mapping[str, str | None] | None,
    *,
    option: str = "",
) -> pd.Series[Any] | None:
    """The label of every id in a table of ``key`` and one more column, or the one named.

    ``option`` is what named the table, ``--user-groups`` or ``--item-groups`` by default.
    """
    from ..datasets.columns import INTERACTION_COLUMNS, find_columns
    from ..datasets.readers import read_table

    option = option or f"--{key.removesuffix('_id')}-groups"
    if path is None:
        if label is not None:
            raise ValueError(f"{option} must be given for a label; got {label!r} alone")
        return None
    frame = read_table(path)
    chosen = {key: columns[key]} if columns and columns.get(key) in frame.columns else None
    name = find_columns(frame, {key: INTERACTION_COLUMNS[key]}, chosen)[key]
    others = [str(column) for column in frame.columns if column != name]
    if label is None and len(others) == 1:
        label = others[0]
    if label not in others:
        wanted = option.replace("groups", "label")
        raise ValueError(f"{wanted} must be one of the columns {others} of {path}; got {label!r}")
    labels: pd.Series[Any] = frame.set_index(name)[label]
    return labels


def read_names(path: Path | None, kind: str) -> dict[Any, str] | None:
    """Names by id: ``user_id`` or ``user`` (``item``) and a column ``name``, or the only other one.

    ``kind`` is "user" or "item".
    """
    from ..datasets.readers import read_table

    if path is None:
        return None
    frame = read_table(path)
    columns = [str(column) for column in frame.columns]
    ids = next((name for name in (f"{kind}_id", kind, "id") if name in columns), None)
    others = [name for name in columns if name != ids]
    names = next((name for name in _NAMES if name in others), None)
    if names is None and len(others) == 1:
        names = others[0]
    if ids is None or names is None:
        raise ValueError(
            f"--{kind}-names must have a column {kind}_id and a column name; "
            f"got columns {columns} in {path}: rename two of them"
        )
    return dict(zip(frame[ids].tolist(), frame[names].astype(str).tolist(), strict=True))


def refuse_other_kind(ids: Any, known: Any, file: Path, *, beside: str = "the model") -> None:
    """Numbers in one place and text in the other are two universes: everybody would be new."""
    import numpy as np

    numeric = [np.asarray(some).dtype.kind in "iuf" for some in (ids, known)]
    if len(ids) and len(known) and numeric[0] != numeric[1]:
        raise ValueError(
            f"ids must be of one kind; got {ids[:1].tolist()} in {file} and "
            f"{known[:1].tolist()} in {beside}: write both as numbers or both as text"
        )


def refuse_unwritable(path: Path, force: bool, option: str = "--out") -> None:
    """Refuse before anything is computed what could not be written at the end."""
    from ..datasets.readers import SUFFIXES

    refuse_existing_file(path, force, option)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"{option} must end in one of {list(SUFFIXES)}; got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option} must lie in an existing folder; got {str(path)!r}")


def refuse_existing_file(path: Path, force: bool, option: str = "--out") -> None:
    """Refuse to replace a file unless told to."""
    if path.exists() and not force:
        raise FileExistsError(f"{option} must not exist yet; got {str(path)!r}: add --force")


def refuse_other_than_page(path: Path, force: bool, option: str = "--out") -> None:
    """Refuse what is no page in an existing folder, or one that is there already."""
    refuse_existing_file(path, force, option)
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"{option} must end in .html; got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option} must lie in an existing folder; got {str(path)!r}")


def typed_id(known: Any, text: str) -> Any:
    """A raw id from the command line, as a number where the model's ids are numbers.

    Examples
    --------
    >>> import numpy as np
    >>> typed_id(np.array([3, 5]), "-5"), typed_id(np.array([3, 5]), "--5")
    (-5, '--5')
    """
    import numpy as np

    is_number = np.issubdtype(np.asarray(known).dtype, np.integer)
    return int(text) if is_number and re.fullmatch("-?[0-9]+", text) else text


def note_seen_test_rows(report: Report) -> None:
    """Warn where test rows were training rows: models do not list what a user already has."""
    seen = report.counts.get("test rows that are training rows too", 0)
    if seen:
        warnings.warn(
            f"test should hold no training rows; got {seen} that are, which no list can find: "
            "is --test the right file?",
            stacklevel=2,
        )
