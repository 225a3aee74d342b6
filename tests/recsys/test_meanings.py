"""Every measure that an evaluation shows by itself has a line that says what it says."""

from __future__ import annotations

import suffuse as sf
from suffuse.recsys.meanings import ACCURACY, BEYOND, FAIRNESS, explained


def test_everything_shown_by_default_is_explained(tall: sf.datasets.SocialWorld) -> None:
    """The default metrics, and all rows on fairness."""
    train, test = sf.datasets.split_random(tall.interactions, rng=0)
    recs = sf.Popularity().fit(train).recommend(k=5)
    users = {user: "even" if place % 2 else "odd" for place, user in enumerate(recs["user_id"])}
    items = {item: "even" if place % 2 else "odd" for place, item in enumerate(train["item_id"])}
    report = sf.evaluate(
        recs, test, train=train, user_groups=users, item_groups=items, social=tall.social
    )
    shown = [*report.metrics, *report.fairness_frame()["metric"]]
    names = {name.partition("@")[0] for name in shown}
    assert {line.partition(":")[0] for line in explained(shown)} == names


def test_no_name_means_two_things() -> None:
    """The three parts do not overlap, and each line is one clause."""
    parts = (ACCURACY, BEYOND, FAIRNESS)
    assert sum(map(len, parts)) == len(ACCURACY | BEYOND | FAIRNESS)
    for part in parts:
        for line in part.values():
            assert line[0].islower()
            assert not line.endswith(".")


def test_variants_have_the_line_of_their_measure() -> None:
    """Length and definition do not change what a measure says."""
    assert explained(["ndcg@20:gain=exp", "ndcg"]) == [f"ndcg: {ACCURACY['ndcg']}."]
