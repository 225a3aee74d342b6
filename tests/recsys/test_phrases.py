"""Parts of sentences: what an interval says, numbers, plurals."""

from __future__ import annotations

import pandas as pd
import pytest

from suffuse.recsys import phrases

#: signs of good typesetting, and the plain ones
PLAIN = str.maketrans({"\N{NO-BREAK SPACE}": " ", "\N{MINUS SIGN}": "-"})


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.2, "better, beyond chance"),
        (-0.2, -0.1, "worse, beyond chance"),
        (-0.1, 0.1, "the interval includes zero, it may be chance"),
        (0.0, 0.1, "the interval includes zero, it may be chance"),
        (float("nan"), 0.1, "too few users to tell"),
    ],
)
def test_what_an_interval_says(low: float, high: float, said: str) -> None:
    """Clear of zero on one side, on the other, or not."""
    assert phrases.judged(low, high) == said


def test_without_a_direction() -> None:
    """Some differences are neither better nor worse."""
    assert phrases.judged(-0.2, -0.1, "apart") == "apart, beyond chance"


def test_intervals_in_words() -> None:
    """The level, both ends, long signs; or that there is none."""
    row = {"low": -0.1, "high": 0.25}
    said = phrases.interval(row, 0.9, phrases.signed)
    assert said.translate(PLAIN) == "90 % interval -0.1000 to +0.2500"
    assert "-" not in said
    assert phrases.interval({"low": float("nan"), "high": 1.0}, 0.9, phrases.plain) == "no interval"


def test_zero_has_no_sign() -> None:
    """What rounds to zero neither rises nor falls."""
    assert phrases.signed(-0.00001) == phrases.signed(0.00001) == "0.0000"
    assert phrases.signed(-0.04, 1) == "0.0"


def test_small_parts() -> None:
    """Counts, verbs, nouns, p, groups."""
    assert [phrases.number(count) for count in (0, 3, 12, 1200)] == ["none", "three", "12", "1,200"]
    assert [phrases.verb(count) for count in (0, 1, 2)] == ["is", "is", "are"]
    assert [phrases.plural(count, "group") for count in (0, 1)] == ["groups", "group"]
    assert phrases.p_value(1e-9).translate(PLAIN) == "p < 0.001"
    assert phrases.p_value(0.0404).translate(PLAIN) == "p = 0.040"
    row = pd.Series({"group": 33, "n_users": 2480})
    assert phrases.named(row) == "“33” (2,480 users)"
