"""From names to values and intervals."""

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.judging import DEFAULT_METRICS, DEFAULT_WITH_TRAIN, NAMES, plan_of


def world(n_users: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lists of 3 of 30 items, popular ones more often, and one test row each."""
    items = np.array(
        [rng.choice(30, 3, replace=False, p=np.arange(1, 31) / 465) for _ in range(n_users)]
    )
    recs = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(n_users), 3),
            "item_id": items.ravel(),
            "rank": np.tile([1, 2, 3], n_users),
        }
    )
    return recs, pd.DataFrame(
        {"user_id": np.arange(n_users), "item_id": rng.integers(0, 30, n_users)}
    )


def test_the_default_metrics() -> None:
    """Of whole lists; those that need training rows only where there are some."""
    plain = [entry.label for entry in plan_of("default", longest=7, has_train=False)]
    assert plain == [f"{name}@7" for name in DEFAULT_METRICS]
    assert plan_of(None, longest=7, has_train=False) == plan_of(
        "default", longest=7, has_train=False
    )
    more = [entry.label for entry in plan_of("default", longest=0, has_train=True)]
    assert more[len(plain) :] == [f"{name}@1" for name in DEFAULT_WITH_TRAIN]
    assert {*DEFAULT_METRICS, *DEFAULT_WITH_TRAIN} <= NAMES


def test_a_metric_is_named_once() -> None:
    """A second row of the same label could not be told from the first."""
    with pytest.raises(ValueError, match="metrics must name each metric once; got 'mrr' again"):
        plan_of(["mrr", "mrr@2", "mrr"], longest=3, has_train=False)


def test_intervals_of_list_metrics_are_as_wide_as_they_vary() -> None:
    """The standard error over resampled users is that over new samples of users."""
    rng = np.random.default_rng(0)
    values, errors = [], []
    for _ in range(60):
        recs, test = world(150, rng)
        row = sf.evaluate(recs, test, metrics=["entropy@3"]).to_frame().iloc[0]
        values.append(row["value"])
        errors.append((row["high"] - row["low"]) / (2 * 1.959964))
        assert row["low"] < row["value"] < row["high"]
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.3)


def test_metrics_that_need_a_table_say_which() -> None:
    """Training rows, groups of items."""
    recs, test = world(5, np.random.default_rng(1))
    for metric, table in (("novelty", "train"), ("awrf", "item_groups")):
        with pytest.raises(ValueError, match=f"{table} must be given for the metric '{metric}'"):
            sf.evaluate(recs, test, metrics=[metric])


def test_attention_is_an_option_of_exposure() -> None:
    """Two models of attention, two values; other options are refused."""
    recs, test = world(40, np.random.default_rng(2))
    names = ["ee_d@3", "ee_d@3:attention=rbp", "ee_d@3:attention=rbp:patience=0.5"]
    values = sf.evaluate(recs, test, metrics=names).to_frame()["value"]
    assert values.nunique() == 3
    with pytest.raises(ValueError, match=r"must be one of .'attention', 'patience'.; got 'p'"):
        sf.evaluate(recs, test, metrics=["ee_d@3:p=0.5"])
