"""The same random data through other packages: ranx here, RecTools in an environment of its own.

RecTools wants pandas below 3, so it cannot be installed beside Suffuse. Where the environment
variable ``SUFFUSE_RECTOOLS_PYTHON`` names a Python that has it, it is asked there; see
CONTRIBUTING.md.
"""

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import suffuse as sf


def random_tables(seed: int, *, gaps: bool) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Lists of 0 to 12 items, test rows with grades, training rows of other items.

    Some users have a list and no test row, some a test row and no list.
    """
    rng = np.random.default_rng(seed)
    recs, test, train = [], [], []
    for user in range(60):
        items = rng.permutation(40)
        length = int(rng.integers(0, 13)) if user % 7 else 0
        steps = rng.integers(1, 3, length) if gaps else np.ones(length, int)
        recs += [(user, int(i), int(r)) for i, r in zip(items, np.cumsum(steps), strict=False)]
        if user % 5:
            taken = rng.choice(items[:30], int(rng.integers(1, 9)), replace=False)
            test += [(user, int(i), float(rng.integers(1, 5))) for i in taken]
        train += [(user, int(i), 1.0) for i in items[30 : 30 + int(rng.integers(1, 9))]]
    names = ["user_id", "item_id"]
    return (
        pd.DataFrame(recs, columns=[*names, "rank"]),
        pd.DataFrame(test, columns=[*names, "weight"]),
        pd.DataFrame(train, columns=[*names, "weight"]),
    )


RANX = [
    *("recall@5", "precision@5", "hit_rate@5", "mrr@5", "map@5", "map@12", "ndcg@5", "ndcg@12"),
    *("recall@12", "f1@5", "hits@5", "precision@12"),
]


def ask_ranx(recs: pd.DataFrame, test: pd.DataFrame, names: list[str]) -> dict[str, float]:
    """Means over all users of ``test``; those without a list count 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranx = pytest.importorskip("ranx", exc_type=ImportError)
        truth: dict[str, dict[str, int]] = {}
        for user, item, weight in test[["user_id", "item_id", "weight"]].itertuples(index=False):
            truth.setdefault(str(user), {})[str(item)] = int(weight)
        lists: dict[str, dict[str, float]] = {}
        for user, item, score in recs[["user_id", "item_id", "score"]].itertuples(index=False):
            lists.setdefault(str(user), {})[str(item)] = float(score)
        found = ranx.evaluate(ranx.Qrels(truth), ranx.Run(lists), names, make_comparable=True)
    found = found if isinstance(found, dict) else {names[0]: found}
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ranx_agrees(seed: int) -> None:
    """Short and empty lists, users without truth, grades (its rank-biased precision adds them)."""
    recs, test, _ = random_tables(seed, gaps=False)
    recs["score"] = 50.0 - recs["rank"]
    expected = ask_ranx(recs, test, [*RANX, "r-precision"])
    expected |= ask_ranx(recs, test.assign(weight=1.0), ["rbp.80"])
    ours = [*RANX, "r_precision", "rbp:p=0.8"]
    report = sf.evaluate(recs, test, metrics=ours, compat="ranx").to_frame()
    assert report["value"].tolist() == pytest.approx(list(expected.values()))


def test_ranx_agrees_without_a_cut() -> None:
    """Lists of their own lengths, some empty; more truth than the lists hold."""
    recs, test, _ = random_tables(7, gaps=False)
    recs = recs[recs["rank"] <= 3].assign(score=lambda frame: 50.0 - frame["rank"])
    names = ["precision", "recall", "f1", "map", "mrr", "ndcg", "hits"]
    expected = ask_ranx(recs, test, names)
    report = sf.evaluate(recs, test, metrics=names, compat="ranx").to_frame()
    assert report["value"].tolist() == pytest.approx([expected[name] for name in names])


@pytest.mark.parametrize("seed", [3, 4])
def test_ranx_agrees_on_exponential_gain(seed: int) -> None:
    """Its NDCG after Burges."""
    recs, test, _ = random_tables(seed, gaps=False)
    recs["score"] = 50.0 - recs["rank"]
    expected = ask_ranx(recs, test, ["ndcg_burges@6"])["ndcg_burges@6"]
    report = sf.evaluate(recs, test, metrics=["ndcg@6:gain=exp"]).to_frame()
    assert report["value"].item() == pytest.approx(expected)


@pytest.mark.parametrize("seed", [5, 6])
def test_ranx_agrees_on_ties(seed: int) -> None:
    """Three scores for all items: what does not depend on the order of ties."""
    recs, test, _ = random_tables(seed, gaps=False)
    recs["score"] = (recs["rank"] % 3).astype(float)
    names = ["recall@12", "precision@12", "hit_rate@12", "f1@12"]
    expected = ask_ranx(recs, test, names)
    report = sf.evaluate(recs.drop(columns="rank"), test, metrics=names).to_frame()
    assert report["value"].tolist() == pytest.approx([expected[name] for name in names])


RECTOOLS = """
import json, sys
import pandas as pd
from rectools import Columns, metrics as m
data = json.load(sys.stdin)
recs, test, train = (pd.DataFrame(data[n]) for n in ("recs", "test", "train"))
catalog, k = data["catalog"], data["k"]
found = {}
for name, metric, more in [
    ("precision", m.Precision(k), {}), ("recall", m.Recall(k), {}),
    ("hit_rate", m.HitRate(k), {}), ("r_precision", m.Precision(k, r_precision=True), {}),
    ("f1", m.F1Beta(k), {}), ("f_beta:beta=2", m.F1Beta(k, beta=2.0), {}),
    ("map", m.MAP(k), {}), ("map:denominator=k", m.MAP(k, divide_by_k=True), {}),
    ("ndcg", m.NDCG(k), {}),
    ("ndcg:denominator=min", m.NDCG(k, divide_by_achievable=True), {}),
    ("mrr", m.MRR(k), {}), ("partial_auc", m.PartialAUC(k), {}), ("pap", m.PAP(k), {}),
    ("accuracy", m.Accuracy(k), {"catalog": catalog}), ("mcc", m.MCC(k), {"catalog": catalog}),
]:
    values = metric.calc_per_user(reco=recs, interactions=test, **more)
    found[name] = {str(user): float(value) for user, value in values.items()}
print(json.dumps(found))
"""


def rectools_python() -> str | None:
    """A Python that has RecTools, if there is one."""
    given = os.environ.get("SUFFUSE_RECTOOLS_PYTHON")
    if given is not None:
        return given if Path(given).is_file() else None
    return sys.executable if importlib.util.find_spec("rectools") is not None else None


def ask_rectools(tables: tuple[pd.DataFrame, ...], k: int) -> dict[str, dict[str, float]]:
    """Values per user of all its metrics of lists."""
    names = ("recs", "test", "train")
    data: dict[str, Any] = {
        name: table.to_dict("list") for name, table in zip(names, tables, strict=True)
    }
    data |= {"catalog": sorted(set(tables[2]["item_id"])), "k": k}
    done = subprocess.run(
        [str(rectools_python()), "-W", "ignore", "-c", RECTOOLS],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(
    rectools_python() is None,
    reason="RecTools needs pandas below 3: set SUFFUSE_RECTOOLS_PYTHON to a Python that has it",
)
@pytest.mark.parametrize(("seed", "k"), [(0, 5), (1, 1), (2, 12)])
def test_rectools_agrees(seed: int, k: int) -> None:
    """User by user, with gaps of ranks, under its preset and with options above it."""
    recs, test, train = random_tables(seed, gaps=True)
    expected = ask_rectools((recs, test, train), k)
    labels = {}
    for name in expected:
        head, colon, options = name.partition(":")
        labels[name] = f"{head}@{k}{colon}{options}"
    report = sf.evaluate(recs, test, train=train, metrics=list(labels.values()), compat="rectools")
    for name, label in labels.items():
        values = dict(zip(map(str, report.user_ids), report.per_user[label].tolist(), strict=True))
        assert values == pytest.approx(expected[name]), name
