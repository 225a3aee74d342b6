"""What the service answers, without the web: lists, similar items and explanations.

The lists are those of ``recommend``, looked up by the index of the served model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .execution import Rows, batches
from .explanation import Explanation
from .recommend import best_items
from .service_checks import (
    RefusedError,
    answerable,
    known_items,
    places_of,
    quoted_ids,
    refuse_count,
)
from .service_limits import ServiceLimits
from .service_model import RawId, ServedModel, shown
from .service_newcomers import Arrival, Tables, arrivals
from .topk import NO_ITEM, top_k

Unknown = Literal["raise", "skip", "popular"]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """A request for lists."""

    users: tuple[RawId, ...]
    k: int = 10
    filter_seen: bool = True
    items: tuple[RawId, ...] | None = None
    exclude_items: tuple[RawId, ...] | None = None
    unknown_users: Unknown = "raise"
    newcomers: tuple[Arrival, ...] = ()
    directed: bool | None = None


@dataclass(frozen=True)
class OneList:
    """One list; ``basis`` says what it rests on."""

    user: RawId
    basis: Literal["fit", "newcomer", "popularity"]
    items: list[RawId]
    scores: list[float]


def answer_lists(
    served: ServedModel, asked: Asked, limits: ServiceLimits
) -> tuple[list[OneList], list[str]]:
    """A list for every user and newcomer, in the order given, and notes on what was left out.

    Raises
    ------
    RefusedError
        For too much (422), ids of the wrong kind (422), unknown ids (404), and newcomers who were
        in the fit (409).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import suffuse as sf
    >>> from suffuse.recsys.service_model import load_served
    >>> folder = pathlib.Path(tempfile.mkdtemp()) / "model"
    >>> sf.Popularity().fit(sf.datasets.tiny_world().interactions).save(folder)
    >>> found, notes = answer_lists(load_served(folder), Asked(("ada",), k=2), ServiceLimits())
    >>> len(found[0].items), found[0].basis, notes
    (2, 'fit', [])
    """
    _refuse_too_much(asked, limits)
    users = tuple(dict.fromkeys(asked.users))
    rows = places_of(served.users, users)
    allowed = _allowed(served, asked)
    # a longer list than there are items is the list of all
    most = len(served.item_ids) if allowed is None else int(allowed.sum())
    k = min(asked.k, most)
    tables = arrivals(served, asked.newcomers, asked.directed, limits)
    unknown = [user for user, row in zip(users, rows, strict=True) if row < 0]
    if unknown and asked.unknown_users == "raise":
        raise RefusedError(404, f"users must be known to the model; got {quoted_ids(unknown)}")
    known = _known_lists(served, rows[rows >= 0], k, asked.filter_seen, allowed)
    popular = _popular_list(served, k, allowed) if unknown else ([], [])
    found = []
    for user, row in zip(users, rows, strict=True):
        if row >= 0:
            found.append(OneList(user, "fit", *next(known)))
        elif asked.unknown_users == "popular":
            found.append(OneList(user, "popularity", *popular))
    return found + _newcomer_lists(served, asked, tables, k), tables.notes


def answer_similar(
    served: ServedModel, items: Sequence[RawId], k: int, limits: ServiceLimits
) -> list[tuple[RawId, list[RawId], list[float]]]:
    """The ``k`` items most similar to each item.

    Raises
    ------
    RefusedError
        For too much or ids of the wrong kind (422), and unknown items (404).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import suffuse as sf
    >>> from suffuse.recsys.service_model import load_served
    >>> folder = pathlib.Path(tempfile.mkdtemp()) / "model"
    >>> sf.EASE().fit(sf.datasets.tiny_world().interactions).save(folder)
    >>> found = answer_similar(load_served(folder), ["chess"], 2, ServiceLimits())
    >>> found[0][0], len(found[0][1])
    ('chess', 2)
    """
    _refuse_length(k, limits)
    refuse_count("items", len(items), limits.batch)
    items = list(dict.fromkeys(items))
    columns = known_items(served, items)
    found = []
    for batch in batches(columns, 8 * len(served.item_ids)):
        scores = served.model.score_similar(batch)
        scores[np.arange(len(batch)), batch] = -np.inf
        for codes, values in zip(*top_k(scores, k), strict=True):
            found.append(_named(served, codes, values))
    return [(item, *one) for item, one in zip(items, found, strict=True)]


def answer_explain(
    served: ServedModel,
    user: RawId,
    item: RawId,
    *,
    most: int,
    limits: ServiceLimits,
    newcomers: tuple[Arrival, ...] = (),
    directed: bool | None = None,
) -> tuple[Explanation, list[str]]:
    """Why an item has its score for a user of the fit or one of the newcomers, and notes.

    Raises
    ------
    RefusedError
        For ids of the wrong kind and models without linear scores (422), and unknown ids (404).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import suffuse as sf
    >>> from suffuse.recsys.service_model import load_served
    >>> folder = pathlib.Path(tempfile.mkdtemp()) / "model"
    >>> sf.Popularity().fit(sf.datasets.tiny_world().interactions).save(folder)
    >>> served = load_served(folder)
    >>> answer_explain(served, "ada", "chess", most=3, limits=ServiceLimits())[0].item
    'chess'
    """
    refuse_count("newcomers", len(newcomers), limits.batch)
    tables = arrivals(served, newcomers, directed, limits)
    known_items(served, [item])
    if places_of(served.users, [user])[0] < 0 and user not in tables.people:
        raise RefusedError(
            404,
            "user must be known to the model, or bring items or friends that it knows; got "
            f"{shown(user)}",
        )
    with answerable():
        return served.model.explain(user, item, most=most, **tables.given), tables.notes


def _known_lists(
    served: ServedModel, rows: Rows, k: int, filter_seen: bool, allowed: Mask | None
) -> Any:
    """Lists of users of the fit, one after the other."""
    found = best_items(served.model, rows, k, filter_seen=filter_seen, allowed=allowed)
    for codes, values in zip(*found, strict=True):
        yield _named(served, codes, values)


def _popular_list(
    served: ServedModel, k: int, allowed: Mask | None
) -> tuple[list[RawId], list[float]]:
    scores = served.popularity[None, :].astype(np.float32)
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    codes, values = top_k(scores, k)
    return _named(served, codes[0], values[0])


def _newcomer_lists(served: ServedModel, asked: Asked, tables: Tables, k: int) -> list[OneList]:
    if not asked.newcomers:
        return []
    ids = [newcomer.user for newcomer in asked.newcomers]
    with answerable():
        recs = served.model.recommend(
            ids,
            k,
            filter_seen=asked.filter_seen,
            items=asked.items,
            exclude_items=asked.exclude_items,
            unknown_users="popular",
            **tables.given,
        )
    lists = {user: rows for user, rows in recs.groupby("user_id", sort=False)}
    found = []
    for user in ids:
        rows = lists.get(user, recs.iloc[:0])
        basis: Any = "newcomer" if user in tables.people else "popularity"
        found.append(OneList(user, basis, rows["item_id"].tolist(), rows["score"].tolist()))
    return found


def _named(
    served: ServedModel, codes: npt.NDArray[Any], values: npt.NDArray[Any]
) -> tuple[list[RawId], list[float]]:
    """Raw ids and scores of one list, without what fills it up."""
    filled = codes != NO_ITEM
    return served.item_ids[codes[filled]].tolist(), values[filled].tolist()


def _allowed(served: ServedModel, asked: Asked) -> Mask | None:
    """The items that may be listed, None for all."""
    if asked.items is None and asked.exclude_items is None:
        return None
    allowed = np.full(len(served.item_ids), asked.items is None)
    if asked.items is not None:
        allowed[known_items(served, asked.items)] = True
    if asked.exclude_items is not None:
        allowed[known_items(served, asked.exclude_items)] = False
    if not allowed.any():
        raise RefusedError(422, "items and exclude_items must leave at least one item; got none")
    return allowed


def _refuse_too_much(asked: Asked, limits: ServiceLimits) -> None:
    _refuse_length(asked.k, limits)
    people = len(asked.users) + len(asked.newcomers)
    if not people:
        raise RefusedError(422, "users or newcomers must name somebody; got nobody")
    refuse_count("users and newcomers", people, limits.batch)
    for name in ("items", "exclude_items"):
        refuse_count(name, len(getattr(asked, name) or ()), limits.ids)


def _refuse_length(k: int, limits: ServiceLimits) -> None:
    if k > limits.list_length:
        raise RefusedError(422, f"k must be at most {limits.list_length}; got {k}")
