"""The popularity recommender: the same list for everybody, and the mark that others must beat."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from .contract import Recommender, require_fitted
from .execution import Rows
from .factored import Groups, Term, VectorGroup
from .inputs import preference_rows, training_table
from .matrices import Csr
from .memory_by_model import Needs, popularity_needs
from .memory_estimate import TableSizes
from .scoring import Floats
from .update_change import Change
from .update_factors import Renewal
from .update_record import UpdatedPart, forget_updates


class Popularity(Recommender):
    """Score every item by its share of the training rows: ``score_ui = sum_v x_vi / sum_vj x_vj``.

    Parameters
    ----------
    use_weights : bool
        Add up the weights of the rows instead of counting them.
    n_jobs : int, optional
        Threads for ``recommend``; all cores when ``None``.

    Attributes
    ----------
    item_scores_ : ndarray of shape (n_items,)

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"user_id": ["ann", "bob", "bob"], "item_id": ["tea", "tea", "cake"]})
    >>> Popularity().fit(table).recommend(["ann"], k=1)["item_id"].tolist()
    ['cake']
    """

    item_scores_: Floats

    def __init__(self, *, use_weights: bool = False, n_jobs: int | None = None) -> None:
        self.use_weights = use_weights
        self.n_jobs = n_jobs

    def fit(self, interactions: Any) -> Self:
        """Count the rows of every item.

        Parameters
        ----------
        interactions : DataFrame, sparse matrix or Interactions
            The training rows; columns ``user_id, item_id`` and optionally ``weight``.

        Raises
        ------
        ValueError
            For an empty or invalid table.

        Examples
        --------
        >>> import suffuse as sf
        >>> model = Popularity().fit(sf.datasets.tiny_world().interactions)
        >>> float(model.item_scores_.sum().round(6))
        1.0
        """
        table = training_table(interactions)
        rows = preference_rows(table, use_weights=self.use_weights)
        totals = np.asarray(rows.sum(axis=0)).ravel()
        self.item_scores_ = np.asarray(totals / totals.sum(), dtype=np.float32)
        self.interactions_ = rows
        self.user_ids_, self.item_ids_ = table.user_ids, table.item_ids
        forget_updates(self)
        return self

    def renewed(self, change: Change) -> Renewal:
        """A copy with new rows, for :meth:`update`: counting anew costs no more."""
        rows = change.rows(self)
        fresh = copy.copy(self).fit(change.table(rows))
        fresh.user_ids_, fresh.item_ids_ = change.user_ids, change.item_ids
        return fresh, (UpdatedPart("item scores", "exact", "nothing", 0.0),)

    def memory_needs(self, sizes: TableSizes) -> Needs:
        """What a fit and the fitted model need beyond the tables, for ``estimate_memory``."""
        return popularity_needs(sizes)

    @property
    def signals_(self) -> Floats:
        """The same signal, one, for every user; shape (n_users, 1)."""
        require_fitted(self)
        return np.ones((len(self.user_ids_), 1), np.float32)

    def fold_signals(self, rows: Csr) -> Floats:
        """One for every user, whatever their items."""
        require_fitted(self)
        return np.ones((rows.shape[0], 1), np.float32)

    @property
    def item_map_(self) -> Floats:
        """The item scores as vectors of one coordinate, shape (n_items, 1)."""
        require_fitted(self)
        return self.item_scores_[:, None]

    def factored(self, rows: Rows) -> Groups | None:
        """The item scores, for every user."""
        return (VectorGroup(np.arange(len(rows)), (Term(None, self.item_map_),)),)

    def score_signals(self, signals: Floats) -> Floats:
        """Item scores times the signal, shape (n_rows, n_items)."""
        require_fitted(self)
        return signals * self.item_scores_[None, :]

    def score_users(self, rows: Rows) -> Floats:
        """Item scores, repeated for every user; shape (len(rows), n_items)."""
        require_fitted(self)
        return np.repeat(self.item_scores_[None, :], len(rows), axis=0)

    def score_similar(self, columns: Rows) -> Floats:
        """Popularity knows no similarity: the same scores for every item."""
        return self.score_users(columns)
