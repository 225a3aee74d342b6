"""Judging lists of recommendations against what people took: values with intervals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..datasets.ids import locate, union_ids
from ..datasets.interactions import Interactions
from ..datasets.tables import as_interactions
from . import metrics as formulas
from .groups import exposure_by_group, labels_of
from .inputs import checked_number
from .report import Report

DEFAULT_METRICS = ("recall", "ndcg", "precision", "hit_rate", "coverage")
_PER_USER = {
    "recall": formulas.recall,
    "precision": formulas.precision,
    "hit_rate": formulas.hit_rate,
    "ndcg": formulas.ndcg,
    "map": formulas.average_precision,
    "mrr": formulas.mrr,
}
_PER_CATALOGUE = {"coverage": formulas.coverage, "gini": formulas.gini}
_NAME = re.compile(r"^([a-z_]+)(?:@([1-9][0-9]*))?$")


@dataclass(frozen=True)
class _Lists:
    """Ranked lists of the users to be judged, as item codes; -1 where a list has ended.

    ``in_catalogue`` says which codes belong to the catalogue, which may hold more items than that.
    """

    items: npt.NDArray[np.int64]
    hits: npt.NDArray[np.bool_]
    counts: dict[str, int]
    in_catalogue: npt.NDArray[np.bool_]
    catalogue: int


def evaluate(
    recs: pd.DataFrame,
    test: Any,
    *,
    train: Any = None,
    metrics: Sequence[str] | None = None,
    user_groups: Any = None,
    item_groups: Any = None,
    baseline: pd.DataFrame | None = None,
    ci: float = 0.95,
) -> Report:
    """Accuracy and spread of lists of recommendations, with confidence intervals.

    Users with at least one test row are judged; one of them who has no list scores 0. A metric
    per user is averaged, with the interval ``mean +- z s / sqrt(n_users)``; ``coverage`` and
    ``gini`` are values of the judged users' lists together and have no interval. Definitions
    stand in ``suffuse.recsys.metrics``.

    Parameters
    ----------
    recs : DataFrame
        Columns ``user_id, item_id`` and ``rank`` (from 1) or ``score``, which order the lists;
        gaps between ranks are closed.
    test : DataFrame, sparse matrix or Interactions
        What people took; every row with a weight above zero is relevant.
    train : DataFrame, sparse matrix or Interactions, optional
        The training rows: the catalogue of ``coverage`` and ``gini`` (without it, the items of
        test and lists together), and the counts of unseen items and of recommended items that
        the user already had.
    metrics : sequence of str
        ``recall@k, precision@k, hit_rate@k, ndcg@k, map@k, mrr@k, coverage@k, gini@k``; without
        ``@k`` the whole list counts (k is the longest list). By default recall, ndcg, precision,
        hit_rate and coverage of the whole lists. Where k exceeds the longest list, the places
        that are not there count as misses, and a note of the report says so.
    user_groups : mapping, Series or DataFrame, optional
        A label for each user (frames: ``user_id`` and one more column); adds the values by group
        (``Report.group_frame``). Users without a label are the group "unknown".
    item_groups : mapping, Series or DataFrame, optional
        A label for each item; adds each group's share of the recommended places beside its share
        of the catalogue (``Report.exposure``).
    baseline : DataFrame, optional
        Other recommendations for the same users; the report adds the paired differences.
    ci : float in (0, 1)
        Confidence level.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        For a missing column, an unknown metric, an empty test table, or ranks and scores that
        are missing or not finite.

    Examples
    --------
    >>> recs = pd.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "y"], "rank": [1, 2]})
    >>> test = pd.DataFrame({"user_id": ["a"], "item_id": ["y"]})
    >>> evaluate(recs, test, metrics=["recall@2", "mrr@2"]).to_frame()["value"].tolist()
    [1.0, 0.5]
    """
    level = checked_number("ci", ci, high=1.0, above=True, below=True)
    truth = _table(test, "test")
    known = None if train is None else _table(train, "train")
    ranked = _ranked(recs, "recs")
    lists = _judged_lists(ranked, truth, known)
    longest = lists.items.shape[1]
    if isinstance(metrics, str):
        raise TypeError(f"metrics must be a list of names; got {metrics!r}: pass [{metrics!r}]")
    names = (
        [f"{name}@{max(longest, 1)}" for name in DEFAULT_METRICS] if metrics is None else metrics
    )
    plan = [(name, *_parsed(name, longest)) for name in names]
    per_user = _per_user(plan, lists, truth)
    spread = {
        name: _PER_CATALOGUE[formula](_exposures(lists, k))
        for name, formula, k in plan
        if formula in _PER_CATALOGUE
    }
    differences = None
    if baseline is not None:
        other = _per_user(plan, _judged_lists(_ranked(baseline, "baseline"), truth, known), truth)
        differences = {name: values - other[name] for name, values in per_user.items()}
    user_ids = truth.user_ids[np.unique(truth.users)]
    labels = None
    if user_groups is not None:
        labels = labels_of(user_ids, user_groups, name="user_groups", key="user_id")
    return Report(
        metrics=tuple(names),
        per_user=per_user,
        spread=spread,
        user_ids=user_ids,
        user_groups=labels,
        exposure=None if item_groups is None else _exposure(ranked, truth, known, item_groups),
        counts=lists.counts,
        z=NormalDist().inv_cdf(0.5 + level / 2),
        differences=differences,
        notes=_notes(plan, lists, len(truth)),
    )


def _table(rows: Any, name: str) -> Interactions:
    """``rows`` as a table; errors say whether it is ``test`` or ``train``."""
    try:
        return as_interactions(rows)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _exposure(
    ranked: pd.DataFrame, truth: Interactions, known: Interactions | None, item_groups: Any
) -> pd.DataFrame:
    """Shares of groups of items among the lists of the judged users, and in the catalogue."""
    items = known.item_ids if known is not None else truth.item_ids
    labels = labels_of(items, item_groups, name="item_groups", key="item_id")
    judged = locate(truth.user_ids[np.unique(truth.users)], ranked["user_id"], "user_id") >= 0
    return exposure_by_group(items, labels, ranked["item_id"].to_numpy()[judged])


def _notes(plan: list[tuple[str, str, int]], lists: _Lists, n_rows: int) -> tuple[str, ...]:
    """What is probably a mistake: ids of two kinds, lists shorter than what is asked of them."""
    judged, counts = lists.counts["users judged"], lists.counts
    notes = []
    if judged == counts["users with truth and no list"]:
        notes.append(f"none of the {judged} users of test has a list: are the ids of one kind?")
    if counts.get("test rows of users without training rows") == n_rows:
        notes.append("none of the users of test is in train: are the ids of one kind?")
    length = lists.items.shape[1]
    longer = [name for name, _, k in plan if k > length]
    if longer and length:
        notes.append(
            f"the lists hold {length} items at most, and {longer[0]} looks further: "
            "places that are not there count as misses"
        )
    return tuple(notes)


def _parsed(name: str, longest: int) -> tuple[str, int]:
    match = _NAME.match(name) if isinstance(name, str) else None
    options = sorted([*_PER_USER, *_PER_CATALOGUE])
    if match is None or match[1] not in options:
        raise ValueError(f"metrics must be names like 'recall@20' from {options}; got {name!r}")
    return match[1], int(match[2]) if match[2] else max(longest, 1)


def _ranked(recs: pd.DataFrame, name: str) -> pd.DataFrame:
    """The recommendations in the order of users' lists, best first."""
    if not isinstance(recs, pd.DataFrame):
        raise TypeError(f"{name} must be a DataFrame; got {type(recs).__name__}")
    missing = [column for column in ("user_id", "item_id") if column not in recs.columns]
    if missing:
        raise ValueError(
            f"{name} must have columns user_id and item_id; missing {missing}, "
            f"found {[str(column) for column in recs.columns]}"
        )
    for column in ("user_id", "item_id"):
        null = np.flatnonzero(recs[column].isna())
        if len(null):
            raise ValueError(
                f"{column} of {name} must not be null; got one in row {null[0]} "
                f"({len(null)} such rows)"
            )
    order = next((column for column in ("rank", "score") if column in recs.columns), None)
    if order is None:
        raise ValueError(f"{name} must have a column rank or score; found {list(recs.columns)}")
    values = pd.to_numeric(recs[order], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(
            f"{order} of {name} must be a finite number; got {recs[order].tolist()[bad[0]]!r} "
            f"in row {bad[0]} ({len(bad)} such rows)"
        )
    places = np.argsort(values if order == "rank" else -values, kind="stable")
    return recs.iloc[places]


def _judged_lists(ranked: pd.DataFrame, truth: Interactions, known: Interactions | None) -> _Lists:
    """The lists of users with truth, as a matrix of item codes, and what was left out."""
    users = locate(truth.user_ids, ranked["user_id"], "user_id")
    codes, items = union_ids(truth.item_ids, ranked["item_id"], "item_id")
    truth_items = codes[truth.items].astype(np.int64)
    listed = locate(items, ranked["item_id"], "item_id")
    judged = np.unique(truth.users)
    place = np.full(truth.n_users + 1, -1)
    place[judged] = np.arange(len(judged))
    rows = place[users]
    kept = rows >= 0
    rows, listed = rows[kept], listed[kept]
    order = np.argsort(rows, kind="stable")
    rows, listed = rows[order], listed[order]
    sizes = np.bincount(rows, minlength=len(judged))
    ranks = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    matrix = np.full((len(judged), int(sizes.max(initial=0))), -1, np.int64)
    matrix[rows, ranks] = listed
    cells = rows * len(items) + listed
    _, first = np.unique(cells, return_index=True)
    is_first = np.zeros(len(cells), bool)
    is_first[first] = True
    wanted = np.unique(place[truth.users] * len(items) + truth_items)
    hits = np.zeros(matrix.shape, bool)
    hits[rows, ranks] = np.isin(cells, wanted) & is_first
    counts = {
        "test rows of weight 0, left out": truth.n_zero,
        "users judged": len(judged),
        "users with truth and no list": int((sizes == 0).sum()),
        "listed users without truth, left out": int(ranked["user_id"][~kept].nunique()),
        "repeated recommendations, misses at their places": int((~is_first).sum()),
    }
    if known is not None:
        counts |= _against_train(ranked, truth, known)
        in_catalogue = known.item_codes(items) >= 0
        return _Lists(matrix, hits, counts, in_catalogue, known.n_items)
    return _Lists(matrix, hits, counts, np.ones(len(items), bool), len(items))


def _against_train(
    ranked: pd.DataFrame, truth: Interactions, known: Interactions
) -> dict[str, int]:
    """How many test rows and recommendations training cannot or should not lead to."""
    users = known.user_codes(ranked["user_id"])
    items = known.item_codes(ranked["item_id"])
    listed = (users >= 0) & (items >= 0)
    cells = users[listed] * known.n_items + items[listed]
    own = known.users.astype(np.int64) * known.n_items + known.items
    seen = np.isin(cells, own)
    test_users = known.user_codes(truth.user_ids)[truth.users]
    test_items = known.item_codes(truth.item_ids)[truth.items]
    inside = (test_users >= 0) & (test_items >= 0)
    repeated = np.isin(test_users[inside] * known.n_items + test_items[inside], own)
    return {
        "test rows that are training rows too": int(repeated.sum()),
        "test rows of users without training rows": int((test_users < 0).sum()),
        "test rows of items without training rows": int((test_items < 0).sum()),
        "recommended items that the user already had": int(seen.sum()),
    }


def _per_user(
    plan: list[tuple[str, str, int]], lists: _Lists, truth: Interactions
) -> dict[str, npt.NDArray[np.float64]]:
    n_relevant = np.bincount(truth.users, minlength=truth.n_users)
    n_relevant = n_relevant[n_relevant > 0]
    return {
        name: _PER_USER[formula](lists.hits, n_relevant, k)
        for name, formula, k in plan
        if formula in _PER_USER
    }


def _exposures(lists: _Lists, k: int) -> npt.NDArray[np.int64]:
    """How often each item of the catalogue is listed; items outside it do not count."""
    top = lists.items[:, :k]
    counts = np.bincount(top[top >= 0], minlength=len(lists.in_catalogue))[lists.in_catalogue]
    never = np.zeros(lists.catalogue - len(counts), np.int64)
    return np.concatenate([counts.astype(np.int64), never])
