"""Scores that are linear in a signal per user, and the background for users without one."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .execution import Rows

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[Any]


class LinearModel(Protocol):
    """A model whose scores are linear in a signal per user: ``score_u = signal_u . item_map``.

    That is what social diffusion needs: diffused signals are diffused preferences.
    """

    user_ids_: Ids
    item_ids_: Ids
    interactions_: sparse.csr_array

    def fit(self, interactions: Any) -> Self:
        """Fit on a table of interactions."""
        ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of ``__init__`` by name."""
        ...

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name."""
        ...

    @property
    def signals_(self) -> Floats | sparse.csr_array:
        """One row per user: dense factors (n_users, d), or sparse preference rows."""
        ...

    def score_signals(self, signals: Floats) -> Floats:
        """``signals . item_map`` for dense rows of signals, shape (n_rows, n_items)."""
        ...

    def score_similar(self, columns: Rows) -> Floats:
        """Similarity of all items to some items, shape (len(columns), n_items)."""
        ...


def own_signals(model: LinearModel, rows: Rows) -> Floats:
    """Signals of some users as dense rows, shape (len(rows), d)."""
    signals = model.signals_
    if isinstance(signals, np.ndarray):
        return signals[rows]
    return np.asarray(signals[rows].toarray(), dtype=np.float32)


def score_own_signals(model: LinearModel, rows: Rows) -> Floats:
    """Scores of users from their own signals; users without any interaction get popularity."""
    scores = model.score_signals(own_signals(model, rows))
    empty = evidence(model.interactions_)[rows] == 0
    if empty.any():
        scores[empty] = item_popularity(model.interactions_)
    return scores


def evidence(interactions: sparse.csr_array) -> npt.NDArray[np.int64]:
    """How many items each user holds, shape (n_users,)."""
    return np.diff(interactions.indptr).astype(np.int64)


def item_popularity(interactions: sparse.csr_array) -> Floats:
    """Share of all training rows that each item holds, shape (n_items,), summing to one."""
    counts = np.bincount(interactions.indices, minlength=interactions.shape[1])
    return np.asarray(counts / max(int(counts.sum()), 1), dtype=np.float32)
