"""A report's frames and words."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from suffuse.recsys import Report

VALUES = np.array([0.0, 0.5, 1.0, 0.5, 0.25])


def report(**changes: object) -> Report:
    """Two metrics of five users and one of all lists."""
    given: dict[str, object] = {
        "metrics": ("recall@2", "gini@2", "mrr@2"),
        "per_user": {"mrr@2": VALUES[::-1], "recall@2": VALUES},
        "spread": {"gini@2": 0.4},
        "user_ids": np.arange(5),
        "counts": {"users judged": 5, "users with truth and no list": 0},
        "ci": 0.95,
    }
    return Report(**(given | changes))


def test_one_row_per_metric_in_the_order_asked() -> None:
    """Metrics of all lists have no interval."""
    frame = report().to_frame()
    assert frame.columns.tolist() == ["metric", "value", "low", "high", "n_users"]
    assert frame["metric"].tolist() == ["recall@2", "gini@2", "mrr@2"]
    assert frame["value"].tolist() == pytest.approx([0.45, 0.4, 0.45])
    assert frame["low"].isna().tolist() == [False, True, False]
    assert frame["n_users"].tolist() == [5, 5, 5]


def test_the_interval_is_the_normal_one() -> None:
    """Mean plus and minus z standard errors of the mean."""
    row = report().to_frame().iloc[0]
    low, high = stats.norm.interval(0.95, VALUES.mean(), stats.sem(VALUES))
    assert (row["low"], row["high"]) == pytest.approx((low, high))


@pytest.mark.parametrize("n_users", [0, 1])
def test_too_few_users_have_no_interval(n_users: int) -> None:
    """NaN, and no warning."""
    few = report(
        metrics=("m",), per_user={"m": VALUES[2 : 2 + n_users]}, user_ids=np.arange(n_users)
    )
    row = few.to_frame().iloc[0]
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])
    assert row["value"] == 1.0 if n_users else np.isnan(row["value"])


def test_differences_to_a_baseline() -> None:
    """Paired, with the interval of the differences; refused where there is no baseline."""
    change = np.array([0.1, 0.3, 0.2])
    frame = report(differences={"recall@2": change}).difference_frame()
    low, high = stats.norm.interval(0.95, 0.2, stats.sem(change))
    assert frame["metric"].tolist() == ["recall@2"]
    assert frame.iloc[0, 1:].tolist() == pytest.approx([0.2, low, high, 3])
    with pytest.raises(ValueError, match=r"baseline must be given to evaluate\(.*got None"):
        report().difference_frame()


def test_words() -> None:
    """The table, then what was left out, nothing that is zero."""
    text = str(report())
    assert "0.4500" in text
    assert "5 users judged" in text
    assert "no list" not in text


def test_a_report_is_frozen() -> None:
    """Nobody changes a result by accident."""
    with pytest.raises(AttributeError):
        report().ci = 0.5
    assert isinstance(report().to_frame(), pd.DataFrame)


def test_print_shows_the_difference_to_a_baseline() -> None:
    """With its sign, below the values."""
    change = {"m": np.array([-0.25, -0.25])}
    report = Report(
        ("m",), {"m": np.array([0.5, 0.5])}, {}, np.array([1, 2]), {}, differences=change
    )
    assert "difference to the baseline:" in str(report)
    assert "-0.2500" in str(report)


def test_print_leaves_out_differences_that_are_not_there() -> None:
    """Metrics of all lists together have none."""
    report = Report(("gini",), {}, {"gini": 0.5}, np.array([1]), {}, differences={})
    assert "difference" not in str(report)


def test_comparing_two_reports() -> None:
    """Of the metrics that both have; users must be the same."""
    other = report(per_user={"mrr@2": VALUES, "recall@2": VALUES - 0.1}, metrics=("mrr@2",))
    frame = report().compare(other)
    assert frame["metric"].tolist() == ["mrr@2", "recall@2"]
    assert frame["difference"].tolist() == pytest.approx([0.0, 0.1])
    assert frame["t_p"].iloc[0] == pytest.approx(stats.ttest_rel(VALUES[::-1], VALUES).pvalue)
    baseline = report(differences={"recall@2": VALUES}).compare()
    assert baseline["difference"].tolist() == pytest.approx([VALUES.mean()])
    with pytest.raises(ValueError, match="other must be a report on the same test users; got 4"):
        report().compare(report(user_ids=np.arange(4)))
    with pytest.raises(ValueError, match="other must share a per-user metric"):
        report().compare(report(per_user={"ndcg@2": VALUES}))
    with pytest.raises(ValueError, match="other must be a Report, for there is no baseline"):
        report().compare()


def test_users_without_a_value_are_left_out_of_the_mean() -> None:
    """And out of the number of users."""
    row = report(per_user={"recall@2": np.append(VALUES, np.nan), "mrr@2": VALUES}).to_frame()
    assert (row["value"][0], row["n_users"][0]) == (pytest.approx(0.45), 5)


def test_small_groups_have_no_value() -> None:
    """They stand there with their size."""
    grouped = report(user_groups=np.array(["b", "a", "b", "b", "b"]), min_group_size=2)
    frame = grouped.group_frame()
    assert frame["group"].tolist() == ["a", "b", "a", "b"]
    assert frame["n_users"].tolist() == [1, 4, 1, 4]
    assert frame["value"].isna().tolist() == [True, False, True, False]
    members = np.array([True, False, True, True, True])
    assert frame["value"].iloc[3] == pytest.approx(VALUES[members].mean())
    with pytest.raises(ValueError, match="user_groups must be given"):
        report().group_frame()


def test_rich_prints_what_str_says() -> None:
    """Tables and sentences; nothing in brackets is taken for markup."""
    fairness = pd.DataFrame(
        [("user_gap", "m[a]", 0.25, 0.1, 0.4, 5)],
        columns=["metric", "of", "value", "low", "high", "n"],
    )
    shown = report(fairness=fairness, notes=("look [here]",), compat="ranx")
    console = Console(width=100, record=True, file=StringIO())
    console.print(shown)
    text = console.export_text()
    for word in ("recall@2", "0.4500", "fairness:", "m[a]", "look [here]", "definitions of ranx"):
        assert word in text
        assert word in str(shown)
    assert repr(shown) == "Report(3 metrics, 5 users)"


def test_the_frame_on_fairness_is_a_copy() -> None:
    """Nobody changes a result by accident."""
    frame = pd.DataFrame({"metric": ["user_gap"], "value": [0.5]})
    shown = report(fairness=frame)
    taken = shown.fairness_frame()
    taken["value"] = 0.0
    assert shown.fairness_frame()["value"].item() == 0.5
