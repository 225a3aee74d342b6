"""``suffuse demo``: the main job on a world whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import progress_bars, say, show_frame, spoken_errors, stage
from .options import Seed


def demo_verb(
    out: Annotated[
        Path, typer.Option(help="Folder of picture and table; both are replaced.")
    ] = Path("demo"),
    users: Annotated[int, typer.Option(min=80, help="People in the world.")] = 2000,
    items: Annotated[int, typer.Option(min=60, help="Things in the world.")] = 1000,
    homophily: Annotated[float, typer.Option(help="Share of ties that taste made, 0 to 1.")] = 0.6,
    seed: Seed = 0,
) -> None:
    """Make a social world with a known truth, recommend with and without its graph, and judge.

    Example: `suffuse demo --homophily 0.3`
    """
    with spoken_errors(), progress_bars():
        from ..datasets.readers import write_table
        from ..datasets.splits import split_cold_users, split_random
        from ..datasets.synthetic import make_social_world
        from .demo import run_demo

        with stage("making a world"):
            world = make_social_world(users, items, homophily=homophily, rng=seed)
            rest, cold_test = split_cold_users(
                world.interactions, fraction=0.1, social=world.social, rng=seed
            )
            train, test = split_random(rest, test_fraction=0.2, rng=seed)
        result = run_demo(world, train, test, cold_test, seed=seed)
        out.mkdir(parents=True, exist_ok=True)
        write_table(result.table, out / "results.csv")
        result.figure.savefig(out / "suffuse-demo.png", dpi=120)
    show_frame(result.table, result.title)
    for line in result.words:
        say(line)
    say(f"picture: {out / 'suffuse-demo.png'}    table: {out / 'results.csv'}")
