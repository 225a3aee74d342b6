"""What an evaluation says in words is what its numbers are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from suffuse.recsys.report import Report
from suffuse.recsys.words import group_table, leading_metric, summary

#: signs of good typesetting, and the plain ones
PLAIN = str.maketrans({"\N{NO-BREAK SPACE}": " ", "\N{MINUS SIGN}": "-"})


def report(
    worse: float = 0.2, better: float = 0.4, n: int = 200, change: float | None = None
) -> Report:
    """Users of the groups "north" and "south" with means that are known, and a small "isle"."""
    noise = np.tile([-0.1, 0.1], n)
    values = np.concatenate([worse + noise, better + noise, [0.3] * 4])
    groups = np.repeat(np.array(["north", "south", "isle"], dtype=object), [2 * n, 2 * n, 4])
    differences = None
    if change is not None:
        differences = {"ndcg@5": np.where(groups == "north", change, 0.0) + 0.001 * values}
    return Report(
        metrics=("mrr@5", "ndcg@5"),
        per_user={"mrr@5": values / 2, "ndcg@5": values},
        spread={},
        user_ids=np.arange(len(values)),
        counts={"users with truth and no list": 3},
        user_groups=groups,
        differences=differences,
        exposure=pd.DataFrame(
            {
                "group": ["big", "small", "tiny"],
                "exposure": [0.9, 0.1, 0.0],
                "catalogue": [0.299, 0.7, 0.001],
            }
        ),
        min_group_size=10,
    )


def said(found: Report, about: str) -> str:
    """All sentences on one thing, with plain spaces and signs."""
    return " ".join(summary(found)[about]).translate(PLAIN)


def test_who_is_served_worse_by_how_much_and_how_surely() -> None:
    """The group, its size, its value, the distance, the interval and the p are all there."""
    words = said(report(), "users")
    assert "Of 2 groups of users one is clearly worse served than the other users" in words
    row = group_table(report(), "ndcg@5").set_index("group").loc["north"]
    assert f"“north” (400 users): ndcg@5 0.2000, which is {-row['difference']:.4f}" in words
    assert f"95 % interval {-row['high']:.4f} to {-row['low']:.4f}; p < 0.001" in words
    assert "or 50 % below the other users" in words
    assert "“south” (400 users): ndcg@5 0.4000" in words
    assert "One group with fewer than 10 users is not compared." in words


def test_what_may_be_chance_is_called_so() -> None:
    """With a small difference and few users nothing is clear, and the lowest group is named."""
    words = said(report(worse=0.30, better=0.31, n=6), "users")
    assert "none is clearly worse" in words
    assert "The lowest is “north” (12 users)" in words
    assert "that may be chance" in words


def test_everybody() -> None:
    """Number of users, mean and interval of the leading metric, lists that are missing."""
    found = report()
    row = found.to_frame().set_index("metric").loc["ndcg@5"]
    words = said(found, "everybody")
    assert words.startswith("804 users are judged. ndcg@5 (how high")
    assert f"{row['value']:.4f} on average (95 % interval {row['low']:.4f} to" in words
    assert "3 of them have no list at all and count as 0." in words


def test_friends_and_people_without_any() -> None:
    """The distance along ties, and that of the isolated, with their intervals."""
    frame = pd.DataFrame(
        [
            ("social_gap", "ndcg@5", 0.12, 0.1, 0.14, 700),
            ("stranger_gap", "ndcg@5", 0.2, float("nan"), float("nan"), 804),
            ("isolated_gap", "ndcg@5", -0.05, -0.08, -0.02, 104),
            ("isolated_gap", "mrr@5", 0.5, 0.4, 0.6, 104),
        ],
        columns=["metric", "of", "value", "low", "high", "n"],
    )
    words = said(replace(report(), fairness=frame), "ties")
    assert "tied differ by 0.1200 in ndcg@5 on average (95 % interval 0.1000 to 0.1400)" in words
    assert "to 0.1400), two taken at random by 0.2000." in words
    assert "The 104 users without any tie are 0.0500 below the others" in words
    assert "apart, beyond chance" in words
    nobody = frame.assign(value=float("nan"))
    assert "ties" not in summary(replace(report(), fairness=nobody))


def test_which_items_are_shown() -> None:
    """Shares and their ratio for the extremes; a group of a thousandth is not named."""
    words = said(report(), "items")
    assert "“small” are 70.0 % of the catalogue and take 10.0 %" in words
    assert "0.14 times their share" in words
    assert "“big” are 29.9 % of the catalogue and take 90.0 %" in words
    assert "tiny" not in words


def test_what_changes_against_the_baseline() -> None:
    """A gain of the group that is served worst narrows its distance by the difference of gains."""
    found = report(change=0.05)
    words = said(found, "change")
    assert words.startswith("Against the baseline, ndcg@5 changes by +0.02")
    assert "better, beyond chance" in words
    assert "Of 2 groups of users two are clearly better served than before" in words
    assert "“north” (400 users) gains most: +0.0502" in words
    assert "from the others narrows from -0.24" in words
    assert "beyond chance" in words.rsplit("narrows", 1)[1]


def test_a_loss_is_called_a_loss() -> None:
    """The group that loses is named, and the distance widens."""
    words = said(report(change=-0.05), "change")
    assert "worse, beyond chance" in words
    assert "“north” (400 users) loses most: -0.0498" in words
    assert "widens" in words


def test_no_change() -> None:
    """The same lists again."""
    found = report()
    same = replace(found, differences={"ndcg@5": np.zeros(804)})
    assert said(same, "change") == "Against the baseline, ndcg@5 stays the same for every user."
    nearly = np.zeros(804)
    nearly[:3], nearly[5] = 1e-6, -1e-6
    words = said(replace(found, differences={"ndcg@5": nearly}), "change")
    assert "changes by 0.0000 or 0.0 % (95 % interval 0.0000 to 0.0000)" in words
    assert "It rises for 3 users and falls for 1." in words
    assert words.endswith("No group is served otherwise than before, to four digits.")


def test_the_baseline_has_its_name() -> None:
    """The sentence says against what."""
    words = summary(report(change=0.0), baseline="the same model without the graph")["change"]
    assert words[0].startswith("Against the same model without the graph, ndcg@5")


def test_the_leading_metric() -> None:
    """NDCG before recall before the rest; any metric where there is nothing better."""
    assert leading_metric(report()) == "ndcg@5"
    users = np.arange(2)
    other = Report(("rbp",), {"rbp": np.array([0.1, 0.2])}, {}, users, {})
    assert leading_metric(other) == "rbp"
    nothing = Report(("gini@5",), {}, {"gini@5": 0.5}, users, {})
    assert leading_metric(nothing) is None
    assert summary(nothing) == {}


def test_groups_that_are_all_too_small() -> None:
    """Nothing is compared, and that is said; nobody's change is either."""
    found = report(n=2, change=0.1)
    assert "fewer than two are large enough (10 users)" in said(found, "users")
    assert len(summary(found)["change"]) == 1


def test_labels_of_other_ids_are_no_finding() -> None:
    """Where nobody has a label, the question is asked that explains it."""
    found = report()
    lost = replace(found, user_groups=np.full(804, "unknown", dtype=object))
    assert said(lost, "users") == "None of the users has a label: are the ids of one kind?"


def test_bad_arguments() -> None:
    """An unknown metric, and groups that are not there."""
    with pytest.raises(ValueError, match=r"\['mrr@5', 'ndcg@5'\]; got 'recall@5'"):
        summary(report(), metric="recall@5")
    bare = Report(("m",), {"m": np.array([0.1, 0.2])}, {}, np.arange(2), {})
    with pytest.raises(ValueError, match="user_groups must be given"):
        group_table(bare, "m")
    with pytest.raises(ValueError, match=r"metric must be one of .*; got 'recall@5'"):
        group_table(report(), "recall@5")
