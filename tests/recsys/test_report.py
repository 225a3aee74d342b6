"""A report's frames and words."""

import numpy as np
import pandas as pd
import pytest
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
        "z": 1.959963984540054,
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
        report().z = 1.0
    assert isinstance(report().to_frame(), pd.DataFrame)


def test_print_shows_the_difference_to_a_baseline() -> None:
    """With its sign, below the values."""
    change = {"m": np.array([-0.25, -0.25])}
    report = Report(("m",), {"m": np.array([0.5, 0.5])}, {}, np.array([1, 2]), {}, 2.0, change)
    assert "difference to the baseline:" in str(report)
    assert "-0.2500" in str(report)
