"""Frames of paired differences."""

import numpy as np
import pytest
from scipy import stats

from suffuse.recsys.compared import difference_table


def test_every_column_is_what_it_says() -> None:
    """Against scipy, on two metrics of which one differs; users without a value are left out."""
    rng = np.random.default_rng(0)
    better, same = rng.normal(0.3, 1.0, 200), rng.normal(0.0, 1.0, 200)
    frame = difference_table({"better": np.append(better, np.nan), "same": same}, ci=0.9)
    assert frame.columns.tolist() == [
        *("metric", "difference", "low", "high", "t_p", "sign_flip_p", "holm_p"),
        *("effect_size", "n_users"),
    ]
    row = frame.set_index("metric").loc["better"]
    low, high = stats.norm.interval(0.9, better.mean(), stats.sem(better))
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((better.mean(), low, high))
    assert row["t_p"] == pytest.approx(stats.ttest_1samp(better, 0).pvalue)
    assert row["effect_size"] == pytest.approx(better.mean() / better.std(ddof=1))
    assert row["n_users"] == 200
    assert row["holm_p"] == pytest.approx(2 * row["sign_flip_p"])
    assert frame["holm_p"].iloc[1] == frame["sign_flip_p"].iloc[1]


def test_nothing_differs() -> None:
    """P is 1, the effect 0."""
    row = difference_table({"m": np.zeros(9)}).iloc[0]
    assert (row["t_p"], row["sign_flip_p"], row["effect_size"]) == (1.0, 1.0, 0.0)


def test_no_metric() -> None:
    """No row, and the columns all the same."""
    frame = difference_table({})
    assert frame.empty
    assert frame.columns.tolist() == difference_table({"m": np.zeros(2)}).columns.tolist()
