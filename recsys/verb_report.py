"""``suffuse report``: one page on a fitted model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import parsed_columns, progress_bars, say, spoken_errors, stage
from .options import (
    Columns,
    Force,
    Jobs,
    Seed,
    note_seen_test_rows,
    read_labels,
    read_names,
    refuse_other_kind,
    refuse_other_than_page,
)

if TYPE_CHECKING:
    from ..datasets.interactions import Interactions
    from .report_on_model import ModelReport

GroupsFile = Annotated[Path | None, typer.Option(help="Table of ids and labels.")]
Label = Annotated[str | None, typer.Option(help="Its column with the labels, if it has several.")]


def report_verb(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted model.")],
    test: Annotated[Path, typer.Option(help="What people took; not in the fit.")],
    out: Annotated[Path, typer.Option(help="The HTML page to write.")],
    train: Annotated[
        Path | None, typer.Option(help="The training table; by default the rows in the model.")
    ] = None,
    k: Annotated[int, typer.Option(help="Length of a list.")] = 10,
    user_groups: GroupsFile = None,
    user_label: Label = None,
    item_groups: GroupsFile = None,
    item_label: Label = None,
    item_names: Annotated[
        Path | None, typer.Option(help="Table of item ids and names, for the example users.")
    ] = None,
    frontier: Annotated[
        bool, typer.Option(help="Fit the model again with a few settings: accuracy and fairness.")
    ] = True,
    columns: Columns = [],  # noqa: B006 - typer reads the default, nothing changes it
    seed: Seed = 0,
    jobs: Jobs = None,
    force: Force = False,
) -> None:
    """Write one page on a model: its data, the graph, whom it serves, and why.

    Without --user-groups users are grouped by how many items they have, without --item-groups
    items by popularity. --no-frontier spares up to six fits.

    Example: `suffuse report model/ --test test.parquet --out report.html`
    """
    with spoken_errors(), progress_bars():
        from .loading import load_model
        from .page_on_model import model_page
        from .report_on_model import model_report

        refuse_other_than_page(out, force)
        names = parsed_columns("--columns", columns)
        with stage("reading"):
            fitted = load_model(model)
            if jobs is not None:
                fitted.set_params(n_jobs=jobs)
            taken = _read(test, names, fitted)
            trained = None if train is None else _read(train, names, fitted)
            users = read_labels(user_groups, "user_id", user_label, names)
            items = read_labels(item_groups, "item_id", item_label, names)
            called = read_names(item_names, "item")
        with stage("looking at the model"):
            found = model_report(
                fitted,
                taken,
                train=trained,
                user_groups=users,
                item_groups=items,
                k=k,
                frontier=frontier,
                random_state=seed,
            )
        if called is not None:
            found = found.named(called)
        given: dict[str, Any] = {"model folder": model, "test": test, "train": train, "seed": seed}
        given |= {"length of a list": k, "user groups": user_groups, "item groups": item_groups}
        shown = {name: value for name, value in given.items() if value is not None}
        page = model_page(found, title=f"Report of {model.name}", settings=shown)
        with stage("writing"):
            out.write_text(page, encoding="utf-8")
        note_seen_test_rows(found.report)
    _say(found)
    say(f"page: {out}")


def _read(path: Path, names: Mapping[str, str | None] | None, fitted: Any) -> Interactions:
    """A table whose ids are of the kind of the model's."""
    from ..datasets.readers import read_interactions

    table = read_interactions(path, columns=names)
    refuse_other_kind(table.user_ids, fitted.user_ids_, path)
    refuse_other_kind(table.item_ids, fitted.item_ids_, path)
    return table


def _say(found: ModelReport) -> None:
    """The data and the evaluation in the words of the page."""
    from .report_on_model import WITHOUT
    from .words import summary

    for sentence in found.profile.sentences():
        say(sentence)
    words = summary(found.report, baseline=WITHOUT)
    for about in ("everybody", "change"):
        for sentence in words.get(about, ())[:2]:
            say(sentence)
