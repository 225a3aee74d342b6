"""``suffuse evaluate``: judging lists by what people took."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..datasets.readers import read_interactions, read_table, write_table
from .console import parsed_columns, progress_bars, say, show_frame, spoken_errors, stage
from .evaluate import evaluate
from .options import Columns, Force, refuse_unwritable


def evaluate_verb(
    recs: Annotated[Path, typer.Argument(help="Table of user_id, item_id, rank or score.")],
    test: Annotated[Path, typer.Option(help="What people took.")],
    train: Annotated[Path | None, typer.Option(help="The training table.")] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Other recommendations; adds paired differences.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="With commas, e.g. recall@10,ndcg@10; default: whole lists.")
    ] = None,
    columns: Columns = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="Also write the values to this table.")] = None,
    force: Force = False,
) -> None:
    """Judge recommendations by what people took, with confidence intervals.

    Example: `suffuse evaluate recs.parquet --test test.parquet --train train.parquet`
    """
    with spoken_errors(), progress_bars():
        if out is not None:
            refuse_unwritable(out, force)
        with stage("reading"):
            names = parsed_columns("--columns", columns)
            tables = [
                None if path is None else read_interactions(path, columns=names)
                for path in (test, train)
            ]
            lists = [None if path is None else read_table(path) for path in (recs, baseline)]
        with stage("evaluating"):
            report = evaluate(
                lists[0],  # type: ignore[arg-type]
                tables[0],
                train=tables[1],
                metrics=None if metrics is None else metrics.replace(" ", "").split(","),
                baseline=lists[1],
            )
        if out is not None:
            write_table(report.to_frame(), out)
    show_frame(report.to_frame(), f"{recs}, 95 % intervals")
    if report.differences is not None:
        show_frame(report.difference_frame(), f"difference to {baseline}")
    for note in report.notes:
        say(f"note: {note}")
    for what, count in report.counts.items():
        if count:
            say(f"{count} {what}")
