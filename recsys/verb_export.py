"""``suffuse export``: vectors of users and items for a store that searches vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import progress_bars, say, spoken_errors
from .options import Force


def export_verb(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted model.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    n_factors: Annotated[
        int | None,
        typer.Option(help="Length of approximate vectors for all scores; exact ones without."),
    ] = None,
    space: Annotated[str, typer.Option(help="inner or euclidean.")] = "inner",
    force: Force = False,
) -> None:
    """Write npy arrays whose inner products are the scores, and the ids of their rows.

    Example: `suffuse export model/ --out factors/`

    With friends' items and every other channel, approximately:
    `suffuse export model/ --n-factors 64 --out factors64/`
    """
    with spoken_errors(), progress_bars():
        from .loading import load_model

        found = load_model(model).export_factors(
            out, n_factors=n_factors, space=space, overwrite=force
        )
    say(found.sentence())
