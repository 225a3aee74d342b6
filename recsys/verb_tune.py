"""``suffuse tune``: the search for settings, and the model that they make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .console import progress_bars, say, show_frame, spoken_errors, stage
from .options import (
    Columns,
    Directed,
    Force,
    InteractionsFile,
    Jobs,
    Seed,
    SocialColumns,
    SocialFile,
    read_tables,
    refuse_unwritable,
)

#: columns of the trials that fit a terminal of 80 characters; --trials writes all
SHOWN = ("trial", "family", "ndcg@20", "lead", "error", "hold_outs", "state")
BASES = {"als": "ALS", "ease": "EASE", "spectral": "SpectralFilter"}


def tune_verb(
    interactions: InteractionsFile,
    out: Annotated[Path, typer.Option(help="Folder of the model.")],
    social: SocialFile = None,
    budget: Annotated[float, typer.Option(help="Seconds for the search.")] = 600.0,
    max_trials: Annotated[int | None, typer.Option(help="Trials of base models at most.")] = None,
    bases: Annotated[str, typer.Option(help="With commas: spectral, als, ease.")] = (
        "spectral,als,ease"
    ),
    trials: Annotated[Path | None, typer.Option(help="Also write the trials to a table.")] = None,
    directed: Directed = False,
    columns: Columns = [],  # noqa: B006 - typer reads the default, nothing changes it
    social_columns: SocialColumns = [],  # noqa: B006
    seed: Seed = 0,
    jobs: Jobs = None,
    force: Force = False,
) -> None:
    """Search for the best base model and the best use of the graph, then fit and save it.

    Example: `suffuse tune --interactions train.parquet --social social.parquet --out model/`
    """
    with spoken_errors(), progress_bars():
        import numpy as np

        from ..datasets.readers import write_table
        from .inputs import checked_count, checked_number
        from .settings_search import tune
        from .store import refuse_existing

        refuse_existing(out, overwrite=force)
        checked_number("--budget", budget, above=True)
        if max_trials is not None:
            checked_count("--max-trials", max_trials)
        if trials is not None:
            refuse_unwritable(trials, force, "--trials")
        families = [_family(name) for name in bases.replace(" ", "").split(",")]
        with stage("reading"):
            table, graph = read_tables(
                interactions, social, columns, social_columns, directed=directed
            )
        found = tune(
            table,
            graph,
            bases=families,
            time_budget=budget,
            n_trials=max_trials,
            random_state=seed,
            n_jobs=jobs,
        )
        model = found.model.fit(table) if graph is None else found.model.fit(table, social=graph)
        with stage("writing"):
            model.save(out, overwrite=force)
            if trials is not None:
                write_table(found.trials, trials)
    if len(np.unique(table.weights)) > 1:
        say("note: the weights of the table are not used; a row counts as a row")
    best = found.trials.nlargest(10, "lead")[list(SHOWN)]
    show_frame(best, f"the best of {len(found.trials)} trials, on hold-outs of the training table")
    if found.ablation is not None:
        show_frame(found.ablation, "what the graph changes, on a hold-out")
    say(str(replace(found, ablation=None)))
    say(f"model: {out}")


def _family(name: str) -> str:
    if name.lower() not in BASES:
        raise ValueError(f"--bases must be some of {sorted(BASES)}, with commas; got {name!r}")
    return BASES[name.lower()]
