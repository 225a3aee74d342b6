"""Judging lists: published cases, another library, laws, and bad input."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import suffuse as sf

PER_USER = ["recall@3", "precision@3", "hit_rate@3", "ndcg@3", "map@3", "mrr@3"]


def lists_frame(lists: dict[str, list[Any]]) -> pd.DataFrame:
    """Recommendations from lists, best first."""
    rows = [
        (user, item, rank) for user, items in lists.items() for rank, item in enumerate(items, 1)
    ]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "rank"])


def truth_frame(relevant: dict[str, list[Any]]) -> pd.DataFrame:
    """Test rows from lists of relevant items."""
    rows = [(user, item) for user, items in relevant.items() for item in items]
    return pd.DataFrame(rows, columns=["user_id", "item_id"])


def test_gini_of_a_published_case() -> None:
    """RecBole's lists over a catalogue of eight items, of which one is never listed."""
    lists = {"0": [5, 7, 3], "1": [4, 5, 2], "2": [2, 3, 5], "3": [1, 4, 6], "4": [5, 3, 7]}
    truth = truth_frame({user: [1] for user in lists})
    train = pd.DataFrame({"user_id": "t", "item_id": range(8)})
    report = sf.evaluate(lists_frame(lists), truth, train=train, metrics=["gini@3", "coverage@3"])
    assert report.to_frame()["value"].tolist() == pytest.approx([0.3416666666666667, 7 / 8])
    real = sf.evaluate(lists_frame(lists), truth, train=train.iloc[1:], metrics=["gini@3"])
    assert real.to_frame()["value"].item() == pytest.approx(0.247619, abs=1e-6)


def test_coverage_of_a_published_case() -> None:
    """Four of five training items are recommended."""
    lists = lists_frame({"1": [3, 5], "2": [2, 5], "3": [1, 2]})
    train = truth_frame({"1": [1, 2, 4], "2": [3, 4], "3": [3, 4, 5]})
    report = sf.evaluate(lists, train, train=train, metrics=["coverage"])
    assert report.to_frame()["value"].item() == pytest.approx(0.8)


def random_lists(seed: int, n_users: int = 40, n_items: int = 30) -> tuple[Any, Any]:
    """Lists of 12 and truths of 1 to 8 items."""
    rng = np.random.default_rng(seed)
    lists = {f"u{u}": rng.permutation(n_items)[:12].tolist() for u in range(n_users)}
    truth = {
        f"u{u}": rng.permutation(n_items)[: rng.integers(1, 9)].tolist() for u in range(n_users)
    }
    return lists, truth


@st.composite
def tables(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lists and truths of a few users over few items, repetitions and empty lists allowed."""
    items = st.integers(0, 6)
    users = st.sampled_from("abcd")
    lists = draw(st.dictionaries(users, st.lists(items, max_size=6), max_size=4))
    truth = draw(st.dictionaries(users, st.lists(items, min_size=1, max_size=5), min_size=1))
    frame = lists_frame(lists)
    frame["user_id"] = frame["user_id"].astype(object)
    frame["rank"] = frame["rank"].astype(np.int64)
    return frame, truth_frame(truth)


@settings(deadline=None, max_examples=60)
@given(tables(), st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(
    case: tuple[pd.DataFrame, pd.DataFrame], seed: int
) -> None:
    """Ranks order the lists; rows of either table may come in any order."""
    lists, truth = case
    names = [*PER_USER, "coverage@3", "gini@3"]
    shuffled = lists.sample(frac=1.0, random_state=seed), truth.sample(frac=1.0, random_state=seed)
    pd.testing.assert_frame_equal(
        sf.evaluate(*shuffled, metrics=names).to_frame(),
        sf.evaluate(lists, truth, metrics=names).to_frame(),
    )


@settings(deadline=None, max_examples=60)
@given(tables(), st.data())
def test_a_repetition_never_raises_a_value(
    case: tuple[pd.DataFrame, pd.DataFrame], data: st.DataObject
) -> None:
    """An item of a list put in once more, at any later place, counts at its first place alone."""
    lists, truth = case
    if lists.empty:
        return
    row = data.draw(st.integers(0, len(lists) - 1))
    again = lists.iloc[[row]].copy()
    again["rank"] = again["rank"] + data.draw(st.integers(0, 6)) + 0.5
    more = pd.concat([lists.astype({"rank": float}), again])
    before, after = (sf.evaluate(recs, truth, metrics=PER_USER) for recs in (lists, more))
    for name in PER_USER:
        assert (after.per_user[name] <= before.per_user[name] + 1e-12).all()
    repeated = "repeated recommendations, misses at their places"
    if again["user_id"].isin(truth["user_id"]).item():
        assert after.counts[repeated] == before.counts[repeated] + 1


@settings(deadline=None, max_examples=60)
@given(tables())
def test_range(case: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Every value from 0 to 1, one per user with truth, and the mean is their mean."""
    lists, truth = case
    report = sf.evaluate(lists, truth, metrics=PER_USER)
    assert report.user_ids.tolist() == sorted(set(truth["user_id"]))
    for name, value in zip(PER_USER, report.to_frame()["value"], strict=True):
        values = report.per_user[name]
        assert ((values >= 0) & (values <= 1)).all()
        assert value == pytest.approx(values.mean())


def test_scores_order_lists_as_ranks_do() -> None:
    """Falling scores; a column of ranks goes before one of scores; gaps are closed."""
    truth = truth_frame({"a": ["x"]})
    by_score = pd.DataFrame({"user_id": "a", "item_id": list("zyx"), "score": [0.1, 0.5, 0.9]})
    assert sf.evaluate(by_score, truth, metrics=["mrr@3"]).to_frame()["value"].item() == 1.0
    both = by_score.assign(rank=[1, 2, 7])
    value = sf.evaluate(both, truth, metrics=["mrr@3"]).to_frame()["value"].item()
    assert value == pytest.approx(1 / 3)


def test_a_metric_without_a_cut_takes_the_whole_list() -> None:
    """The longest list sets k."""
    lists, truth = (
        lists_frame({"a": list("xyz"), "b": ["x"]}),
        truth_frame({"a": ["z"], "b": ["x"]}),
    )
    values = sf.evaluate(lists, truth, metrics=["recall", "precision"]).to_frame()["value"]
    assert values.tolist() == pytest.approx([1.0, 1 / 3])


def test_what_is_left_out_is_counted() -> None:
    """Users without truth or list, repeated rows, unseen users and items, seen items."""
    lists = lists_frame({"a": ["x", "x", "y"], "b": ["x"], "c": ["y"]})
    truth = truth_frame({"a": ["y"], "d": ["x", "new"]})
    train = truth_frame({"a": ["x"], "b": ["y"], "c": ["x"]})
    counts = sf.evaluate(lists, truth, train=train).counts
    assert counts == {
        "test rows of weight 0, left out": 0,
        "test rows that repeat another, merged": 0,
        "users judged": 2,
        "users with truth and no list": 1,
        "listed users without truth, left out": 2,
        "repeated recommendations, misses at their places": 1,
        "test rows that are training rows too": 0,
        "test users without training rows": 1,
        "test rows of users without training rows": 2,
        "test rows of items without training rows": 1,
        "recommended items outside the catalogue": 0,
        "recommended items that the user already had": 1,
    }


def test_the_catalogue() -> None:
    """Training items; else test and lists together; items outside it cover nothing."""
    lists, truth = lists_frame({"a": ["a item"]}), truth_frame({"a": ["b item", "c item"]})
    alone = sf.evaluate(lists, truth, metrics=["coverage", "gini"]).to_frame()["value"]
    assert alone.tolist() == pytest.approx([1 / 3, 2 / 3])
    train = truth_frame({"t": ["b item", "c item"]})
    outside = sf.evaluate(lists, truth, train=train, metrics=["coverage", "gini"]).to_frame()
    assert outside["value"].iloc[0] == 0.0
    assert math.isnan(outside["value"].iloc[1])


def test_differences_to_a_baseline_are_paired() -> None:
    """User by user, also where one of the two has no list."""
    truth = truth_frame({"a": ["x"], "b": ["x"], "c": ["x"]})
    lists = lists_frame({"a": ["x"], "b": ["x"], "c": ["y"]})
    other = lists_frame({"a": ["x"], "c": ["y", "x"]})
    report = sf.evaluate(lists, truth, metrics=["mrr@2", "coverage"], baseline=other)
    assert report.differences is not None
    assert report.differences["mrr@2"].tolist() == [0.0, 1.0, -0.5]
    frame = report.difference_frame()
    assert frame["metric"].tolist() == ["mrr@2"]
    assert frame["value"].item() == pytest.approx(1 / 6)


def test_the_confidence_level_sets_the_width() -> None:
    """1.645 standard errors at 90 %, 2.576 at 99 %."""
    lists, truth = random_lists(3)
    for level, z in ((0.9, 1.6448536), (0.99, 2.5758293)):
        report = sf.evaluate(lists_frame(lists), truth_frame(truth), metrics=["recall@5"], ci=level)
        row, values = report.to_frame().iloc[0], report.per_user["recall@5"]
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert row["high"] - row["value"] == pytest.approx(z * error, rel=1e-6)


def test_tables_come_as_matrices_too() -> None:
    """Codes are ids."""
    truth = sparse.csr_array([[0, 1.0], [1, 0]])
    lists = pd.DataFrame({"user_id": [0, 1], "item_id": [1, 1], "rank": [1, 1]})
    report = sf.evaluate(lists, truth, train=truth, metrics=["recall@1"])
    assert report.per_user["recall@1"].tolist() == [1.0, 0.0]


def test_empty_lists_score_zero() -> None:
    """Nothing was recommended to anybody."""
    lists = lists_frame({"a": ["x"]}).iloc[:0]
    report = sf.evaluate(lists, truth_frame({"a": ["x"]}), metrics=[*PER_USER, "coverage@3"])
    assert (report.to_frame()["value"] == 0).all()
    assert report.counts["users with truth and no list"] == 1


LISTS, TRUTH = lists_frame({"a": ["x", "y"]}), truth_frame({"a": ["x"]})


@pytest.mark.parametrize(
    ("lists", "truth", "more", "sentence"),
    [
        (
            LISTS.drop(columns="item_id"),
            TRUTH,
            {},
            r"missing \['item_id'\], found \['user_id', 'rank'\]",
        ),
        (LISTS.drop(columns="rank"), TRUTH, {}, "recs must have a column rank or score; found"),
        (
            LISTS.assign(rank=[1, np.nan]),
            TRUTH,
            {},
            "rank of recs must be a finite number; got nan in row 1",
        ),
        (
            LISTS.drop(columns="rank").assign(score=[np.inf, 1.0]),
            TRUTH,
            {},
            "score of recs must be a finite number; got inf in row 0",
        ),
        (LISTS.assign(rank=["1", "best"]), TRUTH, {}, "got 'best' in row 1"),
        (
            LISTS.assign(item_id=["x", None], rank=[2, 1]),
            TRUTH,
            {},
            "item_id of recs must not be null; got one in row 1",
        ),
        (LISTS, TRUTH.iloc[:0], {}, "test: the interactions must hold at least one row"),
        (LISTS, TRUTH, {"train": TRUTH.iloc[:0]}, "train: the interactions must hold at least one"),
        (LISTS, TRUTH[["user_id"]], {}, "test: the table must have a column 'item_id'"),
        (LISTS, TRUTH, {"metrics": ["recal@2"]}, "metrics must be names like .*; got 'recal@2'"),
        (LISTS, TRUTH, {"metrics": ["recall@0"]}, "got 'recall@0'"),
        (LISTS, TRUTH, {"metrics": ["Recall@2"]}, "got 'Recall@2'"),
        (LISTS, TRUTH, {"metrics": [2]}, "metrics must be names like .*; got 2"),
        (
            LISTS,
            TRUTH,
            {"metrics": ["rbp@2:p=most"]},
            r"p must be a number in \(0, 1\); got 'most'",
        ),
        (
            LISTS,
            TRUTH,
            {"metrics": ["f_beta:beta=0"]},
            r"beta must be a number in \(0, inf\); got 0",
        ),
        (
            LISTS,
            TRUTH,
            {"metrics": ["percentile_rank:n_items=0"]},
            "n_items must be a whole number",
        ),
        (LISTS, TRUTH, {"metrics": ["gini:unbiased=no"]}, "unbiased of .* must be true or false"),
        (LISTS, TRUTH, {"compat": ["ranx"]}, r"compat must be one of .*; got \['ranx'\]"),
        (LISTS, TRUTH, {"target": {"old": 1.0}}, "item_groups must be given for a target"),
        (LISTS, TRUTH, {"ci": 95}, r"ci must be a number in \(0, 1\); got 95"),
        (LISTS, TRUTH, {"baseline": TRUTH}, "baseline must have a column rank or score"),
    ],
)
def test_bad_input_is_refused(
    lists: pd.DataFrame, truth: pd.DataFrame, more: dict[str, Any], sentence: str
) -> None:
    """Which table, what was found, what it must be."""
    with pytest.raises(ValueError, match=sentence):
        sf.evaluate(lists, truth, **more)


def test_other_types_are_refused() -> None:
    """Lists must come as a frame, metrics as a list, truth as a table."""
    with pytest.raises(TypeError, match="recs must be a DataFrame; got dict"):
        sf.evaluate({"a": ["x"]}, TRUTH)
    with pytest.raises(TypeError, match=r"metrics must be a list of names; got 'recall@2': pass"):
        sf.evaluate(LISTS, TRUTH, metrics="recall@2")
    with pytest.raises(TypeError, match="test: interactions must be a pandas DataFrame"):
        sf.evaluate(LISTS, [("a", "x")])


def test_what_looks_like_a_mistake_is_noted() -> None:
    """Ids of two kinds, and metrics that look beyond the lists; the values stand as they are."""
    lists = lists_frame({"a": ["x"]})
    longer = sf.evaluate(lists, truth_frame({"a": ["x"]}), metrics=["recall@5"])
    assert longer.notes[0].startswith("the lists hold 1 items at most, and recall@5 looks further")
    assert longer.to_frame()["value"].tolist() == [1.0]
    strange = sf.evaluate(lists, truth_frame({"b": ["x"]}), train=truth_frame({"a": ["x"]}))
    assert "none of the 1 users of test has a list" in str(strange)
    assert "none of the users of test is in train" in str(strange)


def test_test_rows_that_were_trained_on_are_counted() -> None:
    """A leak shows."""
    table = truth_frame({"a": ["x", "y"], "b": ["y"]})
    report = sf.evaluate(lists_frame({"a": ["x"]}), table, train=truth_frame({"a": ["x"]}))
    assert report.counts["test rows that are training rows too"] == 1


def test_the_default_set() -> None:
    """Accuracy and spread; with training rows popularity too; "default", None and nothing agree."""
    lists, truth = lists_frame({"a": ["x", "y"], "b": ["y"]}), truth_frame({"a": ["y"]})
    plain = sf.evaluate(lists, truth)
    assert plain.metrics[:6] == tuple(
        f"{name}@2" for name in ("recall", "precision", "ndcg", "map", "mrr", "hit_rate")
    )
    assert {"coverage@2", "gini@2", "entropy@2", "personalization@2"} < set(plain.metrics)
    for metrics in ("default", None):
        assert sf.evaluate(lists, truth, metrics=metrics).metrics == plain.metrics
    known = sf.evaluate(lists, truth, train=truth_frame({"b": ["x"]}))
    assert {"novelty@2", "arp@2", "popularity_lift@2"} < set(known.metrics)


def test_a_constant_scorer_gains_nothing_from_the_order_of_rows() -> None:
    """Equal scores: putting the relevant items first in the table changes no value."""
    rng = np.random.default_rng(0)
    truth = truth_frame({u: rng.permutation(20)[:3].tolist() for u in range(30)})
    relevant = pd.MultiIndex.from_frame(truth)
    frame = pd.DataFrame(
        [(u, i) for u in range(30) for i in range(20)], columns=["user_id", "item_id"]
    ).assign(score=1.0)
    is_hit = pd.MultiIndex.from_frame(frame[["user_id", "item_id"]]).isin(relevant)
    first = frame.iloc[np.argsort(~is_hit, kind="stable")]
    names = ["ndcg@5", "mrr@5", "recall@5", "auc"]
    found = sf.evaluate(first, truth, metrics=names).to_frame()
    pd.testing.assert_frame_equal(found, sf.evaluate(frame, truth, metrics=names).to_frame())
    for metric, by_chance in (("recall@5", 5 / 20), ("auc", 0.5)):
        row = found.set_index("metric").loc[metric]
        assert row["low"] < by_chance < row["high"]


@settings(deadline=None, max_examples=30)
@given(tables())
def test_other_names_for_users_change_nothing(case: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """A permutation of users permutes their values; means stay."""
    lists, truth = case
    names = [*PER_USER, "coverage@3", "gini@3", "personalization@3", "f1@3", "rbp@3"]
    other = dict(zip("abcd", "dacb", strict=True))
    found = sf.evaluate(lists, truth, metrics=names)
    moved = sf.evaluate(
        lists.assign(user_id=lists["user_id"].map(other)),
        truth.assign(user_id=truth["user_id"].map(other)),
        metrics=names,
    )
    pd.testing.assert_frame_equal(
        found.to_frame()[["metric", "value", "n_users"]],
        moved.to_frame()[["metric", "value", "n_users"]],
    )
    where = {user: place for place, user in enumerate(moved.user_ids)}
    for place, user in enumerate(found.user_ids):
        for name, values in found.per_user.items():
            assert values[place] == moved.per_user[name][where[other[user]]]


@settings(deadline=None, max_examples=30)
@given(tables())
def test_repeated_test_rows_change_nothing(case: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Relevant is relevant, however often it is written; the repetitions are counted."""
    lists, truth = case
    before = sf.evaluate(lists, truth, metrics=PER_USER)
    after = sf.evaluate(lists, pd.concat([truth, truth]), metrics=PER_USER)
    pd.testing.assert_frame_equal(before.to_frame(), after.to_frame())
    repeated = "test rows that repeat another, merged"
    assert after.counts[repeated] == before.counts[repeated] + len(truth)


def test_the_law_of_expected_exposure() -> None:
    """EE-L = EE-D - EE-R + |e*|^2, through the names: the last term is the same for all lists."""
    lists, truth = random_lists(5)
    names = ["ee_l@12", "ee_d@12", "ee_r@12"]
    rest = []
    for order in (1, -1):
        recs = lists_frame({user: items[::order] for user, items in lists.items()})
        loss, spread, relevance = sf.evaluate(recs, truth_frame(truth), metrics=names).to_frame()[
            "value"
        ]
        rest.append(loss - spread + relevance)
    assert rest[0] == pytest.approx(rest[1])
    assert rest[0] > 0


def test_groups_and_ties_give_the_fairness_frame() -> None:
    """Alike groups have gap 0; groups that are too small are named; friends are compared."""
    names = [f"u{place}" for place in range(40)]
    lists = lists_frame({user: ["x", "y"] for user in names})
    truth = truth_frame({user: ["x" if place % 2 else "z"] for place, user in enumerate(names)})
    groups = {user: "left" if place < 20 else "right" for place, user in enumerate(names)}
    groups["u39"] = "alone"
    ties = pd.DataFrame({"source_id": ["u0", "u1"], "target_id": ["u1", "u3"]})
    report = sf.evaluate(lists, truth, metrics=["mrr@2"], user_groups=groups, social=ties)
    frame = report.fairness_frame().set_index(["metric", "of"])["value"]
    assert frame["user_gap", "mrr@2"] == pytest.approx(0.5 - 9 / 19)
    assert frame["social_gap", "mrr@2"] == pytest.approx(0.5)
    assert any("'alone' has 1" in note for note in report.notes)
    by_group = report.group_frame().set_index("group")["value"]
    assert by_group["left"] == 0.5
    assert math.isnan(by_group["alone"])
    even = {user: "ab"[place % 4 < 2] for place, user in enumerate(names)}
    same = sf.evaluate(lists, truth, metrics=["mrr@2"], user_groups=even).fairness_frame()
    assert same.set_index("metric")["value"]["user_gap"] == pytest.approx(0.0)


def test_groups_of_items_have_shares_and_targets() -> None:
    """Of the catalogue, or as given; a baseline has codes of its own."""
    lists = lists_frame({"a": ["x", "y"], "b": ["x", "z"]})
    truth = truth_frame({"a": ["x"], "b": ["z"]})
    groups = {"x": "old", "y": "new", "z": "new"}
    names = ["demographic_parity@2", "ndkl@2"]
    more = {"item_groups": groups, "min_group_size": 1}
    report = sf.evaluate(lists, truth, metrics=names, baseline=lists.iloc[::-1], **more)
    assert report.exposure is not None
    assert report.exposure["exposure"].tolist() == [0.5, 0.5]
    assert report.difference_frame()["value"].tolist() == [0.0]
    share = 1 / (1 + 1 / np.log2(3))
    plain = report.to_frame().set_index("metric")["value"]
    assert plain["demographic_parity@2"] == pytest.approx(abs(share - 1 / 3))
    aimed = sf.evaluate(
        lists, truth, metrics=names, target={"old": share, "new": 1 - share}, **more
    )
    assert aimed.to_frame()["value"][0] == pytest.approx(0.0)


def test_features_of_items() -> None:
    """Two items at right angles, then two alike; an item without features has no distance."""
    lists = lists_frame({"a": ["x", "y"], "b": ["x", "z"], "c": ["x", "w"]})
    features = pd.DataFrame({"item_id": list("xyz"), "p": [1, 0, 2], "q": [0, 1, 0]})
    truth = truth_frame({user: ["x"] for user in "abc"})
    report = sf.evaluate(lists, truth, metrics=["ild@2"], item_features=features)
    assert report.per_user["ild@2"][:2].tolist() == pytest.approx([1.0, 0.0])
    assert math.isnan(report.per_user["ild@2"][2])
    row = report.to_frame().iloc[0]
    assert (row["value"], row["n_users"]) == (0.5, 2)


def test_the_bootstrap_is_an_option() -> None:
    """Close to the normal interval, and not the same."""
    lists, truth = random_lists(6, n_users=300)
    tables_of = (lists_frame(lists), truth_frame(truth))
    normal = sf.evaluate(*tables_of, metrics=["recall@5"]).to_frame().iloc[0]
    drawn = sf.evaluate(*tables_of, metrics=["recall@5"], ci_method="bootstrap").to_frame().iloc[0]
    assert drawn["low"] != normal["low"]
    assert drawn["low"] == pytest.approx(normal["low"], abs=0.1 * (normal["high"] - normal["low"]))
    with pytest.raises(ValueError, match="ci_method must be normal or bootstrap; got 'exact'"):
        sf.evaluate(*tables_of, ci_method="exact")


@pytest.mark.parametrize("gain", ["binary", "linear", "exp"])
def test_a_repeated_test_row_raises_nothing(gain: str) -> None:
    """It counts once, with its largest weight."""
    recs = pd.DataFrame({"user_id": [1, 1], "item_id": [8, 9], "rank": [1, 2]})
    test = pd.DataFrame({"user_id": [1, 1], "item_id": [9, 7], "weight": [2.0, 1.0]})
    again = pd.concat([test, test.assign(weight=[1.0, 1.0])])
    values = [
        sf.evaluate(recs, rows, metrics=[f"ndcg@2:gain={gain}"]).to_frame()["value"].item()
        for rows in (test, again)
    ]
    assert values[0] == values[1]
