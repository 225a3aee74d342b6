"""``suffuse explain``: why an item is recommended to a user."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import compiling_said, parsed_columns, say, spoken_errors
from .options import (
    Columns,
    Force,
    SocialColumns,
    read_names,
    refuse_other_kind,
    refuse_unwritable,
    typed_id,
)

Names = Annotated[Path | None, typer.Option(help="Table of ids and names to show instead.")]


def explain_verb(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted model.")],
    user: Annotated[str, typer.Option(help="A user id.")],
    item: Annotated[str, typer.Option(help="An item id.")],
    most: Annotated[int, typer.Option(help="Lines in each part of the tree.")] = 5,
    item_names: Names = None,
    user_names: Names = None,
    interactions: Annotated[
        Path | None, typer.Option(help="Rows of users who were not in the fit.")
    ] = None,
    social: Annotated[
        Path | None, typer.Option(help="Ties of users who were not in the fit.")
    ] = None,
    directed: Annotated[
        bool, typer.Option(help="A tie of --social binds its source alone.")
    ] = False,
    columns: Columns = [],  # noqa: B006 - typer reads the default, nothing changes it
    social_columns: SocialColumns = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(help="csv, tsv or parquet to write the parts to.")
    ] = None,
    force: Force = False,
) -> None:
    """Say why an item has its score for a user: a sentence, and a tree of parts that add up.

    With --interactions, --social or both: of a newcomer, by the items and ties in these files.

    Example: `suffuse explain model/ --user u000003 --item i00007`

    With names: `suffuse explain model/ --user u000003 --item i00007 --item-names items.csv`
    """
    with spoken_errors(), compiling_said():
        from ..datasets.readers import read_interactions, read_social, write_table
        from .loading import load_model

        if out is not None:
            refuse_unwritable(out, force)
        if directed and social is None:
            raise ValueError("--directed must come with --social, whose ties it is about")
        fitted = load_model(model)
        table = graph = None
        if interactions is not None:
            named = parsed_columns("--columns", columns)
            table = read_interactions(interactions, columns=named)
            refuse_other_kind(table.user_ids, fitted.user_ids_, interactions)
        if social is not None:
            named = parsed_columns("--social-columns", social_columns)
            graph = read_social(social, directed=directed, columns=named)
            refuse_other_kind(graph.ids, fitted.user_ids_, social)
        found = fitted.explain(
            typed_id(fitted.user_ids_, user),
            typed_id(fitted.item_ids_, item),
            # the tree sums what is beyond its lines, and the table may hold more
            most=max(most, 10),
            interactions=table,
            social=graph,
        )
        if out is not None:
            write_table(_writable(found.to_frame()), out)
        shown = found.named(
            users=read_names(user_names, "user"), items=read_names(item_names, "item")
        )
        for line in [shown.sentence(), *shown.tree(most).splitlines()]:
            say(line)


def _writable(parts: Any) -> Any:
    """The parts with ids as text, as files have one type in a column."""
    return parts.assign(
        **{
            name: parts[name].map(str, na_action="ignore").astype("string")
            for name in ("who", "through")
        }
    )
