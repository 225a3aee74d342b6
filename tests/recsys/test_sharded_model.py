"""Folders of shards: the model of one machine, written and read in pieces."""

import copy
import json
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

import suffuse as sf
from suffuse.datasets import SocialWorld
from suffuse.recsys import CorruptModelError, store_files, store_parts
from suffuse.recsys.cluster_workers import ShardState
from suffuse.recsys.fingerprint import model_fingerprint
from suffuse.recsys.fitted import ROWS
from suffuse.recsys.info_on_model import model_info
from suffuse.recsys.row_parts import all_rows
from suffuse.recsys.service_model import load_served
from suffuse.recsys.shard_parts import ShardFactors, ShardIds, ShardRows, ShardTies
from suffuse.recsys.sharded_model import (
    ALS_NAMES,
    ITEM_NAMES,
    SOCIAL_NAMES,
    assemble,
    folder_of,
    open_sharded,
    shard_model,
    write_shard,
)

BASE = sf.ALS(n_factors=5, regularization=1.0, max_iter=2, use_weights=True)
DIALS = {"damping": 0.3, "memory": 1.0, "background": 0.01}


def some_rows(world: SocialWorld) -> pd.DataFrame:
    """Those of all but the first users."""
    return world.interactions[world.interactions["user_id"] >= "u000012"]


@pytest.fixture(scope="module")
def plain(tall: SocialWorld) -> Any:
    """An ALS model with weights and ids that are whole numbers."""
    users, items = (tall.interactions[name].str[1:].astype(int) for name in ("user_id", "item_id"))
    table = pd.DataFrame({"user_id": users, "item_id": items, "weight": 1.0 + items % 3})
    return clone(BASE).fit(table)


@pytest.fixture(scope="module")
def social(tall: SocialWorld) -> Any:
    """A wrapped one, with texts as ids and some users whom the graph alone knows."""
    return sf.SocialDiffusion(clone(BASE), **DIALS).fit(some_rows(tall), social=tall.social)


@pytest.fixture(params=["plain", "social"])
def model(request: pytest.FixtureRequest) -> Any:
    """Each of them, in a copy."""
    return copy.copy(request.getfixturevalue(request.param))


@pytest.fixture
def folder(social: Any, tmp_path: Path) -> Path:
    """The wrapped one in three shards."""
    shard_model(social, tmp_path / "sharded", n_shards=3)
    return tmp_path / "sharded"


def fitted_names(model: Any) -> Iterator[tuple[str, Any]]:
    """Arrays of a model and of its base."""
    for name in SOCIAL_NAMES:
        if name == "social_" and not hasattr(model, name):
            continue
        yield name, getattr(model, name) if hasattr(model, name) else getattr(model.base_, name)


def assert_same(found: Any, wanted: Any) -> None:
    """The same arrays of the same types."""
    assert type(found) is type(wanted)
    for (name, one), (_, other) in zip(fitted_names(found), fitted_names(wanted), strict=True):
        assert one.dtype == other.dtype, name
        assert one.shape == other.shape, name
        if sparse.issparse(one):
            for part in ("data", "indices", "indptr"):
                np.testing.assert_array_equal(getattr(one, part), getattr(other, part), name)
                assert getattr(one, part).dtype == getattr(other, part).dtype, name
        else:
            np.testing.assert_array_equal(one, other, name)


def names_in(folder: Path) -> list[str]:
    """Names of the files of a folder."""
    return sorted(path.name for path in folder.iterdir())


def format_of(folder: Path) -> int:
    """What the manifest says."""
    found: int = json.loads((folder / "manifest.json").read_text())["format"]
    return found


def spoil(path: Path) -> None:
    """Change the last bit of a file in its place."""
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize("n_shards", [1, 2, 4])
def test_a_folder_of_shards_is_read_as_any_other(model: Any, n_shards: int, tmp_path: Path) -> None:
    """The same arrays, ids, fingerprint and lists, from a folder of the third format."""
    found = shard_model(model, tmp_path / "deep" / "model", n_shards=n_shards)
    assert found.n_shards == n_shards
    assert format_of(tmp_path / "deep" / "model") == 3
    assert names_in(tmp_path / "deep") == ["model"]
    loaded = sf.load_model(str(tmp_path / "deep" / "model"))
    assert model_fingerprint(loaded) == model_fingerprint(model)
    loaded = sf.load_model(tmp_path / "deep" / "model")
    pd.testing.assert_frame_equal(loaded.recommend(k=5), model.recommend(k=5), check_exact=True)
    assert_same(loaded, model)
    if hasattr(loaded, "base_"):
        assert loaded.interactions_ is loaded.base_.interactions_
        assert loaded.user_ids_ is loaded.base_.user_ids_
        assert loaded.settings_ == model.settings_
        assert loaded.ablation_.equals(model.ablation_)


def test_nothing_is_read_before_it_is_asked_for(folder: Path, social: Any) -> None:
    """Not to load, nor for settings and parameters; then the damaged attribute is named."""
    for path in folder.glob("user_factors_*"):
        spoil(path)
    for path in folder.glob("social_.indices*"):
        spoil(path)
    loaded = sf.load_model(folder)
    assert loaded.settings_ == social.settings_
    assert repr(loaded) == repr(social)
    np.testing.assert_array_equal(loaded.base_.item_factors_, social.base_.item_factors_)
    assert isinstance(clone(loaded).base, sf.ALS)
    assert len(all_rows(loaded)) == 4
    assert loaded.interactions_.nnz == social.interactions_.nnz
    with pytest.raises(CorruptModelError, match=r"user_factors_-.*\.npy is damaged"):
        _ = loaded.base_.user_factors_
    with pytest.raises(CorruptModelError, match=r"social_\.indices-.*\.npy is damaged"):
        hasattr(loaded, "social_")
    with pytest.raises(CorruptModelError, match="is damaged"):
        loaded.recommend(k=1)


def test_a_missing_shard_is_refused_when_the_model_is_loaded(folder: Path) -> None:
    """By name; so is one that is too short."""
    victim = next(folder.glob("interactions_.data*"))
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(CorruptModelError, match=rf"{victim.name} is damaged \(its size differs"):
        sf.load_model(folder)
    victim.unlink()
    with pytest.raises(CorruptModelError, match=rf"{victim.name} is missing"):
        sf.load_model(folder)


@pytest.mark.parametrize("links", [True, False])
def test_saving_unread_rows_copies_their_files(
    links: bool, folder: Path, social: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By other names for the same bytes where the system has them; nothing is read."""

    def refuse(source: Path, target: Path) -> None:
        raise OSError("no links here")

    if not links:
        monkeypatch.setattr(store_files.os, "link", refuse)
    loaded = sf.load_model(folder)
    loaded.save(tmp_path / "copy")
    assert len(all_rows(loaded)) == 4
    assert names_in(tmp_path / "copy") == names_in(folder)
    assert format_of(tmp_path / "copy") == 3
    shards = [path for path in folder.iterdir() if path.name.startswith("user_factors_")]
    assert all(path.samefile(tmp_path / "copy" / path.name) == links for path in shards)
    shutil.rmtree(folder)
    assert_same(sf.load_model(tmp_path / "copy"), social)
    with pytest.raises(CorruptModelError, match="has gone since the model was loaded"):
        _ = loaded.user_ids_


def test_saving_in_its_own_place_changes_nothing(folder: Path, social: Any) -> None:
    """But a dial; a file that somebody damaged meanwhile is found by whoever reads it."""
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}
    loaded = sf.load_model(folder)
    loaded.memory_ = 0.5
    loaded.save(folder, overwrite=True)
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")} == before
    again = sf.load_model(folder)
    assert again.settings_["warm"]["memory"] == 0.5
    assert_same(again, social)


def test_rows_that_were_read_are_saved_whole(folder: Path, social: Any, tmp_path: Path) -> None:
    """All of them: the second format; some of them: those."""
    loaded = sf.load_model(folder)
    _ = loaded.base_.interactions_
    loaded.save(tmp_path / "some")
    assert format_of(tmp_path / "some") == 3
    manifest = json.loads((tmp_path / "some" / "manifest.json").read_text())
    inner = manifest["parts"]["base_"]["model"]["parts"]
    assert inner["interactions_"] == manifest["parts"]["interactions_"]
    assert inner["interactions_"]["kind"] == "sparse"
    assert inner["user_factors_"]["kind"] == "rows"
    assert_same(sf.load_model(tmp_path / "some"), social)
    loaded.recommend(k=2)
    loaded.save(tmp_path / "all")
    social.save(tmp_path / "whole")
    assert format_of(tmp_path / "all") == 2
    assert names_in(tmp_path / "all") == names_in(tmp_path / "whole")


@pytest.mark.parametrize("over", [True, False])
def test_a_save_that_fails_on_the_way_leaves_what_was_there(
    over: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old model or no folder, and no file of the new one."""
    target = tmp_path / "target"
    if over:
        sf.Popularity().fit(sf.datasets.tiny_world().interactions).save(target)
    before, calls, link = names_in(tmp_path), [], store_files.link_file

    def failing(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 5:
            raise OSError("the disk is full")
        link(*arguments)

    monkeypatch.setattr(store_parts, "link_file", failing)
    kept = names_in(target) if over else None
    with pytest.raises(OSError, match="the disk is full"):
        sf.load_model(folder).save(target, overwrite=True)
    assert names_in(tmp_path) == before
    if over:
        assert names_in(target) == kept
        assert isinstance(sf.load_model(target), sf.Popularity)


def test_a_folder_that_is_saved_meanwhile_is_loaded(
    folder: Path, social: Any, tmp_path: Path
) -> None:
    """As the old model or the new one, all pieces of it; what is saved over is said to be gone."""
    shard_model(social, tmp_path / "two", n_shards=2)
    models = [sf.load_model(tmp_path / "two"), sf.load_model(folder)]
    models[0].save(tmp_path / "changing")

    def work() -> None:
        for number in range(20):
            models[(number + 1) % 2].save(tmp_path / "changing", overwrite=True)

    saving = threading.Thread(target=work)
    saving.start()
    loads = 0
    while saving.is_alive():
        assert len(all_rows(sf.load_model(tmp_path / "changing"))) == 4
        loads += 1
    saving.join()
    assert loads > 3
    loaded = sf.load_model(tmp_path / "changing")
    models[1].save(tmp_path / "changing", overwrite=True)
    with pytest.raises(CorruptModelError, match=r"has gone since .* load the model again"):
        _ = loaded.social_
    assert_same(sf.load_model(tmp_path / "changing"), social)


def test_an_update_is_that_of_one_machine(folder: Path, social: Any, tmp_path: Path) -> None:
    """With new rows, users and ties; nothing of the folder is left, and it is saved whole."""
    social.save(tmp_path / "whole")
    rows = pd.DataFrame({"user_id": ["u000020", "z"], "item_id": ["i00001", "i00002"]})
    ties = pd.DataFrame({"source_id": ["z"], "target_id": ["u000020"]})
    models = [sf.load_model(folder), sf.load_model(tmp_path / "whole")]
    records = [one.update(rows, ties) for one in models]
    assert records[0].parts == records[1].parts
    assert records[0].n_new_users == 1
    assert ROWS not in vars(models[0])
    assert ROWS not in vars(models[0].base_)
    assert_same(*models)
    models[0].save(folder, overwrite=True)
    assert format_of(folder) == 2
    assert_same(sf.load_model(folder), models[1])


def test_an_update_with_ties_alone_keeps_the_base(
    folder: Path, social: Any, tmp_path: Path
) -> None:
    """Whose rows go on lying in the folder."""
    social.save(tmp_path / "whole")
    ties = pd.DataFrame({"source_id": ["u000020"], "target_id": ["u000030"]})
    models = [sf.load_model(folder), sf.load_model(tmp_path / "whole")]
    for one in models:
        one.update(social=ties)
    assert_same(*models)
    assert models[0].recommend(k=4).equals(models[1].recommend(k=4))


def test_a_second_fit_forgets_the_folder(folder: Path, social: Any, tall: SocialWorld) -> None:
    """Even where nothing had been read, and the folder has gone."""
    loaded = sf.load_model(folder)
    shutil.rmtree(folder)
    loaded.fit(some_rows(tall), social=tall.social)
    assert ROWS not in vars(loaded)
    assert_same(loaded, social)


def test_copies_clones_and_pickles(folder: Path, social: Any) -> None:
    """A copy shares what is read, a clone is not fitted, a pickle needs no folder."""
    loaded = sf.load_model(folder)
    shallow, deep = copy.copy(loaded), copy.deepcopy(loaded)
    assert len(all_rows(loaded)) == 4
    assert shallow.social_ is loaded.social_
    assert_same(deep, social)
    with pytest.raises(sf.NotFittedError):
        clone(loaded).recommend(k=1)
    data = pickle.dumps(sf.load_model(folder))
    shutil.rmtree(folder)
    again = pickle.loads(data)
    assert_same(again, social)
    assert again.interactions_ is again.base_.interactions_
    assert again.recommend(k=3).equals(social.recommend(k=3))


def test_a_service_finds_damage_before_it_answers(folder: Path, social: Any) -> None:
    """It asks for a list while it loads, so that all rows have been read by then."""
    served = load_served(folder)
    assert not all_rows(served.model)
    assert served.users.places(social.user_ids_[3:5]).tolist() == [3, 4]
    spoil(next(folder.glob("user_factors_*")))
    with pytest.raises(CorruptModelError, match="is damaged"):
        load_served(folder)


def test_shards_are_cut_anew(folder: Path, social: Any, plain: Any) -> None:
    """Also in their own place; another model is refused, and what is there is not written over."""
    with pytest.raises(FileExistsError, match="overwrite=True"):
        shard_model(social, folder, n_shards=2)
    found = shard_model(sf.load_model(folder), folder, n_shards=2, overwrite=True)
    assert found.n_shards == 2
    assert_same(sf.load_model(folder), social)
    for wrong, words in (
        (sf.Popularity().fit(sf.datasets.tiny_world().interactions), "got Popularity: save it"),
        (sf.EASE(), "must be fitted before"),
    ):
        with pytest.raises((TypeError, sf.NotFittedError), match=words):
            shard_model(wrong, folder, n_shards=2, overwrite=True)
    n_users = len(plain.user_ids_)
    with pytest.raises(ValueError, match=rf"n_shards must be at most .*, {n_users}; got 1000"):
        shard_model(plain, folder.parent / "other", n_shards=1000)
    with pytest.raises(ValueError, match="n_shards must be a whole number of at least 1; got 0"):
        shard_model(plain, folder.parent / "other", n_shards=0)
    assert names_in(folder.parent) == [folder.name]


def test_a_model_without_ties_has_shards_without_ties(tall: SocialWorld, tmp_path: Path) -> None:
    """A wrapper over no graph."""
    model = sf.SocialDiffusion(clone(BASE), **DIALS).fit(tall.interactions)
    shard_model(model, tmp_path / "model", n_shards=2)
    loaded = sf.load_model(tmp_path / "model")
    assert loaded.social_.shape == model.social_.shape
    assert loaded.recommend(k=3).equals(model.recommend(k=3))


def put(state: ShardState, model: Any, starts: tuple[int, ...]) -> None:
    """What a worker holds at the end of a fit."""
    base = getattr(model, "base_", model)
    own = slice(starts[state.shard], starts[state.shard + 1])
    state.put(ShardIds(model.user_ids_[own], model.item_ids_))
    state.put(ShardRows(model.interactions_[own], starts, state.shard))
    state.put(ShardFactors(base.user_factors_[own], base.item_factors_))
    if base is not model:
        state.put(ShardTies(model.social_[own], starts, state.shard))


def written(model: Any, folder: Path, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """What two workers say of what they wrote."""
    found = []
    for shard in range(2):
        state = ShardState(shard=shard, n_shards=2, n_threads=1)
        put(state, model, (0, 60, len(model.user_ids_)))
        found.append(write_shard(state, str(folder), names))
    return found


def unfitted(model: Any) -> Any:
    """A model with parameters and settings, and no array."""
    fresh = clone(model)
    if hasattr(model, "base_"):
        fresh.base_ = clone(model.base_)
        kept = (name for name in vars(model) if name.endswith("_") and name not in SOCIAL_NAMES)
        vars(fresh).update({name: getattr(model, name) for name in kept if name != "base_"})
    return fresh


@pytest.mark.parametrize("deaths", [(), (5,), (4, 6, 8)])
def test_workers_write_what_the_driver_never_sees(
    model: Any, deaths: tuple[int, ...], tmp_path: Path, workers_here: Callable[..., Any]
) -> None:
    """Each its shard, again where one is lost; the model is fitted then, and its folder too."""
    n_users = len(model.user_ids_)
    starts = (0, n_users // 3, n_users // 2, n_users)
    workers = workers_here(3, deaths=deaths)
    workers.setup("shard", put, [(model, starts)] * 3)
    names = SOCIAL_NAMES if hasattr(model, "base_") else ALS_NAMES
    described = workers.steadily(
        lambda: workers.fetch(workers.each(write_shard, [(str(tmp_path), names)] * 3))
    )
    assert json.loads(json.dumps(described)) == described
    assert set(described[0]) == set(names)
    assert all(set(one) == set(names) - set(ITEM_NAMES) for one in described[1:])
    fresh = unfitted(model)
    assemble(fresh, tmp_path, described)
    assert len(all_rows(fresh)) == len(names) - len(ITEM_NAMES)
    assert_same(sf.load_model(tmp_path), model)
    assert open_sharded(tmp_path).starts == starts
    assert not [name for name in names_in(tmp_path) if name.startswith(".")]
    assert_same(fresh, model)
    assert fresh.recommend(k=4).equals(model.recommend(k=4))
    fresh.save(tmp_path / "elsewhere")
    assert_same(sf.load_model(tmp_path / "elsewhere"), model)


def test_what_an_earlier_fit_left_is_replaced(
    social: Any, tall: SocialWorld, tmp_path: Path
) -> None:
    """Arrays, prepared channels and counts of updates."""
    other = sf.SocialDiffusion(clone(BASE), **DIALS)
    other.fit(tall.interactions, social=tall.social)
    other.update(pd.DataFrame({"user_id": ["z"], "item_id": ["i00001"]}))
    other.recommend(k=1)
    assemble(other, tmp_path, written(social, tmp_path, SOCIAL_NAMES))
    assert other.recommend(k=3).equals(social.recommend(k=3))
    assert model_fingerprint(other) == model_fingerprint(social)


def test_shards_that_do_not_fit_are_refused(social: Any, tmp_path: Path) -> None:
    """A name that nobody wrote, rows that are missing, ties among fewer users."""
    without = written(social, tmp_path, ALS_NAMES)
    with pytest.raises(ValueError, match=r"shard 0 must have written .* got none of \['social_'\]"):
        assemble(unfitted(social), tmp_path, without)
    whole = written(social, tmp_path, SOCIAL_NAMES)
    with pytest.raises(ValueError, match=r"social_ must have shape \(60, 60\) over all shards"):
        assemble(unfitted(social), tmp_path, whole[:1])
    mixed = [whole[0] | {"user_ids_": whole[1]["user_ids_"]}, whole[1]]
    with pytest.raises(ValueError, match="shard 0 must have one row per user everywhere"):
        assemble(unfitted(social), tmp_path, mixed)
    wrapper = sf.SocialDiffusion()
    wrapper.base_ = sf.EASE()
    with pytest.raises(TypeError, match="got SocialDiffusion over EASE: save it whole"):
        assemble(wrapper, tmp_path, whole)
    assert not (tmp_path / "manifest.json").exists()


def test_which_folder_holds_a_model(folder: Path, social: Any, tmp_path: Path) -> None:
    """As long as the model is what was loaded."""
    loaded = sf.load_model(folder)
    assert folder_of(loaded) == folder
    loaded.recommend(k=1)
    assert folder_of(loaded) == folder
    assert folder_of(social) is None
    loaded.update(pd.DataFrame({"user_id": ["z"], "item_id": ["i00001"]}))
    assert folder_of(loaded) is None
    assert folder_of(pickle.loads(pickle.dumps(sf.load_model(folder)))) is None
    assert folder_of(sf.Popularity()) is None
    changed = sf.load_model(folder)
    changed.base_.user_factors_ = np.zeros_like(changed.base_.user_factors_)
    assert folder_of(changed) is None


def test_what_a_folder_of_shards_is_said_to_hold(folder: Path, social: Any) -> None:
    """Sizes without reading, each file of each shard, and a damaged one by name."""
    info = model_info(folder)
    assert (info.problem, info.format) == (None, 3)
    assert (info.users, info.items) == social.interactions_.shape
    assert (info.rows, info.ties) == (social.interactions_.nnz, social.social_.nnz)
    assert info.settings == social.settings_
    assert {file.name for file in info.files} == {*names_in(folder)} - {"manifest.json"}
    assert {file.state for file in info.files} == {"whole"}
    parts = {file.part for file in info.files}
    assert {"base_.user_factors_[2]", "social_[0].indptr", "base_.item_factors_"} <= parts
    victim = next(folder.glob("social_.indices*"))
    spoil(victim)
    info = model_info(folder)
    assert victim.name in (info.problem or "")
    assert {file.name for file in info.files if file.state == "damaged"} == {victim.name}
