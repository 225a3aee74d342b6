"""What a fitted recommender gives to all: lists of items for users, and of items like items.

A model that can score rows of users can recommend; how is written here once.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .execution import Rows, resolve_jobs
from .fitted import require_fitted
from .list_files import (
    USERS_PER_PART,
    WrittenLists,
    is_folder,
    write_file_of_lists,
    write_folder_of_lists,
)
from .newcomers import FoldedUsers, Newcomers, read_newcomers
from .on_device import checked_device, lists_on
from .recommend import Scorer, UnknownUsers, list_request, recommend_items, similar_to

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[Any]


class MakesLists(Protocol):
    """The half of :class:`Recommender` that makes lists, from scores.

    Attributes
    ----------
    user_ids_, item_ids_ : ndarray of shape (n_users,), (n_items,)
        Raw ids in the order of the model's rows and columns.
    interactions_ : csr_array of shape (n_users, n_items), float32
        The training rows, ``X``; a stored cell is an item that the user has seen.
    """

    user_ids_: Ids
    item_ids_: Ids
    interactions_: sparse.csr_array

    def score_users(self, rows: Rows) -> Floats:
        """Scores of all items for some users, shape (len(rows), n_items); higher is better."""
        ...

    def score_similar(self, columns: Rows) -> Floats:
        """Similarity of all items to some items, shape (len(columns), n_items)."""
        ...

    def recommend(
        self,
        users: Iterable[Any] | None = None,
        k: int = 10,
        *,
        filter_seen: bool = True,
        items: Iterable[Any] | None = None,
        exclude_items: Iterable[Any] | None = None,
        unknown_users: UnknownUsers = "raise",
        interactions: Any = None,
        social: Any = None,
        directed: bool | None = None,
        device: str | None = None,
    ) -> pd.DataFrame:
        """The ``k`` best items of each user, exactly, ties broken by the smaller item id.

        With ``interactions`` or ``social``, also for newcomers: users who were not in ``fit`` and
        bring their items, their ties, or both. Nobody in the fit listens to them, so the fitted
        model stays as it is.

        Parameters
        ----------
        users : iterable of raw user ids, optional
            Everybody when ``None``, or all newcomers where there are such tables. One list per
            user, in the order given; known users get their usual lists.
        k : int
            Length of a list. Where fewer items are allowed, the list is shorter.
        filter_seen : bool
            Leave out the items of the user's own rows.
        items, exclude_items : iterable of raw item ids, optional
            Recommend only these; never recommend those.
        unknown_users : {"raise", "warn", "skip", "popular"}
            What to do for users that the model has not seen: stop with a ``ValueError``, leave
            them out with a warning or without, or give them the most popular items.
        interactions : DataFrame, sparse matrix or Interactions, optional
            The items of newcomers. Items that the model does not know are left out with a warning.
        social : DataFrame, networkx graph, sparse matrix or SocialGraph, optional
            The ties of newcomers, to users of the fit and to each other; only for
            ``SocialDiffusion``. Ties between users of the fit are left out with a warning.
        directed : bool, optional
            Whether a tie of ``social`` binds its source alone, as in ``fit``.
        device : {"cpu", "cuda", "cuda:0", ...}, optional
            Compute by torch on a device: the same lists and scores, bit for bit. It serves models
            whose scores are products of factors; others, such as ``EASE``, are not faster.

        Returns
        -------
        DataFrame with columns ``user_id, item_id, score, rank`` (rank from 1)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        TypeError
            For ``social`` where the model has no graph.
        ValueError
            For an unknown user or item, ``k`` below 1, ``interactions`` of users of the fit, or a
            ``device`` that is not there.
        ImportError
            For a ``device`` without torch.

        Notes
        -----
        The signal ``x_u`` of a newcomer is, for ``ALS``, the exact half-step with the fitted item
        factors, ``x_u = (Y^T C_u Y + regularization I)^-1 Y^T C_u p_u`` (Hu, Koren & Volinsky,
        ICDM 2008, eq. 4); for ``EASE`` and ``SpectralFilter`` the row of preferences. Their ties
        add ``(F_P x)_u = (1 - a) x_u + a sum_v P_uv (F_P x)_v``, with the fitted ``(F_P x)_v`` of
        users of the fit, and the items of friends in the same way; ``P_uv`` is normalised as in
        the fit by the newcomer's own ties. Newcomers with ties to each other are solved together.
        Then the setting of users with as many items holds; with neither items nor ties that is
        popularity. A later fit, in which others listen to them, gives slightly other lists.

        Examples
        --------
        >>> import suffuse as sf
        >>> world = sf.datasets.tiny_world()
        >>> model = sf.Popularity().fit(world.interactions)
        >>> recs = model.recommend(k=2)
        >>> list(recs.columns)
        ['user_id', 'item_id', 'score', 'rank']

        Somebody new, who holds an item and knows somebody:

        >>> import pandas as pd
        >>> base = sf.EASE(regularization=1.0)
        >>> social = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
        >>> social = social.fit(world.interactions, social=world.social)
        >>> item, friend = social.item_ids_[0], social.user_ids_[0]
        >>> rows = pd.DataFrame({"user_id": ["new"], "item_id": [item]})
        >>> ties = pd.DataFrame({"source_id": ["new"], "target_id": [friend]})
        >>> recs = social.recommend(k=2, interactions=rows, social=ties)
        >>> recs["user_id"].tolist(), item in set(recs["item_id"])
        (['new', 'new'], False)
        """
        require_fitted(self)
        device = checked_device(device)
        newcomers = None
        if not (interactions is None and social is None and directed is None):
            new = read_newcomers(self, interactions, social, directed=directed)
            newcomers = self.fold_in(new)
        request = list_request(
            self,
            users,
            k,
            newcomers=newcomers,
            filter_seen=filter_seen,
            items=items,
            exclude_items=exclude_items,
            unknown_users=unknown_users,
        )
        with lists_on(device):
            return recommend_items(request)

    def recommend_to(
        self,
        path: str | Path,
        users: Iterable[Any] | None = None,
        k: int = 10,
        *,
        filter_seen: bool = True,
        items: Iterable[Any] | None = None,
        exclude_items: Iterable[Any] | None = None,
        unknown_users: UnknownUsers = "raise",
        interactions: Any = None,
        social: Any = None,
        directed: bool | None = None,
        device: str | None = None,
        backend: Any = None,
        users_per_part: int = USERS_PER_PART,
        resume: bool = False,
        overwrite: bool = False,
    ) -> WrittenLists:
        """Write what ``recommend`` gives to parquet in blocks of users, never holding all lists.

        To a file whose name ends in ``.parquet``, which appears whole or not at all; or to a
        folder of parts, where a run that was killed can go on. More is at ``list_files.py``.

        Parameters
        ----------
        path : path
            The file, or the folder of ``part-00000.parquet`` and so on, which is made.
        users, k, filter_seen, items, exclude_items, unknown_users, interactions, social, directed
            As in ``recommend``.
        device : {"cpu", "cuda", "cuda:0", ...}, optional
            As in ``recommend``.
        backend : "ray" or RayCluster, optional
            Make lists for everybody on a Ray cluster, each worker parts of its own users; for
            ``ALS`` and ``SocialDiffusion`` over it. See ``recsys/cluster_recommend.py``.
        users_per_part : int
            Users in a part of a folder.
        resume : bool
            Keep the parts that are whole, and write the others: byte for byte what one run gives.
        overwrite : bool
            Replace what is there.

        Returns
        -------
        WrittenLists
            Where they are, and how many users, rows and parts.

        Raises
        ------
        NotFittedError, TypeError, ValueError, ImportError
            As ``recommend``; for ids that parquet cannot hold; and where the parts to go on from
            were made by another model, for other users or with other options.
        FileExistsError, FileNotFoundError
            If ``path`` is there without ``resume`` or ``overwrite``, or holds something else; if
            the folder that it is to stand in is not there.

        Examples
        --------
        >>> import tempfile
        >>> import pandas as pd
        >>> import suffuse as sf
        >>> model = sf.Popularity().fit(sf.datasets.tiny_world().interactions)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = model.recommend_to(f"{folder}/recs", k=2, users_per_part=3)
        ...     lists = pd.read_parquet(f"{folder}/recs")
        >>> len(lists) == written.n_rows == len(model.recommend(k=2))
        True
        """
        require_fitted(self)
        # before anything that is there gives way
        resolve_jobs(getattr(self, "n_jobs", None))
        device = checked_device(device)
        if backend is not None:
            # ray and what needs it are imported for those who ask for them
            from .cluster_recommend import Wanted, lists_on_cluster

            alone = {"users": users, "interactions": interactions, "social": social}
            alone["directed"] = directed
            wanted = Wanted(k, filter_seen, items, exclude_items, users_per_part, resume, overwrite)
            return lists_on_cluster(self, Path(path), wanted, backend, {**alone, "device": device})
        new = newcomers = None
        if not (interactions is None and social is None and directed is None):
            new = read_newcomers(self, interactions, social, directed=directed)
            newcomers = self.fold_in(new)
        request = list_request(
            self,
            users,
            k,
            newcomers=newcomers,
            filter_seen=filter_seen,
            items=items,
            exclude_items=exclude_items,
            unknown_users=unknown_users,
        )
        target = Path(path)
        with lists_on(device):
            if not is_folder(target):
                return write_file_of_lists(request, target, resume=resume, overwrite=overwrite)
            return write_folder_of_lists(
                request,
                target,
                newcomers=new,
                users_per_part=users_per_part,
                resume=resume,
                overwrite=overwrite,
            )

    def fold_in(self, newcomers: Newcomers) -> Scorer:
        """Scores of users who were not in ``fit``, for ``recommend``."""
        require_fitted(self)
        return FoldedUsers(self, newcomers, n_jobs=getattr(self, "n_jobs", None))

    def similar_items(self, items: Iterable[Any] | None = None, k: int = 10) -> pd.DataFrame:
        """The ``k`` items most similar to each item, in the model's own space, itself left out.

        Parameters
        ----------
        items : iterable of raw item ids, optional
            All items when ``None``.
        k : int
            Length of a list.

        Returns
        -------
        DataFrame with columns ``item_id, similar_item_id, score, rank`` (rank from 1)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For an unknown item, or ``k`` below 1.

        Examples
        --------
        >>> import suffuse as sf
        >>> world = sf.datasets.tiny_world()
        >>> model = sf.EASE(regularization=1.0).fit(world.interactions)
        >>> len(model.similar_items(k=1)) == len(model.item_ids_)
        True
        """
        require_fitted(self)
        return similar_to(self, items, k)
