"""``suffuse spread``: how a preference on some users diffuses, as tables and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import progress_bars, say, show_frame, spoken_errors, stage
from .options import Force, typed_id

if TYPE_CHECKING:
    import pandas as pd

_FILES = ("users.parquet", "curve.csv", "spread.png")


def spread_verb(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted model with ties.")],
    seed_user: Annotated[list[str], typer.Option(help="A user id; repeat for more.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    times: Annotated[str, typer.Option(help="Times, with commas between.")] = "0,1,5",
    share: Annotated[float, typer.Option(help="Of the even level, that counts as reached.")] = 0.5,
    most: Annotated[int, typer.Option(help="People in the picture.")] = 120,
    force: Force = False,
) -> None:
    """Drop a preference on users and see who receives it, and when.

    Writes users.parquet (a row for each user, the first reached first), curve.csv and spread.png.

    Example: `suffuse spread model/ --seed-user u000003 --times 0,1,5 --out spread/`
    """
    with spoken_errors(), progress_bars():
        from ..datasets.readers import write_table
        from .loading import load_model
        from .preference_spread import spread, user_frame
        from .spread_plots import draw_spread

        _refuse_existing(out, force)
        moments = _numbers(times)
        fitted = load_model(model)
        seeds = [typed_id(fitted.user_ids_, user) for user in seed_user]
        with stage("spreading"):
            found = spread(fitted, seeds, moments, share=share)
        with stage("drawing"):
            figure = draw_spread(found, fitted.social_, most=most)
        out.mkdir(parents=True, exist_ok=True)
        users = user_frame(found)
        write_table(users, out / _FILES[0])
        write_table(found.curve(), out / _FILES[1])
        figure.savefig(out / _FILES[2], dpi=150)
    say(found.sentence())
    shown = _over_level(users.head(len(seeds) + 5))
    show_frame(shown, "the first to receive it; amounts over the even level", digits=3)
    say(f"tables and picture: {out}")


def _over_level(users: pd.DataFrame) -> pd.DataFrame:
    """The same with amounts over what a user ends with: 1 is even."""
    shown = users.drop(columns="level").copy()
    for column in [name for name in shown.columns if name.startswith("amount at ")]:
        shown[column] = shown[column] / users["level"]
    return shown


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ValueError(f"--times must be numbers like 0,1,5; got {text!r}") from error


def _refuse_existing(out: Path, force: bool) -> None:
    """Refuse to write over files unless told to."""
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"--out must be a folder; got {str(out)!r}")
    there = [name for name in _FILES if (out / name).exists()]
    if there and not force:
        raise FileExistsError(f"--out must not hold {there[0]} yet; got {str(out)!r}: add --force")
