"""Alternating least squares for implicit feedback; the ``implicit`` package does the solving.

The users are solved once more at the end, exactly, as newcomers are: see ``half_steps.py``.
"""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.recommender_base import ModelFitError
from scipy import sparse

from .contract import Recommender, require_fitted
from .execution import Rows, one_blas_thread, resolve_jobs
from .factored import Groups, own_groups, without_items
from .half_steps import half_step
from .inputs import checked_count, checked_number, preference_rows, training_table
from .matrices import Csr
from .memory_by_model import Needs, als_needs, refuse_too_large
from .memory_estimate import TableSizes
from .progress import tell
from .scoring import Floats, preferences, relative_popularity, score_own_signals
from .update_change import Change
from .update_factors import Renewal, renewed_als
from .update_record import forget_updates

#: scores below this are rounding errors
_NIL = 1e-6


class ALS(Recommender):
    """Weighted matrix factorisation of preferences (Hu, Koren, Volinsky, ICDM 2008, eq. 3).

    Minimises ``sum_ui c_ui (p_ui - x_u . y_i)^2 + regularization (sum |x_u|^2 + sum |y_i|^2)``
    with ``p_ui = 1`` and ``c_ui = confidence * weight_ui * (m_i / m)^-popularity_discount`` on the
    training cells, ``p_ui = 0`` and ``c_ui = 1`` elsewhere, for an item with ``m_i`` rows and
    ``m = sum m_i^2 / sum m_i``. A score is ``x_u . y_i``.

    Parameters
    ----------
    n_factors : int
        Length ``d`` of the factors. More factors than users or items are of no use and are cut
        down to the smaller of the two.
    regularization : float
        Strength of the quadratic penalty; about 3 to 10 times ``confidence`` serves sparse tables.
    confidence : float
        Weight of an observed cell against an unobserved one, which has weight 1.
    popularity_discount : float
        How much less a row says about a popular item; 0 is the published model, 0.2 often better.
    max_iter : int
        Alternations.
    use_weights : bool
        Multiply the confidence by the weights of the table; by default a row is a row.
    random_state : int
        Seed of the initial factors.
    n_jobs : int, optional
        Threads; all cores when ``None``. The factors do not depend on it.

    Attributes
    ----------
    user_factors_ : ndarray of shape (n_users, d), float32, rows in the order of ``user_ids_``
    item_factors_ : ndarray of shape (n_items, d), float32, rows in the order of ``item_ids_``

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.tiny_world()
    >>> model = ALS(n_factors=2, regularization=0.1).fit(world.interactions)
    >>> model.user_factors_.shape == (len(model.user_ids_), 2)
    True
    """

    user_factors_: Floats
    item_factors_: Floats

    def __init__(
        self,
        *,
        n_factors: int = 64,
        regularization: float = 50.0,
        confidence: float = 10.0,
        popularity_discount: float = 0.0,
        max_iter: int = 15,
        use_weights: bool = False,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.n_factors = n_factors
        self.regularization = regularization
        self.confidence = confidence
        self.popularity_discount = popularity_discount
        self.max_iter = max_iter
        self.use_weights = use_weights
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, interactions: Any, *, backend: Any = None) -> Self:
        """Find the factors, from a fresh seeded start every time.

        Parameters
        ----------
        interactions : DataFrame, sparse matrix, Interactions or ShardedTables
            The training rows; columns ``user_id, item_id`` and optionally ``weight``.
        backend : "ray" or RayCluster, optional
            Fit on a Ray cluster, to the same model; see ``recsys/cluster_fit.py``.

        Raises
        ------
        ValueError
            For an empty or invalid table, or a parameter outside its range.

        Examples
        --------
        >>> import suffuse as sf
        >>> table = sf.datasets.tiny_world().interactions
        >>> model = ALS(n_factors=2, regularization=1.0)
        >>> first = model.fit(table).user_factors_.copy()
        >>> bool((model.fit(table).user_factors_ == first).all())
        True
        """
        if backend is not None:
            # ray and what needs it are imported for those who ask for them
            from .cluster_fit import Source, fit_on_cluster

            fit_on_cluster(self, Source(interactions), backend)
            return self
        table = training_table(interactions)
        refuse_too_large(self, table)
        rows = preference_rows(table, use_weights=self.use_weights)
        n_factors = min(checked_count("n_factors", self.n_factors), *rows.shape)
        max_iter = checked_count("max_iter", self.max_iter)
        stage = "fitting ALS"
        cells = self._cells(rows, rows)
        tell(stage, 0, max_iter)
        with one_blas_thread():
            solver = self._solver(n_factors, max_iter)
            try:
                solver.fit(
                    self._confidences(cells),
                    show_progress=False,
                    callback=lambda done, *_: tell(stage, done + 1, max_iter),
                )
            except ModelFitError as error:
                raise ValueError(
                    "regularization and confidence must keep the factors finite; got "
                    f"regularization={self.regularization!r}, confidence={self.confidence!r}: "
                    "bring them closer to the defaults"
                ) from error
        self.item_factors_ = np.asarray(solver.item_factors, np.float32)
        del solver  # its user factors, before ours take their place
        # the last half-step was for items: solve the users once more, exactly, so that a user's
        # factors are what the same rows would get by folding in
        self.user_factors_ = self._half_step(cells, self.item_factors_)
        # lists keep an index of them, which a change in place would not reach
        self.user_factors_.setflags(write=False)
        self.item_factors_.setflags(write=False)
        largest = (float(np.abs(side).max()) for side in (self.user_factors_, self.item_factors_))
        warn_if_collapsed(self.regularization, *largest, level=3)
        self.interactions_ = rows
        self.user_ids_, self.item_ids_ = table.user_ids, table.item_ids
        forget_updates(self)
        return self

    def check_parameters(self) -> None:
        """Raise ``ValueError`` for a parameter outside its range."""
        checked_count("n_factors", self.n_factors)
        checked_count("max_iter", self.max_iter)
        checked_count("random_state", self.random_state, low=0)
        checked_number("regularization", self.regularization, above=True)
        checked_number("confidence", self.confidence, above=True)
        checked_number("popularity_discount", self.popularity_discount)

    def _cells(self, rows: Csr, fitted: Csr) -> Csr:
        """Preference rows with their discount, on the indices of ``rows``."""
        discount = checked_number("popularity_discount", self.popularity_discount)
        if not discount:
            return rows
        scale = relative_popularity(fitted) ** -discount
        data = (scale[rows.indices] * rows.data).astype(np.float32)
        return sparse.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)

    def _confidences(self, cells: Csr) -> Any:
        """``confidence * cells`` as implicit takes it: the older kind of matrix, its own arrays.

        Its solver refuses arrays that are read-only, as those of a table are.
        """
        confidence = checked_number("confidence", self.confidence, above=True)
        data = cells.data * np.float32(confidence)
        parts = (data, cells.indices.copy(), cells.indptr.copy())
        return sparse.csr_matrix(parts, shape=cells.shape)

    def _half_step(self, cells: Csr, factors: Floats) -> Floats:
        """Factors of the rows of ``cells``, exactly, from those of its columns."""
        return half_step(
            cells,
            factors,
            confidence=checked_number("confidence", self.confidence, above=True),
            regularization=checked_number("regularization", self.regularization, above=True),
            n_jobs=resolve_jobs(self.n_jobs),
        )

    def _solver(self, n_factors: int, max_iter: int) -> Any:
        """A solver of implicit for confidences, with the parameters of the model."""
        return AlternatingLeastSquares(
            factors=n_factors,
            regularization=checked_number("regularization", self.regularization, above=True),
            alpha=1.0,
            iterations=max_iter,
            random_state=checked_count("random_state", self.random_state, low=0),
            num_threads=resolve_jobs(self.n_jobs),
        )

    def memory_needs(self, sizes: TableSizes) -> Needs:
        """What a fit and the fitted model need beyond the tables, for ``estimate_memory``."""
        return als_needs(sizes, self.n_factors)

    @property
    def signals_(self) -> Floats:
        """The user factors, shape (n_users, d)."""
        require_fitted(self)
        return self.user_factors_

    @property
    def item_map_(self) -> Floats:
        """The item factors, shape (n_items, d): a score is ``signal . item``."""
        require_fitted(self)
        return self.item_factors_

    def factored(self, rows: Rows) -> Groups | None:
        """Of what vectors the scores of some users are made."""
        require_fitted(self)
        return own_groups(self, rows, without_items(self, rows))

    def score_signals(self, signals: Floats) -> Floats:
        """``signals . item_factors_^T``, shape (n_rows, n_items)."""
        require_fitted(self)
        return signals @ self.item_factors_.T

    def fold_signals(self, rows: Csr) -> Floats:
        """Factors of users who were not in ``fit``, by the exact half-step of the fit.

        ``x_u = (Y^T C_u Y + regularization I)^-1 Y^T C_u p_u`` (Hu, Koren & Volinsky, ICDM 2008,
        eq. 4) with the fitted item factors ``Y``; ``rows`` are weights, shape (m, n_items).
        """
        require_fitted(self)
        given = preferences(rows, use_weights=self.use_weights)
        return self._half_step(self._cells(given, self.interactions_), self.item_factors_)

    def fold_items(self, columns: Rows) -> Floats:
        """Factors of some items, by the exact half-step with the fitted user factors.

        ``y_i = (X^T C_i X + regularization I)^-1 X^T C_i p_i``, shape (len(columns), d).
        """
        require_fitted(self)
        cells = self._cells(self.interactions_, self.interactions_)
        by_item: Csr = sparse.csr_array(cells[:, columns].T)
        return self._half_step(by_item, self.user_factors_)

    def alternated(self) -> tuple[Floats, Floats]:
        """User and item factors after one more alternation of ``fit``, from those we have."""
        require_fitted(self)
        with one_blas_thread():
            solver = self._solver(self.item_factors_.shape[1], 1)
            # the solver starts from factors that it has, and writes to them
            solver.user_factors = np.array(self.user_factors_)
            solver.item_factors = np.array(self.item_factors_)
            try:
                cells = self._cells(self.interactions_, self.interactions_)
                solver.fit(self._confidences(cells), show_progress=False)
            except ModelFitError as error:
                raise ValueError(
                    "weight must keep the factors finite; got weights up to "
                    f"{float(self.interactions_.data.max()):g}: scale them down"
                ) from error
        return np.asarray(solver.user_factors), np.asarray(solver.item_factors)

    def renewed(self, change: Change) -> Renewal:
        """A copy with new rows, for :meth:`update`."""
        return renewed_als(self, change)

    def score_users(self, rows: Rows) -> Floats:
        """``x_u . y_i`` for some users; popularity for users without interactions."""
        require_fitted(self)
        return score_own_signals(self, rows)

    def score_similar(self, columns: Rows) -> Floats:
        """Cosine of item factors, shape (len(columns), n_items)."""
        require_fitted(self)
        lengths = np.linalg.norm(self.item_factors_, axis=1, keepdims=True)
        unit = self.item_factors_ / np.maximum(lengths, np.finfo(np.float32).tiny)
        return np.asarray(unit[columns] @ unit.T, np.float32)


def warn_if_collapsed(
    regularization: float, largest_user: float, largest_item: float, *, level: int
) -> None:
    """A penalty stronger than the table shrinks all factors to nothing, and lists to noise."""
    if largest_user * largest_item < _NIL:
        warnings.warn(
            f"regularization must leave the factors above zero; got {regularization!r}, "
            f"too strong for a table this small: try {regularization / 10:g}",
            stacklevel=level,
        )
