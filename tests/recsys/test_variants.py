"""Variants beyond accuracy, by formula."""

import math

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.variants import VARIANTS

#: four items, listed 3, 2, 1 and 0 times
RECS = pd.DataFrame(
    {
        "user_id": ["a", "a", "a", "b", "b", "c"],
        "item_id": [1, 2, 3, 1, 2, 1],
        "rank": [1, 2, 3, 1, 2, 1],
    }
)
TEST = pd.DataFrame({"user_id": ["a", "b", "c"], "item_id": [1, 1, 1]})
TRAIN = pd.DataFrame({"user_id": ["t", "u", "u", "v", "u"], "item_id": [1, 1, 2, 3, 4]})
SHARES = np.array([3, 2, 1]) / 6


def values(*metrics: str, compat: str | None = None) -> list[float]:
    """Of the lists above, whole."""
    report = sf.evaluate(RECS, TEST, train=TRAIN, metrics=metrics, compat=compat)
    return report.to_frame()["value"].tolist()


def test_gini_between_equality_and_concentration() -> None:
    """Raw, rescaled to reach 1, and turned round as Elliot has it."""
    raw = ((-3) * 0 + (-1) * 1 + 1 * 2 + 3 * 3) / (4 * 6)
    found = values("gini", "gini:unbiased=true", "gini:unbiased=true:equality=true")
    assert found == pytest.approx([raw, raw * 4 / 3, 1 - raw * 4 / 3])
    assert values("gini", compat="elliot") == pytest.approx([1 - raw * 4 / 3])


def test_entropy_in_bits_and_nats() -> None:
    """RecBole divides the second by the number of listed items."""
    nats = -float((SHARES * np.log(SHARES)).sum())
    assert values("entropy", f"entropy:base={math.e}") == pytest.approx([nats / math.log(2), nats])
    assert values("entropy", compat="recbole") == pytest.approx([nats / 3])


def test_novelty_of_users_or_interactions() -> None:
    """Item 1 was had by two of three users, in two of five rows; the others by one."""
    log = np.log2
    of_users = np.mean([(log(3 / 2) + 2 * log(3)) / 3, (log(3 / 2) + log(3)) / 2, log(3 / 2)])
    of_rows = np.mean([(log(5 / 2) + 2 * log(5)) / 3, (log(5 / 2) + log(5)) / 2, log(5 / 2)])
    assert values("novelty", "novelty:of=interactions") == pytest.approx([of_users, of_rows])
    places = (3 * log(3 / 2) + 3 * log(3)) / 9 / log(3)
    assert values("novelty", compat="replay") == pytest.approx([places])


def test_popularity_of_lists() -> None:
    """Mean count, and as a share of all rows; short lists may divide by the cut."""
    plain = np.mean([(2 + 1 + 1) / 3, (2 + 1) / 2, 2])
    found = values("arp", "arp:normalize=true", "arp@3:denominator=k")
    assert found == pytest.approx([plain, plain / 5, np.mean([4 / 3, 3 / 3, 2 / 3])])


def test_full_lists() -> None:
    """One user of three has three items."""
    assert values("user_coverage", "user_coverage:at_least=3") == pytest.approx([1.0, 1 / 3])


def test_options_leave_the_rest_as_it_is() -> None:
    """With its defaults written out, every variant is the metric."""
    for name in VARIANTS:
        option = {"gini": "unbiased=false", "entropy": "base=2", "user_coverage": "at_least=1"}
        option |= {"novelty": "of=users", "arp": "normalize=false"}
        if name in ("awrf", "demographic_parity"):
            continue
        plain, same = values(name, f"{name}:{option.get(name, 'attention=log2')}")
        assert plain == same
