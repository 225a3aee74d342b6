"""Coverage, concentration and difference of all lists together."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from suffuse.recsys import beyond

Lists = npt.NDArray[np.int64]
N_ITEMS = 7


@st.composite
def ragged(draw: st.DrawFn) -> Lists:
    """Lists of different items, some short, some empty."""
    rows = draw(
        st.lists(st.lists(st.integers(0, N_ITEMS - 1), unique=True, max_size=5), max_size=6)
    )
    lists = np.full((len(rows), 5), -1)
    for user, row in enumerate(rows):
        lists[user, : len(row)] = row
    return lists


EXPOSURES = st.lists(st.integers(0, 9), min_size=1, max_size=12).map(np.array)


@settings(deadline=None, max_examples=60)
@given(ragged(), st.integers(1, 6))
def test_exposure_counts_are_counted(lists: Lists, k: int) -> None:
    """A loop over the cells gives the same, and empty places count for nobody."""
    counted = [sum(int(item in row[:k]) for row in lists.tolist()) for item in range(N_ITEMS)]
    assert beyond.exposure_counts(lists, N_ITEMS, k=k).tolist() == counted


def test_bad_lists_are_refused() -> None:
    """A code too large, a table of texts or of one row, k of 0."""
    with pytest.raises(ValueError, match="codes below 3; got 3"):
        beyond.exposure_counts([[3]], 3)
    with pytest.raises(ValueError, match="whole numbers of shape"):
        beyond.exposure_counts([[0.5]], 3)
    with pytest.raises(ValueError, match="whole numbers of shape"):
        beyond.exposure_counts([1, 2], 3)
    with pytest.raises(ValueError, match="k must be a whole number"):
        beyond.exposure_counts([[0]], 3, k=0)


def test_any_negative_code_is_an_empty_place() -> None:
    """-7 is as empty as -1, at every measure that looks codes up."""
    assert beyond.exposure_counts([[-7, 1]], 2).tolist() == [0.0, 1.0]
    assert beyond.unlisted([[-7, 1]], k=2).tolist() == [0.5]


def test_coverage_by_hand() -> None:
    """Half the catalogue; all of it; nothing there is no share."""
    assert beyond.coverage([1, 0, 2, 0]) == 0.5
    assert beyond.coverage([1, 1]) == 1.0
    assert math.isnan(beyond.coverage([]))


def test_user_coverage_by_hand() -> None:
    """Any list, a full list, and lists that k makes full."""
    lists = [[1, 2, 3], [1, -1, -1], [-1, -1, -1], [4, 5, -1]]
    assert beyond.user_coverage(lists) == 0.75
    assert beyond.user_coverage(lists, at_least=3) == 0.25
    assert beyond.user_coverage(lists, k=2, at_least=2) == 0.5
    assert math.isnan(beyond.user_coverage(np.empty((0, 2), int)))


@settings(deadline=None, max_examples=80)
@given(EXPOSURES)
def test_gini_is_half_the_relative_mean_difference(counts: npt.NDArray[np.int64]) -> None:
    """The definition over all pairs of values; NaN where nothing is shared out."""
    found = beyond.gini(counts)
    if counts.sum() == 0:
        assert math.isnan(found)
        return
    pairs = np.abs(counts[:, None] - counts[None, :]).mean()
    assert found == pytest.approx(pairs / (2 * counts.mean()), abs=1e-12)
    assert 0 <= found <= 1 - 1 / len(counts) + 1e-12
    n = len(counts)
    assert beyond.gini(counts, unbiased=True) == pytest.approx(found * n / max(n - 1, 1))


def test_gini_of_one_owner_and_of_negative_values() -> None:
    """One item of n holds all: 1 - 1/n, 1 where unbiased; negative numbers are refused."""
    assert beyond.gini([0, 0, 0, 5]) == 0.75
    assert beyond.gini([0, 0, 0, 5], unbiased=True) == 1.0
    with pytest.raises(ValueError, match="at least 0; got -1"):
        beyond.gini([-1.0, 2.0])


@pytest.mark.parametrize("lengths", [[2, 2, 2], [1, 2], [2, 0, 1], [3, 3], [1], [4, 4]])
def test_gini_bounds_are_reached_and_never_passed(lengths: list[int]) -> None:
    """All ways of filling lists of these lengths from four items, tried one by one."""
    low, high = beyond.gini_bounds(4, lengths)
    counts = {(0, 0, 0, 0)}
    for length in lengths:
        shown = list(combinations(range(4), length))
        counts = {
            tuple(c + (i in row) for i, c in enumerate(count)) for count in counts for row in shown
        }
    values = [beyond.gini(count) for count in counts]
    assert min(values) == pytest.approx(low, abs=1e-12)
    assert max(values) == pytest.approx(high, abs=1e-12)


def test_corrected_gini_reaches_0_and_1() -> None:
    """As even as can be, all alike, and a catalogue that leaves no choice."""
    assert beyond.gini_corrected([2, 2, 1, 1], [2, 2, 2]) == 0.0
    assert beyond.gini_corrected([3, 3, 0, 0], [2, 2, 2]) == 1.0
    assert math.isnan(beyond.gini_corrected([3, 3], [2, 2, 2]))
    assert math.isnan(beyond.gini_corrected([0, 0], [0, 0]))


def test_lengths_beyond_the_catalogue_are_refused() -> None:
    """A list cannot hold more different items than there are."""
    with pytest.raises(ValueError, match="from 0 to n_items, 2; got 3"):
        beyond.gini_bounds(2, [3])


@settings(deadline=None, max_examples=60)
@given(EXPOSURES, st.sampled_from([2.0, math.e, 10.0]))
def test_entropy_is_that_of_scipy(counts: npt.NDArray[np.int64], base: float) -> None:
    """In any base, over the catalogue, and over the number of different items."""
    found = beyond.entropy(counts, base=base)
    if counts.sum() == 0:
        assert math.isnan(found)
        return
    assert found == pytest.approx(stats.entropy(counts, base=base), abs=1e-12)
    listed = beyond.entropy(counts, base=base, divide="listed")
    assert listed == pytest.approx(found / (counts > 0).sum())
    if len(counts) > 1:
        whole = beyond.entropy(counts, base=base, divide="catalogue")
        assert whole == pytest.approx(found / math.log(len(counts), base))
        assert 0 <= whole <= 1 + 1e-12


def test_bad_arguments_of_entropy() -> None:
    """A base of 1 and a divisor that there is not."""
    with pytest.raises(ValueError, match="base must be"):
        beyond.entropy([1], base=1.0)
    with pytest.raises(ValueError, match="divide must be None, 'catalogue' or 'listed'"):
        beyond.entropy([1], divide="items")  # type: ignore[arg-type]


@settings(deadline=None, max_examples=80)
@given(ragged())
def test_personalization_is_the_mean_over_all_pairs(lists: Lists) -> None:
    """The closed form against the cosines of every two users with a list."""
    rows = [set(row) - {-1} for row in lists.tolist()]
    rows = [row for row in rows if row]
    found = beyond.personalization(lists, N_ITEMS)
    if len(rows) < 2:
        assert math.isnan(found)
        return
    cosines = [len(a & b) / math.sqrt(len(a) * len(b)) for a, b in combinations(rows, 2)]
    assert found == pytest.approx(1 - np.mean(cosines), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(ragged(), st.randoms(use_true_random=False))
def test_the_order_of_users_and_the_names_of_items_do_not_matter(lists: Lists, rng: object) -> None:
    """Users shuffled and items renamed give the same of everything."""
    generator = np.random.default_rng(rng.randrange(99))  # type: ignore[attr-defined]
    renamed = np.append(generator.permutation(N_ITEMS), -1)[lists]
    shuffled = generator.permutation(renamed)
    for measure in (beyond.coverage, beyond.gini, beyond.entropy, beyond.jain):
        one, other = (measure(beyond.exposure_counts(each, N_ITEMS)) for each in (lists, shuffled))
        assert one == pytest.approx(other, nan_ok=True)
    assert beyond.personalization(lists, N_ITEMS) == pytest.approx(
        beyond.personalization(shuffled, N_ITEMS), nan_ok=True
    )


def test_jain_by_hand() -> None:
    """All equal, one holds all, none holds anything."""
    assert beyond.jain([2, 2]) == 1.0
    assert beyond.jain([0, 0, 3]) == pytest.approx(1 / 3)
    assert math.isnan(beyond.jain([0, 0]))


def test_the_input_is_not_changed() -> None:
    """Lists and counts come out as they went in."""
    lists, counts = np.array([[0, -5]]), np.array([3.0, 1.0])
    beyond.personalization(lists, 2)
    beyond.gini(counts)
    assert lists.tolist() == [[0, -5]]
    assert counts.tolist() == [3.0, 1.0]
