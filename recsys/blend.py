"""Two models, added up."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import clone

from .contract import Recommender, require_fitted
from .execution import Rows
from .factored import Groups, own_groups, without_items
from .inputs import checked_number, training_table
from .memory_by_model import Needs, blend_needs
from .memory_estimate import TableSizes
from .scoring import Floats, LinearModel, score_own_signals, score_scale
from .update_blend import renewed_blend
from .update_change import Change
from .update_factors import Renewal
from .update_record import forget_updates


class Blend(Recommender):
    """A weighted sum of two models, each scaled to its mean score on the training cells.

    ``score = weight first / scale(first) + (1 - weight) second / scale(second)``, where the scale
    of a model is its mean score on (the cells of a sample of a thousand users of) the table that
    it was fitted on. Two models that err apart rank better together; ``suffuse.tune`` tries it.

    Parameters
    ----------
    first, second : recommenders
        Models with linear scores: ``ALS``, ``EASE``, ``SpectralFilter``, ``Popularity``. They are
        cloned, never changed.
    weight : float in [0, 1]
        Share of ``first``.
    n_jobs : int, optional
        Threads for ``recommend``; all cores when ``None``.

    Attributes
    ----------
    first_, second_ : the fitted models
    first_scale_, second_scale_ : float

    Examples
    --------
    >>> import suffuse as sf
    >>> table = sf.datasets.tiny_world().interactions
    >>> model = Blend(sf.EASE(regularization=1.0), sf.Popularity(), weight=0.9).fit(table)
    >>> len(model.recommend(k=1)) == len(model.user_ids_)
    True
    """

    first_: Any
    second_: Any
    first_scale_: float
    second_scale_: float

    def __init__(
        self, first: Any, second: Any, *, weight: float = 0.5, n_jobs: int | None = None
    ) -> None:
        self.first = first
        self.second = second
        self.weight = weight
        self.n_jobs = n_jobs

    def fit(self, interactions: Any) -> Self:
        """Fit both models on the same table.

        Parameters
        ----------
        interactions : DataFrame, sparse matrix or Interactions
            The training rows; columns ``user_id, item_id`` and optionally ``weight``.

        Raises
        ------
        TypeError
            If one of the models has no linear scores.
        ValueError
            For an empty or invalid table, or a parameter outside its range.

        Examples
        --------
        >>> import suffuse as sf
        >>> table = sf.datasets.tiny_world().interactions
        >>> Blend(sf.EASE(), sf.Popularity(), weight=1.0).fit(table).first_scale_ > 0
        True
        """
        checked_number("weight", self.weight, high=1.0)
        for name, model in (("first", self.first), ("second", self.second)):
            if not hasattr(type(model), "score_signals"):
                raise TypeError(f"{name} must be a model with linear scores; got {model!r}")
        table = training_table(interactions)
        fitted = []
        for model in (self.first, self.second):
            fresh = clone(model)
            if self.n_jobs is not None and fresh.get_params().get("n_jobs", 0) is None:
                fresh.set_params(n_jobs=self.n_jobs)
            fitted.append(fresh.fit(table))
        self.first_, self.second_ = fitted
        self.first_scale_, self.second_scale_ = (score_scale(model) for model in fitted)
        self.interactions_ = self.first_.interactions_
        self.user_ids_, self.item_ids_ = table.user_ids, table.item_ids
        forget_updates(self)
        return self

    def renewed(self, change: Change) -> Renewal:
        """A copy with both models renewed and their scales measured anew, for :meth:`update`."""
        return renewed_blend(self, change)

    def memory_needs(self, sizes: TableSizes) -> Needs:
        """What a fit and the fitted model need beyond the tables, for ``estimate_memory``."""
        return blend_needs(self.first.memory_needs(sizes), self.second.memory_needs(sizes))

    @property
    def parts_(self) -> tuple[tuple[float, LinearModel], ...]:
        """The two fitted models with their weights over their scales."""
        require_fitted(self)
        return (
            (self.weight / self.first_scale_, self.first_),
            ((1.0 - self.weight) / self.second_scale_, self.second_),
        )

    def factored(self, rows: Rows) -> Groups | None:
        """Of what vectors the scores of some users are made, where both models have vectors."""
        require_fitted(self)
        return own_groups(self, rows, without_items(self, rows))

    def score_users(self, rows: Rows) -> Floats:
        """The weighted sum for some users; popularity for users without interactions."""
        require_fitted(self)
        return score_own_signals(self, rows)

    def score_similar(self, columns: Rows) -> Floats:
        """The weighted sum of both similarities, shape (len(columns), n_items)."""
        require_fitted(self)
        first = self.weight / self.first_scale_ * self.first_.score_similar(columns)
        second = (1.0 - self.weight) / self.second_scale_ * self.second_.score_similar(columns)
        return np.asarray(first + second, np.float32)
