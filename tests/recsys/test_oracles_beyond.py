"""Published values of measures beyond accuracy and of fairness, through the public functions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from suffuse.recsys import (
    beyond,
    calibration,
    diversity,
    expected_exposure,
    fairness_items,
    fairness_users,
    overlap,
    popularity_bias,
    prefix_fairness,
)
from suffuse.recsys import rating_fairness as ratings

Case = dict[str, Any]
Codes = npt.NDArray[np.int64]

PATH = Path(__file__).parents[3] / "shared" / "metric_oracles.json"
CASES: list[Case] = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []


def table(rows: Mapping[str, list[Any]], ids: list[Any]) -> Codes:
    """Lists of raw ids as a table of codes; pairs of item and rank stand at their ranks."""
    place = {item: code for code, item in enumerate(ids)}
    length = max(len(row) for row in rows.values())
    lists = np.full((len(rows), length), -1)
    for user, row in enumerate(rows.values()):
        lists[user, : len(row)] = [place[item] for item in row]
    return lists


def ids_of(case: Case) -> list[Any]:
    """All items that a case names, in order."""
    extra = case["extra"]
    found: set[Any] = set(extra.get("catalog", []))
    for rows in (case["recommendations"], case["relevant"], extra.get("train")):
        for row in (rows or {}).values():
            found |= set(row)
    return sorted(found, key=str)


class World:
    """The lists, hits, training rows and counts of a case, as codes."""

    def __init__(self, case: Case) -> None:
        self.ids = ids_of(case)
        rows = case["recommendations"]
        self.users = list(rows)
        self.k = case["k"]
        self.items = table(rows, self.ids)
        truth = case["relevant"] or {}
        self.hits = np.array(
            [
                [code >= 0 and self.ids[code] in truth.get(user, []) for code in row]
                for user, row in zip(self.users, self.items, strict=True)
            ]
        )
        train = case["extra"].get("train", {})
        owners = [*self.users, *(user for user in train if user not in self.users)]
        had = [[item in train.get(user, []) for item in self.ids] for user in owners]
        self.all_rows = sparse.csr_array(np.array(had, dtype=float))
        self.train = sparse.csr_array(self.all_rows[: len(self.users)])
        self.counts = np.asarray(self.all_rows.sum(axis=0)).ravel()
        self.n_users = len(train)

    def by_user(self, values: npt.NDArray[np.float64]) -> dict[str, float]:
        """Values by the name of the user."""
        return dict(zip(self.users, values.tolist(), strict=True))

    def shaped(self, values: npt.NDArray[np.float64], case: Case) -> Any:
        """Values in the shape in which the case holds them."""
        if case["aggregate"] == "per_user":
            return self.by_user(values)
        return float(np.nanmean(values))


def arp(case: Case) -> Any:
    """Mean popularity, of counts or of shares of all rows."""
    world = World(case)
    known = case["extra"].get("item_popularity")
    counts = world.counts
    if known is not None:
        counts = np.array([known.get(str(item), 0) for item in world.ids], dtype=float)
    normalize = case["variant"].startswith("normalised")
    found = popularity_bias.arp(world.items, counts, k=world.k, normalize=normalize)
    return world.shaped(found, case)


def novelty(case: Case) -> Any:
    """Self-information by users, by interactions, or normalized."""
    world = World(case)
    found = popularity_bias.novelty(
        world.items,
        world.counts,
        world.n_users,
        k=world.k,
        of="interactions" if "INTERACTIONS" in case["variant"] else "users",
        normalize=case["metric"] == "surprisal",
        denominator="k" if "denominator k" in case["variant"] else "list",
    )
    return world.shaped(found, case)


def diversity_of(case: Case) -> Any:
    """Diversity by features, by co-occurrence, or as similarity."""
    world = World(case)
    vectors = case["extra"].get("item_features") or case["extra"].get("item_vectors")
    features: Any = sparse.csr_array(world.all_rows.T)
    if vectors is not None:
        missing = [math.nan] * len(next(iter(vectors.values())))
        features = np.array([vectors.get(str(item), missing) for item in world.ids], dtype=float)
    hamming = "Hamming" in case["variant"]
    similar = case["metric"] == "intra_list_similarity"
    found = diversity.ild(
        world.items,
        features,
        k=world.k,
        distance="hamming" if hamming else "cosine",
        singleton=0.0 if hamming or similar else math.nan,
    )
    return world.shaped(1 - found if similar else found, case)


def serendipity(case: Case) -> Any:
    """Against the places of popular items, or against the user's history."""
    world = World(case)
    if case["variant"].startswith("RecTools"):
        found = diversity.rank_serendipity(world.items, world.hits, world.counts, k=world.k)
        return world.shaped(found, case)
    features = sparse.csr_array(world.all_rows.T)
    found = diversity.serendipity(world.items, world.hits, features, world.train, k=world.k)
    return world.shaped(found, case)


def coverage(case: Case) -> float:
    """Coverage of a catalogue; with explicit ranks those within k count."""
    rows, extra = case["recommendations"], case["extra"]
    if "catalog_size" in extra:
        shown = [[item for item, rank in row if rank <= case["k"]] for row in rows.values()]
        counts = np.zeros(extra["catalog_size"])
        np.add.at(counts, np.array(sorted({item for row in shown for item in row})) - 1, 1)
        return beyond.coverage(counts)
    world = World(case)
    counts = beyond.exposure_counts(world.items, len(world.ids), k=world.k)
    return beyond.coverage(counts[world.counts > 0])


def gini(case: Case) -> float:
    """Of given exposures, or of lists over a catalogue with a padding id."""
    if "exposure" in case["extra"]:
        return beyond.gini(case["extra"]["exposure"])
    lists = np.array(list(case["recommendations"].values()))
    return beyond.gini(beyond.exposure_counts(lists, case["extra"]["n_items"], k=case["k"]))


def shannon(case: Case) -> float:
    """In nats, divided by the number of different items."""
    lists = np.array(list(case["recommendations"].values()))
    counts = beyond.exposure_counts(lists, int(lists.max()) + 1, k=case["k"])
    return beyond.entropy(counts, base=math.e, divide="listed")


def tail_share(case: Case) -> Any:
    """The lowest tenth of the items in the table of counts."""
    world = World(case)
    known = case["extra"]["item_popularity"]
    counts = np.array([known.get(str(item), 0) for item in world.ids], dtype=float)
    among = np.array([str(item) in known for item in world.ids])
    tail = popularity_bias.lowest_items(counts, share=case["extra"]["tail_ratio"], among=among)
    return world.shaped(popularity_bias.long_tail(world.items, tail, k=world.k), case)


def intersection(case: Case) -> float:
    """Recall of the reference list."""
    reference = case["extra"]["reference"]
    lists = [np.full((len(reference), 9), -1) for _ in range(2)]
    for filled, rows in zip(lists, (case["recommendations"], reference), strict=True):
        for user, row in enumerate(rows.values()):
            filled[user, : len(row)] = row
    found = overlap.overlap(*lists, k=case["k"], reference_k=case["extra"]["ref_k"])
    return float(found.mean())


def category_entropy(case: Case) -> float:
    """Entropy of the categories of one list."""
    categories = np.array(list(case["extra"]["item_categories"].values()))
    lists = np.arange(len(categories))[None, :]
    return float(diversity.list_entropy(lists, categories, smoothing=1e-6)[0])


def promoted(case: Case) -> float:
    """The deepest item that was lifted."""
    lists, reference = case["recommendations"]["u"], case["extra"]["reference"]["u"]
    return float(overlap.least_item_promoted([lists], [reference], k=case["k"])[0])


def unseen(case: Case) -> float:
    """The share of the list that the user did not have."""
    world = World(case)
    seen = overlap.seen_places(world.items, world.train)
    return float(overlap.share_of_places(world.items, ~seen, k=world.k).mean())


def personalization(case: Case) -> float:
    """Mean distance between lists."""
    world = World(case)
    return beyond.personalization(world.items, len(world.ids), k=world.k)


class Ranking:
    """One ranking of the items of two groups."""

    def __init__(self, case: Case) -> None:
        group = case["extra"]["item_group"]
        self.names = sorted(set(group.values()))
        order = case["recommendations"]["r"]
        self.codes = np.array([self.names.index(group[item]) for item in order])
        self.n = len(order)

    def exposure(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Mean attention of each group's items."""
        received = fairness_items.item_exposure([np.arange(self.n)], self.n, weights)
        return fairness_items.group_exposure(received, self.codes, len(self.names), per="item")

    def by_group(self, values: npt.NDArray[np.float64]) -> dict[str, float]:
        """Values by the name of the group."""
        return dict(zip(self.names, values.tolist(), strict=True))


def group_exposure(case: Case) -> Any:
    """Exposure by the logarithm of the rank."""
    ranking = Ranking(case)
    return ranking.by_group(ranking.exposure(fairness_items.attention("log2", ranking.n)))


def group_attention(case: Case) -> Any:
    """Geometric attention in per cent."""
    ranking, p = Ranking(case), case["extra"]["p"]
    weights = 100 * fairness_items.attention("geometric", ranking.n, patience=1 - p)
    return ranking.by_group(ranking.exposure(weights))


def group_rbp(case: Case) -> Any:
    """Rank-biased exposure."""
    ranking = Ranking(case)
    kept = case["extra"]["gamma"]
    weights = fairness_items.attention("geometric", ranking.n, patience=kept)
    return ranking.by_group(ranking.exposure(weights))


def exposure_gap(case: Case) -> float:
    """Comparisons of the exposure of two groups."""
    ranking = Ranking(case)
    values = ranking.exposure(fairness_items.attention("log2", ranking.n))
    measures: dict[str, Callable[[Any], float]] = {
        "max_minus_min": fairness_users.group_gap,
        "max_over_min": lambda found: 1 / fairness_users.group_ratio(found),
    }
    measure = measures.get(case["variant"], lambda found: fairness_users.group_std(found) ** 2)
    return measure(values)


def rank_parity(case: Case) -> Any:
    """Pairs won."""
    ranking = Ranking(case)
    return ranking.by_group(prefix_fairness.rank_parity(ranking.codes, len(ranking.names)))


def ndkl(case: Case) -> float:
    """Against the shares of the whole list."""
    found = prefix_fairness.ndkl([Ranking(case).codes], smoothing=case["extra"]["epsilon"])
    return float(found[0])


def clicks_per_relevance(case: Case) -> Any:
    """Mean clicks over mean relevance of each group."""
    ranking, extra = Ranking(case), case["extra"]
    n = len(ranking.names)
    clicks = fairness_items.group_exposure(extra["ctr"], ranking.codes, n)
    merit = fairness_items.group_exposure(extra["relevance"], ranking.codes, n)
    return ranking.by_group(fairness_items.ranked_probability(clicks, merit))


def unfairness(measure: Callable[..., float]) -> Callable[[Case], float]:
    """One of the four of Yao and Huang."""

    def judge(case: Case) -> float:
        predicted, rated = case["extra"]["group_means_pred"], case["extra"]["group_means_true"]
        return measure(predicted["g"], rated["g"], predicted["not_g"], rated["not_g"])

    return judge


def nonparity(case: Case) -> float:
    """Difference of mean predictions."""
    means = case["extra"]["mean_pred"]
    return ratings.nonparity_unfairness(means["g"], means["not_g"])


def exposures(case: Case) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], list[str]]:
    """Expected exposure and its target."""
    extra = case["extra"]
    names = list(extra["relevance"])
    weights = fairness_items.attention("rbp", len(names), patience=extra["p"])
    target = expected_exposure.target_exposure(list(extra["relevance"].values()), weights)
    rankings = extra.get("rankings", [names])
    lists = [[names.index(item) for item in ranking] for ranking in rankings]
    return fairness_items.item_exposure(lists, len(names), weights), target, names


def target_exposure(case: Case) -> Any:
    """Exposure under the ideal ranker."""
    _, target, names = exposures(case)
    return dict(zip(names, target.tolist(), strict=True))


def ee(measure: Callable[..., float], *, both: bool) -> Callable[[Case], float]:
    """EE-D, EE-R or EE-L."""

    def judge(case: Case) -> float:
        received, target, _ = exposures(case)
        return measure(received, target) if both else measure(received)

    return judge


def upd(case: Case) -> float:
    """Mean over groups."""
    values, codes = [], []
    for code, group in enumerate(case["extra"]["groups"].values()):
        for user in group["users"]:
            values.append(float(calibration.jensen_shannon(user["p"], user["q"])))
            codes.append(code)
    return calibration.upd(values, codes)


def awrf(case: Case) -> float:
    """Distance of the protected group's attention from its target."""
    extra = case["extra"]
    n = len(extra["weights"])
    received = fairness_items.item_exposure([np.arange(n)], n, extra["weights"])
    shares = fairness_items.group_exposure(received, extra["protected"], 2, per="share")
    return float(fairness_items.awrf(shares, [1 - extra["target"], extra["target"]]))


def kl(case: Case) -> float:
    """Steck's divergence."""
    extra = case["extra"]
    found = calibration.calibration_kl(extra["history"], extra["list"], smoothing=extra["alpha"])
    return float(found)


def bound(which: int) -> Callable[[Case], float]:
    """The least or the largest Gini index."""

    def judge(case: Case) -> float:
        extra = case["extra"]
        return beyond.gini_bounds(extra["n_items"], np.full(extra["users"], extra["k"]))[which]

    return judge


def of_groups(measure: Callable[[Any], float]) -> Callable[[Case], float]:
    """A comparison of the utilities of groups."""
    return lambda case: measure(list(case["extra"]["utility"].values()))


JUDGES: dict[str, Callable[[Case], Any]] = {
    "arp": arp,
    "novelty_self_information": novelty,
    "surprisal": novelty,
    "intra_list_diversity": diversity_of,
    "intra_list_similarity": diversity_of,
    "serendipity": serendipity,
    "catalog_coverage": coverage,
    "gini": gini,
    "shannon_entropy": shannon,
    "tail_percentage": tail_share,
    "intersection_with_reference": intersection,
    "list_category_entropy": category_entropy,
    "least_item_promoted": promoted,
    "fraction_unseen_in_train": unseen,
    "personalization": personalization,
    "group_exposure": group_exposure,
    "group_attention": group_attention,
    "group_exposure_rbp": group_rbp,
    "group_exposure_gap": exposure_gap,
    "attribute_rank_parity": rank_parity,
    "ndkl": ndkl,
    "group_ctr_over_utility": clicks_per_relevance,
    "value_unfairness": unfairness(ratings.value_unfairness),
    "absolute_unfairness": unfairness(ratings.absolute_unfairness),
    "underestimation_unfairness": unfairness(ratings.underestimation_unfairness),
    "overestimation_unfairness": unfairness(ratings.overestimation_unfairness),
    "nonparity_unfairness": nonparity,
    "target_exposure": target_exposure,
    "EE-D": ee(expected_exposure.ee_d, both=False),
    "EE-R": ee(expected_exposure.ee_r, both=True),
    "EE-L": ee(expected_exposure.ee_l, both=True),
    "calibration_kl": kl,
    "jensen_shannon": lambda case: float(
        calibration.jensen_shannon(case["extra"]["p"], case["extra"]["q"])
    ),
    "upd": upd,
    "delta_gap": lambda case: popularity_bias.popularity_lift(
        case["extra"]["gap_recs"], case["extra"]["gap_profile"]
    ),
    "awrf": awrf,
    "logDP": lambda case: float(fairness_items.log_dp(*case["extra"]["exposure"].values())),
    "RSP": lambda case: fairness_items.relative_spread(case["extra"]["prob_ranked"]),
    "gini_min": bound(0),
    "gini_max": bound(1),
    "gini_user_utility": lambda case: fairness_users.utility_gini(case["extra"]["utility"]),
    "group_utility_difference": of_groups(fairness_users.group_gap),
    "group_utility_ratio": of_groups(fairness_users.group_ratio),
    "group_utility_std": of_groups(fairness_users.group_std),
    "group_utility_min": of_groups(fairness_users.group_worst),
    "user_mad": of_groups(fairness_users.group_mad),
}
OURS = [case for case in CASES if case["metric"] in JUDGES and "ANTI-ORACLE" not in case["note"]]


@pytest.mark.skipif(not OURS, reason="metric_oracles.json does not lie beside the repository")
@pytest.mark.parametrize("case", OURS, ids=[case["id"] for case in OURS])
def test_published_value(case: Case) -> None:
    """The value that the source gives, within the tolerance that it gives."""
    found, expected = JUDGES[case["metric"]](case), case["expected"]
    if not isinstance(expected, dict):
        assert found == pytest.approx(expected, abs=case["tolerance"])
        return
    wanted = {key: math.nan if value == "NaN" else value for key, value in expected.items()}
    assert {key: found[key] for key in wanted} == pytest.approx(
        wanted, abs=case["tolerance"], nan_ok=True
    )


@pytest.mark.skipif(not OURS, reason="metric_oracles.json does not lie beside the repository")
def test_every_judge_has_a_case() -> None:
    """No formula above stands without the case that it was written for."""
    assert {case["metric"] for case in OURS} == set(JUDGES)
