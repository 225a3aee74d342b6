"""Accuracy metrics by name, on lists."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import suffuse as sf
from suffuse.recsys import accuracy
from suffuse.recsys.lists import lists_of


def full_lists(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Every candidate of every user by score, the training items left out; and the scores."""
    rng = np.random.default_rng(seed)
    scores, kind = rng.random((20, 12)), rng.choice(3, (20, 12), p=[0.5, 0.25, 0.25])
    kind[:, 0], kind[:, 1] = 2, 0
    kind[0, np.arange(2, 12)] = np.arange(2, 12) % 2
    rows = {1: [], 2: []}
    for role, found in rows.items():
        found += list(np.argwhere(kind == role))
    train, test = (
        pd.DataFrame(np.array(rows[role]), columns=["user_id", "item_id"]) for role in (1, 2)
    )
    train = pd.concat([train, pd.DataFrame({"user_id": 99, "item_id": range(12)})])
    places = np.argwhere(kind != 1)
    recs = pd.DataFrame(places, columns=["user_id", "item_id"])
    return recs.assign(score=scores[kind != 1]), test, train, np.where(kind == 1, np.nan, scores)


def test_auc_of_full_lists_is_exact() -> None:
    """Over everything but the training items; the pooled one weighs by relevant items."""
    recs, test, train, scores = full_lists(0)
    report = sf.evaluate(recs, test, train=train, metrics=["auc", "gauc"])
    expected, weights = [], []
    for user in report.user_ids:
        relevant = np.isin(np.arange(12), test["item_id"][test["user_id"] == user])
        known = ~np.isnan(scores[user])
        expected.append(roc_auc_score(relevant[known], scores[user][known]))
        weights.append(relevant.sum())
    assert report.per_user["auc"].tolist() == pytest.approx(expected)
    assert report.spread["gauc"] == pytest.approx(np.average(expected, weights=weights))


def test_candidates() -> None:
    """The catalogue less what the user had, and never fewer than were listed or taken."""
    train = pd.DataFrame({"user_id": ["a", "a", "b"], "item_id": [1, 2, 3]})
    recs = pd.DataFrame({"user_id": ["a"] * 2, "item_id": [1, 3], "rank": [1, 2]})
    test = pd.DataFrame({"user_id": ["a", "c"], "item_id": [4, 1]})
    assert accuracy.candidates(lists_of(recs, test, train=train)).tolist() == [3, 3]


def test_every_metric_can_be_asked_for() -> None:
    """One value per user, or one of all lists; those that are utilities lie from 0 on."""
    recs, test, train, _ = full_lists(1)
    names = list(accuracy.ACCURACY)
    report = sf.evaluate(recs, test, train=train, metrics=[f"{name}@3" for name in names])
    assert len(report.to_frame()) == len(names)
    assert set(report.spread) == {"pooled_recall@3", "gauc@3"}
    for name in accuracy.UTILITIES:
        assert (report.per_user[f"{name}@3"] >= 0).all()


def test_unknown_options_are_refused() -> None:
    """With those there are."""
    recs, test, _, _ = full_lists(2)
    with pytest.raises(ValueError, match=r"options of mrr:p=1 must be left out.*; got 'p'"):
        sf.evaluate(recs, test, metrics=["mrr:p=1"])
    with pytest.raises(
        ValueError, match=r"options of rbp:q=1 must be one of .'p', 'denominator'.; got 'q'"
    ):
        sf.evaluate(recs, test, metrics=["rbp:q=1"])
