"""``suffuse evaluate``: judging lists by what people took, in words, tables and a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import console, parsed_columns, progress_bars, say, show_frame, spoken_errors, stage
from .options import (
    Columns,
    Force,
    SocialColumns,
    note_seen_test_rows,
    read_labels,
    refuse_other_than_page,
    refuse_unwritable,
)

if TYPE_CHECKING:
    import pandas as pd

    from ..datasets.interactions import Interactions
    from .report import Report

#: groups of users that the terminal shows, the worst first
SHOWN_GROUPS = 12
#: rows on fairness that the terminal shows
SHOWN_ROWS = 40
#: notes that the terminal shows
SHOWN_NOTES = 6
Groups = Annotated[
    Path | None, typer.Option(help="Table of ids and labels; adds a comparison of the groups.")
]
Label = Annotated[str | None, typer.Option(help="Its column with the labels, if it has several.")]


@dataclass(frozen=True, eq=False)
class Tables:
    """Everything that the command line names, read."""

    recs: pd.DataFrame
    test: Interactions
    train: Interactions | None
    baseline: pd.DataFrame | None
    baseline_name: str
    model: Any


def evaluate_verb(
    recs: Annotated[Path, typer.Argument(help="Table of user_id, item_id, rank or score.")],
    test: Annotated[Path, typer.Option(help="What people took.")],
    train: Annotated[Path | None, typer.Option(help="The training table.")] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Other recommendations; adds paired differences.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the model behind the lists: its settings, and without --baseline "
            "the difference that its social graph makes."
        ),
    ] = None,
    user_groups: Groups = None,
    user_label: Label = None,
    item_groups: Groups = None,
    item_label: Label = None,
    social: Annotated[
        Path | None, typer.Option(help="Table of ties; adds differences along ties.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="With commas, e.g. recall@10,ndcg@10; default: whole lists.")
    ] = None,
    compat: Annotated[
        str | None,
        typer.Option(help="Definitions of recbole, rectools, lenskit, replay, ranx or elliot."),
    ] = None,
    min_group_size: Annotated[int, typer.Option(help="Smaller groups are not compared.")] = 10,
    columns: Columns = [],  # noqa: B006
    social_columns: SocialColumns = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="Also write the values to this table.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Also write one HTML page with everything.")
    ] = None,
    force: Force = False,
) -> None:
    """Judge recommendations by what people took: accuracy, fairness, intervals, plain words.

    Example: `suffuse evaluate recs.parquet --test test.parquet --train train.parquet
    --report report.html`
    """
    with spoken_errors(), progress_bars():
        from ..datasets.readers import read_social, write_table
        from .evaluation import evaluate

        _refuse_outputs(out, report, force)
        names = parsed_columns("--columns", columns)
        with stage("reading"):
            tables = _read(recs, test, train, baseline, model, columns=names)
            ties = parsed_columns("--social-columns", social_columns)
            graph = None if social is None else read_social(social, columns=ties)
            labels = (
                read_labels(user_groups, "user_id", user_label, names),
                read_labels(item_groups, "item_id", item_label, names),
            )
        with stage("evaluating"):
            result = evaluate(
                tables.recs,
                tables.test,
                train=tables.train,
                metrics="default" if metrics is None else metrics.replace(" ", "").split(","),
                user_groups=labels[0],
                item_groups=labels[1],
                social=graph,
                baseline=tables.baseline,
                min_group_size=min_group_size,
                compat=compat,
            )
        if out is not None:
            write_table(result.to_frame(), out)
        if report is not None:
            settings = {"recommendations": recs, "test": test, "train": train, "metrics": metrics}
            settings |= {"compat": compat, "user groups": user_groups, "item groups": item_groups}
            settings |= {"social graph": social, "baseline": tables.baseline_name or None}
            _write_page(result, tables, report, title=recs.name, settings=settings)
        note_seen_test_rows(result)
    _show(result, tables.baseline_name, recs)
    if report is not None:
        say(f"page: {report}")


def _refuse_outputs(out: Path | None, report: Path | None, force: bool) -> None:
    """Refuse before anything is computed what could not be written at the end."""
    if out is not None:
        refuse_unwritable(out, force)
    if report is not None:
        refuse_other_than_page(report, force, "--report")


def _read(
    recs: Path,
    test: Path,
    train: Path | None,
    baseline: Path | None,
    model: Path | None,
    *,
    columns: Mapping[str, str | None] | None,
) -> Tables:
    """The tables; the baseline of a model with a graph is the same model without it."""
    import pandas as pd

    from ..datasets.readers import read_interactions, read_table
    from .loading import load_model

    lists = read_table(recs)
    fitted: Any = None if model is None else load_model(model)
    others, name = None, ""
    if baseline is not None:
        others, name = read_table(baseline), baseline.name
    elif (
        fitted is not None
        and hasattr(fitted, "base_")
        and "user_id" in lists
        and "item_id" in lists
    ):
        known = pd.Index(fitted.base_.user_ids_)
        users = [user for user in lists["user_id"].unique() if user in known]
        length = int(lists.groupby("user_id").size().max())
        if users:
            others = fitted.base_.recommend(users, length)
            name = "the same model without the social graph"
    return Tables(
        recs=lists,
        test=read_interactions(test, columns=columns),
        train=None if train is None else read_interactions(train, columns=columns),
        baseline=others,
        baseline_name=name,
        model=fitted,
    )


def _write_page(
    result: Report, tables: Tables, path: Path, *, title: str, settings: Mapping[str, Any]
) -> None:
    from .page import report_page

    page = report_page(
        result,
        title=f"Evaluation of {title}",
        recs=tables.recs,
        train=None if tables.train is None else tables.train.to_frame(),
        baseline_recs=tables.baseline,
        baseline=tables.baseline_name or "the baseline",
        model=tables.model,
        settings={name: value for name, value in settings.items() if value is not None},
    )
    path.write_text(page, encoding="utf-8")


def _show(result: Report, baseline: str, recs: Path) -> None:
    """The tables and the words of the terminal."""
    from .words import fairness_of, group_table, leading_metric, summary

    show_frame(result.to_frame(), f"{recs}, {result.ci * 100:g} % intervals")
    if result.differences:
        show_frame(result.difference_frame(), f"difference to {baseline}")
    metric = leading_metric(result)
    if result.user_groups is not None and metric is not None:
        frame = group_table(result, metric)
        shown = frame[["group", "n_users", "value", "difference", "low", "high", "p_holm"]]
        title = f"{metric} by group, and its difference to all other users"
        if len(frame) > SHOWN_GROUPS:
            title += f": the {SHOWN_GROUPS} lowest of {len(frame)}"
        show_frame(shown.head(SHOWN_GROUPS), title)
    shown, rest = fairness_of(result, metric)
    if len(shown):
        show_frame(shown.head(SHOWN_ROWS), "fairness")
        left = len(shown.iloc[SHOWN_ROWS:]) + len(rest)
        if left:
            say(f"{left} more rows on fairness: --report shows them")
    for about, sentences in summary(result, baseline=baseline or "the baseline").items():
        if about != "everybody":
            console.print()
            for sentence in sentences:
                say(sentence)
    if result.compat != "textbook":
        say(f"note: definitions of {result.compat}")
    for note in result.notes[:SHOWN_NOTES]:
        say(f"note: {note}")
    if len(result.notes) > SHOWN_NOTES:
        say(f"{len(result.notes) - SHOWN_NOTES} more notes: --report shows them")
    for what, count in result.counts.items():
        if count:
            say(f"{count} {what}")
