"""Scores that are linear in a signal per user, and the background for users without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .execution import Rows
from .matrices import Csr, single

Floats = npt.NDArray[np.float32]
Signals: TypeAlias = "Floats | sparse.csr_array"
Ids = npt.NDArray[Any]

#: users at most whose scores the scale of a model is taken from
SCALED = 1000
#: cells that are counted at a time
_COUNTED = 1 << 22


class LinearModel(Protocol):
    """A model whose scores are linear in a signal per user: ``score_u = signal_u . item_map``.

    That is what social diffusion needs: diffused signals are diffused preferences.
    """

    user_ids_: Ids
    item_ids_: Ids
    interactions_: sparse.csr_array

    @property
    def signals_(self) -> Floats | sparse.csr_array:
        """One row per user: dense factors (n_users, d), or sparse preference rows."""
        ...

    def score_signals(self, signals: Floats) -> Floats:
        """``signals . item_map`` for dense rows of signals, shape (n_rows, n_items)."""
        ...

    def fold_signals(self, rows: Csr) -> Floats | sparse.csr_array:
        """Signals of users who were not in ``fit``, from the weights of their items."""
        ...


def parts_of(model: Any) -> tuple[tuple[float, LinearModel], ...]:
    """The linear models that a model adds up, each with its weight; itself where it is one."""
    parts: tuple[tuple[float, LinearModel], ...] = getattr(model, "parts_", ((1.0, model),))
    return parts


def dense_signals(signals: Signals, rows: Rows) -> Floats:
    """Some rows of signals, dense, shape (len(rows), d)."""
    if isinstance(signals, np.ndarray):
        return signals[rows]
    return np.asarray(signals[rows].toarray(), dtype=np.float32)


def own_scores(model: Any, rows: Rows) -> Floats:
    """Scores of users from their own signals alone, shape (len(rows), n_items)."""
    return weighted_sum(
        np.float32(weight) * _known_scores(part, rows) for weight, part in parts_of(model)
    )


def signal_scores(
    parts: Sequence[tuple[float, LinearModel]], signals: Sequence[Signals], rows: Rows
) -> Floats:
    """The weighted sum of the parts' scores for some rows of their signals."""
    return weighted_sum(
        np.float32(weight) * part.score_signals(dense_signals(own, rows))
        for (weight, part), own in zip(parts, signals, strict=True)
    )


def weighted_sum(parts: Iterable[Floats]) -> Floats:
    """The sum of scores, of which there is at least one."""
    first, *others = parts
    return first if not others else np.asarray(sum(others, first), np.float32)


def _known_scores(part: Any, rows: Rows) -> Floats:
    """Scores of users of the fit; a model may know a shorter way than by their signals."""
    if hasattr(type(part), "score_known"):
        return np.asarray(part.score_known(rows), np.float32)
    return np.asarray(part.score_signals(dense_signals(part.signals_, rows)), np.float32)


def score_scale(model: Any, most: int = SCALED) -> float:
    """Mean score of a model on its own training cells, over at most ``most`` users."""
    active = np.flatnonzero(evidence(model.interactions_))
    rows = active[:: max(1, len(active) // most)][:most]
    total, cells = 0.0, 0
    for start in range(0, len(rows), 100):
        part = rows[start : start + 100]
        scores = own_scores(model, part)
        seen = model.interactions_[part]
        users = np.repeat(np.arange(len(part)), np.diff(seen.indptr))
        total += float(scores[users, seen.indices].sum(dtype=np.float64))
        cells += len(users)
    return max(total / max(cells, 1), float(np.finfo(np.float32).tiny))


def score_own_signals(model: Any, rows: Rows) -> Floats:
    """Scores of users from their own signals; users without any interaction get popularity."""
    scores = own_scores(model, rows)
    empty = evidence(model.interactions_)[rows] == 0
    if empty.any():
        scores[empty] = popular_scores(model)
    return scores


def popular_scores(model: Any) -> Floats:
    """What a model gives to people of whom it knows nothing, shape (n_items,)."""
    own: Floats | None = getattr(model, "item_scores_", None)
    return item_popularity(model.interactions_) if own is None else own


def evidence(interactions: sparse.csr_array) -> npt.NDArray[np.int64]:
    """How many items each user holds, shape (n_users,)."""
    return np.diff(interactions.indptr).astype(np.int64)


def preferences(rows: Any, *, use_weights: bool) -> Csr:
    """Rows of weights as a model takes them: the weights, or one for every stored cell."""
    found = single(rows).copy()
    if not use_weights:
        found.data[:] = 1.0
    return found


def relative_popularity(interactions: sparse.csr_array) -> npt.NDArray[np.float64]:
    """``m_i / m``: rows of each item over those of the average row's item, never zero."""
    return relative_counts(rows_of_items(interactions))


def relative_counts(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """:func:`relative_popularity` from the rows of each item."""
    counts = rows.astype(np.float64)
    typical = max(float((counts**2).sum()), 1.0) / max(float(counts.sum()), 1.0)
    return np.asarray(np.maximum(counts, 1.0) / typical, np.float64)


def item_popularity(interactions: sparse.csr_array) -> Floats:
    """Share of all training rows that each item holds, shape (n_items,), summing to one."""
    return popularity_shares(rows_of_items(interactions))


def popularity_shares(counts: npt.NDArray[np.int64]) -> Floats:
    """Share of all training rows that each item holds, from their numbers."""
    return np.asarray(counts / max(int(counts.sum()), 1), dtype=np.float32)


def rows_of_items(interactions: Csr) -> npt.NDArray[np.int64]:
    """How many users hold each item, counted in slices: numpy widens what it counts."""
    counts = np.zeros(interactions.shape[1], np.int64)
    for start in range(0, interactions.nnz, _COUNTED):
        part = interactions.indices[start : start + _COUNTED]
        counts += np.bincount(part, minlength=len(counts))
    return counts
