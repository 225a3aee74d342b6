"""``suffuse glass``: a drop of dye in the terminal or in an animation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console, progress_bars, say, spoken_errors
from .options import Force, Seed, refuse_existing_file


def glass_verb(
    movie: Annotated[Path | None, typer.Option(help="Write an animation (GIF) instead.")] = None,
    social: Annotated[bool, typer.Option("--social", help="Beside it, people.")] = False,
    temperature: Annotated[float, typer.Option(help="Of the water, in degrees Celsius.")] = 20.0,
    width: Annotated[float, typer.Option(help="Of the glass, in cm.")] = 10.0,
    moments: Annotated[int, typer.Option(help="Pictures from the drop to the end.")] = 100,
    people: Annotated[int, typer.Option(help="With --social, how many.")] = 48,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Watch a drop of dye spread in a glass of water, and in a stirred one.

    Example: `suffuse glass --social --movie glass.gif`
    """
    with spoken_errors():
        from ..datasets.planting import WorldShape
        from ..datasets.synthetic import make_social_world
        from .glass_movie import film
        from .glass_screen import watch
        from .glass_story import tell

        if movie is not None:
            refuse_existing_file(movie, force, "--movie")
        ties = None
        if social:
            shape = WorldShape(mean_degree=min(4.0, people / 8))
            ties = make_social_world(people, max(people, 60), shape=shape, rng=seed).social
        story = tell(
            celsius=temperature,
            centimetres=width,
            cells=64 if movie is None else 96,
            n_moments=moments,
            social=ties,
            seed=seed,
        )
        if movie is None:
            watch(story, console)
        else:
            with progress_bars():
                film(story, movie)
    for line in story.words():
        say(line)
    if movie is not None:
        say(f"animation: {movie}")
