"""Fits on shards: the arrays of one machine, whatever goes in and whoever dies."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys import cluster_fit
from suffuse.recsys.cluster_tables import Source
from suffuse.recsys.cluster_verbs import fit_there
from suffuse.recsys.contract import NotFittedError


def tables(*, numbers: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Weighted rows and ties, with users who are known from the ties alone."""
    shape = sf.datasets.WorldShape(mean_interactions=10, mean_degree=8)
    world = sf.datasets.make_social_world(150, 60, homophily=0.8, shape=shape, rng=0)
    rows, ties = world.interactions.copy(), world.social.copy()
    rows["weight"] = np.random.default_rng(0).integers(1, 4, len(rows)).astype(float)
    ties["weight"] = np.random.default_rng(1).integers(1, 4, len(ties)).astype(float)
    rows = rows[~rows["user_id"].str[-1].isin(list("37"))].reset_index(drop=True)
    if numbers:
        for frame, names in ((rows, ("user_id", "item_id")), (ties, ("source_id", "target_id"))):
            for name in names:
                frame[name] = frame[name].str.extract(r"(\d+)", expand=False).astype(int) * 7
    return rows, ties


def social(**changes: Any) -> sf.SocialDiffusion:
    """A small model whose dials are given."""
    base = sf.ALS(n_factors=7, regularization=2.0, max_iter=3)
    dials: dict[str, Any] = {"damping": 0.4, "memory": 1.0, "background": 0.02, "evidence": 2.0}
    return sf.SocialDiffusion(base, **{**dials, **changes})


def assert_same(one: Any, other: Any) -> None:
    """The same ids, rows, ties and factors, to the bit and the type."""
    for name in ("user_ids_", "item_ids_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    for name in ("user_factors_", "item_factors_"):
        mine, known = (getattr(getattr(model, "base_", model), name) for model in (one, other))
        assert mine.dtype == np.float32
        np.testing.assert_array_equal(mine, known)
    for name in ("interactions_", "social_"):
        if hasattr(other, name):
            mine, known = getattr(one, name), getattr(other, name)
            assert (mine.shape, mine.dtype) == (known.shape, known.dtype)
            assert (mine != known).nnz == 0


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_als_is_that_of_one_machine(
    clusters_here: Callable[..., None], numbers: bool, n: int
) -> None:
    """With weights and discount, by texts and by numbers."""
    rows, _ = tables(numbers=numbers)
    options: dict[str, Any] = {"popularity_discount": 0.3, "use_weights": True, "max_iter": 4}
    model = sf.ALS(n_factors=7, regularization=2.0, **options)
    known = sf.ALS(n_factors=7, regularization=2.0, **options).fit(rows)
    assert_same(model.fit(rows, backend=sf.RayCluster(n_shards=n)), known)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("kind", ["symmetric", "row", "column", "doubly_stochastic", 0.3])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_social_diffusion_is_that_of_one_machine(
    clusters_here: Callable[..., None], tmp_path: Path, kind: Any, directed: bool, n: int
) -> None:
    """Arrays, and lists made on shards and by one machine from what the shards left."""
    if directed and kind == "doubly_stochastic":
        kind = "symmetric"
    rows, ties = tables(numbers=n == 2)
    cluster = sf.RayCluster(n_shards=n)
    model = social(normalization=kind).fit(rows, social=ties, directed=directed, backend=cluster)
    known = social(normalization=kind).fit(rows, social=ties, directed=directed)
    assert_same(model, known)
    expected = known.recommend(k=5)
    model.recommend_to(tmp_path / "recs", k=5, backend=cluster, users_per_part=29)
    found = pd.read_parquet(tmp_path / "recs")
    names = ["user_id", "item_id", "rank"]
    pd.testing.assert_frame_equal(found[names], expected[names])
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-6)
    assert model.recommend(k=5).equals(expected)


def test_files_are_read_by_the_workers(clusters_here: Callable[..., None], tmp_path: Path) -> None:
    """Raw parquet, and the shards that were made of it, give what frames give."""
    rows, ties = tables(numbers=False)
    rows.to_parquet(tmp_path / "rows.parquet")
    ties.to_parquet(tmp_path / "ties.parquet")
    known = social().fit(rows, social=ties)
    paths = (tmp_path / "rows.parquet", tmp_path / "ties.parquet")
    cluster = sf.RayCluster(n_shards=2, storage=tmp_path / "run")
    assert_same(social().fit(paths[0], social=paths[1], backend=cluster), known)
    shards = sf.datasets.shard_tables(paths[0], tmp_path / "t", social=paths[1], n_shards=3)
    assert_same(social().fit(shards, backend="ray"), known)
    assert_same(social().fit(shards), known)
    with pytest.raises(ValueError, match="social must be left out where the tables hold the ties"):
        social().fit(shards, social=ties, backend="ray")
    with pytest.raises(ValueError, match="n_shards must be that of the tables, 3; got 2"):
        social().fit(shards, backend=sf.RayCluster(n_shards=2))


def test_auto_chooses_what_one_machine_chooses(clusters_here: Callable[..., None]) -> None:
    """With the ablation that says why."""
    rows, ties = tables(numbers=False)
    auto = {"damping": "auto", "memory": "auto", "background": "auto", "evidence": None}
    model = social(**auto).fit(rows, social=ties, backend="ray")
    known = social(**auto).fit(rows, social=ties)
    assert model.settings_ == known.settings_
    pd.testing.assert_frame_equal(model.ablation_, known.ablation_)


def test_without_a_tie_the_result_is_the_base(clusters_here: Callable[..., None]) -> None:
    """As on one machine."""
    rows, ties = tables(numbers=False)
    model = social().fit(rows, social=ties.iloc[:0], backend="ray")
    assert model.recommend(k=3).equals(social().fit(rows, social=ties.iloc[:0]).recommend(k=3))


@pytest.mark.parametrize("deaths", [(3, 30, 60), (45, 90, 130, 170)])
def test_killed_workers_change_nothing(
    clusters_here: Callable[..., None], tmp_path: Path, deaths: tuple[int, ...]
) -> None:
    """In a fit and in lists."""
    rows, ties = tables(numbers=False)
    calm = social().fit(rows, social=ties, backend="ray")
    calm.recommend_to(tmp_path / "calm", k=4, backend="ray", users_per_part=20)
    clusters_here(deaths=deaths)
    model = social().fit(rows, social=ties, backend="ray")
    assert_same(model, calm)
    model.recommend_to(tmp_path / "stormy", k=4, backend="ray", users_per_part=20)
    found, known = (pd.read_parquet(tmp_path / name) for name in ("stormy", "calm"))
    pd.testing.assert_frame_equal(found, known)


class Stop(Exception):
    """Stands for the end of the driver."""


def test_a_stopped_fit_goes_on_and_another_is_refused(
    clusters_here: Callable[..., None], tmp_path: Path
) -> None:
    """After the last whole iteration, to the same bits."""
    rows, ties = tables(numbers=False)
    cluster = sf.RayCluster(n_shards=2, storage=tmp_path / "run")

    def stop(stage: str, done: int, _: int) -> None:
        if (stage, done) == ("fitting ALS", 2):
            raise Stop

    with pytest.raises(Stop), sf.progress_to(stop):
        social().fit(rows, social=ties, backend=cluster)
    with pytest.raises(ValueError, match="storage must hold no other fit that was begun"):
        sf.ALS(n_factors=3).fit(rows, backend=cluster)
    told: list[int] = []

    def listen(stage: str, done: int, _: int) -> None:
        if stage == "fitting ALS":
            told.append(done)

    with sf.progress_to(listen):
        model = social().fit(rows, social=ties, backend=cluster)
    assert told == [2, 3]
    assert_same(model, social().fit(rows, social=ties))


def test_saved_and_loaded_it_is_the_same(
    clusters_here: Callable[..., None], tmp_path: Path
) -> None:
    """A temporary storage lives until the rows are read, and no longer."""
    rows, ties = tables(numbers=False)
    model = social().fit(rows, social=ties, backend="ray")
    model.save(tmp_path / "model")
    loaded = sf.load_model(tmp_path / "model")
    assert loaded.recommend(k=3).equals(model.recommend(k=3))
    assert_same(loaded, model)


@pytest.mark.parametrize(
    ("fit", "sentence"),
    [
        (lambda rows, ties: sf.SocialDiffusion(sf.EASE()).fit(rows, social=ties, backend="ray"),
         "backend must be left out but for ALS and SocialDiffusion over ALS; got SocialDiffusion"),
        (lambda rows, ties: social().fit(rows, social=ties, backend="ray", device="cpu"),
         "device must be left out where there is a backend; got 'cpu'"),
        (lambda rows, ties: sf.ALS().fit(rows, backend="spark"), "backend must be"),
        (lambda rows, ties: social(normalization="even").fit(rows, social=ties, backend="ray"),
         "normalization must be"),
        (lambda rows, ties: social(normalization="flux").fit(rows, social=ties, backend="ray"),
         "normalization must be another kind than 'flux'"),
        (lambda rows, ties: social(normalization="doubly_stochastic").fit(
            rows, social=ties, directed=True, backend="ray"), "must have a symmetric graph"),
        (lambda rows, ties: sf.ALS(n_factors=0).fit(rows, backend="ray"), "n_factors must be"),
        (lambda rows, ties: sf.ALS().fit(rows.iloc[:0], backend="ray"), "at least one row"),
        (lambda rows, ties: sf.ALS().fit(rows, backend=sf.RayCluster(n_shards=999)),
         "n_shards must be at most the number of users"),
    ],
)  # fmt: skip
def test_what_a_cluster_does_not_serve(
    clusters_here: Callable[..., None], fit: Callable[..., Any], sentence: str
) -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match=sentence):
        fit(*tables(numbers=False))


@pytest.mark.parametrize("name", ["users", "interactions", "social", "device"])
def test_lists_of_some_are_for_one_machine(
    clusters_here: Callable[..., None], tmp_path: Path, name: str
) -> None:
    """Refused before anything is written."""
    rows, _ = tables(numbers=False)
    model = sf.ALS(n_factors=3, regularization=2.0).fit(rows)
    given: dict[str, Any] = {name: "cpu" if name == "device" else rows["user_id"][:1].tolist()}
    with pytest.raises(ValueError, match=f"{name} must be left out with a backend"):
        model.recommend_to(tmp_path / "recs", backend="ray", **given)
    with pytest.raises(ValueError, match="must be a folder of parts where a cluster writes"):
        model.recommend_to(tmp_path / "recs.parquet", backend="ray")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n", [1, 2, 5])
def test_lists_by_other_workers_than_those_of_the_fit(
    clusters_here: Callable[..., None], tmp_path: Path, n: int
) -> None:
    """Each reads what it needs of the three shards; the driver reads no row of users.

    Items and scores have the bits of one machine, also with more factors than a panel has columns.
    """
    rows, ties = tables(numbers=False)
    folder = tmp_path / "model"
    base = sf.ALS(n_factors=40, regularization=2.0, max_iter=2)
    fitted = sf.SocialDiffusion(base, damping=0.4, memory=1.0, background=0.02, evidence=2.0).fit(
        rows, social=ties, backend=sf.RayCluster(n_shards=3)
    )
    fitted.save(folder)
    loaded = sf.load_model(folder)
    written = loaded.recommend_to(tmp_path / "recs", k=5, backend=sf.RayCluster(n_shards=n))
    assert "user_factors_" not in vars(loaded.base_)
    assert not {"user_ids_", "interactions_", "social_"} & set(vars(loaded))
    found = pd.read_parquet(written.path)
    pd.testing.assert_frame_equal(found, fitted.recommend(k=5), check_exact=True)


def test_a_limit_on_threads_holds_for_workers(
    clusters_here: Callable[..., None], threads_asked: list[int | None], tmp_path: Path
) -> None:
    """Of the model, or of the base; -1 and None leave it to the cluster."""
    rows, ties = tables(numbers=False)
    social(n_jobs=1).fit(rows, social=ties, backend="ray")
    model = sf.ALS(n_factors=3, regularization=2.0, max_iter=1, n_jobs=-1).fit(rows, backend="ray")
    model.recommend_to(tmp_path / "recs", backend="ray")
    model.set_params(n_jobs=1).recommend_to(tmp_path / "more", backend="ray")
    assert threads_asked == [1, None, None, 1]
    with pytest.raises(ValueError, match="n_jobs must be a positive integer, -1 or None; got 0"):
        sf.ALS(n_jobs=0).fit(rows, backend="ray")


def test_a_late_error_leaves_the_model_as_it_was(
    clusters_here: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Fitted before, or not."""

    def fail(*_: Any, **__: Any) -> None:
        raise ArithmeticError("the scaling must converge")

    rows, ties = tables(numbers=False)
    fresh, fitted = social(), social().fit(rows.iloc[:300], social=ties)
    factors = fitted.base_.user_factors_
    monkeypatch.setattr(cluster_fit, "prepare_taste", fail)
    for model in (fresh, fitted):
        with pytest.raises(ArithmeticError, match="must converge"):
            model.fit(rows, social=ties, backend=sf.RayCluster(storage=tmp_path))
    assert fitted.base_.user_factors_ is factors
    with pytest.raises(NotFittedError):
        fresh.recommend()


def test_an_interrupted_command_says_how_it_goes_on(
    clusters_here: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is finished stays, and where; the next one says that it uses that."""

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    rows, ties = tables(numbers=False)
    monkeypatch.setattr(cluster_fit, "fit_factors", stop)
    cluster = sf.RayCluster(n_shards=2, storage=tmp_path / "model.run")
    with pytest.raises(KeyboardInterrupt, match=r"stays in .*model\.run, and the same"):
        fit_there(social(), Source(rows, ties), cluster, tmp_path / "model", overwrite=False)
    assert (tmp_path / "model.run" / "tables").is_dir()
    assert "earlier run" not in capsys.readouterr().out
    monkeypatch.undo()
    clusters_here()
    fit_there(social(), Source(rows, ties), cluster, tmp_path / "model", overwrite=False)
    said = capsys.readouterr().out
    assert f"left in {tmp_path / 'model.run'} is used" in said.replace("\n", "")


@pytest.mark.parametrize("given", [True, False])
def test_factors_are_diffused_for_a_storage_that_lasts(
    clusters_here: Callable[..., None], tmp_path: Path, given: bool
) -> None:
    """By a fit; where the storage goes with it, by the lists alone."""
    rows, ties = tables(numbers=False)
    cluster = sf.RayCluster(n_shards=2, storage=tmp_path / "run" if given else None)
    model = social().fit(rows, social=ties, backend=cluster)
    stages = {one.stage for one in cluster.traffic.stages}
    assert ("diffusing: hop" in stages) is given
    later = sf.RayCluster(n_shards=2, storage=cluster.storage)
    model.recommend_to(tmp_path / "recs", backend=later)
    assert ("diffusing: hop" in {one.stage for one in later.traffic.stages}) is not given


def test_the_command_line_fits_there(
    clusters_here: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says what moved, and leaves nothing beside the model."""
    rows, ties = tables(numbers=False)
    model, out = social(), tmp_path / "model"
    cluster = sf.RayCluster(n_shards=2, storage=tmp_path / "model.run")
    fit_there(model, Source(rows, ties), cluster, out, overwrite=False)
    said = capsys.readouterr().out
    assert "2 shards" in said
    assert "network" in said
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert_same(sf.load_model(out), social().fit(rows, social=ties))
