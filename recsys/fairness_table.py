"""One table of who is served and shown how: groups of users, friends, groups of items."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .calibration import upd
from .exposure_table import exposure_rows
from .fairness_users import group_mad, group_sizes
from .group_intervals import (
    Estimate,
    gini_estimate,
    group_comparisons,
    group_differences,
    percentile_estimate,
)
from .groups import Groups, too_small
from .inputs import checked_number
from .intervals import normal_interval
from .judgement_context import Context
from .judgements import popularity_divergence, profile_popularity
from .list_checks import Values
from .lists import Lists
from .popularity_bias import arp, popularity_lift
from .social_fairness import isolated_gap, social_gap, social_gap_error, ties_among

Rows = list[tuple[str, Any, float, float, float, int]]
_COLUMNS = ["metric", "of", "value", "low", "high", "n"]
_NAN = float("nan")


def fairness_table(
    lists: Lists,
    per_user: Mapping[str, Values],
    *,
    k: int | None = None,
    context: Context | None = None,
    user_groups: Groups | None = None,
    social: Any = None,
    directed: bool | None = None,
    ci: float = 0.95,
    random_state: int | np.random.Generator | None = 0,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Everything on fairness that the given tables allow, with intervals, and what was left out.

    Rows on users, ``of`` a utility such as ``"ndcg@10"``: ``user_gini``, ``user_p10``; with groups
    ``user_gap, user_ratio, user_std, user_worst, user_mad``; with a social graph ``social_gap``,
    ``stranger_gap`` (the same for two users taken at random) and ``isolated_gap``.

    Rows on items at ``k``: ``ee_l, ee_d, ee_r, iaa`` of ``"items"``; with training rows ``pop_rsp,
    pop_reo`` of ``"popularity"``; with groups of items ``exposure_share, exposure_target, log_dp,
    log_eur, log_rur`` of each label (against all other items, ``log_dp`` in mean exposure per
    item, the other two per test row) and ``demographic_parity, awrf, ndkl, rsp, reo`` of
    ``"item groups"``. With groups of users and training rows ``popularity_lift`` of each label and
    ``upd`` of ``"user groups"``.

    Parameters
    ----------
    lists : Lists
        The judged lists.
    per_user : mapping of str to ndarray of shape (n_users,)
        Utilities by name, higher is better, at least 0.
    k : int, optional
        Length at which lists are cut for the rows on items; by default they are taken whole.
    context : Context, optional
        Groups of items, target shares, attention, smallest group.
    user_groups : Groups, optional
        The group of each judged user.
    social : DataFrame, sparse matrix, networkx graph or SocialGraph, optional
        Who listens to whom, by raw ids; people of the graph without test rows do not enter.
    directed : bool, optional
        For frames and matrices: whether a tie binds its source only.
    ci : float in (0, 1)
        Confidence level.
    random_state : int, Generator or None
        For the intervals of comparisons of groups.

    Returns
    -------
    table : DataFrame
        Columns ``metric, of, value, low, high, n``; n counts users, or a group's catalogue items.
        ``low`` and ``high`` are NaN where no interval is known. Those of ``ee_*``, ``iaa``,
        ``rsp`` and the like need 60 users, and are left out where the tables are very large.
    notes : tuple of str
        A sentence for each group that is too small or empty.

    Examples
    --------
    >>> from suffuse.recsys.lists import lists_of
    >>> recs = pd.DataFrame({"user_id": [1, 2], "item_id": [8, 8], "rank": [1, 1]})
    >>> lists = lists_of(recs, pd.DataFrame({"user_id": [1, 2], "item_id": [8, 9]}))
    >>> groups = Groups(np.array([0, 1]), ("new", "old"))
    >>> table, notes = fairness_table(lists, {"hit@1": np.array([1.0, 0.0])}, user_groups=groups)
    >>> table["metric"].tolist()[:3], notes[0]
    (['user_gini', 'user_p10', 'user_gap'], "the group 'new' has 1 of the users, fewer than 10: \
its values are NaN")
    """
    checked_number("ci", ci, high=1.0, above=True, below=True)
    setting = Context() if context is None else context
    length = max(lists.longest, 1) if k is None else k
    rows, notes = _user_rows(per_user, user_groups, setting.min_group_size, ci, random_state)
    if social is not None:
        ties, degrees = ties_among(social, lists.user_ids, directed=directed)
        more, said = _social_rows(per_user, ties, degrees, setting.min_group_size, ci)
        rows, notes = rows + more, notes + said
    more, said = exposure_rows(lists, length, setting, ci=ci)
    rows, notes = rows + more, notes + said
    if user_groups is not None and lists.train is not None:
        rows += _popularity_rows(lists, length, setting, user_groups, ci)
    return pd.DataFrame(rows, columns=_COLUMNS), tuple(dict.fromkeys(notes))


def group_difference_table(
    per_user: Mapping[str, Values], groups: Groups, *, ci: float = 0.95, min_size: int = 10
) -> pd.DataFrame:
    """Each group of users beside the rest, for every utility.

    Parameters
    ----------
    per_user : mapping of str to ndarray of shape (n_users,)
        Utilities by name.
    groups : Groups
        The group of each user.
    ci : float in (0, 1)
        Confidence level.
    min_size : int
        Smallest group.

    Returns
    -------
    DataFrame
        Column ``metric``, then those of ``suffuse.recsys.group_intervals.group_differences``.

    Examples
    --------
    >>> groups = Groups(np.repeat([0, 1], 10), ("new", "old"))
    >>> group_difference_table({"hit@1": np.tile([0.0, 1.0], 10)}, groups)["group"].tolist()
    ['new', 'old']
    """
    frames = []
    for name, values in per_user.items():
        frame = group_differences(values, groups, ci=ci, min_size=min_size)
        frame.insert(0, "metric", name)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["metric"])


def _user_rows(
    per_user: Mapping[str, Values],
    groups: Groups | None,
    min_size: int,
    ci: float,
    random_state: int | np.random.Generator | None,
) -> tuple[Rows, list[str]]:
    """Inequality between single users, and between groups of them."""
    rows: Rows = []
    notes: list[str] = []
    for name, values in per_user.items():
        if np.nanmin(values, initial=0.0) >= 0:
            rows.append(("user_gini", name, *gini_estimate(values, ci=ci)))
        rows.append(("user_p10", name, *percentile_estimate(values, ci=ci)))
        if groups is not None:
            compared = group_comparisons(
                values, groups, ci=ci, min_size=min_size, random_state=random_state
            )
            rows += [(metric, name, *found) for metric, found in compared.items()]
            sizes = group_sizes(values, groups.codes, n_groups=len(groups.names))
            notes += too_small(groups, sizes, min_size, "users")
    return rows, notes


def _social_rows(
    per_user: Mapping[str, Values],
    ties: Any,
    degrees: npt.NDArray[np.int64],
    min_size: int,
    ci: float,
) -> tuple[Rows, list[str]]:
    """Inequality along ties, and towards those who have none."""
    rows: Rows = []
    alone = int((degrees == 0).sum())
    smaller = min(alone, len(degrees) - alone)
    notes = []
    if smaller < min_size:
        kind = "without any tie" if alone == smaller else "with a tie"
        notes.append(
            f"{smaller} of the users are {kind}, fewer than {min_size}: isolated_gap is NaN"
        )
    z = NormalDist().inv_cdf(0.5 + ci / 2)
    n_tied = len(np.unique(np.concatenate(ties.nonzero())))
    for name, values in per_user.items():
        gap, half = social_gap(values, ties), z * social_gap_error(values, ties)
        rows.append(("social_gap", name, gap, max(gap - half, 0.0), gap + half, n_tied))
        n_known = int((~np.isnan(values)).sum())
        rows.append(("stranger_gap", name, group_mad(values), _NAN, _NAN, n_known))
        apart = _apart(values, degrees, ci, min_size)
        rows.append(("isolated_gap", name, *apart))
    return rows, notes


def _apart(values: Values, degrees: npt.NDArray[np.int64], ci: float, min_size: int) -> Estimate:
    """The isolated gap with its interval."""
    groups = Groups((degrees > 0).astype(np.int64), ("isolated", "tied"))
    row = group_differences(values, groups, ci=ci, min_size=min_size).iloc[0]
    if np.isnan(row["difference"]):
        return Estimate(_NAN, _NAN, _NAN, int(row["n_users"]))
    value = isolated_gap(values, degrees)
    return Estimate(value, float(row["low"]), float(row["high"]), int(row["n_users"]))


def _popularity_rows(lists: Lists, k: int, context: Context, groups: Groups, ci: float) -> Rows:
    """How far each group of users is pushed towards what is popular."""
    own, counts = profile_popularity(lists), lists.train_counts
    listed = np.full(lists.n_users, _NAN) if counts is None else arp(lists.items, counts, k=k)
    divergence = popularity_divergence(lists, k, context)
    z = NormalDist().inv_cdf(0.5 + ci / 2)
    rows: Rows = []
    errors = []
    for code, label in enumerate(groups.names):
        inside = groups.codes == code
        n = int(inside.sum())
        if n < context.min_group_size:
            rows.append((f"popularity_lift@{k}", label, _NAN, _NAN, _NAN, n))
            continue
        lift, half = _lift(listed[inside], own[inside], z)
        rows.append((f"popularity_lift@{k}", label, lift, lift - half, lift + half, n))
        around = normal_interval(divergence[inside], ci=ci)
        if around.n >= context.min_group_size:
            errors.append(around.high - around.value)
    apart = upd(divergence, groups.codes, min_size=context.min_group_size)
    half = float(np.linalg.norm(errors)) / len(errors) if errors else _NAN
    rows.append((f"upd@{k}", "user groups", apart, apart - half, apart + half, lists.n_users))
    return rows


def _lift(listed: Values, own: Values, z: float) -> tuple[float, float]:
    """Popularity lift, and half its interval as a ratio of two sums over users."""
    lift, known = popularity_lift(listed, own), ~np.isnan(listed + own)
    n, before = int(known.sum()), float(own[known].sum())
    if n < 2 or not before > 0:
        return lift, _NAN
    pull = (listed[known] - (1 + lift) * own[known]) / before
    return lift, z * float(np.sqrt(n / (n - 1) * (pull @ pull)))
