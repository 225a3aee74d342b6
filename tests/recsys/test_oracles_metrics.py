"""Accuracy metrics against values of other packages' tests and papers, through public functions."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.recsys import auc, gauc, graded_ndcg, ndcg_of_scores
from suffuse.recsys.compat import Compat
from suffuse.recsys.graded import gain_of
from suffuse.recsys.roc import auc_from_ranks

ORACLES = Path(__file__).parents[2].parent / "shared" / "metric_oracles.json"

#: metric of the file -> our name
NAMES = {
    "recall": "recall",
    "precision": "precision",
    "f_beta": "f_beta",
    "hit_rate": "hit_rate",
    "hits": "hits",
    "ndcg": "ndcg",
    "dcg": "dcg",
    "ncrr": "ncrr",
    "map": "map",
    "mrr": "mrr",
    "rbp": "rbp",
    "r_precision": "r_precision:cut=k",
    "r_precision_ir": "r_precision",
    "accuracy": "accuracy",
    "mcc": "mcc",
    "partial_auc": "partial_auc",
    "pap": "pap",
    "roc_auc_at_k": "auc_within",
    "percentile_rank": "percentile_rank",
}

#: words in the description of a variant -> our option
WORDS = {
    "denominator=k": "denominator=k",
    "denominator=n_rel": "denominator=n",
    "denominator=min(k,n_rel)": "denominator=min",
    "denominator=len(": "denominator=list",
    "denominator=min(n_rel,len(": "denominator=list",
    "denominator=number of HITS": "denominator=hits",
    "mean precision@1..k": "denominator=precisions",
    "ideal over min(k,n_rel)": "denominator=min",
    "ideal over k always": "denominator=k",
    "max(rank,2)": "discount=log2max2",
    "linear gain": "gain=linear",
    "exponential gain": "gain=exp",
    "exp gain": "gain=exp",
    "2^": "gain=exp",
}
EXTRAS = {"beta": "beta", "p": "p", "catalog_size": "n_items", "n_items": "n_items"}


def read_cases() -> list[dict[str, Any]]:
    """All cases, or none where the file is not there."""
    if not ORACLES.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(ORACLES.read_text(encoding="utf-8"))
    return found


def listed(cases: list[dict[str, Any]]) -> list[Any]:
    """Cases as parameters with names; one that says why there are none."""
    if not cases:
        return [pytest.param(None, marks=pytest.mark.skip("the file of cases is not there"))]
    return [pytest.param(case, id=case["id"]) for case in cases]


CASES = read_cases()


def has_list_form(case: dict[str, Any]) -> bool:
    """Whether a case has lists and truth, with gains that a test table can hold."""
    gains = case["extra"].get("gain", {})
    return case["metric"] in NAMES and all(gain > 0 for gain in gains.values())


def label_of(case: dict[str, Any]) -> str:
    """The name of the metric with its cut and options."""
    name, *options = NAMES[case["metric"]].split(":")
    words = "" if case["metric"] == "r_precision" else case["variant"]
    options += [option for word, option in WORDS.items() if word in words]
    options += [f"{EXTRAS[key]}={case['extra'][key]}" for key in EXTRAS if key in case["extra"]]
    if "denominator" in "".join(options) and case["metric"] == "dcg":
        options = [option for option in options if not option.startswith("denominator")]
    cut = "" if case["k"] is None else f"@{case['k']}"
    return ":".join([name + cut, *dict.fromkeys(options)])


def tables_of(case: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Recommendations and test rows of a case."""
    if "hit_matrix" in case["extra"]:
        return tables_of_hits(case["extra"]["hit_matrix"], case["extra"]["n_relevant"])
    places = [
        (user, *entry) if isinstance(entry, list) else (user, entry, rank)
        for user, entries in case["recommendations"].items()
        for rank, entry in enumerate(entries, 1)
    ]
    gains = case["extra"].get("gain", {})
    rows = [
        (user, item, gains.get(str(item), 1.0))
        for user, items in case["relevant"].items()
        for item in items
    ]
    return (
        pd.DataFrame(places, columns=["user_id", "item_id", "rank"]),
        pd.DataFrame(rows, columns=["user_id", "item_id", "weight"]),
    )


def tables_of_hits(
    hits: list[list[int]], n_relevant: list[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same from a matrix of hits and counts of relevant items."""
    places, rows = [], []
    for user, (row, n) in enumerate(zip(hits, n_relevant, strict=True)):
        places += [(str(user), rank, rank + 1) for rank in range(len(row))]
        taken = [rank for rank, hit in enumerate(row) if hit]
        rows += [(str(user), item) for item in [*taken, *range(-1, len(taken) - n - 1, -1)]]
    return (
        pd.DataFrame(places, columns=["user_id", "item_id", "rank"]),
        pd.DataFrame(rows, columns=["user_id", "item_id"]),
    )


def number(value: Any) -> float:
    """A number; the word NaN is one."""
    return math.nan if value == "NaN" else float(value)


@pytest.mark.parametrize("case", listed([case for case in CASES if has_list_form(case)]))
def test_cases_of_lists(case: dict[str, Any]) -> None:
    """Per user or as a mean, each under its variant; explicit ranks keep their gaps."""
    lists, truth = tables_of(case)
    label = label_of(case)
    rules = Compat("case", gaps="miss" if "format" in case["extra"] else "close")
    report = sf.evaluate(lists, truth, metrics=[label], compat=rules)
    tolerance = case["tolerance"] + 1e-12
    if case["id"] == "rt_map_dup":
        # What the peer gets wrong: its value exceeds 1, and the note says what is right.
        assert report.per_user[label].tolist() == [1.0, 1.0]
    elif case["aggregate"] == "per_user":
        found = dict(zip(report.user_ids.tolist(), report.per_user[label].tolist(), strict=True))
        expected = {user: number(value) for user, value in case["expected"].items()}
        assert found == pytest.approx(expected, abs=tolerance, nan_ok=True)
    else:
        value = report.to_frame()["value"].item()
        assert value == pytest.approx(number(case["expected"]), abs=tolerance)


@pytest.mark.parametrize(
    "case",
    listed([c for c in CASES if c["metric"] == "ndcg" and not has_list_form(c)]),
)
def test_cases_with_negative_gains(case: dict[str, Any]) -> None:
    """A test table refuses them; the function counts them 0."""
    gains = case["extra"]["gain"]
    (items,) = case["recommendations"].values()
    worth = gain_of([[gains.get(str(item), 0.0) for item in items]], "linear")
    truth = sparse.csr_array(np.array([list(gains.values())], float))
    found = graded_ndcg(worth, truth, case["k"] or len(items), discount="log2max2")
    assert found.tolist() == pytest.approx(list(case["expected"].values()))


@pytest.mark.parametrize(
    "case", listed([case for case in CASES if case["metric"] == "ndcg_scores"])
)
def test_cases_of_full_scores(case: dict[str, Any]) -> None:
    """Scikit-learn's values, ties averaged or the last of them first."""
    ties = "last" if "ties ignored" in case["variant"] else "average"
    found = ndcg_of_scores(case["extra"]["true"], case["extra"]["scores"], case["k"], ties=ties)
    assert found == pytest.approx(case["expected"], abs=case["tolerance"])


@pytest.mark.parametrize(
    "case", listed([case for case in CASES if case["metric"] in ("auc", "gauc")])
)
def test_cases_of_areas(case: dict[str, Any]) -> None:
    """From scores and labels; from sums of ranks, weighted by relevant items."""
    extra = case["extra"]
    if case["metric"] == "auc":
        found = auc(extra["scores"], extra["labels"])
    else:
        areas = auc_from_ranks(extra["pos_rank_sum"], extra["pos_len"], extra["user_len"])
        found = gauc(areas, extra["pos_len"])
    assert found == pytest.approx(case["expected"], abs=case["tolerance"])


@pytest.mark.skipif(not CASES, reason="the file of cases is not there")
def test_enough_cases_are_used() -> None:
    """A renamed metric must not silently empty the lists above."""
    wanted = {*NAMES, "ndcg_scores", "auc", "gauc"}
    assert sum(case["metric"] in wanted for case in CASES) >= 75
