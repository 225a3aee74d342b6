"""``suffuse update``: new rows and new ties into a saved model, without a fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import parsed_columns, progress_bars, say, show_frame, spoken_errors, stage
from .options import Columns, Force, Jobs, SocialColumns, refuse_other_kind

if TYPE_CHECKING:
    from .update_record import Update


def update_verb(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted model.")],
    interactions: Annotated[
        Path | None, typer.Option(help="csv, tsv or parquet of new user-item rows.")
    ] = None,
    social: Annotated[Path | None, typer.Option(help="csv, tsv or parquet of new ties.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the updated model.")] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace the model itself.")] = False,
    directed: Annotated[
        bool | None,
        typer.Option("--directed/--undirected", help="Whether a tie binds its source alone."),
    ] = None,
    columns: Columns = [],  # noqa: B006 - typer reads the default, nothing changes it
    social_columns: SocialColumns = [],  # noqa: B006
    jobs: Jobs = None,
    force: Force = False,
) -> None:
    """Add new rows, users, items and ties to a model, and say whether a refit is due.

    Example: `suffuse update model/ --interactions new.parquet --out model2/`

    With ties, in place: `suffuse update model/ --social new_ties.parquet --in-place`
    """
    with spoken_errors(), progress_bars():
        from ..datasets.readers import read_interactions, read_social
        from .loading import load_model
        from .store import refuse_existing

        target = _target(model, out, in_place)
        if interactions is None and social is None:
            raise ValueError("--interactions or --social must be given: there is nothing to add")
        refuse_existing(target, overwrite=force or in_place)
        with stage("reading"):
            fitted = load_model(model)
            table = graph = None
            if interactions is not None:
                named = parsed_columns("--columns", columns)
                table = read_interactions(interactions, columns=named)
                refuse_other_kind(table.user_ids, fitted.user_ids_, interactions)
                refuse_other_kind(table.item_ids, fitted.item_ids_, interactions)
            if social is not None:
                _refuse_unsaid(fitted, directed)
                named = parsed_columns("--social-columns", social_columns)
                graph = read_social(social, directed=bool(directed), columns=named)
                refuse_other_kind(graph.ids, fitted.user_ids_, social)
            elif directed is not None:
                raise ValueError("--directed must come with --social, whose ties it is about")
        with stage("updating"), _threads(fitted, jobs):
            record = fitted.update(table, graph)
        with stage("writing"):
            fitted.save(target, overwrite=force or in_place)
    _describe(record)
    say(f"model: {target}")


@contextmanager
def _threads(fitted: Any, jobs: int | None) -> Iterator[None]:
    """Work with so many threads; the saved model keeps its own number."""
    if jobs is None:
        yield
        return
    from .execution import resolve_jobs

    resolve_jobs(jobs)
    before = fitted.get_params(deep=False).get("n_jobs")
    fitted.set_params(n_jobs=jobs)
    try:
        yield
    finally:
        fitted.set_params(n_jobs=before)


def _target(model: Path, out: Path | None, in_place: bool) -> Path:
    if (out is None) != in_place:
        got = "neither" if out is None else "both"
        raise ValueError(f"--out or --in-place must be given, one of the two; got {got}")
    return model if out is None else out


def _refuse_unsaid(fitted: Any, directed: bool | None) -> None:
    """Ties of unknown direction beside ties that bind one way."""
    from .update_change import counted_ties

    ties = getattr(fitted, "social_", None)
    if directed is None and ties is not None and ties.nnz and counted_ties(ties, 2) == 2:
        raise ValueError(
            "--directed or --undirected must be given, as the fitted graph has ties that bind "
            "their source alone"
        )


def _describe(record: Update) -> None:
    """Say what came, how near each part is to a refit, and whether one is due."""
    say(str(record))
    if record.parts:
        frame = record.to_frame()
        # bounds are small: four digits after the point would show none of them
        for name in ("bound", "drift"):
            frame[name] = [f"{value:.1e}" if value == value else "" for value in frame[name]]
        show_frame(frame, "how near the model is to a fit on everything")
