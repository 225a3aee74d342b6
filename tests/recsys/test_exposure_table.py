"""Rows on items of the table on fairness."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from suffuse.recsys.exposure_table import exposure_rows, exposure_values, jackknife_errors
from suffuse.recsys.groups import groups_of
from suffuse.recsys.judgement_context import Context
from suffuse.recsys.lists import Lists, lists_of

N_ITEMS = 40


def world(rng: np.random.Generator, n_users: int) -> Lists:
    """Random lists that lean to the first items, and random truth and training rows."""
    lean = np.linspace(3, 0, N_ITEMS)
    order = np.argsort(-(rng.gumbel(size=(n_users, N_ITEMS)) + lean), axis=1)
    users = np.repeat(np.arange(n_users), 5)
    recs = pd.DataFrame({"user_id": users, "item_id": order[:, :5].ravel()})
    recs["rank"] = np.tile(np.arange(1, 6), n_users)
    took = np.argsort(rng.random((n_users, N_ITEMS)), axis=1)
    test = pd.DataFrame({"user_id": users, "item_id": took[:, :5].ravel()})
    train = pd.DataFrame({"user_id": users, "item_id": order[:, 5:10].ravel()})
    return lists_of(recs, test, train=train)


def setting(lists: Lists) -> Context:
    """Two halves of the items."""
    labels = {item: "first" if item < N_ITEMS // 2 else "last" for item in range(N_ITEMS)}
    return Context(groups_of(lists.item_ids, labels, name="item_groups", key="item_id"))


def test_errors_of_the_jackknife_are_those_of_samples() -> None:
    """Against the spread of the values over 150 samples of users of the same kind."""
    rng = np.random.default_rng(0)
    samples = [world(rng, 150) for _ in range(150)]
    found = [exposure_values(each, 5, setting(each)) for each in samples]
    errors = [jackknife_errors(each, 5, setting(each)) for each in samples[:20]]
    for key in (
        ("ee_l@5", "items"),
        ("ee_d@5", "items"),
        ("ee_r@5", "items"),
        ("iaa@5", "items"),
        ("rsp@5", "item groups"),
        ("awrf@5", "item groups"),
        ("log_eur@5", "first"),
        ("log_rur@5", "first"),
        ("log_dp@5", "first"),
        ("exposure_share@5", "last"),
    ):
        spread = np.std([values[key] for values in found])
        estimated = np.mean([each[key] for each in errors])
        assert estimated == pytest.approx(spread, rel=0.35), key


def test_shares_have_the_interval_of_their_ratio() -> None:
    """The linear interval agrees with the jackknife's to a fifth."""
    lists = world(np.random.default_rng(0), 300)
    context = setting(lists)
    rows, notes = exposure_rows(lists, 5, context)
    assert notes == []
    errors = jackknife_errors(lists, 5, context)
    for metric, of, value, low, high, n in rows:
        assert low <= value + 1e-12 or np.isnan(low)
        assert value <= high + 1e-12 or np.isnan(high)
        if metric in {"exposure_share@5", "log_dp@5"}:
            assert (high - low) / 2 == pytest.approx(1.96 * errors[metric, of], rel=0.3)
            assert n == N_ITEMS // 2


def test_few_users_and_large_tables_have_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 60 users, and beyond the limit, the rows stand without one."""
    few = world(np.random.default_rng(0), 59)
    assert jackknife_errors(few, 5, setting(few)) == {}
    many = world(np.random.default_rng(0), 60)
    assert jackknife_errors(many, 5, setting(many))
    monkeypatch.setattr("suffuse.recsys.exposure_table._MOST_CELLS", 1000)
    rows, _ = exposure_rows(many, 5, setting(many))
    without = {row[0] for row in rows if np.isnan(row[3])}
    assert {"ee_l@5", "rsp@5", "log_eur@5"} <= without
    assert not {"exposure_share@5", "log_dp@5", "ndkl@5"} & without


def test_without_groups_and_training_rows_little_is_left() -> None:
    """Expected exposure and amortised attention."""
    recs = pd.DataFrame({"user_id": [1], "item_id": [8], "rank": [1]})
    lists = lists_of(recs, pd.DataFrame({"user_id": [1], "item_id": [9]}))
    found = exposure_values(lists, 1, Context())
    assert list(found) == [(f"{name}@1", "items") for name in ("ee_l", "ee_d", "ee_r", "iaa")]
    assert found["ee_r@1", "items"] == 0.0
    assert found["ee_l@1", "items"] == 2.0
    assert found["iaa@1", "items"] == 2.0
