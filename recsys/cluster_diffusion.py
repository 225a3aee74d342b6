"""Diffused factors on the workers: each hop moves rows of 32 columns of factors, and nothing else.

The steps are those of one machine (`diffusion/solving.py`), which a :class:`WorkersPanel` makes on
all workers. A panel that is solved is written to a folder by every worker; a run that goes on after
an interruption, and a worker that takes the place of a lost one, read it from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..diffusion.panels import Block, panels_of
from ..diffusion.row_shards import ShardPanel
from ..diffusion.solving import Floats, certified
from .channels import SocialChannels, Taste, evidence_weights, mix_in
from .cluster_graph import drop_rows, prepare_rows
from .cluster_panels import Solving, Spread, open_panel
from .cluster_record import Record, array_pieces, is_whole
from .cluster_workers import ShardState, Workers
from .progress import tell
from .scoring import evidence
from .shard_parts import ShardFactors, ShardRows, ShardTaste, ShardTies
from .store_files import write_file

RECORD, RESTORE = "diffusion.json", "taste"


@dataclass(frozen=True)
class DiffusionSummary:
    """How far diffused factors may be from what they stand for.

    Attributes
    ----------
    bounds : dict of float to ndarray of shape (d,)
        For each damping above 0 the bound on the error of every column, in the norm of the kind.
    """

    bounds: dict[float, Floats]


def diffuse_factors(
    workers: Workers,
    *,
    normalization: str | float,
    tastes: Sequence[Taste],
    folder: str,
    key: str,
    resume: bool,
) -> DiffusionSummary:
    """Make ``z`` of all users for every taste; each worker holds it as :class:`ShardTaste`.

    The workers hold :class:`ShardTies` and :class:`ShardFactors`, with evidence
    :class:`ShardRows` too.

    Parameters
    ----------
    workers : Workers
        One for each shard.
    normalization : str or float
        The kind of P, as of ``PropagationOperator``, but for "flux".
    tastes : sequence of Taste
        How far taste travels.
    folder : str
        A folder that all workers see, for panels of 32 columns that are solved.
    key : str
        What the result depends on besides; panels of another key are left.
    resume : bool
        Whether to go on with the panels of this key that are there.

    Raises
    ------
    ValueError
        For a kind that does not go with the graph.
    ArithmeticError
        Where a doubly stochastic scaling is not reached.
    FloatingPointError
        If rounding keeps the error above the tolerance.
    """
    workers.forget(RESTORE)
    dampings = sorted({taste.damping for taste in tastes if taste.damping})
    bounds: dict[float, Floats] = {}
    panels: list[tuple[float, int, int]] = []
    if dampings:
        n_columns = workers.steadily(lambda: workers.fetch(workers.each(_count_columns)))[0]
        cuts = [(at.start, at.stop) for at in panels_of(n_columns)]
        panels = [(damping, first, last) for damping in dampings for first, last in cuts]
        about = {"key": key, "normalization": normalization}
        record = Record(Path(folder), RECORD, about=about, resume=resume)
        bounds = _solve_panels(workers, normalization, panels, record=record)
    given = (folder, tuple(tastes), tuple(panels))
    workers.setup(RESTORE, _mix, [given] * workers.n)
    return DiffusionSummary(bounds)


def _solve_panels(
    workers: Workers,
    normalization: str | float,
    panels: list[tuple[float, int, int]],
    *,
    record: Record,
) -> dict[float, Floats]:
    """Solve every panel that is not there; the bounds of all."""
    known = record.begin()
    given = (str(record.folder), tuple(panels))
    there = workers.steadily(lambda: workers.fetch(workers.each(_there, [given] * workers.n)))
    found: dict[float, list[Floats]] = {}
    for place, (damping, first, last) in enumerate(panels):
        tell("diffusing", place, len(panels))
        bound = known.get(_name(damping, first))
        if bound is None or not all(one[place] for one in there):
            solve = partial(_solved, workers, normalization, damping, slice(first, last), record)
            bound = workers.steadily(solve)
            record.add(_name(damping, first), bound)
        found.setdefault(damping, []).append(np.asarray(bound, np.float64))
    tell("diffusing", len(panels), len(panels))
    return {damping: np.concatenate(parts) for damping, parts in found.items()}


def _solved(
    workers: Workers, normalization: str | float, damping: float, at: slice, record: Record
) -> list[float]:
    """Solve one panel on all workers, who write it; its bounds."""
    graph = prepare_rows(workers, normalization)
    panel = open_panel(workers, graph, damping, at)
    bound = certified(panel, damping, SocialChannels.tolerance(damping))
    given = (str(record.folder), damping, at.start, at.stop)
    workers.fetch(workers.each(_keep, [given] * workers.n))
    return [float(one) for one in bound]


def _count_columns(state: ShardState) -> int:
    return int(state.get(ShardFactors).users.shape[1])


def _keep(state: ShardState, folder: str, damping: float, first: int, last: int) -> None:
    """Write a panel that is solved."""
    spread = state.get(Spread)
    spread.done.add((damping, first))
    name = _file(damping, first, state.shard)
    write_file(Path(folder), name, array_pieces(spread.values[damping][:, first:last]))


def _there(
    state: ShardState, folder: str, panels: tuple[tuple[float, int, int], ...]
) -> list[bool]:
    """Which panels a worker could read; what it has solved for another run it forgets."""
    state.drop(Spread)
    n = len(state.get(ShardFactors).users)
    names = (_file(damping, first, state.shard) for damping, first, _ in panels)
    widths = (last - first for _, first, last in panels)
    return [
        is_whole(Path(folder) / name, (n, width)) for name, width in zip(names, widths, strict=True)
    ]


def _mix(
    state: ShardState,
    folder: str,
    tastes: tuple[Taste, ...],
    panels: tuple[tuple[float, int, int], ...],
) -> None:
    """Make ``z`` of every taste, and let go of what it took."""
    for kind in (ShardPanel, Solving):
        state.drop(kind)
    drop_rows(state)
    shape = state.get(ShardFactors).users.shape
    spread = state.get(Spread) if state.has(Spread) else Spread()
    state.drop(Spread)
    factors: dict[Taste, Any] = {}
    for place, taste in enumerate(tastes):
        factors[taste] = None
        if taste.damping:
            values = spread.values.setdefault(taste.damping, np.empty(shape, np.float32))
            for damping, first, last in panels:
                if damping == taste.damping and (damping, first) not in spread.done:
                    path = Path(folder) / _file(damping, first, state.shard)
                    values[:, first:last] = np.load(path, mmap_mode="r")
                    spread.done.add((damping, first))
            later = any(other.damping == taste.damping for other in tastes[place + 1 :])
            factors[taste] = _mixed(state, values.copy() if later else values, taste)
    state.put(ShardTaste(factors))


def _mixed(state: ShardState, spread: Block, taste: Taste) -> Block:
    """``z`` in the place of ``F_P x``."""
    if taste.evidence is not None:
        counts = evidence(state.get(ShardRows).rows)
        tie_weights = np.asarray(state.get(ShardTies).adjacency.sum(axis=1)).ravel()
        weights = evidence_weights(taste, counts, tie_weights)
        mix_in(spread, state.get(ShardFactors).users, weights)
    return spread


def _name(damping: float, first: int) -> str:
    """What the record calls a panel."""
    return f"{damping!r}-{first}"


def _file(damping: float, first: int, shard: int) -> str:
    """The file of the rows of a shard of a panel."""
    return f"spread-{_name(damping, first)}-{shard:05d}.npy"
