"""One shard of a model at a time, as workers read it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import suffuse as sf
from suffuse.datasets import SocialWorld
from suffuse.recsys import CorruptModelError
from suffuse.recsys.sharded_folder import ShardedModel, open_sharded
from suffuse.recsys.sharded_model import SOCIAL_NAMES, USER_NAMES, shard_model


@pytest.fixture(scope="module")
def social(tall: SocialWorld) -> Any:
    """A fitted model over ALS."""
    base = sf.ALS(n_factors=5, regularization=1.0, max_iter=2)
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    return model.fit(tall.interactions, social=tall.social)


@pytest.fixture
def folder(social: Any, tmp_path: Path) -> Path:
    """The model in three shards."""
    shard_model(social, tmp_path / "sharded", n_shards=3)
    return tmp_path / "sharded"


def test_a_worker_reads_one_shard(folder: Path, social: Any) -> None:
    """Of each attribute; and any other rows, wherever the cuts are."""
    found = open_sharded(folder)
    assert (found.class_name, found.n_shards, found.n_users) == (
        "SocialDiffusion",
        3,
        len(social.user_ids_),
    )
    assert found.settings == social.settings_
    assert found.base_parameters == social.base_.get_params()
    assert found.parameters["base"]["class"] == "ALS"
    assert set(found.names) >= set(SOCIAL_NAMES)
    np.testing.assert_array_equal(found.item_factors(), social.base_.item_factors_)
    assert found.item_ids().tolist() == social.item_ids_.tolist()
    weights = np.diff(social.interactions_.indptr) + np.diff(social.social_.indptr) + 1
    shares = np.add.reduceat(weights, found.starts[:-1])
    assert shares.max() - shares.min() <= 2 * weights.max()
    cuts = [*pairwise(found.starts), (0, found.n_users), (3, 4), (found.starts[1] - 1, 140), (5, 5)]
    for name in (*USER_NAMES, "social_"):
        value = getattr(social if hasattr(social, name) else social.base_, name)
        for place, (start, stop) in enumerate(cuts):
            some = found.rows(name, place) if place < 3 else found.between(name, start, stop)
            assert some.shape == value[start:stop].shape
            difference = some != value[start:stop]
            assert not (difference.nnz if sparse.issparse(some) else difference.any()), name
    with pytest.raises(KeyError, match="name must be one of"):
        found.rows("oracle_", 0)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 400)), min_size=1, max_size=5),
    st.integers(1, 40),
)
def test_other_cuts(shards: list[tuple[int, int]], n: int) -> None:
    """Everybody in one shard, nobody left out; loads even but for those of single users."""
    sizes = np.array(shards)
    starts = (0, *np.cumsum(sizes[:, 0]).tolist())
    pieces: list[dict[str, Any]] = [{"cells": cells} for _, cells in shards]
    rows = {"interactions_": pieces, "user_ids_": [{} for _ in shards]}
    found = ShardedModel(Path(), "ALS", {}, {}, starts, None, "", rows)
    if n > starts[-1] and n != len(shards):
        with pytest.raises(ValueError, match=f"at most the number of users, {starts[-1]}; got {n}"):
            found.cut(n)
        return
    cuts = found.cut(n)
    assert cuts[0] == 0
    assert cuts[-1] == starts[-1]
    assert (np.diff(cuts) > 0).all()
    assert len(cuts) - 1 == n
    if n == len(shards):
        assert cuts == starts
        return
    each = np.repeat(1 + sizes[:, 1] / sizes[:, 0], sizes[:, 0])
    before = np.concatenate([[0.0], np.cumsum(each)])
    ideal = np.arange(len(cuts)) * before[-1] / (len(cuts) - 1)
    # rounding moves a cut by half a user; as many as there are shards where all are tiny
    room = each.max() * (0.5 if 4 * len(cuts) < starts[-1] and each.max() < ideal[1] / 2 else 40)
    assert (abs(before[list(cuts)] - ideal) <= room + 1e-9).all()


def test_other_shards_are_not_read(folder: Path, social: Any) -> None:
    """Damage of one shard is nobody's business but its own."""
    found = open_sharded(folder)
    victim = folder / found._parts["user_factors_"][1]["files"]["array"]["name"]
    data = victim.read_bytes()
    victim.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    for shard in (0, 2):
        assert len(found.rows("user_factors_", shard))
    with pytest.raises(CorruptModelError, match=rf"{victim.name} is damaged"):
        found.rows("user_factors_", 1)
    with pytest.raises(CorruptModelError, match=rf"{victim.name} is damaged"):
        found.between("user_factors_", 0, len(social.user_ids_))


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_folder_that_was_saved_whole_is_one_shard(
    wrapped: bool, social: Any, tmp_path: Path
) -> None:
    """Other models are refused; the fingerprint of a folder is that of its contents."""
    model = social if wrapped else social.base_
    model.save(tmp_path / "model")
    found = open_sharded(tmp_path / "model")
    assert found.starts == (0, len(model.user_ids_))
    assert (found.settings is None) == (not wrapped)
    base = social.base_
    np.testing.assert_array_equal(found.between("user_factors_", 3, 9), base.user_factors_[3:9])
    np.testing.assert_array_equal(found.rows("user_factors_", 0), base.user_factors_)
    model.save(tmp_path / "again")
    shard_model(model, tmp_path / "sharded", n_shards=2)
    assert open_sharded(tmp_path / "again").fingerprint == found.fingerprint
    assert open_sharded(tmp_path / "sharded").fingerprint != found.fingerprint
    sf.Popularity().fit(sf.datasets.tiny_world().interactions).save(tmp_path / "popular")
    with pytest.raises(
        ValueError, match=r"must be ALS, or SocialDiffusion over ALS, .* Popularity"
    ):
        open_sharded(tmp_path / "popular")
