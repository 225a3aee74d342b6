"""``suffuse stability``: what converges in deep propagation, with and without guards."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from .console import progress_bars, say, spoken_errors, stage
from .options import Seed
from .progress import tell

#: steps below which deep propagation has not learnt what it can, whatever guards it
_ENOUGH = 200


def stability_verb(
    out: Annotated[
        Path, typer.Option(help="Folder of picture and table; both are replaced.")
    ] = Path("stability"),
    layers: Annotated[int, typer.Option(min=1, help="Layers of deep propagation.")] = 64,
    nodes: Annotated[int, typer.Option(min=10, help="Nodes of the graph of the gradients.")] = 2000,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each training.")] = 250,
    repeats: Annotated[int, typer.Option(min=1, help="Trainings of each cell of the map.")] = 1,
    seed: Seed = 0,
) -> None:
    """Train deep propagation at learning rates x1 to x1000, and draw the map of what converges.

    Needs torch. Example: `suffuse stability --out stability/`
    """
    with spoken_errors(), progress_bars():
        if find_spec("torch") is None:
            raise ValueError('suffuse stability needs torch: install "suffuse[train]"')
        import networkx as nx

        from ..datasets.readers import write_table
        from ..training.deep_propagation import convergence_map, gradient_gain
        from ..training.taste_world import make_taste_world
        from .stability_map import draw_stability, map_table, words

        with stage("gradients by depth"):
            graph = nx.barabasi_albert_graph(nodes, 5, seed=seed)
            adjacency = nx.to_scipy_sparse_array(graph, format="csr", dtype=float)
            gain = gradient_gain(adjacency, n_layers=layers, random_state=seed)
        world = make_taste_world(seed, n_users=120, n_items=80)
        found = convergence_map(world, n_layers=layers, n_steps=steps, n_seeds=repeats, tell=tell)
        out.mkdir(parents=True, exist_ok=True)
        write_table(map_table(found), out / "map.csv")
        figure = draw_stability(gain, found)
        figure.savefig(out / "suffuse-stability.png", dpi=120)
    for line in words(gain, found):
        say(line)
    if steps < _ENOUGH:
        say(f"note: {steps} steps are too few to judge by: what a cell shows is who starts fastest")
    if repeats == 1:
        say("each cell is one training; a rate more or less may be chance (--repeats 5)")
    say(f"picture: {out / 'suffuse-stability.png'}    table: {out / 'map.csv'}")
