"""``suffuse recommend``: lists from a fitted model to a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from ..datasets.readers import read_table, write_table
from .console import progress_bars, say, spoken_errors, stage
from .loading import load_model
from .options import Force, Jobs, refuse_unwritable


def recommend_verb(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted model.")],
    out: Annotated[Path, typer.Option(help="csv, tsv or parquet to write.")],
    k: Annotated[int, typer.Option(help="Length of a list.")] = 10,
    users: Annotated[
        list[str] | None, typer.Option(help="A user id; repeat for more. Everybody by default.")
    ] = None,
    users_from: Annotated[Path | None, typer.Option(help="Table with a column user_id.")] = None,
    unknown_users: Annotated[str, typer.Option(help="raise, warn, skip or popular.")] = "raise",
    keep_seen: Annotated[bool, typer.Option(help="Also list what the user already has.")] = False,
    jobs: Jobs = None,
    force: Force = False,
) -> None:
    """Write the k best items of every user to a table.

    Example: `suffuse recommend model/ --k 10 --out recs.parquet`
    """
    with spoken_errors(), progress_bars():
        refuse_unwritable(out, force)
        with stage("reading"):
            fitted = load_model(model)
        if jobs is not None:
            fitted.set_params(n_jobs=jobs)
        asked = _asked_users(fitted.user_ids_, users, users_from)
        recs = fitted.recommend(
            asked,
            k,
            filter_seen=not keep_seen,
            unknown_users=unknown_users,
        )
        with stage("writing"):
            write_table(recs, out)
    say(f"{len(recs)} recommendations for {recs['user_id'].nunique()} users: {out}")


def _asked_users(known: Any, users: list[str] | None, users_from: Path | None) -> Any:
    """Raw ids from the command line, as numbers where the model's ids are numbers."""
    if users is None and users_from is None:
        return None
    asked: list[Any] = []
    if users_from is not None:
        frame = read_table(users_from)
        if "user_id" not in frame.columns:
            raise ValueError(
                f"--users-from must have a column user_id; found {list(map(str, frame.columns))}"
            )
        asked += frame["user_id"].tolist()
    for user in users or []:
        is_number = np.issubdtype(np.asarray(known).dtype, np.integer)
        asked.append(int(user) if is_number and user.lstrip("-").isdigit() else user)
    return pd.Series(asked, dtype=None if asked else object).to_numpy()
