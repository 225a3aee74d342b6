"""Judging lists of recommendations against what people took: values with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from .accuracy import UTILITIES
from .asked import Asked
from .compat import Compat, compat_of
from .fairness_table import fairness_table
from .groups import Groups, exposure_by_group, groups_of, labels_of
from .inputs import checked_count, checked_number
from .judgement_context import Context
from .judging import Rules, Values, measured, plan_of
from .lists import Lists, lists_of
from .ranked import features_of, table_of, truth_of
from .report import Report


def evaluate(
    recs: pd.DataFrame,
    test: Any,
    *,
    train: Any = None,
    metrics: Sequence[str] | Literal["default"] | None = "default",
    user_groups: Any = None,
    item_groups: Any = None,
    social: Any = None,
    baseline: pd.DataFrame | None = None,
    ci: float = 0.95,
    ci_method: Literal["normal", "bootstrap"] = "normal",
    n_replicates: int = 1000,
    min_group_size: int = 10,
    compat: str | Compat | None = None,
    item_features: Any = None,
    target: Mapping[Any, float] | None = None,
) -> Report:
    """Accuracy, spread and fairness of lists of recommendations, with confidence intervals.

    Users with at least one test row are judged; one of them who has no list scores 0. A metric
    per user is averaged over the users for whom it is defined, with the interval
    ``mean +- z s / sqrt(n)`` or the percentile interval of the bootstrap; a metric of all lists
    together has the interval ``value +- z s``, s from 50 to 200 resamples of the users, where the
    lists are few enough for that to take about a second, else none. Definitions stand in
    ``suffuse.recsys.metrics`` and the modules beside it.

    Parameters
    ----------
    recs : DataFrame
        Columns ``user_id, item_id`` and ``rank`` (from 1) or ``score``, which order the lists;
        gaps between ranks are closed, equal ranks or scores stand in the order of item ids.
    test : DataFrame, sparse matrix or Interactions
        What people took; every row with a weight above zero is relevant.
    train : DataFrame, sparse matrix or Interactions, optional
        The training rows: the catalogue (without it, the items of test and lists together), what
        is popular, and the counts of unseen items and of recommended items that the user already
        had.
    metrics : sequence of str, or "default"
        Names like ``recall@20``, ``ndcg@20:gain=exp``, ``rbp:p=0.9``; without ``@k`` the whole
        list counts (k is the longest list). Where k exceeds the longest list, the places that are
        not there count as misses, and a note of the report says so. An unknown name is answered
        with all that there are.
    user_groups : mapping, Series or DataFrame, optional
        A label for each user (frames: ``user_id`` and one more column); adds the values by group
        (``Report.group_frame``) and how far they are apart. Users without a label are the group
        "unknown".
    item_groups : mapping, Series or DataFrame, optional
        A label for each item; adds each group's share of the recommended places beside its share
        of the catalogue (``Report.exposure``) and how fair that is.
    social : DataFrame, sparse matrix, networkx graph or SocialGraph, optional
        Ties between users; adds how unequally friends, and users without any, are served.
    baseline : DataFrame, optional
        Other recommendations for the same users; the report adds the paired differences.
    ci : float in (0, 1)
        Confidence level.
    ci_method : {"normal", "bootstrap"}
        Where the intervals of means come from.
    n_replicates : int
        Replicates of the bootstrap.
    min_group_size : int
        Groups of fewer users have no value, and a note of the report names them.
    compat : {"recbole", "rectools", "lenskit", "replay", "ranx", "elliot"} or Compat, optional
        Whose definitions to use instead of the textbook's.
    item_features : DataFrame, optional
        A column ``item_id`` and numbers, for ``ild`` and ``serendipity``; without it items are
        compared by the training users whom they share. Items without a row have NaN.
    target : mapping from label of items to share, optional
        The share of exposure that each group of items should have; by default its share of the
        catalogue.

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
    if ci_method not in ("normal", "bootstrap"):
        raise ValueError(f"ci_method must be normal or bootstrap; got {ci_method!r}")
    smallest = checked_count("min_group_size", min_group_size)
    if target is not None and item_groups is None:
        raise ValueError(f"item_groups must be given for a target; got target={target!r} alone")
    beside = _Beside(item_groups, item_features, target, smallest)
    chosen = compat_of(compat)
    truth = truth_of(test)
    known = None if train is None else table_of(train, "train")
    lists, kept = _judged(lists_of(recs, truth, train=known, gaps=chosen.gaps), chosen)
    plan = plan_of(metrics, longest=lists.longest, has_train=known is not None)
    rules = Rules(chosen, beside.context(lists), lists.longest)
    found = measured(plan, lists, rules, z=NormalDist().inv_cdf(0.5 + level / 2))
    report = Report(
        metrics=tuple(entry.label for entry in plan),
        per_user=found.per_user,
        spread=found.spread,
        spread_intervals=found.spread_intervals,
        user_ids=lists.user_ids,
        exposure=None if item_groups is None else _exposure(lists, item_groups),
        counts=lists.counts,
        ci=level,
        notes=_notes(plan, lists),
        min_group_size=smallest,
        n_replicates=None if ci_method == "normal" else checked_count("n_replicates", n_replicates),
        compat=chosen.name,
    )
    if baseline is not None:
        other = lists_of(baseline, truth, train=known, name="baseline", gaps=chosen.gaps)
        other = other if len(kept) == other.n_users else other.take(kept)
        again = replace(rules, context=beside.context(other))
        theirs = measured(plan, other, again, z=None).per_user
        report = _with_baseline(report, theirs, int((other.lengths == 0).sum()))
    if user_groups is None and item_groups is None and social is None:
        return report
    groups = None
    if user_groups is not None:
        groups = groups_of(lists.user_ids, user_groups, name="user_groups", key="user_id")
    return _with_fairness(report, lists, rules, groups=groups, social=social)


@dataclass(frozen=True)
class _Beside:
    """What a person says about items, by raw ids."""

    item_groups: Any
    item_features: Any
    target: Mapping[Any, float] | None
    min_group_size: int

    def context(self, lists: Lists) -> Context:
        """The same by the codes of ``lists``."""
        groups = None
        if self.item_groups is not None:
            groups = groups_of(lists.item_ids, self.item_groups, name="item_groups", key="item_id")
        features = None
        if self.item_features is not None:
            features = features_of(lists.item_ids, self.item_features)
        return Context(groups, features, self.target, min_group_size=self.min_group_size)


def _with_baseline(report: Report, theirs: Mapping[str, Values], n_empty: int) -> Report:
    """The report with its differences to the values of a baseline."""
    changes = {name: values - theirs[name] for name, values in report.per_user.items()}
    counts = dict(report.counts) | {"users with truth and no list of the baseline": n_empty}
    return replace(report, differences=changes, counts=counts)


def _with_fairness(
    report: Report, lists: Lists, rules: Rules, *, groups: Groups | None, social: Any
) -> Report:
    """The report with its frame on fairness, the labels of users, and notes on small groups."""
    utilities = {
        label: values
        for label, values in report.per_user.items()
        if label.partition(":")[0].partition("@")[0] in UTILITIES
    }
    frame, notes = fairness_table(
        lists,
        utilities,
        context=rules.context,
        user_groups=groups,
        social=social,
        ci=report.ci,
    )
    labels = None if groups is None else groups.labels
    return replace(report, fairness=frame, user_groups=labels, notes=(*report.notes, *notes))


def _judged(lists: Lists, rules: Compat) -> tuple[Lists, npt.NDArray[np.int64]]:
    """The lists of those whom the rules judge, and their places among the users of test."""
    if rules.users == "test":
        return lists, np.arange(lists.n_users)
    kept = np.flatnonzero(lists.lengths > 0)
    counts = dict(lists.counts) | {
        "users judged": len(kept),
        "users with truth and no list": 0,
        "users with truth and no list, left out": lists.n_users - len(kept),
    }
    return replace(lists.take(kept), counts=counts), kept


def _exposure(lists: Lists, item_groups: Any) -> pd.DataFrame:
    """Shares of groups of items among the lists of the judged users, and in the catalogue."""
    catalogue = lists.item_ids[: lists.n_catalogue]
    labels = labels_of(catalogue, item_groups, name="item_groups", key="item_id")
    return exposure_by_group(catalogue, labels, lists.item_ids[lists.items[lists.items >= 0]])


def _notes(plan: list[Asked], lists: Lists) -> tuple[str, ...]:
    """What is probably a mistake: ids of two kinds, lists shorter than what is asked of them."""
    counts, judged = lists.counts, lists.n_users
    notes = []
    if judged == counts["users with truth and no list"]:
        notes.append(f"none of the {judged} users of test has a list: are the ids of one kind?")
    if counts.get("test users without training rows") == judged:
        notes.append("none of the users of test is in train: are the ids of one kind?")
    longer = [entry.label for entry in plan if entry.k is not None and entry.k > lists.longest]
    if longer and lists.longest:
        notes.append(
            f"the lists hold {lists.longest} items at most, and {longer[0]} looks further: "
            "places that are not there count as misses"
        )
    return tuple(notes)
