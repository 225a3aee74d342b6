"""How much a place counts."""

import math

import pytest

from suffuse.recsys.discounts import Discount, discounts

FORMULAS = {
    "log2": lambda rank: 1 / math.log2(rank + 1),
    "log2max2": lambda rank: 1 / math.log2(max(rank, 2)),
    "ln": lambda rank: 1 / math.log(rank + 1),
    "reciprocal": lambda rank: 1 / rank,
    "none": lambda rank: 1.0,
}


@pytest.mark.parametrize("kind", list(FORMULAS))
def test_by_formula(kind: Discount) -> None:
    """Rank by rank, and never rising."""
    found = discounts(kind, 7)
    assert found.tolist() == pytest.approx([FORMULAS[kind](rank) for rank in range(1, 8)])
    assert (found[1:] <= found[:-1]).all()


def test_nothing_to_weigh() -> None:
    """A list without places has no weights."""
    assert discounts("log2", 0).tolist() == []


def test_other_kinds_are_refused() -> None:
    """With the kinds that there are."""
    with pytest.raises(ValueError, match=r"discount must be one of log2, .*; got 'log10'"):
        discounts("log10", 3)  # type: ignore[arg-type]
