"""``suffuse fetch``: public data sets from their publishers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import progress_bars, say, spoken_errors, stage
from .options import Force, refuse_existing_file


def fetch_verb(
    name: Annotated[str, typer.Argument(help="hetrec-lastfm, ciao or epinions.")],
    out: Annotated[Path, typer.Option(help="Folder for interactions.parquet and social.parquet.")],
    url: Annotated[str | None, typer.Option(help="Another address of the archive.")] = None,
    force: Force = False,
) -> None:
    """Download a public data set from its publisher and write its two tables.

    Example: `suffuse fetch hetrec-lastfm --out lastfm/`
    """
    with spoken_errors(), progress_bars():
        from ..datasets.readers import write_table
        from ..datasets.registry import describe, fetch

        for file in ("interactions.parquet", "social.parquet"):
            refuse_existing_file(out / file, force)
        entry = describe(name)
        with stage("downloading"):
            table, graph = fetch(name, url=url).read()
        out.mkdir(parents=True, exist_ok=True)
        write_table(table.to_frame(), out / "interactions.parquet")
        write_table(graph.to_frame(), out / "social.parquet")
    say(f"{entry.title}\nlicence: {entry.licence}\ncite: {entry.citation}")
    say(f"tables: {out / 'interactions.parquet'}, {out / 'social.parquet'}")
