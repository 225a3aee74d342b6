"""A graph filter on items: one step on the normalised item graph plus an ideal low-pass."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from .chebyshev import filtered, plateau_coefficients
from .contract import Recommender, require_fitted
from .execution import Rows, one_blas_thread
from .inputs import checked_count, checked_number, preference_rows, training_table
from .matrices import Csr
from .memory_by_model import Needs, refuse_too_large, spectral_needs
from .memory_estimate import TableSizes
from .progress import tell
from .scoring import Floats, preferences, score_own_signals
from .sharing import is_sharing, shared
from .update_change import Change
from .update_factors import Renewal
from .update_record import forget_updates
from .update_spectral import renewed_spectral

#: singular vectors that are found at once where a search shares them
_SHARED_FACTORS = 512


class SpectralFilter(Recommender):
    """Linear filter plus ideal low-pass of the normalised item graph, with a degree exponent.

    With user degrees ``n``, item degrees ``m``, ``R = D_n^-1/2 X D_m^-1/2`` and the leading right
    singular vectors ``V`` of ``R``::

        score_u = x_u D_m^-s (X^T D_n^-g X) D_m^-(1-s) + low_pass * x_u D_m^-1/2 V V^T D_m^1/2

    The first term is the hybrid of heat spreading (s = 0, towards niche items) and probability
    spreading (s = 1, towards popular items) of Zhou et al., PNAS 107 (2010), eq. 5, at g = 1;
    s = 1/2 with the second term is GF-CF (Shen et al., CIKM 2021, eq. 12).

    With ``order`` above 1 the first term becomes ``x_u D_m^(1/2-s) h(L) D_m^(s-1/2)`` (and g = 1),
    where ``L = I - R^T R`` and ``h`` is a Chebyshev polynomial of that degree which interpolates a
    plateau, ``h(t) = (1 - sign(t) |t|^flatness) / 2`` at ``t = 2 lambda - 1`` (Kim et al., ChebyCF,
    SIGIR 2025). At ``flatness = 1`` that is the first term again.

    Parameters
    ----------
    n_factors : int
        Number of singular vectors of the low-pass; 0 leaves it out.
    low_pass : float
        Weight of the low-pass.
    exponent : float in [0, 1]
        The degree exponent ``s``.
    user_exponent : float in [0, 1]
        ``g``, how much less a user with many rows says about each; 1 is the published filter, and
        lower values are often better.
    order : int
        Degree of the polynomial; 1 is the linear filter. Time grows with it.
    flatness : float
        How flat the plateau is, where ``order`` is above 1.
    use_weights : bool
        Use the weights of the table; by default a row counts 1.
    random_state : int
        Seed of the randomised singular value decomposition (Halko et al., SIAM Review 2011).
    n_jobs : int, optional
        Threads for ``recommend``; all cores when ``None``.

    Attributes
    ----------
    vectors_ : ndarray of shape (n_items, n_factors), float32
        ``V``.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.tiny_world()
    >>> model = SpectralFilter(n_factors=2).fit(world.interactions)
    >>> model.vectors_.shape == (len(model.item_ids_), 2)
    True
    """

    vectors_: Floats
    balanced_: sparse.csr_array | None
    users_to_items_: sparse.csr_array

    def __init__(
        self,
        *,
        n_factors: int = 128,
        low_pass: float = 0.2,
        exponent: float = 0.6,
        user_exponent: float = 1.0,
        order: int = 1,
        flatness: float = 1.0,
        use_weights: bool = False,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.n_factors = n_factors
        self.low_pass = low_pass
        self.exponent = exponent
        self.user_exponent = user_exponent
        self.order = order
        self.flatness = flatness
        self.use_weights = use_weights
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, interactions: Any) -> Self:
        """Normalise the table and find its leading singular vectors.

        Parameters
        ----------
        interactions : DataFrame, sparse matrix or Interactions
            The training rows; columns ``user_id, item_id`` and optionally ``weight``.

        Raises
        ------
        ValueError
            For an empty or invalid table, or a parameter outside its range.

        Examples
        --------
        >>> import suffuse as sf
        >>> table = sf.datasets.tiny_world().interactions
        >>> len(SpectralFilter(n_factors=2).fit(table).recommend(k=1)) > 0
        True
        """
        table = training_table(interactions)
        refuse_too_large(self, table)
        rows = preference_rows(table, use_weights=self.use_weights)
        exponent = checked_number("exponent", self.exponent, high=1.0)
        low_pass = checked_number("low_pass", self.low_pass)
        n_factors = min(checked_count("n_factors", self.n_factors, low=0), *rows.shape)
        seed = checked_count("random_state", self.random_state, low=0)
        item_degrees = np.maximum(np.asarray(rows.sum(axis=0)).ravel(), 1e-12)
        user_degrees = np.maximum(np.asarray(rows.sum(axis=1)).ravel(), 1e-12)
        half = checked_number("user_exponent", self.user_exponent, high=1.0) / 2
        order = checked_count("order", self.order)
        flatness = checked_number("flatness", self.flatness, above=True)
        stage = "fitting SpectralFilter"
        tell(stage, 0, 1)
        balanced = _scaled(rows, user_degrees**-0.5, item_degrees**-0.5)
        if n_factors and low_pass:
            self.vectors_ = shared(
                f"singular vectors, seed {seed}, use_weights {self.use_weights}",
                table,
                lambda: _leading_vectors(balanced, n_factors, seed),
                enough=lambda kept: kept.shape[1] >= n_factors,
            )[:, :n_factors]
        else:
            self.vectors_ = np.zeros((rows.shape[1], 0), np.float32)
        # x D_m^-s X^T D_n^-g/2 first, then D_n^-g/2 X D_m^-(1-s): the item graph is never formed
        self.source_scale_ = np.asarray(item_degrees**-exponent, np.float32)
        self.users_to_items_ = _scaled(rows, user_degrees**-half, item_degrees ** (exponent - 1.0))
        self.user_scale_ = np.asarray(user_degrees**-half, np.float32)
        self.item_roots_ = np.asarray(item_degrees**0.5, np.float32)
        self.low_pass_ = low_pass
        self.coefficients_ = plateau_coefficients(order, flatness)
        self.balanced_ = balanced if order > 1 else None
        self.tilt_ = np.asarray(item_degrees ** (0.5 - exponent), np.float32)
        self.interactions_ = rows
        self.user_ids_, self.item_ids_ = table.user_ids, table.item_ids
        forget_updates(self)
        tell(stage, 1, 1)
        return self

    def renewed(self, change: Change) -> Renewal:
        """A copy with new rows, for :meth:`update`."""
        return renewed_spectral(self, change)

    def memory_needs(self, sizes: TableSizes) -> Needs:
        """What a fit and the fitted model need beyond the tables, for ``estimate_memory``."""
        return spectral_needs(sizes, self.n_factors, self.order)

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
        """The filter applied to rows of preferences, shape (n_rows, n_items)."""
        require_fitted(self)
        scores = self._linear(signals) if self.balanced_ is None else self._plateau(signals)
        if self.vectors_.shape[1]:
            smooth = (signals / self.item_roots_[None, :]) @ self.vectors_ @ self.vectors_.T
            scores += np.asarray(self.low_pass_ * smooth * self.item_roots_[None, :], np.float32)
        return np.ascontiguousarray(scores, np.float32)

    def _linear(self, signals: Floats) -> Floats:
        # sparse on the left: a batch of few interactions costs what its interactions cost
        source = sparse.csr_array(signals * self.source_scale_[None, :])
        agreement = (source @ self.interactions_.T).toarray() * self.user_scale_[None, :]
        return np.asarray((self.users_to_items_.T @ agreement.T).T, np.float32)

    def _plateau(self, signals: Floats) -> Floats:
        if self.balanced_ is None:
            raise ValueError("the model holds no balanced table: fit again")
        state = filtered(signals * self.tilt_[None, :], self.balanced_, self.coefficients_)
        return np.asarray(state / self.tilt_[None, :], np.float32)

    def score_users(self, rows: Rows) -> Floats:
        """The filtered preferences of some users; popularity for users without interactions."""
        require_fitted(self)
        return score_own_signals(self, rows)

    def score_similar(self, columns: Rows) -> Floats:
        """What one item alone recommends, shape (len(columns), n_items)."""
        require_fitted(self)
        one_hot = np.zeros((len(columns), len(self.item_ids_)), np.float32)
        one_hot[np.arange(len(columns)), columns] = 1.0
        return self.score_signals(one_hot)


def _leading_vectors(balanced: sparse.csr_array, n_factors: int, seed: int) -> Floats:
    """The leading right singular vectors, as columns; more than asked for where a search shares."""
    if is_sharing():
        n_factors = min(max(n_factors, _SHARED_FACTORS), *balanced.shape)
    with one_blas_thread():
        _, _, vectors = randomized_svd(
            balanced, n_factors, n_oversamples=16, n_iter=6, random_state=seed
        )
    return np.ascontiguousarray(vectors.T, np.float32)


def _scaled(rows: sparse.csr_array, left: Any, right: Any) -> sparse.csr_array:
    """``diag(left) rows diag(right)`` as float32."""
    scaled = sparse.diags_array(left) @ rows @ sparse.diags_array(right)
    return sparse.csr_array(scaled, dtype=np.float32)
