"""A panel of factors on all workers: what the filters of one machine ask, everybody answers.

:class:`WorkersPanel` is a `diffusion.solving.Solving`. Each hop is one call: a worker takes the
rows of its ghosts, makes the step, and gives the rows that others need for the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..diffusion.norms import column_norms
from ..diffusion.panels import Block
from ..diffusion.row_shards import ShardPanel, joined_norms
from ..diffusion.row_threads import limit_threads
from ..diffusion.solving import Columns, Floats
from .cluster_graph import SharedGraph, exchange, own_values, shared_rows
from .cluster_workers import Handle, ShardState, Workers
from .shard_parts import ShardFactors

HOP, CHECK = "diffusing: hop", "diffusing: check of the bound"


def open_panel(workers: Workers, graph: SharedGraph, damping: float, at: slice) -> WorkersPanel:
    """Columns ``at`` of everybody's factors, whose ``F_P x`` each worker keeps as `Spread`."""
    opened = workers.each(_open, [(damping, at.start, at.stop)] * workers.n)
    return WorkersPanel(workers, graph, opened, at.stop - at.start, rest=False)


class WorkersPanel:
    """A panel of factors, or of what is left of some of its columns, on all workers."""

    dtype = np.dtype(np.float32)

    def __init__(
        self, workers: Workers, graph: SharedGraph, opened: list[Handle], width: int, *, rest: bool
    ) -> None:
        self.workers, self.graph, self.width, self._is_rest = workers, graph, width, rest
        self.directed, self.p = graph.directed, graph.p
        self._sizes = opened

    def norms(self) -> Floats:
        """The norm of each column of b."""
        return joined_norms(self.workers.fetch(self._sizes), self.p)

    def steps(self) -> _Steps:
        """Steps from b."""
        return _Steps(self.workers, self.graph, self.width, rest=self._is_rest)

    def residual(self, damping: float) -> Floats:
        """The norm of each column of the residual."""
        made = self.workers.each(_look_back, n_returns=self.workers.n + 1)
        _note(self.workers, self.graph, CHECK, self.width)
        sizes = exchange(self.workers, made, _residual, (damping,), stage=CHECK)
        return joined_norms(self.workers.fetch(sizes), self.p)

    def rest(self, columns: Columns) -> WorkersPanel:
        """Some columns of the residual."""
        opened = self.workers.each(_rest, [(columns,)] * self.workers.n)
        return WorkersPanel(self.workers, self.graph, opened, len(columns), rest=True)

    def refine(self, columns: Columns, damping: float) -> None:
        """Add to x what was solved for the rest."""
        self.workers.fetch(self.workers.each(_refine, [(columns, damping)] * self.workers.n))


class _Steps:
    """Steps on all workers. One call for each: it takes ghosts, steps, and gives what is next.

    A step is asked for when it is known whether it is the last, after which nobody needs a ghost.
    """

    def __init__(self, workers: Workers, graph: SharedGraph, width: int, *, rest: bool) -> None:
        self.workers, self.graph, self.width, self._is_rest = workers, graph, width, rest
        self._made: Sequence[Sequence[Handle]] = ()
        self._waiting: tuple[float, float, float] | None = None

    def begin(self, weight: float) -> None:
        """Begin the sum."""
        given = [(self._is_rest, float(weight))] * self.workers.n
        self._made = self.workers.each(_begin, given, n_returns=self.workers.n + 1)

    def step(self, alpha: float, beta: float, weight: float) -> None:
        """Make the next vector."""
        self._go(None)
        self._waiting = (float(alpha), float(beta), float(weight))

    def norms(self, p: float) -> Floats:
        """The l_p norm of each column of the vector made last, which a step made."""
        self._go(p)
        return joined_norms(own_values(self.workers, self._made), p)

    def settle(self) -> None:
        """End the sum."""
        if self._waiting is None:
            ended = self.workers.each(_settle)
        else:
            _note(self.workers, self.graph, HOP, self.width)
            ended = exchange(self.workers, self._made, _last_step, (self._waiting,), stage=HOP)
        self._made, self._waiting = (), None
        self.workers.fetch(ended)  # nobody takes what it returns, and it may be an error

    def _go(self, p: float | None) -> None:
        """Make the step that waits."""
        if self._waiting is not None:
            _note(self.workers, self.graph, HOP, self.width)
            self._made = exchange(
                self.workers,
                self._made,
                _step,
                (self._waiting, p),
                stage=HOP,
                n_returns=self.workers.n + 1,
            )
        self._waiting = None


def _note(workers: Workers, graph: SharedGraph, stage: str, width: int) -> None:
    """What arithmetic says of a hop: every ghost's row of single precision."""
    workers.traffic.note(stage, expected=graph.n_ghosts * width * 4)


@dataclass(eq=False)
class _Work:
    """Columns ``at`` of ``values``, and where their sum goes."""

    values: Block
    at: slice
    total: Block
    to: int


@dataclass(eq=False)
class Solving:
    """What a worker solves: a panel of the factors, and columns of its residual."""

    panel: _Work
    rest: _Work | None = None


@dataclass(eq=False)
class Spread:
    """What a worker has solved: ``F_P x`` for each damping, and which columns of it are there."""

    values: dict[float, Block] = field(default_factory=dict)
    done: set[tuple[float, int]] = field(default_factory=set)


def _panel(state: ShardState) -> ShardPanel:
    """The two panels of a worker, made anew where its rows of P were."""
    rows = shared_rows(state)
    if not state.has(ShardPanel) or state.get(ShardPanel).rows is not rows:
        state.drop(ShardPanel)
        state.put(ShardPanel(rows, np.float32))
    return state.get(ShardPanel)


def _work(state: ShardState, rest: bool) -> _Work:
    solving = state.get(Solving)
    return solving.rest if rest and solving.rest is not None else solving.panel


def _open(state: ShardState, damping: float, first: int, last: int) -> Floats:
    """Begin with a panel; the norms of its columns."""
    users = state.get(ShardFactors).users
    if not state.has(Spread):
        state.put(Spread())
    spread = state.get(Spread)
    if damping not in spread.values:
        spread.values[damping] = np.empty(users.shape, np.float32)
    at = slice(first, last)
    spread.done.discard((damping, first))
    state.put(Solving(_Work(users, at, spread.values[damping], first)))
    with limit_threads(state.n_threads):
        return column_norms(users[:, at], shared_rows(state).p)


def _begin(state: ShardState, rest: bool, weight: float) -> tuple[Any, ...]:
    panel, work = _panel(state), _work(state, rest)
    with limit_threads(state.n_threads):
        panel.load(work.values, work.at, work.total, work.to)
        panel.begin(weight)
        return (None, *panel.given())


def _step(
    state: ShardState, weights: tuple[float, float, float], p: float | None, *blocks: Any
) -> tuple[Any, ...]:
    panel = state.get(ShardPanel)
    with limit_threads(state.n_threads):
        panel.take(blocks)
        panel.step(*weights)
        return (None if p is None else panel.norms(p), *panel.given())


def _last_step(state: ShardState, weights: tuple[float, float, float], *blocks: Any) -> None:
    panel = state.get(ShardPanel)
    with limit_threads(state.n_threads):
        panel.take(blocks)
        panel.step(*weights)
        panel.settle()


def _settle(state: ShardState) -> None:
    with limit_threads(state.n_threads):
        state.get(ShardPanel).settle()


def _look_back(state: ShardState) -> tuple[Any, ...]:
    panel, work = state.get(ShardPanel), state.get(Solving).panel
    with limit_threads(state.n_threads):
        panel.look_back(work.total, slice(work.to, work.to + work.at.stop - work.at.start))
        return (None, *panel.given())


def _residual(state: ShardState, damping: float, *blocks: Any) -> Floats:
    panel, work = state.get(ShardPanel), state.get(Solving).panel
    with limit_threads(state.n_threads):
        panel.take(blocks)
        return column_norms(panel.residual(work.values, work.at.start, damping), panel.rows.p)


def _rest(state: ShardState, columns: Columns) -> Floats:
    """Keep columns of the residual, to be solved for; their norms."""
    panel = state.get(ShardPanel)
    given = np.ascontiguousarray(panel.before[:, columns])
    every = slice(0, len(columns))
    state.get(Solving).rest = _Work(given, every, np.empty_like(given), 0)
    with limit_threads(state.n_threads):
        return column_norms(given, panel.rows.p)


def _refine(state: ShardState, columns: Columns, damping: float) -> None:
    solving = state.get(Solving)
    if solving.rest is not None:
        solving.panel.total[:, columns + solving.panel.to] += solving.rest.total / (1.0 - damping)
    solving.rest = None
