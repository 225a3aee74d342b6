"""An evaluation in plain words: who is served worse, by how much, and how sure that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .contrasts import within_groups
from .group_intervals import group_differences
from .groups import UNKNOWN, Groups
from .meanings import ACCURACY
from .phrases import (
    PER_CENT,
    interval,
    judged,
    named,
    number,
    p_value,
    plain,
    plural,
    quoted,
    signed,
    verb,
)
from .report import Report

#: columns of the comparisons of changes, and what they are called beside the values
_CHANGE = {"value": "", "low": "_low", "high": "_high", "p_holm": "_p"}
_SHIFT = {"difference": "", "low": "_low", "high": "_high", "p_holm": "_p"}

#: a test that fails as seldom as this is called clear
CLEAR = 0.05
#: a change that is shown as zero
HARDLY = 0.5e-4
#: groups of items with less of the catalogue than this are not named
SMALL_SHARE = 0.005


def summary(
    report: Report, *, metric: str | None = None, baseline: str = "the baseline"
) -> dict[str, tuple[str, ...]]:
    """Sentences on an evaluation, by what they are about.

    A group of users is held against all other users by Welch's t test. It is called *clearly*
    better or worse served where the test, by Holm's correction for the number of groups, fails
    fewer than one time in twenty where there is nothing; with thousands of users small differences
    become clear, so that the size always stands beside.

    Parameters
    ----------
    report : Report
        An evaluation.
    metric : str, optional
        The metric per user that speaks of how people are served. By default the first of NDCG,
        recall, hit rate and precision that the report has, or else its first metric per user.
    baseline : str
        What the baseline is called, e.g. "the same model without the graph".

    Returns
    -------
    dict of str to tuple of str
        Keys among "everybody", "users", "ties", "items", "change"; those with nothing to
        say are missing.

    Raises
    ------
    ValueError
        If the report does not have the metric for each user.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    >>> recs = sf.Popularity().fit(world.interactions).recommend(k=5, filter_seen=False)
    >>> report = sf.evaluate(recs, world.interactions, metrics=["recall@5"])
    >>> summary(report)["everybody"][0]
    '114 users are judged.'
    """
    metric = leading_metric(report) if metric is None else metric
    if metric is None:
        return {}
    if metric not in report.per_user:
        raise ValueError(f"metric must be one of {list(report.per_user)}; got {metric!r}")
    found = {"everybody": _everybody(report, metric)}
    if report.user_groups is not None:
        found["users"] = _users(report, metric)
    if report.fairness is not None:
        found["ties"] = _ties(report, metric)
    if report.exposure is not None:
        found["items"] = _items(report.exposure)
    if report.differences is not None:
        found["change"] = _change(report, metric, baseline)
    return {about: sentences for about, sentences in found.items() if sentences}


def leading_metric(report: Report) -> str | None:
    """The metric per user that says best how people are served, or None where there is none.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.tiny_world()
    >>> recs = sf.Popularity().fit(world.interactions).recommend(k=2, filter_seen=False)
    >>> leading_metric(sf.evaluate(recs, world.interactions, metrics=["mrr@2", "ndcg@2"]))
    'ndcg@2'
    """
    for wanted in ACCURACY:
        for name in report.per_user:
            if name.split("@")[0] == wanted:
                return name
    return next(iter(report.per_user), None)


def group_table(report: Report, metric: str) -> pd.DataFrame:
    """Each group of users against the rest, and with a baseline what changes for it.

    Parameters
    ----------
    report : Report
        An evaluation with ``user_groups``.
    metric : str
        A metric per user.

    Returns
    -------
    DataFrame
        The columns of ``suffuse.recsys.group_intervals.group_differences``, and with a baseline
        ``change, change_low, change_high, change_p``, the mean change of the group with interval
        and Holm's p, and ``shift, shift_low, shift_high, shift_p``, the same for its change minus
        that of the others.

    Raises
    ------
    ValueError
        If the report has no groups, or no such metric per user.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    >>> recs = sf.Popularity().fit(world.interactions).recommend(k=5, filter_seen=False)
    >>> age = {user: "old" if place % 2 else "young" for place, user in
    ...        enumerate(recs["user_id"].unique())}
    >>> report = sf.evaluate(recs, world.interactions, metrics=["ndcg@5"], user_groups=age)
    >>> group_table(report, "ndcg@5")["n_users"].tolist()
    [57, 57]
    """
    if report.user_groups is None:
        raise ValueError("user_groups must be given to evaluate(...); got None")
    if metric not in report.per_user:
        raise ValueError(f"metric must be one of {sorted(report.per_user)}; got {metric!r}")
    codes, names = pd.factorize(report.user_groups)
    groups = Groups(codes.astype(np.int64), tuple(names))
    ci, smallest = report.ci, max(report.min_group_size, 1)
    frame = group_differences(report.per_user[metric], groups, ci=ci, min_size=smallest)
    if report.differences is not None:
        changes = report.differences[metric]
        change = within_groups(changes, groups, ci=ci, min_size=smallest)
        shift = group_differences(changes, groups, ci=ci, min_size=smallest)
        columns = {f"change{end}": change[name] for name, end in _CHANGE.items()}
        columns |= {f"shift{end}": shift[name] for name, end in _SHIFT.items()}
        frame = frame.assign(**columns)
    text = frame["group"].astype(str)
    return (
        frame.assign(text=text)
        .sort_values(["difference", "text"], ignore_index=True)
        .drop(columns="text")
    )


def fairness_of(report: Report, metric: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The fairness of one utility and of the items, and apart from it that of other utilities.

    Rows without a value, such as those of groups that are too small, are left out.

    Parameters
    ----------
    report : Report
        An evaluation.
    metric : str or None
        A metric per user.

    Returns
    -------
    shown, rest : DataFrame
        Columns ``metric, of, value, low, high, n``; empty where nothing was measured.

    Examples
    --------
    >>> frame = pd.DataFrame({"metric": "user_gap", "of": ["ndcg@5", "mrr@5"], "value": 0.1})
    >>> found = {"ndcg@5": np.zeros(2), "mrr@5": np.zeros(2)}
    >>> report = Report(tuple(found), found, {}, np.arange(2), {}, fairness=frame)
    >>> [len(part) for part in fairness_of(report, "ndcg@5")]
    [1, 1]
    """
    frame = (
        pd.DataFrame(columns=["metric", "of", "value"])
        if report.fairness is None
        else report.fairness
    )
    frame = frame[frame["value"].notna()]
    other = frame["of"].isin([name for name in report.per_user if name != metric])
    return frame[~other], frame[other]


def _ties(report: Report, metric: str) -> tuple[str, ...]:
    """How unequally friends, and people without any, are served."""
    frame, _ = fairness_of(report, metric)
    of_metric = frame[frame["of"] == metric]
    said = []
    row = _row(of_metric, "social_gap")
    if np.isfinite(row["value"]):
        strange = _row(of_metric, "stranger_gap")["value"]
        beside = f", two taken at random by {plain(strange)}" if np.isfinite(strange) else ""
        said.append(
            f"Two people who are tied differ by {plain(row['value'])} in {metric} on average "
            f"({interval(row, report.ci, plain)}){beside}."
        )
    row = _row(of_metric, "isolated_gap")
    if np.isfinite(row["value"]):
        word = "below" if row["value"] < 0 else "above"
        said.append(
            f"The {int(row['n']):,} users without any tie are {plain(abs(row['value']))} {word} "
            f"the others ({interval(row, report.ci, signed)}): "
            f"{judged(row['low'], row['high'], 'apart')}."
        )
    return tuple(said)


def _everybody(report: Report, metric: str) -> tuple[str, ...]:
    """How people are served on the whole."""
    row = _row(report.to_frame(), metric)
    n_users = len(report.user_ids)
    said = [f"{n_users:,} users are judged."]
    meaning = ACCURACY.get(metric.split("@")[0])
    what = f"{metric} ({meaning})" if meaning else metric
    said.append(f"{what} is {plain(row['value'])} on average ({interval(row, report.ci, plain)}).")
    lost = report.counts.get("users with truth and no list", 0)
    if lost:
        said.append(f"{lost:,} of them have no list at all and count as 0.")
    return tuple(said)


def _users(report: Report, metric: str) -> tuple[str, ...]:
    """Which groups are served worse or better than the others."""
    frame = group_table(report, metric)
    tested = frame[frame["p_holm"].notna()]
    small = len(frame) - len(tested)
    said = []
    if set(frame["group"]) == {UNKNOWN}:
        return ("None of the users has a label: are the ids of one kind?",)
    if len(tested) < 2:
        said.append(
            f"Of {len(frame)} groups fewer than two are large enough "
            f"({report.min_group_size} users) to be compared."
        )
        return tuple(said)
    clear = tested[tested["p_holm"] < CLEAR]
    worse, better = clear[clear["difference"] < 0], clear[clear["difference"] > 0]
    said.append(
        f"Of {len(tested)} groups of users {number(len(worse))} {verb(len(worse))} clearly worse "
        f"served than the other users and {number(len(better))} clearly better "
        f"(Welch's test, Holm's correction for {len(tested)} groups)."
    )
    said += [_against(row, metric, report) for _, row in worse.head(3).iterrows()]
    if worse.empty:
        row = tested.iloc[0]
        said.append(
            f"The lowest is {named(row)}: {metric} {plain(row['value'])}, "
            f"{plain(-row['difference'])} below the others "
            f"({interval(row, report.ci, signed)}; {p_value(row['p_holm'])}): that may be chance."
        )
    if not better.empty:
        said.append(_against(better.iloc[-1], metric, report))
    if small:
        said.append(
            f"{number(small).capitalize()} {plural(small, 'group')} with fewer than "
            f"{report.min_group_size} users {verb(small)} not compared."
        )
    return tuple(said)


def _against(row: pd.Series, metric: str, report: Report) -> str:
    """One group against the others."""
    word, size = "below" if row["difference"] < 0 else "above", abs(row["difference"])
    share = f" or {100 * size / row['rest']:.0f}{PER_CENT}" if row["rest"] > 0 else ""
    ends = sorted((row["low"], row["high"]) if word == "above" else (-row["high"], -row["low"]))
    reach = interval({"low": ends[0], "high": ends[1]}, report.ci, plain)
    return (
        f"{named(row)}: {metric} {plain(row['value'])}, which is {plain(size)}{share} {word} "
        f"the other users ({reach}; {p_value(row['p_holm'])})."
    )


def _items(exposure: pd.DataFrame) -> tuple[str, ...]:
    """Which groups of items get more or fewer places than their share of the catalogue."""
    named = exposure[exposure["catalogue"] >= SMALL_SHARE]
    if named.empty:
        return ()
    ratio = (named["exposure"] / named["catalogue"]).sort_values()
    said = []
    for place in dict.fromkeys((ratio.index[0], ratio.index[-1])):
        row = named.loc[place]
        held, taken = (100 * row[side] for side in ("catalogue", "exposure"))
        said.append(
            f"Items of the group {quoted(row['group'])} are {held:.1f}{PER_CENT} of the catalogue "
            f"and take {taken:.1f}{PER_CENT} of the recommended places, "
            f"{ratio[place]:.2g} times their share."
        )
    return tuple(said)


def _change(report: Report, metric: str, baseline: str) -> tuple[str, ...]:
    """What is different from the baseline, for everybody and for each group."""
    changes = np.zeros(0) if report.differences is None else report.differences[metric]
    rises, falls = int((changes > 0).sum()), int((changes < 0).sum())
    if rises + falls == 0:
        return (f"Against {baseline}, {metric} stays the same for every user.",)
    row = _row(report.difference_frame(), metric)
    before = float(np.nanmean(report.per_user[metric] - changes))
    share = f" or {signed(100 * row['value'] / before, 1)}{PER_CENT}" if before > 0 else ""
    said = [
        f"Against {baseline}, {metric} changes by {signed(row['value'])}{share} "
        f"({interval(row, report.ci, signed)}): {judged(row['low'], row['high'])}. "
        f"It rises for {rises:,} {plural(rises, 'user')} and falls for {falls:,}."
    ]
    if report.user_groups is None:
        return tuple(said)
    frame = group_table(report, metric)
    tested = frame[frame["shift_p"].notna()]
    if len(tested) < 2:
        return tuple(said)
    ordered = tested.sort_values("change")
    if ordered["change"].abs().max() < HARDLY:
        return (*said, "No group is served otherwise than before, to four digits.")
    clear = tested[tested["change_p"] < CLEAR]["change"]
    up, down = int((clear > 0).sum()), int((clear < 0).sum())
    said.append(
        f"Of {len(tested)} groups of users {number(up)} {verb(up)} clearly better served than "
        f"before and {number(down)} clearly worse (t tests, Holm's correction)."
    )
    for place, more, less in (
        (-1, "gains most", "loses least"),
        (0, "gains least", "loses most"),
    ):
        moved = ordered.iloc[place]
        bounds = {"low": moved["change_low"], "high": moved["change_high"]}
        said.append(
            f"{named(moved)} {more if moved['change'] >= 0 else less}: {signed(moved['change'])} "
            f"({interval(bounds, report.ci, signed)}; {p_value(moved['change_p'])})."
        )
    said.append(_gap(tested, report))
    return tuple(said)


def _gap(tested: pd.DataFrame, report: Report) -> str:
    """How the distance of the worst group from the others moves."""
    worst = tested.iloc[0]
    after, before = worst["difference"], worst["difference"] - worst["shift"]
    word = "narrows" if abs(after) < abs(before) else "widens"
    bounds = {"low": worst["shift_low"], "high": worst["shift_high"]}
    sure = "beyond chance" if worst["shift_p"] < CLEAR else "which may be chance"
    return (
        f"The distance of the group that is served worst, {named(worst)}, from the others "
        f"{word} from {signed(before)} to {signed(after)}, by {signed(worst['shift'])} "
        f"({interval(bounds, report.ci, signed)}; {p_value(worst['shift_p'])}), {sure}."
    )


def _row(frame: pd.DataFrame, metric: str) -> dict[str, Any]:
    """The row of a metric by column; its value is NaN where there is none."""
    rows = frame[frame["metric"] == metric]
    return dict(rows.iloc[0]) if len(rows) else {"value": np.nan}
