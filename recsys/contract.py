"""The contract that every recommender of the package keeps, and what it gives to all of them.

A model stores its parameters in ``__init__``, computes in ``fit`` into names that end in ``_``
(a second ``fit`` equals a first one), and can score rows of users. Everything else that a person
asks of a recommender follows from that, and stands here once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from .explanation import Explanation
from .fitted import ROWS
from .fitted import NotFittedError as NotFittedError
from .fitted import require_fitted as require_fitted
from .list_contract import MakesLists
from .memory_by_model import Needs, estimated
from .memory_estimate import MemoryEstimate, TableSizes
from .parameters import described, parameters_of, set_parameters
from .store import save_model
from .update import update_model
from .update_record import Update

if TYPE_CHECKING:
    from .export import FactorExport


class Recommender(MakesLists, Protocol):
    """What all models share: ``fit``, ``recommend``, ``similar_items``, ids, parameters, saving.

    Attributes
    ----------
    user_ids_, item_ids_ : ndarray of shape (n_users,), (n_items,)
        Raw ids in the order of the model's rows and columns.
    interactions_ : csr_array of shape (n_users, n_items), float32
        The training rows, ``X``; a stored cell is an item that the user has seen.
    """

    def fit(self, interactions: Any) -> Self:
        """Fit on a table of interactions (frame, scipy sparse matrix or ``Interactions``)."""
        ...

    def update(
        self, interactions: Any = None, social: Any = None, *, directed: bool | None = None
    ) -> Update:
        """Take in new rows, users, items and ties without a fit; whole or not at all.

        What is renewed and what is kept, by model, is at ``recsys/update.py``.

        Parameters
        ----------
        interactions : DataFrame, sparse matrix or Interactions, optional
            Rows of known and new users and items. A pair that is known already adds its weight.
        social : DataFrame, networkx graph, sparse matrix or SocialGraph, optional
            Ties of known and new users; only for ``SocialDiffusion``. Of a tie that is known
            already the larger weight counts.
        directed : bool, optional
            As in ``fit``; must be given where the fitted graph binds one way.

        Returns
        -------
        Update
            What came, how near each part is to a refit, and whether one is due.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            Before ``fit``, for ``social`` where the model has no graph, for bad tables.

        Examples
        --------
        >>> import pandas as pd
        >>> import suffuse as sf
        >>> model = sf.EASE(regularization=1.0).fit(sf.datasets.tiny_world().interactions)
        >>> rows = pd.DataFrame({"user_id": ["new"], "item_id": ["song"]})
        >>> found = model.update(rows)
        >>> found.n_new_items, "new" in model.user_ids_, found.refit_due
        (1, True, False)
        """
        require_fitted(self)
        return update_model(self, interactions, social, directed=directed)

    def explain(
        self,
        user: Any,
        item: Any,
        *,
        most: int = 10,
        interactions: Any = None,
        social: Any = None,
        directed: bool | None = None,
    ) -> Explanation:
        """Why an item has its score for a user, in parts that add up to the score.

        Own items, friends and through which of their items, friends who have the item, friends
        of friends, popularity; the formulas are at ``explain.py`` and ``item_shares.py``.

        Parameters
        ----------
        user, item : raw ids
            A user of the fit or a newcomer; an item of the fit.
        most : int
            Lines in a channel, and a third as many items of each friend; the rest is one line.
        interactions, social, directed
            What newcomers bring, as in ``recommend``.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            Before ``fit``, without linear scores, and for an unknown user or item.

        Examples
        --------
        >>> import suffuse as sf
        >>> model = sf.EASE(regularization=1.0).fit(sf.datasets.tiny_world().interactions)
        >>> model.explain("ada", "chess").user
        'ada'
        """
        require_fitted(self)
        # these modules know the models, which are made from this class
        from .explain import explain_score

        return explain_score(
            self,
            user,
            item,
            most=most,
            interactions=interactions,
            social=social,
            directed=directed,
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of ``__init__`` by name, as scikit-learn's ``clone`` expects them.

        Parameters
        ----------
        deep : bool
            Also the parameters of a wrapped model, as ``base__name``.

        Examples
        --------
        >>> import suffuse as sf
        >>> sf.EASE(regularization=7.0).get_params()["regularization"]
        7.0
        """
        return parameters_of(self, deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name (``base__name`` for those of a wrapped model); returns self.

        Raises
        ------
        ValueError
            For a name that ``__init__`` does not have.

        Examples
        --------
        >>> import suffuse as sf
        >>> sf.EASE().set_params(regularization=7.0).regularization
        7.0
        """
        set_parameters(self, params)
        return self

    def __repr__(self) -> str:
        return described(self)

    if not TYPE_CHECKING:  # whom it would make accept any name

        def __getattr__(self, name: str) -> Any:
            """A fitted name whose rows lie in a folder; called only where there is none yet."""
            rows = vars(self).get(ROWS, {}).get(name)
            if rows is None:
                # once more, for Python's own words: also of a property that asked in vain
                return object.__getattribute__(self, name)
            value = vars(self)[name] = rows.value()
            return value

    def export_factors(
        self,
        folder: str | Path,
        *,
        n_factors: int | None = None,
        space: Literal["inner", "euclidean"] = "inner",
        overwrite: bool = False,
    ) -> FactorExport:
        """Write a vector for each user and item, whose inner products are the scores.

        What is written, and what it leaves out, is at ``recsys/export.py``.

        Examples
        --------
        >>> import tempfile
        >>> import suffuse as sf
        >>> model = sf.Popularity().fit(sf.datasets.tiny_world().interactions)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.export_factors(f"{folder}/factors").exact
        True
        """
        require_fitted(self)
        # this module knows the models, which are made from this class
        from .export import export_factors

        return export_factors(self, folder, n_factors=n_factors, space=space, overwrite=overwrite)

    def estimate_memory(
        self,
        interactions: Any = None,
        *,
        social: Any = None,
        directed: bool | None = None,
        backend: Any = None,
    ) -> MemoryEstimate:
        """Bytes of memory at the peak of every stage, before anything is allocated.

        What is counted, and how near it comes, is at ``recsys/memory_estimate.py``.

        Parameters
        ----------
        interactions : table, sparse matrix, or (n_users, n_items, n_interactions), optional
            What is to be fitted, or how large it is. Left out: what the model was fitted on.
        social : frame, graph, sparse matrix, SocialGraph, or number of ties, optional
            The ties; users known from them alone count among ``n_users``.
        directed : bool, optional
            As in ``fit``: an undirected tie is stored twice.
        backend : "ray" or RayCluster, optional
            Of one worker and of one host of a cluster; see ``recsys/memory_by_shard.py``.

        Returns
        -------
        MemoryEstimate
            ``stages`` with their names and bytes, ``peak``, and a table as text.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            With nothing to go by, for what is no table, and for sizes that are no whole numbers.

        Examples
        --------
        >>> import suffuse as sf
        >>> estimate = sf.ALS(n_factors=64).estimate_memory((1_000_000, 100_000, 50_000_000))
        >>> 1e9 < estimate.peak < 6e9
        True
        """
        if backend is not None:
            # these modules know the models, which are made from this class
            from .cluster import as_cluster
            from .memory_by_shard import estimated_on_cluster

            return estimated_on_cluster(
                self, interactions, social, directed=directed, cluster=as_cluster(backend)
            )
        return estimated(self, interactions, social, directed=directed)

    def memory_needs(self, sizes: TableSizes) -> Needs:
        """What a fit and the fitted model need beyond the tables, for :meth:`estimate_memory`."""
        raise TypeError(
            f"{type(self).__name__} must have a method memory_needs for its memory to be estimated"
        )

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the fitted model to a folder: a JSON manifest, npy arrays, parquet ids; no pickle.

        Written under a temporary name and renamed, so an existing model is replaced whole or not
        at all. Read it back with :func:`suffuse.load_model`.

        Parameters
        ----------
        folder : path
            Where to; its parents are made.
        overwrite : bool
            Replace a model that is already there.

        Raises
        ------
        FileExistsError
            If ``folder`` exists and ``overwrite`` is false, or holds something else than a model.
        NotFittedError
            Before ``fit``.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> import suffuse as sf
        >>> model = sf.Popularity().fit(sf.datasets.tiny_world().interactions)
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "model"
        >>> model.save(path)
        >>> bool((sf.load_model(path).recommend(k=2) == model.recommend(k=2)).all(axis=None))
        True
        """
        require_fitted(self)
        save_model(self, Path(folder), overwrite=overwrite)
