"""Rows on items of the table on fairness: exposure of each group, and how fair all of it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from . import fairness_items as exposure
from .group_intervals import share_errors
from .groups import Groups, too_small
from .inputs import checked_number
from .intervals import normal_interval
from .judgement_context import Context
from .judgements import CATALOGUE
from .list_checks import Values, ratio
from .lists import Lists

Row = tuple[str, Any, float, float, float, int]
Key = tuple[str, Any]

_NAN = float("nan")
#: blocks of users that are left out in turn
_N_BLOCKS = 30
#: cells of the tables that may be gone through for intervals; beyond, they are left out
_MOST_CELLS = 60_000_000
#: of these any number is possible, the others are at least 0
_SIGNED = ("log_dp", "log_eur", "log_rur")


def exposure_rows(
    lists: Lists, k: int, context: Context, *, ci: float = 0.95
) -> tuple[list[Row], list[str]]:
    """Exposure of single items and of groups of them, with intervals over users.

    Shares of groups and ``log_dp`` have the interval of a ratio of sums. All others have that of
    the jackknife over 30 random blocks of users (Student's t), where the tables are small enough
    for it to take about a second; on large tables they have none.

    Parameters
    ----------
    lists : Lists
        The judged lists.
    k : int
        Length at which they are cut.
    context : Context
        Groups of items, target shares, attention, smallest group.
    ci : float in (0, 1)
        Confidence level.

    Returns
    -------
    rows : list of tuple
        ``metric, of, value, low, high, n``.
    notes : list of str
        A sentence for each group of items that is too small or empty.

    Examples
    --------
    >>> import pandas as pd
    >>> from suffuse.recsys.lists import lists_of
    >>> recs = pd.DataFrame({"user_id": [1, 2], "item_id": [8, 8], "rank": [1, 1]})
    >>> lists = lists_of(recs, pd.DataFrame({"user_id": [1, 2], "item_id": [8, 9]}))
    >>> rows, _ = exposure_rows(lists, 1, Context())
    >>> [(row[0], row[2]) for row in rows]
    [('ee_l@1', 0.5), ('ee_d@1', 1.0), ('ee_r@1', 1.0), ('iaa@1', 1.0)]
    """
    level = checked_number("ci", ci, high=1.0, above=True, below=True)
    values, sizes = exposure_values(lists, k, context), _sizes(lists, context)
    halves = jackknife_errors(lists, k, context)
    t = float(stats.t.ppf(0.5 + level / 2, _N_BLOCKS - 1))
    halves = {key: t * error for key, error in halves.items()}
    halves |= _linear_halves(lists, k, context, level)
    rows: list[Row] = []
    for (metric, of), value in values.items():
        half = halves.get((metric, of), _NAN)
        if metric.startswith("exposure_target"):
            half = _NAN  # given, not measured
        low, high = value - half, value + half
        if metric.partition("@")[0] not in _SIGNED:
            low = max(low, 0.0) if low == low else low
        if metric.startswith("exposure_share"):
            high = min(high, 1.0) if high == high else high
        rows.append((metric, of, value, low, high, sizes.get(of, lists.n_users)))
    notes = []
    if context.item_groups is not None:
        groups = context.item_groups
        rows.append(_mixed(lists, k, context, level))
        held = _within(groups, lists.n_catalogue)
        notes = too_small(groups, held, context.min_group_size, "items of the catalogue")
    return rows, notes


def exposure_values(lists: Lists, k: int, context: Context) -> dict[Key, float]:
    """Every value of :func:`exposure_rows` but ``ndkl``, by metric and what it is of.

    Examples
    --------
    >>> import pandas as pd
    >>> from suffuse.recsys.lists import lists_of
    >>> recs = pd.DataFrame({"user_id": [1], "item_id": [8], "rank": [1]})
    >>> lists = lists_of(recs, pd.DataFrame({"user_id": [1], "item_id": [9]}))
    >>> exposure_values(lists, 1, Context())["ee_d@1", "items"]
    1.0
    """
    wanted = [("items", name) for name in ("ee_l", "ee_d", "ee_r", "iaa")]
    if lists.train is not None:
        wanted += [("popularity", name) for name in ("pop_rsp", "pop_reo")]
    if context.item_groups is not None:
        names = ("demographic_parity", "awrf", "rsp", "reo")
        wanted += [("item groups", name) for name in names]
    values = {(f"{name}@{k}", of): float(CATALOGUE[name](lists, k, context)) for of, name in wanted}
    if context.item_groups is not None:
        values |= _of_groups(lists, k, context, context.item_groups)
    return values


def jackknife_errors(lists: Lists, k: int, context: Context) -> dict[Key, float]:
    """Standard errors of :func:`exposure_values` from leaving out each of 30 blocks of users.

    ``sqrt((B - 1) / B sum_b (x_b - mean x)^2)`` over the values x_b without block b (Shao, Wu,
    Ann. Statist. 17 (1989)). Empty for fewer than 60 users, and for tables so large that it would
    take long.

    Examples
    --------
    >>> import pandas as pd
    >>> from suffuse.recsys.lists import lists_of
    >>> recs = pd.DataFrame({"user_id": range(60), "item_id": 8, "rank": 1})
    >>> lists = lists_of(recs, pd.DataFrame({"user_id": range(60), "item_id": 8}))
    >>> jackknife_errors(lists, 1, Context())["ee_d@1", "items"]
    0.0
    """
    cells = lists.items.size + len(lists.truth_items) + lists.n_items
    cells += 0 if lists.train is None else len(lists.train)
    if lists.n_users < 2 * _N_BLOCKS or _N_BLOCKS * cells > _MOST_CELLS:
        return {}
    without = [exposure_values(each, k, replace(context)) for each in _blocks(lists)]
    errors = {}
    for key in without[0]:
        found = np.array([values[key] for values in without])
        squares = float(((found - found.mean()) ** 2).sum())
        errors[key] = float(np.sqrt((_N_BLOCKS - 1) / _N_BLOCKS * squares))
    return errors


def _blocks(lists: Lists) -> Iterator[Lists]:
    """The lists without each block of users in turn."""
    block = np.random.default_rng(0).permutation(lists.n_users) % _N_BLOCKS
    for left_out in range(_N_BLOCKS):
        yield lists.take(np.flatnonzero(block != left_out))


def _sizes(lists: Lists, context: Context) -> dict[Any, int]:
    """How many items of the catalogue each group has."""
    if context.item_groups is None:
        return {}
    sizes = _within(context.item_groups, lists.n_catalogue).tolist()
    return dict(zip(context.item_groups.names, sizes, strict=True))


def _within(groups: Groups, n_catalogue: int) -> npt.NDArray[np.int64]:
    """How many items of the catalogue each group has, in the order of its names."""
    codes = groups.codes[:n_catalogue]
    return np.bincount(codes, minlength=len(groups.names)).astype(np.int64)


def _of_groups(lists: Lists, k: int, context: Context, groups: Groups) -> dict[Key, float]:
    """Shares, targets and log ratios of each group."""
    shares, _ = share_errors(lists.items, groups, context.weights(k))
    found = {"exposure_share": shares, **_log_ratios(lists, k, context, groups, shares)}
    found["exposure_target"] = context.fair_shares(groups, lists.n_catalogue)
    order = ("exposure_share", "exposure_target", "log_dp", "log_eur", "log_rur")
    large = _within(groups, lists.n_catalogue) >= context.min_group_size
    return {
        (f"{name}@{k}", label): float(found[name][code]) if large[code] else _NAN
        for code, label in enumerate(groups.names)
        for name in order
        if large[code] or name == "exposure_share"
    }


def _log_ratios(
    lists: Lists, k: int, context: Context, groups: Groups, shares: Values
) -> dict[str, Values]:
    """Log ratios of each group to all others: per item, per test row, and of hits per test row."""
    n, sizes = len(groups.names), _within(groups, lists.n_catalogue)
    wanted = np.bincount(groups.codes[lists.truth_items], minlength=n)
    weights, hits = context.weights(k), lists.hits[:, :k]
    gains = np.zeros(n)
    for rank in range(hits.shape[1]):
        taken = groups.codes[lists.items[hits[:, rank], rank]]
        gains += weights[rank] * np.bincount(taken, minlength=n)
    return {
        "log_dp": exposure.log_dp(ratio(shares, sizes), ratio(1 - shares, sizes.sum() - sizes)),
        "log_eur": exposure.log_eur(shares, wanted, 1 - shares, wanted.sum() - wanted),
        "log_rur": exposure.log_rur(gains, wanted, gains.sum() - gains, wanted.sum() - wanted),
    }


def _linear_halves(lists: Lists, k: int, context: Context, level: float) -> dict[Key, float]:
    """Half the intervals of shares s and of ``log_dp``, ``log(s / (1 - s))`` and a constant."""
    groups = context.item_groups
    if groups is None:
        return {}
    shares, errors = share_errors(lists.items, groups, context.weights(k))
    halves = float(stats.norm.ppf(0.5 + level / 2)) * errors
    logs = ratio(halves, shares * (1 - shares))
    found: dict[Key, float] = {}
    for code, label in enumerate(groups.names):
        found[f"exposure_share@{k}", label] = float(halves[code])
        found[f"log_dp@{k}", label] = float(logs[code])
    return found


def _mixed(lists: Lists, k: int, context: Context, level: float) -> Row:
    """How mixed the beginnings of the lists are, a mean over users."""
    found = normal_interval(np.asarray(CATALOGUE["ndkl"](lists, k, context)), ci=level)
    return (f"ndkl@{k}", "item groups", found.value, found.low, found.high, found.n)
