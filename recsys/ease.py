"""EASE: the item-to-item linear model in closed form, from whichever side is smaller."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .contract import Recommender, require_fitted
from .execution import Rows
from .inputs import checked_count, checked_number, preference_rows, training_table
from .matrices import Csr
from .memory import available_bytes, readable_bytes
from .memory_by_model import Needs, ease_needs, inverse_bytes
from .memory_estimate import TableSizes
from .ridge import ridge_inverse
from .scoring import Floats, preferences, relative_popularity, score_own_signals
from .sharing import is_sharing, shared
from .update_change import Change
from .update_ease import renewed_ease
from .update_factors import Renewal
from .update_record import forget_updates


class EASE(Recommender):
    """Embarrassingly shallow autoencoder (Steck, WWW 2019, eq. 8), exact.

    ``B = argmin |X - X B|^2 + sum_i r_i |B_i|^2`` with zero diagonal, that is
    ``B = I - P diag(1 / diag P)`` with ``P = (X^T X + R)^-1``, ``R = diag(r)``; a score is
    ``(x_u B)_i``. The penalty of an item with ``m_i`` rows is
    ``r_i = regularization (m_i / m)^popularity_discount``, ``m = sum m_i^2 / sum m_i``.
    With ``diagonal_bound`` above 0 the diagonal may be as large as that, in place of zero (Moon,
    Kim, Lee, SIGIR 2023): ``B = I - P diag(c / diag P)``, ``c_i = 1 - min(diagonal_bound, h_i)``,
    with the leverage ``h_i = 1 - r_i P_ii``, the diagonal of the unconstrained ridge regression.
    It lowers the scores of items with high leverage, mostly popular ones.

    With fewer users than items the same numbers come from ``K = (X R^-1 X^T + I)^-1`` by Woodbury's
    identity ``P = R^-1 - R^-1 X^T K X R^-1``, so the matrix to invert is always the smaller one.

    Parameters
    ----------
    regularization : float
        Penalty of an item as popular as the average row's; 100 to 500 serves sparse tables.
    popularity_discount : float
        How much more popular items are penalised; 0 is EASE as published, 0.2 to 0.5 often better.
    diagonal_bound : float in [0, 1]
        Largest weight of an item on itself; 0 is EASE as published, 1 ridge regression, and 0.3
        to 0.5 often better than both.
    use_weights : bool
        Use the weights of the table; by default a row counts 1.
    max_memory : int, optional
        Bytes that the fit may use; what the machine has free when ``None``.
    n_jobs : int, optional
        Threads; all cores when ``None``. The scores do not depend on it.

    Attributes
    ----------
    item_weights_ : ndarray of shape (n_items, n_items), float32, or None
        ``B``, where items are no more than users.
    user_kernel_ : ndarray of shape (n_users, n_users), float32, or None
        ``K``, where users are fewer than items.
    item_scale_ : ndarray of shape (n_items,), float32
        ``r_i^-1/2``.
    leverage_ : ndarray of shape (n_items,), float32
        ``h_i = 1 - r_i P_ii``, the share of an item's rows that the ridge repeats by itself.
    residual_ : ndarray of shape (n_items,), float32
        ``c_i``, one minus the diagonal of ``B``.
    diagonal_ : ndarray of shape (n_items,), float32
        ``diag P``.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"user_id": list("aabbc"), "item_id": list("xyxyx")})
    >>> EASE(regularization=1.0).fit(table).recommend(["c"], k=1)["item_id"].tolist()
    ['y']
    """

    item_weights_: Floats | None
    user_kernel_: Floats | None
    diagonal_: Floats
    item_scale_: Floats
    leverage_: Floats
    residual_: Floats

    def __init__(
        self,
        *,
        regularization: float = 200.0,
        popularity_discount: float = 0.0,
        diagonal_bound: float = 0.0,
        use_weights: bool = False,
        max_memory: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.regularization = regularization
        self.popularity_discount = popularity_discount
        self.diagonal_bound = diagonal_bound
        self.use_weights = use_weights
        self.max_memory = max_memory
        self.n_jobs = n_jobs

    def fit(self, interactions: Any) -> Self:
        """Invert the smaller Gram matrix.

        Parameters
        ----------
        interactions : DataFrame, sparse matrix or Interactions
            The training rows; columns ``user_id, item_id`` and optionally ``weight``.

        Raises
        ------
        ValueError
            For an empty or invalid table, or a parameter outside its range.
        MemoryError
            If the matrix would not fit, with the estimate and the limit.

        Examples
        --------
        >>> import suffuse as sf
        >>> model = EASE(regularization=1.0).fit(sf.datasets.tiny_world().interactions)
        >>> model.diagonal_.shape == model.item_ids_.shape
        True
        """
        table = training_table(interactions)
        penalty = checked_number("regularization", self.regularization, above=True)
        discount = checked_number("popularity_discount", self.popularity_discount)
        checked_number("diagonal_bound", self.diagonal_bound, high=1.0)
        rows = preference_rows(table, use_weights=self.use_weights)
        self._refuse_if_too_large(rows.shape)
        scale = (penalty * relative_popularity(rows) ** discount) ** -0.5
        setting = (penalty, discount, self.use_weights)
        _, inverse, leverage = shared(
            "inverse of EASE",
            table,
            lambda: (setting, *ridge_inverse(rows, scale, self.n_jobs)),
            enough=lambda kept: kept[0] == setting,
        )
        self._keep(inverse, leverage, scale, rows, by_users=rows.shape[0] < rows.shape[1])
        self.user_ids_, self.item_ids_ = table.user_ids, table.item_ids
        forget_updates(self)
        return self

    def _keep(
        self,
        inverse: npt.NDArray[Any],
        leverage: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rows: Csr,
        *,
        by_users: bool,
    ) -> None:
        """The fitted arrays from the inverse of either side and the leverages."""
        bound = checked_number("diagonal_bound", self.diagonal_bound, high=1.0)
        # a penalty that rounding swallows must not end in a division by zero
        leverage = np.minimum(leverage, 1.0 - float(np.finfo(np.float64).eps))
        residual = np.maximum(1.0 - bound, 1.0 - leverage)
        if by_users:
            self.user_kernel_, self.item_weights_ = inverse.astype(np.float32, copy=False), None
        else:
            weights = inverse.copy() if is_sharing() else inverse
            weights *= -scale[:, None].astype(weights.dtype)
            weights *= (residual / (scale * (1.0 - leverage)))[None, :].astype(weights.dtype)
            np.fill_diagonal(weights, 1.0 - residual)
            self.item_weights_ = weights.astype(np.float32, copy=False)
            self.user_kernel_ = None
        self.residual_ = residual.astype(np.float32)
        self.diagonal_ = np.asarray(scale**2 * (1.0 - leverage), np.float32)
        self.leverage_ = leverage.astype(np.float32)
        self.item_scale_ = scale.astype(np.float32)
        self.interactions_ = rows

    def renewed(self, change: Change) -> Renewal:
        """A copy with new rows, for :meth:`update`."""
        return renewed_ease(self, change)

    def estimate_memory(
        self,
        interactions: Any = None,
        n_items: int | None = None,
        *,
        social: Any = None,
        directed: bool | None = None,
        n_users: int | None = None,
        backend: Any = None,
    ) -> Any:
        """Bytes of memory at the peak of every stage, before anything is allocated.

        Parameters
        ----------
        interactions : table, sparse matrix, or (n_users, n_items, n_interactions), optional
            As in ``Recommender.estimate_memory``.
        n_users, n_items : int, optional
            The older form, ``estimate_memory(n_users, n_items)``.
        social, directed
            Of no use to this model.
        backend : optional
            Refused: no cluster serves this model.

        Returns
        -------
        MemoryEstimate, or int
            In the older form the bytes of the matrix alone: ``order^2`` numbers, and half as many
            for scratch.

        Examples
        --------
        >>> EASE().estimate_memory(n_users=10, n_items=1000)
        1200
        >>> EASE().estimate_memory((10, 1000, 200)).peak > 1200
        True
        """
        if n_items is None:
            given: dict[str, Any] = {"social": social, "directed": directed, "backend": backend}
            return super().estimate_memory(interactions, **given)
        first = interactions if n_users is None else n_users
        return inverse_bytes(checked_count("n_users", first), checked_count("n_items", n_items))

    def memory_needs(self, sizes: TableSizes) -> Needs:
        """What a fit and the fitted model need beyond the tables, for ``estimate_memory``."""
        return ease_needs(sizes)

    def _refuse_if_too_large(self, shape: tuple[int, int]) -> None:
        needed = inverse_bytes(*shape)
        if self.max_memory is None:
            limit = available_bytes()
        else:
            limit = checked_count("max_memory", self.max_memory)
        if needed > limit:
            raise MemoryError(
                f"EASE needs {readable_bytes(needed)} for {shape[0]} users and {shape[1]} items, "
                f"and may use {readable_bytes(limit)}: use ALS or SpectralFilter, or fewer items"
            )

    @property
    def signals_(self) -> sparse.csr_array:
        """The preference rows ``X``, shape (n_users, n_items)."""
        require_fitted(self)
        return self.interactions_

    def fold_signals(self, rows: Csr) -> Csr:
        """The preference rows of users who were not in ``fit``, shape (m, n_items)."""
        require_fitted(self)
        return preferences(rows, use_weights=self.use_weights)

    def score_signals(self, signals: Floats) -> Floats:
        """``signals . B``, shape (n_rows, n_items)."""
        require_fitted(self)
        if self.item_weights_ is not None:
            return signals @ self.item_weights_
        if self.user_kernel_ is None:
            raise ValueError("the model holds neither item weights nor a user kernel: fit again")
        reach = np.ascontiguousarray(signals * self.item_scale_[None, :] ** 2)
        agreement = np.ascontiguousarray((self.interactions_ @ reach.T).T)
        explained = (self.interactions_.T @ (agreement @ self.user_kernel_).T).T
        return self._bounded(signals, explained)

    def score_known(self, rows: Rows) -> Floats:
        """``x_u B`` for some users of the fit, without a product with the inverse.

        ``x_u R^-1 X^T K`` is row u of ``G K`` with ``G = X R^-1 X^T`` and ``K = (G + I)^-1``, and
        ``G K = I - K``.
        """
        require_fitted(self)
        if self.item_weights_ is not None:
            return np.asarray(self.interactions_[rows] @ self.item_weights_, np.float32)
        if self.user_kernel_ is None:
            raise ValueError("the model holds neither item weights nor a user kernel: fit again")
        weights = -self.user_kernel_[rows]
        weights[np.arange(len(rows)), rows] += np.float32(1.0)
        explained = (self.interactions_.T @ np.ascontiguousarray(weights.T)).T
        return self._bounded(np.asarray(self.interactions_[rows].toarray()), explained)

    def _bounded(self, signals: Floats, explained: Floats) -> Floats:
        """From the ridge regression to the bounded diagonal."""
        # not signals - (signals - explained) ratio: unseen items would lose digits
        # 1 - h, from the form that keeps more digits: single precision rounds h near 1 to 1
        rest = np.where(
            self.leverage_ < 0.5, 1 - self.leverage_, self.diagonal_ / self.item_scale_**2
        )
        ratio = (self.residual_ / rest)[None, :]
        return np.asarray(explained * ratio + signals * (1 - ratio), np.float32)

    def score_users(self, rows: Rows) -> Floats:
        """``x_u B`` for some users; popularity for users without interactions."""
        require_fitted(self)
        return score_own_signals(self, rows)

    def score_similar(self, columns: Rows) -> Floats:
        """What one item alone recommends, row ``B_j``; shape (len(columns), n_items)."""
        require_fitted(self)
        one_hot = np.zeros((len(columns), len(self.item_ids_)), np.float32)
        one_hot[np.arange(len(columns)), columns] = 1.0
        return self.score_signals(one_hot)
