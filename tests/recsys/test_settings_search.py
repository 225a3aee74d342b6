"""The whole search: what it may look at, what it finds, and that its model is what it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import clone

import suffuse as sf
from suffuse.datasets import SocialWorld, WorldShape
from suffuse.recsys import scouting
from suffuse.recsys import tune as tune_module
from suffuse.recsys.spaces import FAMILIES, Family
from suffuse.recsys.tuning import Tuning

SHAPE = WorldShape(mean_interactions=14, mean_degree=12, cold_fraction=0.1)
LISTS = ["user_id", "item_id", "score"]


def world_with(homophily: float, seed: int, n_users: int = 300, n_items: int = 80) -> SocialWorld:
    """Friends who share tastes, or do not."""
    return sf.datasets.make_social_world(
        n_users, n_items, homophily=homophily, shape=SHAPE, rng=seed
    )


WORLD = world_with(0.8, 0, 160, 60)
QUICK: dict[str, Any] = {"bases": ["EASE"], "n_trials": 2, "n_jobs": 1}


@pytest.fixture(scope="module")
def found() -> Tuning:
    """A search of two families over a world with a graph."""
    return sf.tune(
        WORLD.interactions, WORLD.social, bases=["SpectralFilter", "EASE"], n_trials=5, n_jobs=1
    )


def told(model: Any) -> Any:
    """The class of a model and all its parameters, those of its parts told alike."""
    params = model.get_params(deep=False).items()
    return type(model), {
        name: told(value) if hasattr(value, "get_params") else value for name, value in params
    }


def same(first: Tuning, second: Tuning) -> bool:
    """Whether two searches went alike, but for their seconds."""
    trials = [tuning.trials.drop(columns="seconds") for tuning in (first, second)]
    return (
        trials[0].equals(trials[1])
        and first.settings == second.settings
        and told(first.model) == told(second.model)
    )


def recall(recs: pd.DataFrame, test: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Recall of every test user, by counting."""
    lists = recs.groupby("user_id")["item_id"].agg(set)
    wanted = test.groupby("user_id")["item_id"].agg(set)
    return np.array([len(lists[user] & items) / len(items) for user, items in wanted.items()])


def test_the_model_is_what_diffusion_with_everything_automatic_would_be(found: Tuning) -> None:
    """The same base and the same hold-out give the same settings, to the bit, and lists."""
    model = found.model.fit(WORLD.interactions, social=WORLD.social)
    auto = sf.SocialDiffusion(found.base, normalization="auto", random_state=0, n_jobs=1)
    auto.fit(WORLD.interactions, social=WORLD.social)
    assert auto.settings_ == found.settings == model.settings_
    assert auto.recommend(k=8).equals(model.recommend(k=8))
    assert found.ablation is not None
    pd.testing.assert_frame_equal(auto.ablation_, found.ablation)


def test_what_is_found_is_unfitted_and_can_be_kept(found: Tuning, tmp_path: Path) -> None:
    """A clone is the same model; saved and loaded it recommends the same."""
    assert not hasattr(found.base, "user_ids_")
    assert not hasattr(clone(found.model), "user_ids_")
    assert told(found.base) == told(found.model.base)
    model = clone(found.model).fit(WORLD.interactions, social=WORLD.social)
    model.save(tmp_path / "model")
    loaded = sf.load_model(tmp_path / "model")
    assert loaded.settings == found.settings
    assert loaded.recommend(k=5).equals(model.recommend(k=5))


def test_every_trial_is_in_the_table(found: Tuning) -> None:
    """Five of base models and five blends; the dials of the chosen one are those of the base."""
    counts = found.trials["family"].value_counts()
    assert counts.sum() - counts["Blend"] == 5
    assert counts["Blend"] == 5
    (chosen,) = found.trials[found.trials["state"] == "chosen"].to_dict("records")
    params = found.base.get_params()
    for name in ("n_factors", "low_pass", "exponent", "regularization", "popularity_discount"):
        if name in params and chosen["family"] != "Blend":
            assert params[name] == chosen[name]
    assert found.seconds > 0


def test_the_order_of_the_rows_is_nothing(found: Tuning) -> None:
    """Shuffled rows and ties give the same search, in any form, on any number of threads."""
    ties = WORLD.social.sample(frac=1.0, random_state=2)
    shuffled = sf.tune(
        WORLD.interactions.sample(frac=1.0, random_state=1),
        nx.Graph(list(ties[["source_id", "target_id"]].itertuples(index=False))),
        bases=["SpectralFilter", "EASE"],
        n_trials=5,
        n_jobs=2,
    )
    shuffled.model.set_params(n_jobs=1, base__n_jobs=1)
    assert same(found, shuffled)


def test_tables_are_read_alone() -> None:
    """What is given is not changed; ids are names, no numbers."""
    rows, ties = WORLD.interactions.copy(), WORLD.social.copy()
    before = sf.tune(rows, ties, **QUICK)
    pd.testing.assert_frame_equal(rows, WORLD.interactions)
    pd.testing.assert_frame_equal(ties, WORLD.social)
    # a prefix keeps the order of the ids, so the same cells are hidden
    renamed = rows.assign(item_id=[f"item {item}" for item in rows["item_id"]])
    assert before.trials.drop(columns="seconds").equals(
        sf.tune(renamed, **QUICK).trials.drop(columns="seconds")
    )


def test_the_seed_decides() -> None:
    """The same seed the same search; another seed hides other cells."""
    first, again, other = (
        sf.tune(WORLD.interactions, random_state=seed, **QUICK) for seed in (3, 3, 4)
    )
    assert same(first, again)
    assert not first.trials["ndcg@20"].equals(other.trials["ndcg@20"])


def test_no_hidden_cell_is_ever_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is judged was fitted on a part of the given rows, and nothing but those rows."""
    given = set(map(tuple, WORLD.interactions[["user_id", "item_id"]].to_numpy()))
    sizes = []

    class Watched(sf.EASE):
        def fit(self, interactions: Any) -> Any:
            frame = interactions.to_frame()
            assert set(map(tuple, frame[["user_id", "item_id"]].to_numpy())) < given
            sizes.append(len(frame) / len(given))
            return super().fit(interactions)

    family = Family(FAMILIES["EASE"].dials, FAMILIES["EASE"].starts[:1], lambda _: Watched())
    monkeypatch.setattr(scouting, "FAMILIES", {"EASE": family})
    sf.tune(WORLD.interactions, WORLD.social, bases=["EASE"], n_trials=1)
    assert len(sizes) >= 6
    assert all(0.8 < size < 0.95 for size in sizes)


def test_a_world_with_a_known_answer() -> None:
    """Where friends share tastes, the model beats its own base and popularity on a test split."""
    world = world_with(0.8, 1, 1500, 200)
    train, test = sf.datasets.split_random(world.interactions, test_fraction=0.2, rng=0)
    model = sf.tune(train, world.social, **QUICK).model.fit(train, social=world.social)
    assert max(model.damping_, model.memory_) > 0
    lists = recall(model.recommend(k=10), test)
    for other in (model.base_, sf.Popularity().fit(train)):
        gain = lists - recall(other.recommend(k=10), test)
        assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))


def test_ties_that_mean_nothing_earn_nothing() -> None:
    """At homophily 0 users with a history keep their own taste, in most worlds."""
    idle = 0
    for seed in range(3):
        world = world_with(0.0, seed, 200, 60)
        found = sf.tune(world.interactions, world.social, bases=["EASE"], n_trials=1)
        assert found.settings is not None
        warm = found.settings["warm"]
        idle += warm["damping"] == 0.0 and warm["memory"] == 0.0
    assert idle >= 2


def test_without_a_graph_the_base_is_the_model() -> None:
    """No settings, no ablation."""
    found = sf.tune(WORLD.interactions, **QUICK)
    assert found.model is found.base
    assert isinstance(found.model, sf.EASE)
    assert found.ablation is None
    assert found.settings is None


@pytest.mark.parametrize(
    "social",
    [
        pd.DataFrame({"source_id": [], "target_id": []}),
        nx.Graph(),
        nx.Graph([("u000001", "u000001")]),
    ],
)
def test_a_graph_without_a_tie_is_a_graph(social: Any) -> None:
    """The model takes it in ``fit`` and recommends what its base does."""
    found = sf.tune(WORLD.interactions, social, **QUICK)
    assert isinstance(found.model, sf.SocialDiffusion)
    assert found.ablation is None
    model = found.model.fit(WORLD.interactions, social=social)
    base = found.base.fit(WORLD.interactions)
    assert model.recommend(k=5).equals(base.recommend(k=5))
    assert model.settings_ == found.settings
    with_ties = found.model.fit(WORLD.interactions, social=WORLD.social)
    rows = np.flatnonzero(np.diff(with_ties.interactions_.indptr))
    np.testing.assert_array_equal(with_ties.score_users(rows), with_ties.base_.score_users(rows))


def test_users_of_the_graph_alone_are_served() -> None:
    """They are no row of the table, and one of the model."""
    ties = pd.concat(
        [WORLD.social, pd.DataFrame({"source_id": ["friend"], "target_id": ["u000001"]})]
    )
    model = sf.tune(WORLD.interactions, ties, **QUICK).model
    recs = model.fit(WORLD.interactions, social=ties).recommend(["friend"], k=5)
    assert recs["user_id"].tolist() == ["friend"] * 5


def test_a_directed_graph_keeps_its_direction() -> None:
    """Given as such; the doubly stochastic kind needs ties that bind both ways."""
    found = sf.tune(WORLD.interactions, WORLD.social, directed=True, **QUICK)
    assert found.settings is not None
    assert found.settings["normalization"] in ("symmetric", "row")
    found.model.fit(WORLD.interactions, social=WORLD.social, directed=True)


@pytest.mark.parametrize("seed", [2**32 - 1, 2**40])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    """Also one that is too large for a library underneath."""
    found = sf.tune(
        WORLD.interactions, bases=["SpectralFilter", "EASE"], n_trials=1, random_state=seed
    )
    assert len(found.trials) == 1


def test_one_trial_or_no_time_at_all() -> None:
    """Still a model."""
    for limit in ({"n_trials": 1}, {"time_budget": 1e-6}):
        given: Mapping[str, Any] = limit
        found = sf.tune(WORLD.interactions, bases=["EASE", "ALS"], **given)
        assert found.trials["state"].tolist() == ["chosen"]
        assert len(found.model.fit(WORLD.interactions).recommend(k=1))


@pytest.mark.parametrize("name", ["EASE", "SpectralFilter"])
def test_three_users(name: str) -> None:
    """A search that ends, with a model for everybody."""
    rows = pd.DataFrame({"user_id": list("aaabbbcccc"), "item_id": [1, 2, 3, 2, 3, 4, 1, 2, 3, 4]})
    ties = pd.DataFrame({"source_id": ["a", "b"], "target_id": ["b", "z"]})
    found = sf.tune(rows, ties, bases=[name], n_trials=2, n_jobs=1)
    recs = found.model.fit(rows, social=ties).recommend(k=1)
    assert recs["user_id"].tolist() == ["a", "b", "z"]


@pytest.mark.parametrize(
    "rows",
    [
        {"user_id": [1], "item_id": ["a"]},
        {"user_id": [1, 2, 3, 4], "item_id": ["a", "a", "a", "a"]},
        {"user_id": [1, 2, 3, 4], "item_id": ["a", "b", "c", "d"]},
    ],
)
def test_tables_of_which_nothing_can_be_hidden(rows: dict[str, Any]) -> None:
    """One row, one item, one item each: refused, with the way out."""
    with pytest.raises(ValueError, match=r"must hold users with several items.*by hand"):
        sf.tune(pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"bases": []}, r"bases must be some of \['ALS', 'EASE', 'SpectralFilter'\]; got \[\]"),
        ({"bases": ["EASE", "als"]}, r"bases must be .*got \['EASE', 'als'\]"),
        ({"bases": [["EASE"]]}, r"bases must be .*got \[\['EASE'\]\]"),
        ({"time_budget": 0}, r"time_budget must be a number in \(0, inf\); got 0"),
        ({"time_budget": float("nan")}, "time_budget must be .*got nan"),
        ({"n_trials": 0}, "n_trials must be a whole number of at least 1; got 0"),
        ({"n_trials": 1.5}, "n_trials must be .*got 1.5"),
        ({"random_state": -1}, "random_state must be .*got -1"),
        ({"n_jobs": 0}, "n_jobs must be a positive integer, -1 or None; got 0"),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_fitted(
    monkeypatch: pytest.MonkeyPatch, bad: dict[str, Any], words: str
) -> None:
    """In the package's words."""
    monkeypatch.setattr(tune_module.__globals__["Scouting"], "search", never)
    with pytest.raises(ValueError, match=words):
        sf.tune(WORLD.interactions, **bad)


def never(_: Any) -> NoReturn:
    """A step that must not be reached."""
    raise RuntimeError("the search began")


def test_a_single_name_is_not_a_list_of_names() -> None:
    """The way out is in the message; any iterable of names will do."""
    with pytest.raises(TypeError, match=r"bases must be a list of names; got 'EASE': pass \['EA"):
        sf.tune(WORLD.interactions, bases="EASE")
    nothing: Any = None
    with pytest.raises(TypeError, match="bases must be a list of names; got None: leave it out"):
        sf.tune(WORLD.interactions, bases=nothing)
    names: Any = iter(["EASE", "EASE"])
    found = sf.tune(WORLD.interactions, bases=names, n_trials=1)
    assert found.trials["family"].tolist() == ["EASE"]


def test_an_interruption_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the search nor while the graph is judged."""
    for place in ("Scouting", "select"):

        def stop(*_: Any, **__: Any) -> NoReturn:
            raise KeyboardInterrupt

        monkeypatch.setitem(tune_module.__globals__, place, stop)
        with pytest.raises(KeyboardInterrupt):
            sf.tune(WORLD.interactions, WORLD.social, **QUICK)
        monkeypatch.undo()


def test_a_table_too_large_for_a_family_is_left_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """EASE refuses by memory; alone, that is the end, in one sentence."""
    monkeypatch.setattr("suffuse.recsys.ease.available_bytes", lambda: 1000)
    found = sf.tune(WORLD.interactions, bases=["EASE", "SpectralFilter"], n_trials=3)
    assert isinstance(found.model, sf.SpectralFilter)
    assert found.trials["state"][0].startswith("failed: EASE needs")
    with pytest.raises(ValueError, match="no setting could be fitted; the last: failed: EASE need"):
        sf.tune(WORLD.interactions, bases=["EASE"], n_trials=3)
