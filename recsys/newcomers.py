"""Newcomers: users who were not in ``fit`` and bring their items, their ties, or both.

Nobody in the fit listens to them, so the fitted model stays as it is; what they need is a signal
from their items, a row of ``P`` from their ties, and the setting of their group.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..datasets.ids import locate, union_ids
from ..datasets.interactions import Interactions
from ..datasets.social_graph import SocialGraph
from ..datasets.tables import as_interactions, as_social_graph
from .channels import Channels, Diffused, Setting, grouped_scores
from .execution import Rows
from .factored import Groups, item_terms, signal_terms, with_strangers
from .matrices import Csr, single
from .recommend import quoted
from .scoring import Floats, Signals, evidence, parts_of, popular_scores, signal_scores

Ids = npt.NDArray[Any]


class Fitted(Protocol):
    """What this module needs of a fitted model."""

    user_ids_: Ids
    item_ids_: Ids
    interactions_: sparse.csr_array


@dataclass(frozen=True, eq=False)
class Newcomers:
    """Users who were not in ``fit``, in the terms of a fitted model.

    Parameters
    ----------
    ids : ndarray, shape (m,)
        Raw ids, in their stable order.
    rows : csr_array, shape (m, n_items), float32
        Weights of their items.
    listens : csr_array, shape (m, n_users)
        How much they listen to users of the fit.
    among : csr_array, shape (m, m)
        How much they listen to each other.
    heard : csr_array, shape (m, n_users)
        How much users of the fit listen to them. It changes nobody's list but counts in the
        degree of a newcomer, as it would in a fit.
    """

    ids: Ids
    rows: Csr
    listens: Csr
    among: Csr
    heard: Csr


class FoldedUsers:
    """Scores of newcomers from a fitted model, with what ``recommend`` needs to make lists."""

    def __init__(
        self,
        base: Any,
        newcomers: Newcomers,
        signals: Sequence[Signals] | None = None,
        *,
        n_jobs: int | None,
        channels: Channels | None = None,
        prepared: Sequence[tuple[Setting, Diffused]] = (),
    ) -> None:
        self.user_ids_ = newcomers.ids
        self.item_ids_: Ids = base.item_ids_
        self.interactions_ = newcomers.rows
        self.n_jobs = n_jobs
        self.base = base
        self.parts = parts_of(base)
        self.signals = folded_signals(base, newcomers.rows) if signals is None else signals
        self.channels = channels
        self.prepared = prepared

    @property
    def row_bytes(self) -> int:
        """Dense scratch space per row: a base may compare with every user of the fit."""
        return 12 * (len(self.base.user_ids_) + len(self.item_ids_))

    def factored(self, rows: Rows) -> Groups | None:
        """Of what vectors the scores of some newcomers are made, where they have no channels."""
        items = item_terms(self.base)
        if items is None or self.channels is not None:
            return None
        strangers = evidence(self.interactions_)[rows] == 0
        return with_strangers(self.base, signal_terms(items, self.signals), strangers)

    def score_users(self, rows: Rows) -> Floats:
        """Scores of all items for some newcomers, shape (len(rows), n_items)."""
        scores = signal_scores(self.parts, self.signals, rows)
        empty = evidence(self.interactions_)[rows] == 0
        if empty.any():
            scores[empty] = popular_scores(self.base)
        if self.channels is None:
            return scores
        return grouped_scores(scores, rows, self.channels, self.prepared)


def folded_signals(base: Any, rows: Csr) -> tuple[Signals, ...]:
    """Signals of newcomers from the weights of their items, for every part of a base model."""
    return tuple(part.fold_signals(rows) for _, part in parts_of(base))


def read_newcomers(
    model: Fitted, interactions: Any, social: Any, *, directed: bool | None
) -> Newcomers:
    """The users of both tables who were not in ``fit``; at least one of the tables is given.

    Raises
    ------
    TypeError
        If ``social`` is given to a model without a graph.
    ValueError
        For rows of users who were in ``fit``, and for bad tables.
    """
    _refuse_without_graph(model, social, directed)
    table = None if interactions is None else as_interactions(interactions)
    graph = None if social is None else as_social_graph(social, directed=directed)
    ids: Ids = np.empty(0, dtype=object)
    known: Rows = np.empty(0, np.int64)
    if table is not None:
        codes = locate(model.user_ids_, table.user_ids, "users")
        _refuse_known(table, codes)
        ids = table.user_ids[codes < 0]
    if graph is not None:
        known = locate(model.user_ids_, graph.ids, "users")
        _warn_of_two_kinds(graph, known < 0, model.user_ids_)
        ids = union_ids(ids, graph.ids[known < 0], "users")[1] if (known < 0).any() else ids
    rows = _rows_of(table, ids, model.item_ids_)
    return Newcomers(ids, rows, *_ties_of(graph, ids, known, len(model.user_ids_)))


def _refuse_without_graph(model: Fitted, social: Any, directed: bool | None) -> None:
    if social is not None and not hasattr(model, "social_"):
        name = type(model).__name__
        raise TypeError(
            f"social must be left out, as {name} has no graph; got {type(social).__name__}: "
            f"fit SocialDiffusion({name}(...)) to use ties"
        )
    if social is None and directed is not None:
        raise ValueError(f"directed must come with social; got directed={directed!r} alone")


def _refuse_known(table: Interactions, codes: Rows) -> None:
    known = np.flatnonzero(codes[table.users] >= 0)
    if len(known):
        users = pd.unique(pd.Series(table.users[known])).tolist()
        raise ValueError(
            "interactions must be rows of users who were not in fit; got rows of "
            f"{quoted(table.user_ids[users])}: bring them in by update, or fit again"
        )


def _warn_of_two_kinds(graph: SocialGraph, strange: npt.NDArray[np.bool_], user_ids: Ids) -> None:
    if graph.n_ties and strange.all():
        warnings.warn(
            "social should hold ties to users of the fit; got ties among "
            f"{quoted(graph.ids)} alone, where the fit knows {quoted(user_ids[:1])}: "
            "are the ids of one kind?",
            stacklevel=4,
        )


def _rows_of(table: Interactions | None, ids: Ids, item_ids: Ids) -> Csr:
    """Weights of the newcomers' items, shape (m, n_items)."""
    shape = (len(ids), len(item_ids))
    if table is None:
        return single(sparse.csr_array(shape))
    users = locate(ids, table.user_ids, "users")[table.users]
    columns = locate(item_ids, table.item_ids, "items")
    held = columns[table.items]
    strange = held < 0
    if strange.any():
        unknown = table.item_ids[np.unique(table.items[strange])]
        warnings.warn(
            f"interactions should name items of the fit; got {len(unknown)} unknown ones in "
            f"{strange.sum()} of {len(table)} rows, which are left out: {quoted(unknown)}",
            stacklevel=4,
        )
    cells = (table.weights[~strange], (users[~strange], held[~strange]))
    rows = single(sparse.csr_array(cells, shape=shape))
    rows.sort_indices()
    return rows


def _ties_of(graph: SocialGraph | None, ids: Ids, known: Rows, n: int) -> tuple[Csr, Csr, Csr]:
    """``listens``, ``among`` and ``heard`` of :class:`Newcomers`; ``known`` are rows of the fit."""
    m = len(ids)
    if graph is None:
        return sparse.csr_array((m, n)), sparse.csr_array((m, m)), sparse.csr_array((m, n))
    fresh = locate(ids, graph.ids, "users")
    ties = sparse.coo_array(graph.adjacency)
    sources, targets = ties.coords
    new_source, new_target = fresh[sources] >= 0, fresh[targets] >= 0
    old = ~new_source & ~new_target
    if old.any():
        first = int(np.argmax(old))
        ends = graph.ids[[sources[first], targets[first]]]
        warnings.warn(
            "social should hold ties of users who were not in fit; got "
            f"{int(old.sum()) // (1 if graph.directed else 2)} of {graph.n_ties} between users of "
            f"the fit, such as {quoted(ends)}, which are left out: fit again with them",
            stacklevel=4,
        )
    if new_target.any() and not new_source.any():
        warnings.warn(
            "social should hold ties in which newcomers listen; got newcomers as targets alone, "
            "which changes nobody's list: turn the ties round, or pass directed=False",
            stacklevel=4,
        )

    def block(chosen: Any, rows: Rows, columns: Rows, width: int) -> Csr:
        cells = (ties.data[chosen], (rows[chosen], columns[chosen]))
        return sparse.csr_array(sparse.coo_array(cells, shape=(m, width)))

    return (
        block(new_source & ~new_target, fresh[sources], known[targets], n),
        block(new_source & new_target, fresh[sources], fresh[targets], m),
        block(~new_source & new_target, fresh[targets], known[sources], n),
    )
