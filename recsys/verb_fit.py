"""``suffuse fit``: from tables to a folder that holds a fitted model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cluster_options import Address, Backend, Fresh, Shards, Storage, Wheel, cluster_of
from .console import (
    parsed_columns,
    parsed_number,
    parsed_pairs,
    progress_bars,
    say,
    show_frame,
    spoken_errors,
    stage,
)
from .options import (
    Columns,
    Device,
    Directed,
    Force,
    InteractionsFile,
    Jobs,
    Seed,
    SocialColumns,
    SocialFile,
    read_tables,
)

if TYPE_CHECKING:
    from ..datasets.interactions import Interactions
    from ..datasets.social_graph import SocialGraph


def fit_verb(
    interactions: InteractionsFile,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the model; needed but for --estimate.")
    ] = None,
    social: SocialFile = None,
    base: Annotated[
        str,
        typer.Option(
            help="als, ease, spectral or popularity; factorization or graph (these need torch)."
        ),
    ] = "als",
    param: Annotated[
        list[str] | None, typer.Option(help="name=value for the base, e.g. n_factors=128")
    ] = None,
    damping: Annotated[str, typer.Option(help="auto, or a number in [0, 1).")] = "auto",
    memory: Annotated[str, typer.Option(help="auto, or a weight.")] = "auto",
    background: Annotated[str, typer.Option(help="auto, or a weight.")] = "auto",
    normalization: Annotated[
        str, typer.Option(help="symmetric, row, column, doubly_stochastic, a number, or auto.")
    ] = "symmetric",
    directed: Directed = False,
    columns: Columns = [],  # noqa: B006 - typer reads the default, nothing changes it
    social_columns: SocialColumns = [],  # noqa: B006
    seed: Seed = 0,
    jobs: Jobs = None,
    device: Device = None,
    backend: Backend = None,
    address: Address = None,
    shards: Shards = None,
    storage: Storage = None,
    wheel: Wheel = [],  # noqa: B006
    fresh: Fresh = False,
    force: Force = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say how much memory it would take, and stop.")
    ] = False,
) -> None:
    """Fit a model on a table of interactions and, if there is one, a social graph.

    Example: `suffuse fit --interactions train.parquet --social social.parquet --out model/`

    Before a large one: the same with `--estimate`, which fits and writes nothing

    On a cluster: the same with `--backend ray --address auto --storage /shared/run`
    """
    with spoken_errors(), progress_bars():
        from .cluster_verbs import holds_ties

        folder = _folder(out, estimate=estimate, force=force)
        model = _base_model(base, param or [], seed, jobs)
        dials = {"damping": damping, "memory": memory, "background": background}
        if social is not None or holds_ties(interactions):
            model = _social_model(model, {**dials, "normalization": normalization}, seed, jobs)
        else:
            _refuse_device(device, dials)
        cluster = cluster_of(
            backend,
            folder,
            address=address,
            shards=shards,
            storage=storage,
            wheels=wheel,
            fresh=fresh,
        )
        if estimate:
            paths = (interactions, social, columns, social_columns)
            _estimate(model, *paths, directed=directed, cluster=cluster)
            return
        if cluster is not None:
            from .cluster_verbs import fit_there, source_of

            source = source_of(interactions, social, columns, social_columns, directed=directed)
            fit_there(model, source, cluster, folder, overwrite=force)
            _describe_dials(model)
            say(f"model: {folder}")
            return
        with stage("reading"):
            table, graph = read_tables(
                interactions, social, columns, social_columns, directed=directed
            )
        options = {} if graph is None else {"social": graph, "device": device}
        model = model.fit(table, **options)
        with stage("writing"):
            model.save(folder, overwrite=force)
    _describe_fit(table, graph, model)
    say(f"model: {folder}")


def _refuse_device(device: str | None, dials: dict[str, str]) -> None:
    """Where there is no graph: nothing to diffuse on a device, and no dial to turn."""
    if device is not None:
        raise ValueError("--device must come with --social, whose ties it diffuses along")
    if set(dials.values()) != {"auto"}:
        say("note: without --social there is nothing to damp: the dials are not used")


def _social_model(base: Any, dials: dict[str, str], seed: int, jobs: int | None) -> Any:
    """Social diffusion over a base, with the dials of the command line."""
    from .social import SocialDiffusion

    given: dict[str, Any] = {name: parsed_number(name, value) for name, value in dials.items()}
    return SocialDiffusion(base, random_state=seed, n_jobs=jobs).set_params(**given)


def _folder(out: Path | None, *, estimate: bool, force: bool) -> Path:
    """The folder of the model, where one will be written."""
    from .store import refuse_existing

    if estimate:
        return Path()
    if out is None:
        raise ValueError("--out must be the folder of the model; got none: add --out model/")
    refuse_existing(out, overwrite=force)
    return out


def _estimate(
    model: Any,
    interactions: Path,
    social: Path | None,
    columns: list[str],
    social_columns: list[str],
    *,
    directed: bool,
    cluster: Any,
) -> None:
    """Say what a fit would take, per node on a cluster, and whether there is as much."""
    from ..datasets.file_sizes import sizes_in_files
    from ..datasets.sharded_tables import is_sharded, open_tables
    from ..datasets.tables import table_sizes
    from .memory import available_bytes, readable_bytes
    from .memory_by_model import estimated_for
    from .progress import tell

    if is_sharded(interactions):
        sizes = table_sizes(open_tables(interactions), social)
    else:
        sizes = sizes_in_files(
            interactions,
            social,
            columns=parsed_columns("--columns", columns),
            social_columns=parsed_columns("--social-columns", social_columns),
            directed=directed,
            tell=tell,
        )
    if cluster is None:
        found = estimated_for(model, sizes)
    else:
        from .memory_by_shard import estimated_per_node

        found = estimated_per_node(model, sizes, cluster)
    free = available_bytes()
    say(
        f"{sizes.n_interactions} interactions of {sizes.n_users} users with {sizes.n_items} items"
        + (f", {sizes.n_ties} ties as stored, one for each direction" if sizes.n_ties else "")
    )
    say(f"{found}\nfree  {readable_bytes(free)}")
    if found.peak > free:
        say("note: this is more than there is: fewer factors or rows, or a larger machine")


def _bases() -> dict[str, type[Any]]:
    """What ``--base`` may be."""
    from .als import ALS
    from .ease import EASE
    from .graph_recommender import GraphRecommender
    from .matrix_factorization import MatrixFactorization
    from .popularity import Popularity
    from .spectral import SpectralFilter

    return {
        "als": ALS,
        "ease": EASE,
        "factorization": MatrixFactorization,
        "graph": GraphRecommender,
        "popularity": Popularity,
        "spectral": SpectralFilter,
    }


def _base_model(name: str, params: list[str], seed: int, jobs: int | None) -> Any:
    bases = _bases()
    name = name.lower()
    if name not in bases:
        raise ValueError(f"--base must be one of {sorted(bases)}; got {name!r}")
    model = bases[name]()
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
    import numpy as np

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
    _describe_dials(model)


def _describe_dials(model: Any) -> None:
    """Say which settings were chosen, and what the graph is worth."""
    if not hasattr(model, "damping_"):
        return
    say(
        f"chosen: damping {model.damping_:g}, memory {model.memory_:g} "
        f"(users with 1 to 5 interactions: {model.few_damping_:g}, {model.few_memory_:g}; "
        f"without: {model.cold_damping_:g}, {model.cold_memory_:g}, "
        f"background {model.background_:g})"
    )
    if len(model.ablation_):
        changes = model.ablation_.rename(columns={"difference": "gain", "n_users": "judged"})
        show_frame(changes, "what the graph changes, on a hold-out of the training table")
