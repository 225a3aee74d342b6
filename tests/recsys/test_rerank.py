"""FA*IR against brute force, the peer's own tests, and the paper's definition."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import suffuse as sf
from suffuse.recsys.rerank import (
    adjusted_significance,
    fair_top_k,
    minimum_protected,
    rejection_probability,
)

SHARES = st.sampled_from([0.1, 0.25, 0.5, 0.7, 0.9])

#: k, share, significance and the table of minima without correction, as fairsearchcore tests it
PEER = [
    (10, 0.2, 0.15, [0] * 8 + [1, 1]),
    (20, 0.25, 0.1, [0] * 8 + [1] * 6 + [2] * 5 + [3]),
    (30, 0.3, 0.05, [0] * 8 + [1] * 5 + [2] * 5 + [3] * 5 + [4] * 4 + [5] * 3),
]


def tail(m: int, n: int, share: Fraction) -> Fraction:
    """The binomial distribution function, exactly."""
    return sum(
        (math.comb(n, j) * share**j * (1 - share) ** (n - j) for j in range(m + 1)), Fraction(0)
    )


def by_hand(k: int, share: Fraction, level: Fraction) -> list[int]:
    """Definition 3.1 in rational numbers."""
    return [next(m for m in range(i + 1) if tail(m, i, share) > level) for i in range(1, k + 1)]


def rejected(minimum: list[int], share: float) -> float:
    """The probability of failing, by going through all 2^k lists of coins."""
    total = 0.0
    for coins in itertools.product((0, 1), repeat=len(minimum)):
        heads = np.cumsum(coins)
        if (heads < minimum).any():
            total += share ** int(heads[-1]) * (1 - share) ** (len(coins) - int(heads[-1]))
    return total


def lists(protected: list[bool], user: str = "u") -> pd.DataFrame:
    """Candidates of one user, the best first, and their group in the column of the id."""
    names = [f"{'p' if mark else 'q'}{place:02d}" for place, mark in enumerate(protected)]
    return pd.DataFrame({"user_id": user, "item_id": names, "rank": range(1, len(names) + 1)})


def groups(*frames: pd.DataFrame) -> dict[str, str]:
    """The first letter of an item is its group."""
    return {item: item[0] for frame in frames for item in frame["item_id"]}


@pytest.mark.parametrize(("k", "share", "significance", "minimum"), PEER)
def test_the_minima_are_the_peers(
    k: int, share: float, significance: float, minimum: list[int]
) -> None:
    """The uncorrected tables of fairsearchcore's tests."""
    assert minimum_protected(k, share, significance=significance).tolist() == minimum


@given(
    k=st.integers(1, 24),
    share=st.sampled_from([Fraction(1, 10), Fraction(1, 4), Fraction(1, 2), Fraction(4, 5)]),
    level=st.sampled_from([Fraction(1, 100), Fraction(1, 16), Fraction(1, 10), Fraction(1, 2)]),
)
@settings(deadline=None, max_examples=60)
def test_the_minima_follow_the_definition(k: int, share: Fraction, level: Fraction) -> None:
    """In rational arithmetic, ties of a tail with the level included (1/16 = .5^4)."""
    found = minimum_protected(k, float(share), significance=float(level))
    assert found.tolist() == by_hand(k, share, level)
    assert set(np.diff(found).tolist()) <= {0, 1}


@given(data=st.data(), share=SHARES)
@settings(deadline=None, max_examples=40)
def test_the_rejection_probability_is_that_of_all_lists_of_coins(
    data: st.DataObject, share: float
) -> None:
    """Against the sum over all 2^k lists, for any table of minima."""
    minimum = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=9))
    assert rejection_probability(minimum, share) == pytest.approx(rejected(minimum, share))


def test_the_rejection_probability_is_that_of_the_peer() -> None:
    """0.0488 and 0.1342, as fairsearchcore's tests have them for their corrected tables."""
    corrected = [0] * 10 + [1] * 6 + [2] * 5 + [3] * 4 + [4] * 5
    assert rejection_probability(corrected, 0.3) == pytest.approx(0.04877730797178359)
    assert rejection_probability([0] * 8 + [1, 1], 0.2) == pytest.approx(0.13421772800000065)
    level = adjusted_significance(30, 0.3, significance=0.05)
    assert minimum_protected(30, 0.3, significance=level).tolist() == corrected


def test_a_promise_that_the_peer_breaks() -> None:
    """For (20, .25, .1) the peer's corrected table rejects .105 of fair lists, ours below .1."""
    peer = [0] * 8 + [1] * 7 + [2] * 5
    assert rejection_probability(peer, 0.25) == pytest.approx(0.10515247355215251)
    level = adjusted_significance(20, 0.25, significance=0.1)
    assert rejection_probability(minimum_protected(20, 0.25, significance=level), 0.25) <= 0.1


@given(k=st.integers(1, 12), share=SHARES, allowed=st.sampled_from([0.01, 0.05, 0.1, 0.3, 0.6]))
@settings(deadline=None, max_examples=60)
def test_the_corrected_significance_is_the_largest(k: int, share: float, allowed: float) -> None:
    """It keeps the promise, and every stricter table of minima breaks it."""
    level = adjusted_significance(k, share, significance=allowed)
    minimum = minimum_protected(k, share, significance=level)
    assert rejection_probability(minimum, share) <= allowed
    exact = Fraction(share)
    steps = {float(tail(m, i, exact)) for i in range(1, k + 1) for m in range(i)} - {1.0}
    tables = {tuple(minimum_protected(k, share, significance=s).tolist()) for s in steps}
    for other in tables:
        stricter = (np.array(other) >= minimum).all() and other != tuple(minimum.tolist())
        if stricter:
            assert rejection_probability(other, share) > allowed


@given(
    protected=st.lists(st.booleans(), min_size=1, max_size=7),
    share=SHARES,
    k=st.integers(1, 5),
    significance=st.sampled_from([0.05, 0.2, 0.5]),
)
@settings(deadline=None, max_examples=150)
def test_the_list_is_the_best_fair_one(
    protected: list[bool], share: float, k: int, significance: float
) -> None:
    """Of all ordered lists that keep the minima: the first by ranks, and the best by their sum."""
    length = min(k, len(protected))
    minimum = minimum_protected(k, share, significance=significance)[:length]
    fair = [
        chosen
        for chosen in itertools.permutations(range(len(protected)), length)
        if (np.cumsum([protected[place] for place in chosen]) >= minimum).all()
    ]
    recs = lists(protected)
    labels = groups(recs) | {"p99": "p"}
    options = {"protected": "p", "share": share, "k": k, "significance": significance}
    if "p" not in {label for item, label in groups(recs).items()}:
        with pytest.raises(ValueError, match="labels that candidates have"):
            fair_top_k(recs, labels, **options, adjust=False)
        return
    if not fair:
        with pytest.raises(ValueError, match="too few protected items"):
            fair_top_k(recs, labels, **options, adjust=False)
        return
    found = fair_top_k(recs, labels, **options, adjust=False)
    places = tuple(int(item[1:]) for item in found["item_id"])
    assert places == min(fair)
    assert sum(places) == min(sum(chosen) for chosen in fair)
    assert found["rank"].tolist() == list(range(1, length + 1))


@given(seed=st.integers(0, 1000), share=SHARES)
@settings(deadline=None, max_examples=25)
def test_users_do_not_disturb_each_other(seed: int, share: float) -> None:
    """Many users at once, in any order of rows, get what each gets alone."""
    rng = np.random.default_rng(seed)
    frames = [
        lists([True] * 6 + [bool(mark) for mark in rng.integers(0, 2, rng.integers(1, 12))], user)
        for user in ("b", "a", "c")
    ]
    shuffled = pd.concat(frames).sample(frac=1.0, random_state=seed)
    options = {"protected": ["p"], "share": share, "k": 6}
    together = fair_top_k(shuffled, groups(*frames), **options)
    assert together["user_id"].unique().tolist() == shuffled["user_id"].unique().tolist()
    for frame in frames:
        alone = fair_top_k(frame, groups(frame), **options)
        part = together[together["user_id"] == frame["user_id"].iloc[0]].reset_index(drop=True)
        pd.testing.assert_frame_equal(part, alone)


def test_a_list_that_is_fair_is_left_as_it_is() -> None:
    """Where the minima hold, the first k stay."""
    recs = lists([True, False] * 10)
    found = fair_top_k(recs, groups(recs), protected="p", share=0.4, k=10)
    pd.testing.assert_frame_equal(found, recs.head(10))


def test_scores_and_other_columns_are_carried_along() -> None:
    """Without a rank the score orders; equal scores stand in the order of the ids."""
    recs = pd.DataFrame(
        {"user_id": 1, "item_id": ["q2", "q1", "p1"], "score": [2.0, 2.0, 1.0], "why": list("abc")}
    )
    found = fair_top_k(recs, groups(recs), protected="p", share=0.9, k=2, adjust=False)
    assert found["item_id"].tolist() == ["p1", "q1"]
    assert found["why"].tolist() == ["c", "b"]
    assert list(found.columns) == ["user_id", "item_id", "score", "why", "rank"]
    assert recs.columns.tolist() == ["user_id", "item_id", "score", "why"]


def test_repeated_items_count_once() -> None:
    """A repeated protected item cannot stand for two."""
    recs = pd.concat([lists([True, False, False]), lists([True]).assign(rank=9)])
    found = fair_top_k(recs, groups(recs), protected="p", share=0.5, k=4, adjust=False)
    assert found["item_id"].tolist() == ["p00", "q01", "q02"]


def test_a_shortage_is_named() -> None:
    """The error names a user, what is needed and what there is; a warning serves what there is."""
    recs = pd.concat([lists([True] * 3 + [False] * 2, "ann"), lists([False] * 5, "bob")])
    options = {"protected": "p", "share": 0.9, "k": 4}
    with pytest.raises(ValueError, match=r"1 of 2 users .* 'bob' needs \d and has 0.*longer lists"):
        fair_top_k(recs, groups(recs), **options)
    with pytest.warns(UserWarning, match="1 of 2 users"):
        found = fair_top_k(recs, groups(recs), **options, shortage="warn")
    assert found[found["user_id"] == "bob"]["item_id"].tolist() == ["q00", "q01", "q02", "q03"]


def test_re_ranking_gives_the_group_its_places(tall: sf.datasets.SocialWorld) -> None:
    """On a model's lists: the unpopular half gets more of the places, and every prefix is fair."""
    train, test = sf.datasets.split_random(tall.interactions, rng=0)
    recs = sf.Popularity().fit(train).recommend(k=40)
    counts = train["item_id"].value_counts()
    labels = {item: "tail" if place >= 30 else "head" for place, item in enumerate(counts.index)}
    fair = fair_top_k(recs, labels, protected="tail", share=0.5, k=10)
    before = recs[recs["rank"] <= 10]["item_id"].map(labels).eq("tail").mean()
    marks = fair["item_id"].map(labels).eq("tail")
    assert marks.mean() > before
    level = adjusted_significance(10, 0.5)
    minimum = minimum_protected(10, 0.5, significance=level)
    so_far = marks.groupby(fair["user_id"]).cumsum()
    assert (so_far.to_numpy() >= minimum[fair["rank"].to_numpy() - 1]).all()
    assert len(sf.evaluate(fair, test, train=train).user_ids) > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": 0}, "k must be"),
        ({"share": 1.0}, "share must be"),
        ({"significance": 0.0}, "significance must be"),
        ({"shortage": "ignore"}, "shortage must be"),
        ({"protected": "z"}, r"\['p', 'q'\].*'z'"),
    ],
)
def test_bad_arguments(change: dict[str, object], words: str) -> None:
    """Each is refused with its value."""
    recs = lists([True, False])
    options = {"protected": "p", "share": 0.5, "k": 2} | change
    with pytest.raises(ValueError, match=words):
        fair_top_k(recs, groups(recs), **options)


def test_no_candidates_no_lists() -> None:
    """An empty frame comes back empty, with a rank."""
    empty = lists([True]).iloc[:0]
    assert fair_top_k(empty, {"p00": "p"}, protected="p", share=0.5, k=3).empty
    with pytest.raises(ValueError, match="row of counts"):
        rejection_probability([], 0.5)
