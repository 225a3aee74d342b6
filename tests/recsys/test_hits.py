"""Where the hits are, and what to divide by."""

import numpy as np
import pytest

from suffuse.recsys import hits as module

HITS = np.array([[True, False, True], [False, False, False], [False, True, False]])


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_hits_are_found_up_to_the_cut(k: int) -> None:
    """User and rank of each, by user, then by rank, whatever the cut."""
    expected = [(u, r) for u in range(3) for r in range(3) if HITS[u, r] and r < k]
    rows, ranks = module.found(HITS, k)
    assert list(zip(rows.tolist(), ranks.tolist(), strict=True)) == expected


def test_no_columns() -> None:
    """Lists of length 0 have no hit."""
    rows, ranks = module.found(np.zeros((2, 0), bool), 5)
    assert len(rows) == len(ranks) == 0
    assert module.hits_at(np.zeros((2, 0), bool), np.array([1, 1]), 5).tolist() == [0, 0]


def test_divisors() -> None:
    """The cut, the relevant items, or the lesser."""
    n = np.array([1, 7])
    assert module.divisor("k", n, 3) == 3
    assert np.asarray(module.divisor("n", n, 3)).tolist() == [1, 7]
    assert np.asarray(module.divisor("min", n, 3)).tolist() == [1, 3]


def test_what_lists_hold() -> None:
    """Up to the cut; without lengths, all are as wide as the table."""
    assert module.held(HITS, 2, np.array([0, 1, 3])).tolist() == [0, 1, 2]
    assert module.held(HITS, 9, None).tolist() == [3, 3, 3]


def test_words_are_checked() -> None:
    """The error names the option, what it may be, and what it was."""
    module.refuse_unless("a", ("a", "b"), "letter")
    with pytest.raises(ValueError, match="letter must be one of a, b; got 'c'"):
        module.refuse_unless("c", ("a", "b"), "letter")
