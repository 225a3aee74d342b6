"""Lists for people: from scores to the k best allowed items of every user, as a frame."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..datasets.ids import locate
from ..datasets.tables import as_pandas
from .execution import Rows, map_batches
from .factored import Factored, factored_lists
from .scoring import item_popularity
from .topk import NO_ITEM, Codes, Floats, top_k

UnknownUsers = Literal["raise", "warn", "skip", "popular"]
Ids = npt.NDArray[Any]
Lists = tuple[Codes, Floats]


class Scorer(Protocol):
    """What lists need: a fitted model, or newcomers folded into one."""

    user_ids_: Ids
    item_ids_: Ids
    interactions_: sparse.csr_array

    def score_users(self, rows: Rows) -> Floats:
        """Scores of all items for some users."""
        ...


class SimilarScorer(Scorer, Protocol):
    """What lists of similar items need."""

    def score_similar(self, columns: Rows) -> Floats:
        """Similarity of all items to some items."""
        ...


@dataclass(frozen=True)
class AskedUsers:
    """Raw ids of the users to answer for, and their rows in the fit and among newcomers, or -1."""

    ids: Ids
    known: Rows
    fresh: Rows


@dataclass(frozen=True, eq=False)
class ListRequest:
    """Lists that were asked for, checked, and made when :meth:`lists` is called.

    ``allowed`` are the items that may be recommended, None for all; ``newcomers`` are users who
    were not in the fit.
    """

    model: Scorer
    newcomers: Scorer | None
    asked: AskedUsers
    k: int
    filter_seen: bool
    allowed: npt.NDArray[np.bool_] | None

    def lists(self, part: slice = slice(None)) -> Lists:
        """Lists of the asked users in ``part``, shape (how many, min(k, n_items))."""
        known, fresh = self.asked.known[part], self.asked.fresh[part]
        lists = _empty_lists(len(known), min(self.k, len(self.model.item_ids_)))
        for people, rows in ((self.model, known), (self.newcomers, fresh)):
            some = np.flatnonzero(rows >= 0)
            if people is not None and (len(some) or self.newcomers is None):
                found = best_items(
                    people,
                    rows[some],
                    self.k,
                    filter_seen=self.filter_seen,
                    allowed=self.allowed,
                )
                lists[0][some], lists[1][some] = found
        unknown = (known < 0) & (fresh < 0)
        if unknown.any():
            popular = _masked(item_popularity(self.model.interactions_)[None, :], self.allowed)
            lists[0][unknown], lists[1][unknown] = top_k(popular, self.k)
        return lists


def list_request(
    model: Scorer,
    users: Iterable[Any] | None,
    k: int,
    *,
    newcomers: Scorer | None = None,
    filter_seen: bool,
    items: Iterable[Any] | None,
    exclude_items: Iterable[Any] | None,
    unknown_users: UnknownUsers,
) -> ListRequest:
    """What was asked for, checked; the public words are at ``Recommender.recommend``."""
    k = checked_length(k)
    options = ("raise", "warn", "skip", "popular")
    if unknown_users not in options:
        raise ValueError(f"unknown_users must be one of {options}; got {unknown_users!r}")
    allowed = allowed_items(model.item_ids_, items, exclude_items)
    check_room(k, len(model.item_ids_) if allowed is None else int(allowed.sum()))
    new_ids = None if newcomers is None else newcomers.user_ids_
    if users is None:
        asked = _everybody(model.user_ids_, new_ids)
    else:
        asked = _asked_users(model.user_ids_, new_ids, users, unknown_users)
    return ListRequest(model, newcomers, asked, k, filter_seen, allowed)


def recommend_items(request: ListRequest) -> pd.DataFrame:
    """The frame of lists; the public words are at ``Recommender.recommend``."""
    lists = request.lists()
    names = ("user_id", "item_id")
    return _frame(request.asked.ids, request.model.item_ids_, lists, names=names)


def similar_to(model: SimilarScorer, items: Iterable[Any] | None, k: int) -> pd.DataFrame:
    """The frame of neighbours; the public words are at ``Recommender.similar_items``."""
    k = checked_length(k)
    n_items = len(model.item_ids_)
    if items is None:
        columns = np.arange(n_items)
    else:
        columns = _known_items(model.item_ids_, _distinct(items), "items")
    if n_items > 1:
        check_room(k, n_items - 1, "other items")

    def neighbours(batch: Rows) -> Lists:
        scores = model.score_similar(batch)
        scores[np.arange(len(batch)), batch] = -np.inf
        return top_k(scores, k)

    parts = map_batches(
        neighbours,
        columns,
        row_bytes=8 * n_items,
        n_jobs=getattr(model, "n_jobs", None),
        stage="finding similar items",
    )
    lists = _joined(parts, min(k, n_items))
    asked = model.item_ids_[columns]
    return _frame(asked, model.item_ids_, lists, names=("item_id", "similar_item_id"))


def best_items(
    model: Scorer,
    rows: Rows,
    k: int,
    *,
    filter_seen: bool = True,
    allowed: npt.NDArray[np.bool_] | None = None,
) -> Lists:
    """Columns and scores of the k best items of some users, shape (len(rows), min(k, n_items)).

    Where the model knows vectors for its scores they are pruned, elsewhere all are made.
    """
    groups = model.factored(rows) if len(rows) and isinstance(model, Factored) else None
    if groups is not None:
        return factored_lists(
            groups,
            rows,
            k,
            seen=model.interactions_ if filter_seen else None,
            allowed=allowed,
            n_jobs=getattr(model, "n_jobs", None),
        )

    def lists(batch: Rows) -> Lists:
        scores = _masked(model.score_users(batch), allowed)
        if filter_seen:
            seen = model.interactions_[batch]
            scores[np.repeat(np.arange(len(batch)), np.diff(seen.indptr)), seen.indices] = -np.inf
        return top_k(scores, k)

    parts = map_batches(
        lists,
        rows,
        row_bytes=getattr(model, "row_bytes", 12 * sum(model.interactions_.shape)),
        n_jobs=getattr(model, "n_jobs", None),
        stage="recommending",
    )
    return _joined(parts, min(k, len(model.item_ids_)))


def checked_length(k: int) -> int:
    """``k`` if it is a positive whole number, else a ``ValueError``."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k must be a whole number of at least 1; got {k!r}")
    return int(k)


def allowed_items(
    item_ids: Ids, items: Iterable[Any] | None, exclude: Iterable[Any] | None
) -> npt.NDArray[np.bool_] | None:
    """Which items may be recommended, shape (n_items,); None where all may."""
    if items is None and exclude is None:
        return None
    allowed = np.full(len(item_ids), items is None)
    if items is not None:
        allowed[_known_items(item_ids, _distinct(items), "items")] = True
    if exclude is not None:
        allowed[_known_items(item_ids, _distinct(exclude), "exclude_items")] = False
    return allowed


def _known_items(item_ids: Ids, asked: Ids, name: str) -> Rows:
    columns = locate(item_ids, asked, name)
    if (columns < 0).any():
        raise ValueError(
            f"{name} must be items that the model was fitted on; "
            f"got {quoted(asked[columns < 0])}: leave them out or fit again with them"
        )
    return columns


def _everybody(user_ids: Ids, new_ids: Ids | None) -> AskedUsers:
    """All users of the fit; where there are newcomers, all of those instead."""
    ids = user_ids if new_ids is None else new_ids
    rows, nobody = np.arange(len(ids)), np.full(len(ids), -1)
    return AskedUsers(ids, rows, nobody) if new_ids is None else AskedUsers(ids, nobody, rows)


def _asked_users(
    user_ids: Ids, new_ids: Ids | None, users: Iterable[Any], unknown_users: UnknownUsers
) -> AskedUsers:
    """The users to answer for; without a row in either place those who get the popular list."""
    asked = _distinct(users)
    rows = locate(user_ids, asked, "users")
    fresh = np.full(len(asked), -1) if new_ids is None else locate(new_ids, asked, "users")
    unknown = (rows < 0) & (fresh < 0)
    if not unknown.any() or unknown_users == "popular":
        return AskedUsers(user_ids[rows] if (rows >= 0).all() else asked, rows, fresh)
    message = f"{unknown.sum()} of {len(asked)} users are unknown: {quoted(asked[unknown])}"
    if unknown_users == "raise":
        where = "the training table or the social graph" + (
            "" if new_ids is None else " or be in the tables given here"
        )
        raise ValueError(
            f"users must be known from {where}; got {message}; "
            'pass unknown_users="skip", "warn" or "popular"'
        )
    if unknown_users == "warn":
        warnings.warn(f"{message}; they are left out", stacklevel=4)
    rows, fresh = rows[~unknown], fresh[~unknown]
    return AskedUsers(user_ids[rows] if (rows >= 0).all() else asked[~unknown], rows, fresh)


def _distinct(ids: Iterable[Any]) -> Ids:
    """Raw ids in the order of their first appearance, as an array of their own type."""
    if isinstance(ids, str | bytes):
        raise TypeError(f"ids must be a list of ids, not one string; got {ids!r}: pass [{ids!r}]")
    if not isinstance(ids, Iterable):
        raise TypeError(f"ids must be a list of ids; got {ids!r}: pass [{ids!r}]")
    ids = as_pandas(ids)
    listed = ids if isinstance(ids, np.ndarray | pd.Series | pd.Index) else list(ids)
    if len(listed) == 0:
        return np.empty(0, dtype=object)
    return np.asarray(pd.unique(pd.Series(listed)))


def quoted(ids: Ids, most: int = 3) -> str:
    """Some raw ids in words, and how many there are more."""
    shown = ", ".join(repr(value) for value in pd.Series(ids[:most]).tolist())
    return shown if len(ids) <= most else f"{shown} and {len(ids) - most} more"


def check_room(k: int, n_allowed: int, items: str = "allowed items") -> None:
    """Refuse when nothing may be recommended, warn when lists must be shorter than ``k``."""
    if n_allowed == 0:
        raise ValueError(
            "items and exclude_items must leave at least one item to recommend; got none"
        )
    if k > n_allowed:
        warnings.warn(
            f"k must be at most the number of {items}, {n_allowed}, for lists of full length; "
            f"got k={k}: lists hold {n_allowed} or fewer",
            stacklevel=4,
        )


def _masked(scores: Floats, allowed: npt.NDArray[np.bool_] | None) -> Floats:
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    return scores


def _empty_lists(n_rows: int, length: int) -> Lists:
    items = np.full((n_rows, length), NO_ITEM, np.int32)
    return items, np.full((n_rows, length), -np.inf, np.float32)


def _joined(parts: list[Lists], length: int) -> Lists:
    if not parts:
        return _empty_lists(0, length)
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _frame(asked: Ids, item_ids: Ids, lists: Lists, *, names: tuple[str, str]) -> pd.DataFrame:
    columns, scores = lists
    filled = columns != NO_ITEM
    ranks = np.broadcast_to(np.arange(1, columns.shape[1] + 1), columns.shape)
    return pd.DataFrame(
        {
            names[0]: np.repeat(asked, filled.sum(axis=1)),
            names[1]: item_ids[columns[filled]],
            "score": scores[filled],
            "rank": ranks[filled],
        }
    )
