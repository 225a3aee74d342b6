"""Models whose scores are products of vectors, and their lists by pruning.

Such a model says for some users of what terms their scores are made::

    s_ui = sum_t weight_t x_tu . y_ti + m_ui

with dense vectors of users and items, and additions for a few items of each user. The terms are
put side by side into one vector per user and one per item, and ``pruned_topk.py`` does the rest.
What is popular is a term with one coordinate, the same for all users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from . import execution
from .execution import Rows, map_batches
from .kept_indexes import Kept
from .matrices import Csr
from .on_device import lists_device
from .pruned_topk import BLOCK, USERS, ItemIndex, Memory, pruned_top_k
from .scoring import Floats, item_popularity, parts_of
from .topk import NO_ITEM, Lists

#: indexes and popularities of all models in memory
_KEPT = Kept()


@dataclass(frozen=True, eq=False)
class Term:
    """``weight users[u] . items[i]``; ``users`` of None stand for one coordinate of 1 for all.

    ``lift`` is a power of two by which the side of the users is multiplied and that of the items
    divided. It changes no score; vectors of even sizes are told apart better by their norms.
    """

    users: Floats | None
    items: Floats
    weight: float = 1.0
    lift: float = 1.0

    def of(self, rows: Rows) -> Floats:
        """The vectors of some users."""
        if self.users is None:
            return np.full((len(rows), 1), self.lift, np.float32)
        return np.asarray(self.users[rows], np.float32) * np.float32(self.lift)

    def item_side(self) -> Floats:
        """The vectors of all items, weighted."""
        factor = np.float32(self.weight / self.lift)
        return np.asarray(self.items, np.float32) * factor


@dataclass(frozen=True, eq=False)
class VectorGroup:
    """Users whose scores are made of the same terms.

    ``places`` tells which of the rows that were asked for; ``memory`` is added to some scores.
    """

    places: Rows
    terms: tuple[Term, ...]
    memory: Memory | None = None


Groups = tuple[VectorGroup, ...]


@runtime_checkable
class Factored(Protocol):
    """A model that may be able to say of what terms its scores are made."""

    def factored(self, rows: Rows) -> Groups | None:
        """Groups that hold every place of ``rows`` once; None where a part is no product."""
        ...


def item_terms(model: Any) -> tuple[tuple[float, Floats], ...] | None:
    """Weight and item vectors of every part of a model; None where a part has none."""
    found = []
    for weight, part in parts_of(model):
        items = getattr(part, "item_map_", None)
        if items is None:
            return None
        found.append((weight, items))
    return tuple(found)


def own_groups(model: Any, rows: Rows, strangers: npt.NDArray[np.bool_]) -> Groups | None:
    """Users of a fit by their own signals; popularity for those of whom nothing is known."""
    items = item_terms(model)
    if items is None:
        return None
    signals = [part.signals_ for _, part in parts_of(model)]
    return with_strangers(model, signal_terms(items, signals), strangers)


def signal_terms(items: Sequence[tuple[float, Floats]], signals: Sequence[Any]) -> tuple[Term, ...]:
    """The terms of dense signals, part by part."""
    return tuple(
        Term(users, vectors, weight)
        for (weight, vectors), users in zip(items, signals, strict=True)
    )


def with_strangers(model: Any, terms: tuple[Term, ...], strangers: npt.NDArray[np.bool_]) -> Groups:
    """Two groups: by the terms, and by popularity."""
    popular = (Term(None, kept_popularity(model)[:, None]),)
    groups = (
        VectorGroup(np.flatnonzero(~strangers), terms),
        VectorGroup(np.flatnonzero(strangers), popular),
    )
    return tuple(group for group in groups if len(group.places))


def without_items(model: Any, rows: Rows) -> npt.NDArray[np.bool_]:
    """Which of some users of a fit hold nothing."""
    indptr = model.interactions_.indptr
    return np.asarray(indptr[rows + 1] == indptr[rows])


def kept_popularity(model: Any) -> Floats:
    """What a model gives to people of whom it knows nothing, counted once."""
    own: Floats | None = getattr(model, "item_scores_", None)
    if own is not None:
        return own
    rows = model.interactions_
    key = ("popularity", rows.shape[1])
    return _KEPT.get(key, [rows.indices], lambda: item_popularity(rows))


def index_of(terms: tuple[Term, ...]) -> ItemIndex:
    """The index of the items of some terms, made once."""
    key = tuple((term.weight, term.lift) for term in terms)

    def build() -> ItemIndex:
        sides = [term.item_side() for term in terms]
        return ItemIndex.of(sides[0] if len(sides) == 1 else np.concatenate(sides, axis=1))

    return _KEPT.get(key, [term.items for term in terms], build)


def factored_lists(
    groups: Groups,
    rows: Rows,
    k: int,
    *,
    seen: Csr | None,
    allowed: npt.NDArray[np.bool_] | None,
    n_jobs: int | None,
) -> Lists:
    """The k best allowed items of the users in ``rows``, in that order.

    ``seen`` holds a row for each user of the model, of cells that are left out.
    """
    indexes = [index_of(group.terms) for group in groups]
    n_items = len(indexes[0].shelf.places) if groups else 0
    if allowed is not None:
        indexes = [index.among(allowed) for index in indexes]
    order = np.concatenate([np.empty(0, np.int64), *(group.places for group in groups)])
    ends = np.cumsum([len(group.places) for group in groups])
    row_bytes, best = _row_bytes(groups, n_items, k), pruned_top_k
    if device := lists_device():
        # torch and what needs it are imported for those who ask for them
        from .device_lists import DeviceSearch

        search = DeviceSearch(device, n_jobs=n_jobs)
        row_bytes, best = search.row_bytes(n_items), search.top_k

    def lists(batch: Rows) -> list[Lists]:
        found = []
        for group, index, end in zip(groups, indexes, ends, strict=True):
            inside = (batch >= end - len(group.places)) & (batch < end)
            if inside.any():
                these = rows[order[batch[inside]]]
                sides = [term.of(these) for term in group.terms]
                users = sides[0] if len(sides) == 1 else np.concatenate(sides, axis=1)
                found.append(best(users, index, k, rows=these, seen=seen, memory=group.memory))
        return found

    parts = map_batches(
        lists,
        np.arange(len(order)),
        row_bytes=row_bytes,
        n_jobs=n_jobs,
        stage="recommending",
    )
    items = np.full((len(rows), min(k, n_items)), NO_ITEM, np.int32)
    scores = np.full(items.shape, -np.inf, np.float32)
    done = 0
    for found_items, found_scores in (one for part in parts for one in part):
        places = order[done : done + len(found_items)]
        items[places], scores[places] = found_items, found_scores
        done += len(places)
    return items, scores


def _row_bytes(groups: Groups, n_items: int, k: int) -> int:
    """Bytes of a user in a batch, or more: larger batches would leave the cache of a core."""
    width = sum(term.items.shape[1] for group in groups for term in group.terms)
    needed = 4 * min(BLOCK, n_items) + n_items // 8 + 8 * width + 8 * k
    return int(max(needed, execution.BATCH_BYTES // USERS))
