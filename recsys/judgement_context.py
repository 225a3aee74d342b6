"""What measures beyond accuracy are made of: the lists, and what a person says beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from . import beyond
from .fairness_items import Attention, attention
from .groups import Groups
from .list_checks import Values, filled_places, ratio
from .lists import Lists


@dataclass(frozen=True, eq=False)
class Context:
    """What measures need beside the lists.

    Parameters
    ----------
    item_groups : Groups, optional
        The group of each of ``lists.item_ids``; see ``suffuse.recsys.groups.groups_of``.
    item_features : array_like or sparse array of shape (n_items, n_features), optional
        In the order of ``lists.item_ids``; without them items are compared by the training users
        whom they share.
    target : mapping from label to share, optional
        The share of exposure that each group of items should have; by default its share of the
        catalogue.
    attention : str
        How attention falls with rank, a kind of ``suffuse.recsys.fairness_items.attention``.
    patience : float
        Of rank-biased attention.
    min_group_size : int
        Groups of fewer items of the catalogue do not enter ``rsp`` and ``reo``, nor any row of
        ``suffuse.recsys.fairness_table``.

    Examples
    --------
    >>> Context(attention="rbp").weights(3).round(4).tolist()
    [1.0, 0.85, 0.7225]
    """

    item_groups: Groups | None = None
    item_features: Any = None
    target: Mapping[Any, float] | None = None
    attention: Attention = "log2"
    patience: float = 0.85
    min_group_size: int = 10
    _kept: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What ``make`` gave the first time it was asked for by ``key``.

        Examples
        --------
        >>> context = Context()
        >>> context.once(("a",), lambda: 1), context.once(("a",), lambda: 2)
        (1, 1)
        """
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def weights(self, k: int) -> Values:
        """Attention of the first k ranks, shape (k,).

        Examples
        --------
        >>> Context().weights(1).tolist()
        [1.0]
        """
        return attention(self.attention, k, patience=self.patience)

    def fair_shares(self, groups: Groups, n_catalogue: int) -> Values:
        """Target shares in the order of ``groups.names``, shape (n_groups,).

        Raises
        ------
        ValueError
            If ``target`` names a group that is not there, or does not sum to 1.

        Examples
        --------
        >>> groups = Groups(np.array([0, 0, 1]), ("new", "old"))
        >>> Context().fair_shares(groups, 3).round(3).tolist()
        [0.667, 0.333]
        >>> Context(target={"new": 0.5, "old": 0.5}).fair_shares(groups, 3).tolist()
        [0.5, 0.5]
        """
        if self.target is None:
            sizes = np.bincount(groups.codes[:n_catalogue], minlength=len(groups.names))
            return ratio(sizes, sizes.sum())
        strange = [label for label in self.target if label not in groups.names]
        if strange:
            raise ValueError(
                f"target must name groups of items, {list(groups.names)}; got {strange[0]!r}"
            )
        shares = np.array([float(self.target.get(label, 0.0)) for label in groups.names])
        if shares.min(initial=0.0) < 0 or abs(shares.sum() - 1.0) > 1e-6:
            raise ValueError(f"target must hold shares that sum to 1; got {dict(self.target)!r}")
        return shares


def catalogue_counts(lists: Lists, k: int, context: Context) -> Values:
    """How often each item of the catalogue is listed."""
    listed: Values = context.once(
        ("counts", k), lambda: beyond.exposure_counts(lists.items, lists.n_items, k=k)
    )
    return listed[: lists.n_catalogue]


def catalogue_lengths(lists: Lists, k: int) -> npt.NDArray[np.int64]:
    """How many items of the catalogue each list holds."""
    return filled_places(lists.items, k, lists.n_catalogue)


def training_counts(lists: Lists, name: str) -> Values:
    """How many training users had each item; ``name`` is who asks."""
    if lists.train_counts is None:
        raise ValueError(f"train must be given for the metric {name!r}; got None")
    return lists.train_counts.astype(np.float64)


def training_rows(lists: Lists, name: str) -> sparse.csr_array:
    """What the judged users had; ``name`` is who asks."""
    rows = lists.train_rows
    if rows is None:
        raise ValueError(f"train must be given for the metric {name!r}; got None")
    return rows


def groups_of_items(lists: Lists, context: Context, name: str) -> Groups:
    """The groups of items, one code for each item of the universe; ``name`` is who asks."""
    groups = context.item_groups
    if groups is None:
        raise ValueError(f"item_groups must be given for the metric {name!r}; got None")
    if len(groups.codes) != lists.n_items:
        raise ValueError(
            f"item_groups must be one per item, {lists.n_items}; got {len(groups.codes)}"
        )
    return groups


def features_of_items(lists: Lists, context: Context, name: str) -> Any:
    """What items are compared by: the features given, or the training users who had them."""
    if context.item_features is not None:
        return context.item_features
    if lists.train is None:
        raise ValueError(f"train or item_features must be given for the metric {name!r}; got None")
    return context.once(("users of items",), lambda: _users_of_items(lists))


def _users_of_items(lists: Lists) -> sparse.csr_array:
    """One row per item of the universe, 1 for each training user who had it."""
    if lists.train is None:
        return sparse.csr_array((lists.n_items, 0))
    cells = (np.ones(len(lists.train)), (lists.train.items, lists.train.users))
    return sparse.csr_array(cells, shape=(lists.n_items, lists.train.n_users))
