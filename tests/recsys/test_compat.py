"""What other packages mean by the same names, by hand; live comparisons stand elsewhere."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys import Compat
from suffuse.recsys.compat import compat_of

#: five relevant items, two of the three places hits, at ranks 2 and 3
RECS = pd.DataFrame({"user_id": "u", "item_id": ["no", "a", "b"], "rank": [1, 2, 3]})
TEST = pd.DataFrame({"user_id": "u", "item_id": list("abcde"), "weight": [1.0, 3, 2, 1, 1]})


def value(metric: str, compat: Any, recs: pd.DataFrame = RECS) -> float:
    """One metric of one user."""
    return float(sf.evaluate(recs, TEST, metrics=[metric], compat=compat).to_frame()["value"][0])


@pytest.mark.parametrize(
    ("compat", "metric", "expected"),
    [
        (None, "recall@4", 2 / 5),
        ("recbole", "recall@4", 2 / 5),
        ("lenskit", "recall@4", 2 / 4),
        ("lenskit", "recall", 2 / 5),
        (None, "precision@4", 2 / 4),
        ("lenskit", "precision@4", 2 / 3),
        (None, "map@4", (1 / 2 + 2 / 3) / 4),
        ("replay", "map@4", (1 / 2 + 2 / 3) / 4),
        ("rectools", "map@4", (1 / 2 + 2 / 3) / 5),
        ("ranx", "map@4", (1 / 2 + 2 / 3) / 5),
        ("lenskit", "map@4", (1 / 2 + 2 / 3) / 3),
        ("elliot", "map@4", (0 + 1 / 2 + 2 / 3 + 2 / 4) / 4),
        ("rectools", "r_precision@2", 1 / 2),
        (None, "r_precision", 2 / 5),
        ("lenskit", "rbp", 0.15 * (0.85 + 0.85**2)),
        (None, "rbp", 0.2 * (0.8 + 0.8**2)),
    ],
)
def test_by_hand(compat: str | None, metric: str, expected: float) -> None:
    """Each divides by something else."""
    assert value(metric, compat) == pytest.approx(expected)


def log(rank: float) -> float:
    """The usual discount."""
    return float(1 / np.log2(rank + 1))


@pytest.mark.parametrize(
    ("compat", "metric", "gained", "ideal"),
    [
        (None, "ndcg@3", [0, 1, 1], [1, 1, 1]),
        ("rectools", "ndcg@3", [0, 1, 1], [1, 1, 1]),
        ("rectools", "ndcg@9", [0, 1, 1], [1] * 9),
        (None, "ndcg@9", [0, 1, 1], [1] * 5),
        ("ranx", "ndcg@3", [0, 1, 3], [3, 2, 1]),
        ("elliot", "ndcg@3", [0, 3, 15], [15, 7, 3]),
    ],
)
def test_ndcg_by_hand(
    compat: str | None, metric: str, gained: list[float], ideal: list[float]
) -> None:
    """Gains and the ideal list."""
    found = value(metric, compat)
    top = sum(g * log(r) for r, g in enumerate(gained, 1))
    assert found == pytest.approx(top / sum(g * log(r) for r, g in enumerate(ideal, 1)))


def test_ranx_without_a_cut() -> None:
    """Lists divide by their own length, an empty one is 0, the ideal holds all that was taken."""
    assert value("precision", "ranx") == pytest.approx(2 / 3)
    assert value("f1", "ranx") == pytest.approx(2 * (2 / 3) * (2 / 5) / (2 / 3 + 2 / 5))
    ideal = sum(g * log(r) for r, g in enumerate([3, 2, 1, 1, 1], 1))
    assert value("ndcg", "ranx") == pytest.approx((log(2) + 3 * log(3)) / ideal)
    assert value("precision", "ranx", RECS.assign(user_id="v")) == 0.0
    assert np.isnan(value("precision:denominator=list", None, RECS.assign(user_id="v")))


def test_gaps_are_misses_for_rectools() -> None:
    """A hit at explicit rank 3 alone."""
    late = pd.DataFrame({"user_id": ["u"], "item_id": ["a"], "rank": [3]})
    assert value("mrr@5", None, late) == 1.0
    assert value("mrr@5", "rectools", late) == pytest.approx(1 / 3)


def test_who_is_judged() -> None:
    """Elliot leaves out who has no list; a baseline is judged on the same users."""
    test = pd.concat([TEST, pd.DataFrame({"user_id": ["v"], "item_id": ["a"], "weight": [1.0]})])
    whole = sf.evaluate(RECS, test, metrics=["hit_rate@3"])
    listed = sf.evaluate(RECS, test, metrics=["hit_rate@3"], compat="elliot", baseline=RECS)
    assert (len(whole.user_ids), len(listed.user_ids)) == (2, 1)
    assert listed.difference_frame()["n_users"].item() == 1
    assert "definitions of elliot" in str(listed)
    assert listed.counts["users with truth and no list, left out"] == 1


def test_options_of_the_metric_go_before_those_of_the_preset() -> None:
    """And a preset may be one's own."""
    assert value("map@4:denominator=min", "ranx") == value("map@4", None)
    mine = Compat("mine", {"map": {"denominator": "hits"}})
    assert value("map@4", mine) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert compat_of(mine) is mine


def test_unknown_presets_are_refused() -> None:
    """With those there are."""
    with pytest.raises(ValueError, match=r"compat must be one of \['elliot', .*; got 'recbol'"):
        compat_of("recbol")
