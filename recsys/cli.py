"""The command line: one verb for each thing that a person wants done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from ..datasets.interactions import Interactions
from ..datasets.planting import WorldShape
from ..datasets.readers import SUFFIXES, read_interactions, read_social, read_table, write_table
from ..datasets.registry import describe, fetch
from ..datasets.social_graph import SocialGraph
from ..datasets.splits import split_cold_users, split_random
from ..datasets.synthetic import make_social_world
from .als import ALS
from .console import (
    console,
    parsed_columns,
    parsed_number,
    parsed_pairs,
    progress_bars,
    say,
    show_frame,
    spoken_errors,
    stage,
)
from .demo import run_demo
from .ease import EASE
from .evaluate import evaluate
from .glass_movie import film
from .glass_screen import watch
from .glass_story import tell
from .loading import load_model
from .popularity import Popularity
from .social import SocialDiffusion
from .spectral import SpectralFilter
from .store import refuse_existing

app = typer.Typer(
    name="suffuse",
    help="Social recommendation by stable diffusion.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
_BASES = {"als": ALS, "ease": EASE, "spectral": SpectralFilter, "popularity": Popularity}

Columns = Annotated[
    list[str], typer.Option(help="role=column where a name is unusual, e.g. user_id=who")
]
Jobs = Annotated[int | None, typer.Option("--jobs", help="Threads; all cores by default.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what --out names.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]


def main() -> None:
    """Entry point of the ``suffuse`` command.

    Examples
    --------
    >>> main.__name__
    'main'
    """
    app()


@app.command("demo")
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


@app.command("fit")
def fit_verb(
    interactions: Annotated[Path, typer.Option(help="csv, tsv or parquet of user-item rows.")],
    out: Annotated[Path, typer.Option(help="Folder of the model.")],
    social: Annotated[Path | None, typer.Option(help="csv, tsv or parquet of ties.")] = None,
    base: Annotated[str, typer.Option(help="als, ease, spectral or popularity.")] = "als",
    param: Annotated[
        list[str] | None, typer.Option(help="name=value for the base, e.g. n_factors=128")
    ] = None,
    damping: Annotated[str, typer.Option(help="auto, or a number in [0, 1).")] = "auto",
    memory: Annotated[str, typer.Option(help="auto, or a weight.")] = "auto",
    background: Annotated[str, typer.Option(help="auto, or a weight.")] = "auto",
    normalization: Annotated[
        str, typer.Option(help="symmetric, row, column, doubly_stochastic, a number, or auto.")
    ] = "symmetric",
    directed: Annotated[bool, typer.Option(help="A tie binds its source alone.")] = False,
    columns: Columns = [],  # noqa: B006 - typer reads the default, nothing changes it
    social_columns: Annotated[
        list[str], typer.Option(help="role=column, e.g. source_id=fan target_id=idol")
    ] = [],  # noqa: B006
    seed: Seed = 0,
    jobs: Jobs = None,
    force: Force = False,
) -> None:
    """Fit a model on a table of interactions and, if there is one, a social graph.

    Example: `suffuse fit --interactions train.parquet --social social.parquet --out model/`
    """
    with spoken_errors(), progress_bars():
        refuse_existing(out, overwrite=force)
        model = _base_model(base, param or [], seed, jobs)
        with stage("reading"):
            table = read_interactions(interactions, columns=parsed_columns("--columns", columns))
            graph = None
            if social is not None:
                names = parsed_columns("--social-columns", social_columns)
                graph = read_social(social, directed=directed, columns=names)
                _refuse_two_kinds(table.user_ids, graph.ids, (interactions, social))
        if graph is not None:
            model = SocialDiffusion(
                model,
                normalization=parsed_number("normalization", normalization),
                damping=parsed_number("damping", damping),  # type: ignore[arg-type]
                memory=parsed_number("memory", memory),  # type: ignore[arg-type]
                background=parsed_number("background", background),  # type: ignore[arg-type]
                random_state=seed,
                n_jobs=jobs,
            )
            model.fit(table, social=graph)
        else:
            if {damping, memory, background} != {"auto"}:
                say("note: without --social there is nothing to damp: the dials are not used")
            model.fit(table)
        with stage("writing"):
            model.save(out, overwrite=force)
    _describe_fit(table, graph, model)
    say(f"model: {out}")


@app.command("recommend")
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
        _refuse_unwritable(out, force)
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


@app.command("evaluate")
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
            _refuse_unwritable(out, force)
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


@app.command("fetch")
def fetch_verb(
    name: Annotated[str, typer.Argument(help="hetrec-lastfm, ciao or epinions.")],
    out: Annotated[Path, typer.Option(help="Folder for interactions.parquet and social.parquet.")],
    url: Annotated[str | None, typer.Option(help="Another address of the archive.")] = None,
    force: Force = False,
) -> None:
    """Download a public data set from its publisher and write its two tables.

    Example: `suffuse fetch hetrec-lastfm --out lastfm/`
    """
    with spoken_errors(), progress_bars():
        for file in ("interactions.parquet", "social.parquet"):
            _refuse_existing_file(out / file, force)
        entry = describe(name)
        with stage("downloading"):
            table, graph = fetch(name, url=url).read()
        out.mkdir(parents=True, exist_ok=True)
        write_table(table.to_frame(), out / "interactions.parquet")
        write_table(graph.to_frame(), out / "social.parquet")
    say(f"{entry.title}\nlicence: {entry.licence}\ncite: {entry.citation}")
    say(f"tables: {out / 'interactions.parquet'}, {out / 'social.parquet'}")


@app.command("glass")
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
        if movie is not None:
            _refuse_existing_file(movie, force, "--movie")
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


def _base_model(name: str, params: list[str], seed: int, jobs: int | None) -> Any:
    name = name.lower()
    if name not in _BASES:
        raise ValueError(f"--base must be one of {sorted(_BASES)}; got {name!r}")
    model = _BASES[name]()
    known = model.get_params()
    given = {
        key: parsed_number(key, value) for key, value in parsed_pairs("--param", params).items()
    }
    if "random_state" in known:
        model.set_params(random_state=seed)
    model.set_params(n_jobs=jobs)
    return model.set_params(**given)


def _describe_fit(table: Interactions, graph: SocialGraph | None, model: Any) -> None:
    """Say what was read, what was left out, and what the graph is worth."""
    base = getattr(model, "base_", model)
    if not base.get_params().get("use_weights", True) and len(np.unique(table.weights)) > 1:
        say("note: the weights of the table are not used; --param use_weights=true uses them")
    say(
        f"{len(table)} interactions of {table.n_users} users with {table.n_items} items"
        + (f"; {table.n_merged} repeated rows merged" if table.n_merged else "")
        + (f"; {table.n_zero} rows of weight 0 left out" if table.n_zero else "")
    )
    if graph is None:
        return
    only_social = len(model.user_ids_) - table.n_users
    say(
        f"{graph.n_ties} ties of {graph.n_nodes} users"
        + (f", {only_social} of whom have no interactions" if only_social else "")
        + (f"; {graph.n_merged} repeated ties merged" if graph.n_merged else "")
        + (f"; {graph.n_self_ties} self ties left out" if graph.n_self_ties else "")
        + (f"; {graph.n_zero} ties of weight 0 left out" if graph.n_zero else "")
    )
    say(
        f"chosen: damping {model.damping_:g}, memory {model.memory_:g} "
        f"(users with 1 to 5 interactions: {model.few_damping_:g}, {model.few_memory_:g}; "
        f"without: {model.cold_damping_:g}, {model.cold_memory_:g}, "
        f"background {model.background_:g})"
    )
    if len(model.ablation_):
        changes = model.ablation_.rename(columns={"difference": "gain", "n_users": "judged"})
        show_frame(changes, "what the graph changes, on a hold-out of the training table")


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


def _refuse_two_kinds(users: Any, people: Any, files: tuple[Path, Path]) -> None:
    """Numbers in one file and text in the other are two universes; no saved model holds both."""
    numeric = [np.asarray(ids).dtype.kind in "iuf" for ids in (users, people)]
    if len(people) and numeric[0] != numeric[1]:
        raise ValueError(
            f"ids must be of one kind; got {users[:1].tolist()} in {files[0]} and "
            f"{people[:1].tolist()} in {files[1]}: write both as numbers or both as text"
        )


def _refuse_unwritable(path: Path, force: bool) -> None:
    """Refuse before anything is computed what could not be written at the end."""
    _refuse_existing_file(path, force)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"--out must end in one of {list(SUFFIXES)}; got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"--out must lie in an existing folder; got {str(path)!r}")


def _refuse_existing_file(path: Path, force: bool, option: str = "--out") -> None:
    if path.exists() and not force:
        raise FileExistsError(f"{option} must not exist yet; got {str(path)!r}: add --force")
