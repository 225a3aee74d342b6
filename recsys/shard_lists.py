"""Lists of the users of one shard, made as one machine makes them.

Factors, diffused factors and weighted ties of a shard's users lie on its worker. Of other shards
lists need three things: how popular items are, the scale of the base model, and what friends hold
(``shard_held.py``). With these the terms of the scores are those of one machine, and lists and
scores the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .channels import Diffused, Setting, unit_popularity
from .cluster_workers import ShardState
from .execution import Rows, one_blas_thread
from .factored import Groups, factored_lists, own_groups, without_items
from .factored_channels import social_groups
from .list_columns import ListColumns
from .matrices import Csr, single
from .scoring import SCALED, Floats, evidence, score_scale
from .selection import from_settings
from .shard_held import CELL, ShardHeld, block_ties
from .shard_parts import ShardFactors, ShardIds, ShardMemory, ShardRows, ShardTaste, ShardTies
from .topk import Lists

#: bytes of friends' items that are copied at a time
HELD_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class ListPlan:
    """Lists for all users of a cluster.

    Attributes
    ----------
    folder : str
        Where the parts go; every worker sees it.
    k : int
        Length of a list.
    filter_seen : bool
        Leave out the items of the user's own rows.
    allowed : ndarray of bool, shape (n_items,), or None
        Items that may be recommended; None for all.
    users_per_part : int
        Users in a part, at most; no part holds users of two shards.
    starts : tuple of int
        The first user of each shard, and at the end the number of users.
    settings : mapping or None
        The ``settings_`` of a ``SocialDiffusion``; None for a base without a graph.
    """

    folder: str
    k: int
    filter_seen: bool
    allowed: npt.NDArray[np.bool_] | None
    users_per_part: int
    starts: tuple[int, ...]
    settings: Mapping[str, Any] | None = None

    @property
    def groups(self) -> tuple[Setting, ...]:
        """The settings of users with many, few and no items; none without a graph."""
        if self.settings is None:
            return ()
        selection = from_settings(self.settings)
        return (selection.warm, selection.few, selection.cold)

    @property
    def remembers(self) -> bool:
        """Whether somebody is recommended what friends hold."""
        return any(setting.memory for setting in self.groups)


@dataclass(eq=False)
class ShardPopularity:
    """Share of all rows that each item holds, over all shards, shape (n_items,)."""

    items: Floats


@dataclass(eq=False)
class ShardModel:
    """The base model of some users, as far as lists ask for it.

    ``item_scores_`` is what people get of whom nothing is known.
    """

    signals_: Floats
    item_map_: Floats
    interactions_: Csr
    item_scores_: Floats

    def score_signals(self, signals: Floats) -> Floats:
        """``signals . item_map``."""
        return signals @ self.item_map_.T

    def factored(self, rows: Rows) -> Groups | None:
        """Of what vectors the scores of some users are made."""
        return own_groups(self, rows, without_items(self, rows))


@dataclass(frozen=True, eq=False)
class BlockChannels:
    """The channels of a shard's users; ``ties`` and ``held`` are those of a block of them."""

    counts: npt.NDArray[np.int64]
    tie_weights: npt.NDArray[Any]
    parts: Sequence[tuple[float, Any]]
    scale: float
    popularity: Floats
    ties: Csr
    held: Csr


@dataclass(eq=False)
class ShardSocial:
    """What the graph adds: settings and diffused factors of the three groups, and memory.

    ``memory`` are weighted ties of the shard's users and the rows of all; None where nobody
    remembers.
    """

    prepared: tuple[tuple[Setting, Diffused], ...]
    tie_weights: npt.NDArray[Any]
    scale: float
    memory: tuple[Csr, ShardHeld] | None


@dataclass(eq=False)
class ShardLists:
    """What makes the lists of a shard's users; without ``social`` by the base model alone."""

    plan: ListPlan
    ids: ShardIds
    model: ShardModel
    social: ShardSocial | None
    n_threads: int

    @cached_property
    def columns(self) -> ListColumns:
        """Raw ids as columns of parquet."""
        return ListColumns(self.ids.users, self.ids.items)

    def lists(self, block: slice) -> Lists:
        """Lists of the users in a block, counted from 0 within the shard."""
        rows = np.arange(block.start, block.stop)
        if self.social is None:
            return self._best(self.model.factored(rows), rows)
        n_users, n_items = self.model.interactions_.shape
        ties, held = _nobody(n_users, n_items)
        if self.social.memory is not None:
            weighted, everybody = self.social.memory
            ties, friends = block_ties(weighted, block)
            if len(rows) > 1 and CELL * int(everybody.lengths(friends).sum()) > HELD_BYTES:
                return self._in_halves(block)
            held = everybody.held(friends, n_items)
        channels = BlockChannels(
            counts=self._counts,
            tie_weights=self.social.tie_weights,
            parts=((1.0, self.model),),
            scale=self.social.scale,
            popularity=self._popularity,
            ties=ties,
            held=held,
        )
        return self._best(social_groups(self.model, channels, self.social.prepared, rows), rows)

    def _in_halves(self, block: slice) -> Lists:
        """The same in two blocks: lists do not depend on how users are cut."""
        middle = (block.start + block.stop) // 2
        items, scores = self.lists(slice(block.start, middle))
        more, lower = self.lists(slice(middle, block.stop))
        return np.concatenate([items, more]), np.concatenate([scores, lower])

    def _best(self, groups: Groups | None, rows: Rows) -> Lists:
        if groups is None:
            raise TypeError("base must have factors of users and items; got a model without")
        return factored_lists(
            groups,
            rows,
            self.plan.k,
            seen=self.model.interactions_ if self.plan.filter_seen else None,
            allowed=self.plan.allowed,
            n_jobs=self.n_threads,
        )

    # an index of items is found by these arrays again, so they are made once

    @cached_property
    def _popularity(self) -> Floats:
        return unit_popularity(self.model.item_scores_)

    @cached_property
    def _counts(self) -> npt.NDArray[np.int64]:
        return evidence(self.model.interactions_)


def lists_of_shard(state: ShardState, plan: ListPlan, *, scale: float) -> ShardLists:
    """What makes the lists of a worker's users, of what the worker holds.

    ``scale`` is that of :func:`scale_of_sample`; it counts only where there is a graph.
    """
    factors = state.get(ShardFactors)
    model = ShardModel(
        signals_=factors.users,
        item_map_=factors.items,
        interactions_=state.get(ShardRows).rows,
        item_scores_=state.get(ShardPopularity).items,
    )
    social = None
    if plan.groups and state.get(ShardTies).adjacency.nnz:
        social = _social(state, plan, scale)
    return ShardLists(plan, state.get(ShardIds), model, social, state.n_threads)


def _social(state: ShardState, plan: ListPlan, scale: float) -> ShardSocial:
    diffused = state.get(ShardTaste).factors
    return ShardSocial(
        prepared=tuple(
            (setting, Diffused(setting.taste, (diffused[setting.taste],)))
            for setting in plan.groups
        ),
        tie_weights=np.asarray(state.get(ShardTies).adjacency.sum(axis=1)).ravel(),
        scale=scale,
        memory=(state.get(ShardMemory).ties, state.get(ShardHeld)) if plan.remembers else None,
    )


def _nobody(n_users: int, n_items: int) -> tuple[Csr, Csr]:
    """No friends, and nothing that they hold."""
    return single(sparse.csr_array((n_users, 0))), single(sparse.csr_array((0, n_items)))


def sampled(active: Rows, first: int, n_active: int) -> Rows:
    """Those of a shard's active users whose scores the scale is taken from.

    ``first`` active users come in shards before, ``n_active`` are in all; together the shards
    choose whom ``scoring.score_scale`` chooses on one machine.

    Examples
    --------
    >>> import numpy as np
    >>> sampled(np.array([3, 5, 9]), first=3000, n_active=4000).tolist()
    [3]
    >>> sampled(np.array([3, 5, 9]), first=3998, n_active=4001).tolist()
    []
    """
    step = max(1, n_active // SCALED)
    here = active[-first % step :: step]
    before = -(-first // step)
    return here[: max(0, SCALED - before)]


def scale_of_sample(rows: Csr, users: Floats, items: Floats) -> float:
    """Mean score of some users' own cells, as ``scoring.score_scale`` takes it on one machine."""
    with one_blas_thread():
        return score_scale(ShardModel(users, items, rows, np.empty(0, np.float32)))
