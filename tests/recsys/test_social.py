"""Social diffusion: when it must change nothing, when it must help, and whom it reaches."""

import logging
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

import suffuse as sf
from suffuse.datasets import Interactions, SocialWorld, WorldShape
from suffuse.recsys.channels import Setting, SocialChannels, Taste

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "lightgcn_lastfm"

BASES = {
    "ALS": sf.ALS(n_factors=8, regularization=1.0, max_iter=4),
    "EASE": sf.EASE(regularization=10.0),
    "SpectralFilter": sf.SpectralFilter(n_factors=6),
    "Popularity": sf.Popularity(),
}
#: tuned to the worlds of 700 users: on an under-tuned base any smoothing helps, random ties' too
TUNED = {
    "ALS": sf.ALS(n_factors=8, regularization=30.0, confidence=5.0),
    "EASE": sf.EASE(regularization=200.0),
    "SpectralFilter": sf.SpectralFilter(n_factors=8),
}
SHAPE = WorldShape(mean_interactions=14, mean_degree=12, cold_fraction=0.1)


def world_with(homophily: float, seed: int = 0) -> SocialWorld:
    """A world large enough to tell whether friends share tastes."""
    return sf.datasets.make_social_world(700, 150, homophily=homophily, shape=SHAPE, rng=seed)


@pytest.fixture(scope="module")
def friends() -> SocialWorld:
    """Ties that taste has made."""
    return world_with(0.8)


@pytest.fixture(scope="module")
def strangers() -> SocialWorld:
    """Ties that say nothing about taste."""
    return world_with(0.0)


@pytest.mark.parametrize("name", list(BASES))
def test_dials_at_zero_equal_the_base_exactly(tall: SocialWorld, name: str) -> None:
    """For everybody with interactions, to the last bit, given the same universe of users."""
    model = sf.SocialDiffusion(BASES[name], damping=0.0, memory=0.0, background=0.1)
    model.fit(tall.interactions, social=tall.social)
    table = Interactions.from_frame(tall.interactions)
    base = BASES[name].fit(table.with_users(tall.users["user_id"]))
    assert model.user_ids_.tolist() == base.user_ids_.tolist()
    rows = np.flatnonzero(np.diff(base.interactions_.indptr))
    np.testing.assert_array_equal(model.score_users(rows), base.score_users(rows))
    users = table.user_ids
    pd.testing.assert_frame_equal(model.recommend(users, k=5), base.recommend(users, k=5))


@pytest.mark.parametrize("name", list(BASES))
@pytest.mark.parametrize("damping", ["auto", 0.5])
@pytest.mark.parametrize("graph", ["none", "no edge", "self ties only"])
def test_a_graph_without_ties_equals_the_base_exactly(
    tall: SocialWorld, name: str, damping: float | str, graph: str
) -> None:
    """No graph, an empty one, and one of ties that lead nowhere."""
    users = sorted(set(tall.interactions["user_id"]))
    social: Any = None
    if graph == "no edge":
        social = nx.empty_graph(0)
        social.add_nodes_from(users[:10])
    elif graph == "self ties only":
        social = pd.DataFrame({"source_id": users[:3], "target_id": users[:3]})
    model = sf.SocialDiffusion(BASES[name], damping=damping).fit(tall.interactions, social=social)
    base = BASES[name].fit(tall.interactions)
    pd.testing.assert_frame_equal(model.recommend(k=5), base.recommend(k=5))
    assert (model.damping_, model.memory_) == (0.0, 0.0)
    assert model.ablation_.empty


def test_a_graph_without_ties_is_said(tall: SocialWorld, caplog: pytest.LogCaptureFixture) -> None:
    """In the log; silent otherwise."""
    with caplog.at_level(logging.INFO, logger="suffuse.recsys.social"):
        sf.SocialDiffusion(sf.Popularity()).fit(tall.interactions)
    assert "the social graph has no tie: the result equals the base model" in caplog.text


def test_scores_are_those_of_the_channels(tall: SocialWorld) -> None:
    """Warm users by the warm setting, cold ones by the cold one, the lonely by the base."""
    model = sf.SocialDiffusion(
        BASES["EASE"], normalization="row", damping=0.4, memory=2.0, evidence=3.0, background=0.05
    ).fit(tall.interactions, social=tall.social)
    channels = SocialChannels(
        model.base_, model.social_, sf.PropagationOperator(model.social_, "row")
    )
    held = np.diff(model.interactions_.indptr)
    tied = np.asarray(model.social_.sum(axis=1)).ravel() > 0
    rows = np.arange(len(held))
    groups = {
        Setting(Taste(0.4, 3.0), 2.0): rows[(held > 0) & tied],
        Setting(Taste(0.4), 2.0, 0.05): rows[(held == 0) & tied],
    }
    scores = model.score_users(rows)
    for setting, chosen in groups.items():
        assert len(chosen) > 3
        taste = channels.taste_scores(chosen, channels.diffused(setting.taste))
        expected = channels.mix(taste, channels.memory_rows(chosen), setting)
        np.testing.assert_allclose(scores[chosen], expected, rtol=1e-5, atol=1e-6)
    lonely = rows[~tied]
    assert len(lonely) > 3
    alone = model.base_.score_users(rows)[lonely]
    np.testing.assert_array_equal(scores[lonely], alone)


def test_a_directed_graph_with_text_ids(tall: SocialWorld) -> None:
    """A networkx DiGraph goes in; the newcomer listens, and nobody listens to the newcomer."""
    star = tall.interactions["user_id"].value_counts().index[0]
    follows = nx.DiGraph([("newcomer", star), (star, "idol")])
    model = sf.SocialDiffusion(BASES["EASE"], damping=0.5, memory=1.0, background=0.001)
    model.fit(tall.interactions, social=follows)
    assert {"newcomer", "idol"} <= set(model.user_ids_)
    held = set(tall.interactions.loc[tall.interactions["user_id"] == star, "item_id"])
    found = model.recommend(["newcomer"], k=5)
    assert found["user_id"].tolist() == ["newcomer"] * 5
    assert set(found["item_id"]) <= held
    plain = BASES["EASE"].fit(tall.interactions)
    others = [user for user in plain.user_ids_ if user != star]
    pd.testing.assert_frame_equal(model.recommend(others, k=3), plain.recommend(others, k=3))
    idol = model.recommend(["idol"], k=3)["item_id"].tolist()
    popular = sf.Popularity().fit(tall.interactions)
    best = popular.recommend(["?"], k=3, unknown_users="popular")["item_id"].tolist()
    assert idol == best


def test_the_direction_of_frames_is_explicit(tall: SocialWorld) -> None:
    """Both ways unless directed=True is said; a contradiction to networkx is refused."""
    popular = tall.interactions["item_id"].value_counts().index[0]
    baskets = tall.interactions.groupby("user_id")["item_id"].agg(set)
    idol = next(user for user, held in baskets.items() if popular not in held and len(held) > 5)
    ties = pd.DataFrame({"source_id": [idol], "target_id": ["newcomer"]})
    model = sf.SocialDiffusion(BASES["EASE"], damping=0.5, memory=1.0, background=0.001)
    row = ["newcomer"]
    listens = model.fit(tall.interactions, social=ties).recommend(row, k=5)
    deaf = model.fit(tall.interactions, social=ties, directed=True).recommend(row, k=5)
    assert set(listens["item_id"]) <= baskets[idol]
    assert deaf["item_id"].iloc[0] == popular
    with pytest.raises(ValueError, match="directed must agree with the graph"):
        model.fit(tall.interactions, social=nx.Graph([(1, 2)]), directed=True)


@pytest.mark.parametrize("name", list(BASES))
def test_users_known_only_from_the_graph_get_lists(tall: SocialWorld, name: str) -> None:
    """Full lists, and not the same one for all."""
    model = sf.SocialDiffusion(BASES[name], damping=0.5, memory=1.0, background=0.001)
    model.fit(tall.interactions, social=tall.social)
    known = set(tall.interactions["user_id"])
    cold = [user for user in model.user_ids_ if user not in known]
    assert len(cold) >= 5
    recs = model.recommend(cold, k=5)
    assert (recs.groupby("user_id").size() == 5).all()
    lists = recs.groupby("user_id")["item_id"].agg(tuple)
    assert lists.nunique() > 1


def test_a_cold_user_of_cold_friends_gets_popularity(tall: SocialWorld) -> None:
    """Where friends know nothing the background decides, however faint."""
    ties = nx.Graph([("p", "q"), ("q", "r"), ("u000000", "u000001")])
    model = sf.SocialDiffusion(BASES["ALS"], damping=0.5, memory=1.0, background=0.0)
    model.fit(tall.interactions, social=ties)
    popular = model.recommend(["?"], k=5, unknown_users="popular")["item_id"].tolist()
    assert model.recommend(["p"], k=5)["item_id"].tolist() == popular


def test_auto_chooses_exactly_zero_where_the_graph_says_nothing(strangers: SocialWorld) -> None:
    """Ties at random: no damping, no memory, the base model's lists."""
    for base in TUNED.values():
        model = sf.SocialDiffusion(base).fit(strangers.interactions, social=strangers.social)
        assert (model.damping_, model.memory_, model.evidence_) == (0.0, 0.0, None)
        users = strangers.interactions["user_id"].unique()
        pd.testing.assert_frame_equal(
            model.recommend(users, k=5), model.base_.recommend(users, k=5)
        )


@pytest.mark.parametrize("name", ["ALS", "EASE", "SpectralFilter"])
def test_auto_uses_a_graph_that_knows(friends: SocialWorld, name: str) -> None:
    """At strong homophily both groups gain, and the ablation says by how much."""
    model = sf.SocialDiffusion(TUNED[name]).fit(friends.interactions, social=friends.social)
    assert model.damping_ > 0 or model.memory_ > 0
    assert model.cold_damping_ > 0 or model.cold_memory_ > 0
    gain = model.ablation_.set_index(["users", "metric"])
    for users in ("warm", "cold"):
        row = gain.loc[(users, "ndcg@20")]
        assert row["low"] > 0
        assert row["difference"] == pytest.approx(row["diffused"] - row["base"])
        assert row["low"] < row["difference"] < row["high"]
    tried = model.search_
    assert (tried["damping"] == model.damping_).any()


@pytest.mark.parametrize("homophily", [0.0, 0.4, 0.8])
def test_never_below_the_base_by_more_than_chance(homophily: float) -> None:
    """On rows that nobody has chosen by: the interval of the difference reaches zero or above."""
    world = world_with(homophily, seed=1)
    train, test = sf.datasets.split_random(world.interactions, test_fraction=0.2, rng=1)
    model = sf.SocialDiffusion(TUNED["ALS"]).fit(train, social=world.social)
    lists, base = model.recommend(k=10), model.base_.recommend(k=10)
    report = sf.evaluate(lists, test, train=train, metrics=["ndcg@10"], baseline=base)
    assert report.difference_frame()["high"].item() >= 0


def test_cold_users_gain_on_held_out_rows(friends: SocialWorld) -> None:
    """Users without any training row, known by their friends alone, against popularity."""
    train, test = sf.datasets.split_cold_users(
        friends.interactions, fraction=0.25, social=friends.social, rng=1
    )
    model = sf.SocialDiffusion(TUNED["ALS"]).fit(train, social=friends.social)
    users = test["user_id"].unique()
    assert set(users) <= set(model.user_ids_)
    lists = model.recommend(users, k=10)
    popular = sf.Popularity().fit(train).recommend(users, k=10, unknown_users="popular")
    report = sf.evaluate(lists, test, metrics=["ndcg@10"], baseline=popular)
    assert report.difference_frame()["low"].item() > 0


def test_the_choice_is_reproducible(tall: SocialWorld) -> None:
    """The seed of the hold-out decides, and nothing else."""

    def tried(seed: int) -> pd.DataFrame:
        model = sf.SocialDiffusion(BASES["ALS"], random_state=seed)
        return model.fit(tall.interactions, social=tall.social).search_

    pd.testing.assert_frame_equal(tried(5), tried(5))
    assert not tried(5).equals(tried(6))


def test_the_base_is_cloned(tall: SocialWorld) -> None:
    """The given model stays unfitted; without one there is a default."""
    base = sf.EASE(regularization=10.0)
    model = sf.SocialDiffusion(base, damping=0.1, memory=0.0, background=0.0, n_jobs=1)
    model.fit(tall.interactions, social=tall.social)
    assert not hasattr(base, "user_ids_")
    assert base.n_jobs is None
    assert model.base_.n_jobs == 1
    default = sf.SocialDiffusion(damping=0.1, memory=0.0, background=0.0)
    assert isinstance(default.fit(tall.interactions, social=tall.social).base_, sf.ALS)


@pytest.mark.parametrize("base", ["ALS", sf.ALS, sf.SocialDiffusion(), 3])
def test_a_base_without_linear_scores_is_refused(tall: SocialWorld, base: Any) -> None:
    """Names, classes, and models that are not linear in a signal."""
    with pytest.raises(
        TypeError, match=r"base must be a model with linear scores, such as ALS\(\)"
    ):
        sf.SocialDiffusion(base).fit(tall.interactions, social=tall.social)


@pytest.mark.parametrize(
    ("parameter", "value", "sentence"),
    [
        ("damping", 1.0, r'damping must be a number in \[0, 1\) or "auto"; got 1.0'),
        ("damping", -0.1, r'damping must be a number in \[0, 1\) or "auto"; got -0.1'),
        ("damping", np.nan, r'damping must be a number in \[0, 1\) or "auto"; got nan'),
        ("damping", "best", r'damping must be a number in \[0, 1\) or "auto"; got \'best\''),
        ("memory", -1.0, r'memory must be a number in \[0, inf\) or "auto"; got -1.0'),
        ("memory", np.inf, r'memory must be a number in \[0, inf\) or "auto"; got inf'),
        ("background", None, r'background must be a number in \[0, inf\) or "auto"; got None'),
        ("evidence", 0.0, r"evidence must be a number in \(0, inf\); got 0.0"),
        ("random_state", None, "random_state must be a whole number of at least 0; got None"),
        ("normalization", "rows", "normalization must be 'row', .* got 'rows'"),
        ("normalization", 1.5, r"normalization must be .* exponent in \[0, 1\]; got 1.5"),
    ],
)
def test_bad_parameters_are_refused_by_fit(
    tall: SocialWorld, parameter: str, value: Any, sentence: str
) -> None:
    """With the name, the rule and the value; not as late as the first list."""
    given = {"damping": 0.1, "memory": 0.1, "background": 0.1} | {parameter: value}
    model = sf.SocialDiffusion(BASES["Popularity"], **given)
    for social in (tall.social, None):
        with pytest.raises(ValueError, match=sentence):
            model.fit(tall.interactions, social=social)


def test_a_kind_that_the_graph_does_not_have_is_refused_by_fit(tall: SocialWorld) -> None:
    """Doubly stochastic needs a symmetric graph; a model fitted before stays as it was."""
    model = sf.SocialDiffusion(
        sf.Popularity(), normalization="doubly_stochastic", damping=0.2, memory=0.0, background=0.0
    ).fit(tall.interactions, social=tall.social)
    before = model.recommend(k=3)
    with pytest.raises(ValueError, match="doubly_stochastic"):
        model.fit(tall.interactions, social=tall.social, directed=True)
    pd.testing.assert_frame_equal(model.recommend(k=3), before)


@pytest.mark.parametrize(
    ("social", "error", "sentence"),
    [
        ([("a", "b")], TypeError, "social must be a pandas DataFrame, .* got list"),
        (pd.DataFrame({"source_id": ["a"]}), ValueError, "column 'target_id'; got columns"),
        (
            pd.DataFrame({"source_id": ["a"], "target_id": ["b"], "weight": [-2.0]}),
            ValueError,
            "weight must be .* -2.0",
        ),
        (sparse.csr_array((2, 3)), ValueError, "square"),
    ],
)
def test_bad_graphs_are_refused(
    tall: SocialWorld, social: Any, error: type[Exception], sentence: str
) -> None:
    """With what was found."""
    with pytest.raises(error, match=sentence):
        sf.SocialDiffusion(sf.Popularity()).fit(tall.interactions, social=social)


@pytest.mark.parametrize("form", ["frame", "networkx", "matrix", "SocialGraph"])
def test_a_graph_comes_in_every_form(tall: SocialWorld, form: str) -> None:
    """The same ties, the same lists."""
    users = {user: row for row, user in enumerate(sorted(tall.users["user_id"]))}
    table = tall.interactions.assign(user_id=tall.interactions["user_id"].map(users))
    ties = tall.social.apply(lambda column: column.map(users))
    graph: Any = ties
    if form == "networkx":
        graph = nx.Graph(list(ties.itertuples(index=False, name=None)))
    elif form == "matrix":
        ends = (ties["source_id"], ties["target_id"])
        graph = sparse.coo_array((np.ones(len(ties)), ends), shape=(len(users), len(users)))
    elif form == "SocialGraph":
        graph = sf.datasets.as_social_graph(ties)
    model = sf.SocialDiffusion(BASES["EASE"], damping=0.3, memory=1.0, background=0.01)
    expected = model.fit(table, social=ties).recommend(table["user_id"].unique(), k=4)
    found = model.fit(table, social=graph).recommend(table["user_id"].unique(), k=4)
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.skipif(not DATA.is_dir(), reason="the LastFM split is not part of the package")
def test_real_data() -> None:
    """LastFM friends: a well-tuned base at its mark, and diffusion not below it."""
    split = sf.datasets.read_split_folder(DATA)
    base = sf.ALS(n_factors=256, regularization=60, confidence=20)
    model = sf.SocialDiffusion(base).fit(split.train, social=split.social)
    values = {}
    for name, fitted in (("base", model.base_), ("social", model)):
        report = sf.evaluate(fitted.recommend(k=20), split.test, metrics=["recall@20"])
        values[name] = report.to_frame()["value"].item()
    assert values["base"] >= 0.270
    assert values["social"] >= values["base"] - 0.0005


def test_few_interactions_have_a_setting_of_their_own(friends: SocialWorld) -> None:
    """Users who keep one to five items are scored by the setting chosen for such users."""
    counts = friends.interactions["user_id"].value_counts()
    little = counts.index[counts > 8][:20]
    rows = friends.interactions[~friends.interactions["user_id"].isin(little)]
    kept = friends.interactions[friends.interactions["user_id"].isin(little)]
    table = pd.concat([rows, kept.groupby("user_id").head(2)])
    model = sf.SocialDiffusion(TUNED["ALS"]).fit(table, social=friends.social)
    model.few_damping_, model.few_memory_, model.few_background_ = 0.0, 0.0, 0.0
    model.__dict__.pop("_prepared")
    alone = model.base_.recommend(little, k=5)
    pd.testing.assert_frame_equal(model.recommend(little, k=5), alone)
    assert set(model.ablation_["users"]) == {"warm", "few", "cold"}


def test_damping_close_to_one(friends: SocialWorld) -> None:
    """What single precision cannot certify any more still gives lists, without an error."""
    model = sf.SocialDiffusion(TUNED["ALS"], damping=0.9999999, memory=0.0, background=0.0)
    recs = model.fit(friends.interactions, social=friends.social).recommend(k=3)
    assert np.isfinite(recs["score"]).all()


def test_the_fit_does_not_depend_on_blas_threads(friends: SocialWorld) -> None:
    """Scales and dials are the same bits however many threads the caller lets BLAS use."""
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            model = sf.SocialDiffusion(TUNED["EASE"]).fit(
                friends.interactions, social=friends.social
            )
            found.append(
                (model._state[0].scale, model.search_.to_json(), model.score_users(np.arange(9)))
            )
    assert found[0][:2] == found[1][:2]


@pytest.mark.parametrize("name", ["ALS", "EASE"])
def test_settings_make_the_same_model_without_a_hold_out(tall: SocialWorld, name: str) -> None:
    """What "auto" chose, given to another fit: the same dials, the same scores, no ablation."""
    auto = sf.SocialDiffusion(BASES[name], normalization="auto", random_state=3)
    auto.fit(tall.interactions, social=tall.social)
    given = sf.SocialDiffusion(BASES[name], settings=auto.settings_)
    given.fit(tall.interactions, social=tall.social)
    assert given.settings_ == auto.settings_
    assert given.ablation_.empty
    assert given.search_.empty
    rows = np.arange(len(auto.user_ids_))
    np.testing.assert_array_equal(given.score_users(rows), auto.score_users(rows))


ALL_DIALS: dict[str, Any] = {
    "normalization": "row",
    "warm": {"damping": 0.5, "evidence": 5.0, "memory": 2.0, "background": 0.0},
    "few": {"damping": 0.3, "evidence": None, "memory": 1.0, "background": 0.03},
    "cold": {"damping": 0.85, "evidence": None, "memory": 4.0, "background": 0.1},
}


def test_settings_set_every_dial_and_the_others_are_not_looked_at(tall: SocialWorld) -> None:
    """Of all three groups."""
    other: dict[str, Any] = {"damping": 0.9, "memory": "auto", "normalization": "symmetric"}
    model = sf.SocialDiffusion(sf.EASE(regularization=10.0), settings=ALL_DIALS, **other)
    model.fit(tall.interactions, social=tall.social)
    assert model.settings_ == ALL_DIALS
    assert (model.damping_, model.evidence_, model.memory_) == (0.5, 5.0, 2.0)
    assert (model.few_damping_, model.few_memory_, model.few_background_) == (0.3, 1.0, 0.03)
    assert (model.cold_damping_, model.cold_memory_, model.background_) == (0.85, 4.0, 0.1)
    assert model.normalization_ == "row"
    alone = sf.SocialDiffusion(sf.EASE(regularization=10.0), settings=ALL_DIALS)
    alone.fit(tall.interactions, social=tall.social)
    rows = np.arange(len(model.user_ids_))
    np.testing.assert_array_equal(alone.score_users(rows), model.score_users(rows))


@pytest.mark.parametrize("social", [None, pd.DataFrame({"source_id": [], "target_id": []})])
def test_settings_without_ties_are_the_base(tall: SocialWorld, social: Any) -> None:
    """There is nothing to diffuse along; bad settings are refused nevertheless."""
    model = sf.SocialDiffusion(sf.EASE(regularization=10.0), settings=ALL_DIALS)
    model.fit(tall.interactions, social=social)
    base = sf.EASE(regularization=10.0).fit(tall.interactions)
    assert model.recommend(k=5).equals(base.recommend(k=5))
    assert model.damping_ == model.memory_ == 0.0
    bad = sf.SocialDiffusion(sf.EASE(), settings={**ALL_DIALS, "warm": {}})
    with pytest.raises(ValueError, match=r"settings\['warm'\] must hold"):
        bad.fit(tall.interactions, social=social)


def test_a_kind_that_the_graph_does_not_have_is_refused_by_settings_too(tall: SocialWorld) -> None:
    """Ties that bind one way have no doubly stochastic kind."""
    settings = {**ALL_DIALS, "normalization": "doubly_stochastic"}
    model = sf.SocialDiffusion(sf.EASE(), settings=settings)
    with pytest.raises(ValueError, match="doubly_stochastic"):
        model.fit(tall.interactions, social=tall.social, directed=True)
    model.set_params(settings={**ALL_DIALS, "normalization": "odd"})
    with pytest.raises(ValueError, match=r"normalization must be .*'odd'"):
        model.fit(tall.interactions, social=tall.social)
