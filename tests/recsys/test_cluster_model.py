"""A model between workers and its folder: what they hold is what is read, shard by shard."""

import gc
import pickle
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

import suffuse as sf
from suffuse.datasets import SocialWorld
from suffuse.recsys.channels import FAINT, Setting, Taste
from suffuse.recsys.cluster_model import (
    keep_storage,
    load_shard,
    publish_model,
    unchanged_on_error,
)
from suffuse.recsys.cluster_workers import ShardState
from suffuse.recsys.row_parts import all_rows
from suffuse.recsys.selection import Selection
from suffuse.recsys.shard_parts import ShardFactors, ShardIds, ShardRows, ShardTies
from suffuse.recsys.sharded_model import shard_model

BASE = sf.ALS(n_factors=3, regularization=1.0, max_iter=2)
CHOSEN = Selection(
    0.3,
    Setting(Taste(0.4, 2.0), 1.0),
    Setting(Taste(0.5), 2.0, 0.01),
    Setting(Taste(0.6), 0.5, FAINT),
)


class Held:
    """All rows of a model, as arrays; users and items without a row are among them."""

    def __init__(self, n_users: int, n_items: int) -> None:
        rng = np.random.default_rng(n_users)
        rows = (rng.random((n_users, n_items)) < 0.4).astype(np.float32)
        rows[-1] = 0
        self.interactions_: Any = sparse.csr_array(rows)
        ties = (rng.random((n_users, n_users)) < 0.3) * rng.uniform(0.5, 2.0, (n_users, n_users))
        ties[-1] = 0
        self.social_: Any = sparse.csr_array(ties)
        self.user_ids_ = np.array([f"user {place:02}" for place in range(n_users)], dtype=object)
        self.item_ids_ = np.arange(n_items) * 10
        self.user_factors_ = rng.standard_normal((n_users, 3)).astype(np.float32)
        self.item_factors_ = rng.standard_normal((n_items, 3)).astype(np.float32)


def put(state: ShardState, held: Held, starts: tuple[int, ...], with_ties: bool) -> None:
    """Give a worker its part."""
    own = slice(starts[state.shard], starts[state.shard + 1])
    state.put(ShardIds(held.user_ids_[own], held.item_ids_))
    state.put(ShardRows(held.interactions_[own], starts, state.shard))
    state.put(ShardFactors(held.user_factors_[own], held.item_factors_))
    if with_ties:
        state.put(ShardTies(held.social_[own], starts, state.shard))


def place(workers: Any, held: Held, starts: tuple[int, ...], *, with_ties: bool) -> None:
    """Hand everything out."""
    workers.setup("held", put, [(held, starts, with_ties)] * workers.n)


def parts(state: ShardState, with_ties: bool) -> tuple[Any, ...]:
    """What a worker has; a tie where there should be none is an error."""
    if state.has(ShardTies) != with_ties:
        raise AssertionError("ties where there are none, or the other way")
    kinds = (ShardIds, ShardRows, ShardFactors)
    return (*map(state.get, kinds), state.get(ShardTies) if with_ties else None)


def assert_held(model: Any, held: Held, *, with_ties: bool) -> None:
    """The same arrays of the same types."""
    names = ["user_ids_", "item_ids_", "interactions_", "user_factors_", "item_factors_"]
    for name in [*names, "social_"] if with_ties else names:
        found = getattr(model if hasattr(model, name) else model.base_, name)
        known = getattr(held, name)
        assert (found.shape, found.dtype) == (known.shape, known.dtype)
        if sparse.issparse(known):
            found, known = found.toarray(), known.toarray()
        np.testing.assert_array_equal(found, known)


@pytest.mark.parametrize(
    ("n_users", "n_items", "starts"),
    [
        (1, 1, (0, 1)),
        (7, 5, (0, 1, 6, 7)),
        (5, 2, (0, 1, 2, 3, 4, 5)),
        (6, 4, (0, 3, 3, 6)),
        (6, 4, (0, 0, 6, 6)),
    ],
)
@pytest.mark.parametrize("with_ties", [False, True])
def test_a_published_model_is_what_workers_hold(
    workers_here: Any,
    tmp_path: Path,
    with_ties: bool,
    n_users: int,
    n_items: int,
    starts: tuple[int, ...],
) -> None:
    """One user, more shards than items, shards without users; in memory and loaded again."""
    held = Held(n_users, n_items)
    workers = workers_here(len(starts) - 1)
    place(workers, held, starts, with_ties=with_ties)
    base = clone(BASE)
    model: Any = sf.SocialDiffusion(clone(BASE)) if with_ties else base
    folder = tmp_path / "deep" / "model"
    publish_model(workers, model, base, CHOSEN if with_ties else None, folder)
    assert_held(sf.load_model(folder), held, with_ties=with_ties)
    assert_held(model, held, with_ties=with_ties)
    if with_ties:
        assert model.base_ is base


def test_the_settings_come_with_the_model(workers_here: Any, tmp_path: Path) -> None:
    """Those of all groups, read back without a row; the parameters stay what was asked."""
    held, workers = Held(6, 4), workers_here(2)
    place(workers, held, (0, 2, 6), with_ties=True)
    model = sf.SocialDiffusion(clone(BASE))
    publish_model(workers, model, clone(BASE), CHOSEN, tmp_path / "model")
    loaded = sf.load_model(tmp_path / "model")
    assert loaded.settings_ == model.settings_
    assert loaded.settings_["normalization"] == 0.3
    assert loaded.settings_["warm"]["evidence"] == 2.0
    assert loaded.settings_["few"]["background"] == 0.01
    assert loaded.settings_["cold"]["memory"] == 0.5
    assert repr(model) == repr(sf.SocialDiffusion(clone(BASE))) == repr(loaded)
    assert len(all_rows(loaded)) == 4


@pytest.mark.parametrize("deaths", [(4,), (5, 6), (4, 7, 10)])
def test_deaths_leave_the_same_folder(
    workers_here: Any, tmp_path: Path, deaths: tuple[int, ...]
) -> None:
    """File by file; what a lost worker had written is written again."""
    held, found = Held(8, 5), []
    for name, when in (("calm", ()), ("stormy", deaths)):
        workers = workers_here(3, deaths=when)
        place(workers, held, (0, 3, 4, 8), with_ties=False)
        publish_model(workers, clone(BASE), model := clone(BASE), None, tmp_path / name)
        assert not hasattr(model, "user_ids_")  # the model that is named first is the fitted one
        files = [path for path in (tmp_path / name).iterdir() if path.suffix == ".npy"]
        found.append({path.name: path.read_bytes() for path in files})
    assert workers.n_calls > max(deaths)
    assert found[0] == found[1]


def test_a_folder_that_is_there_is_left(workers_here: Any, tmp_path: Path) -> None:
    """Rows of an earlier fit may still be read from it."""
    workers = workers_here(1)
    place(workers, Held(3, 2), (0, 3), with_ties=False)
    calls = workers.n_calls
    with pytest.raises(FileExistsError, match=tmp_path.name):
        publish_model(workers, clone(BASE), clone(BASE), None, tmp_path)
    assert workers.n_calls == calls
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("inner", [(), (1, -1), (60, 60, 61), (0, 50, 100)])
@pytest.mark.parametrize("wrapped", [False, True])
def test_workers_read_their_users(
    tall: SocialWorld, workers_here: Any, tmp_path: Path, wrapped: bool, inner: tuple[int, ...]
) -> None:
    """From whatever shards hold them; each tells its number of ties, 0 where there is no graph."""
    model: Any = clone(BASE)
    if wrapped:
        model = sf.SocialDiffusion(model, damping=0.3, memory=1.0, background=0.01)
    model.fit(tall.interactions, **({"social": tall.social} if wrapped else {}))
    shard_model(model, tmp_path / "model", n_shards=3)
    n = len(model.user_ids_)
    starts = (0, *(place % n for place in inner), n)
    workers = workers_here(len(starts) - 1, deaths=(1,))
    counts = workers.setup("model", load_shard, [(str(tmp_path / "model"), starts)] * workers.n)
    assert sum(counts) == (model.social_.nnz if wrapped else 0)
    base = model.base_ if wrapped else model
    found = workers.fetch(workers.each(parts, [(wrapped,)] * workers.n))
    for shard, (first, last) in enumerate(pairwise(starts)):
        ids, rows, factors, ties = found[shard]
        np.testing.assert_array_equal(ids.users, model.user_ids_[first:last])
        np.testing.assert_array_equal(ids.items, model.item_ids_)
        assert (rows.rows != model.interactions_[first:last]).nnz == 0
        assert rows.rows.dtype == np.float32
        np.testing.assert_array_equal(factors.users, base.user_factors_[first:last])
        np.testing.assert_array_equal(factors.items, base.item_factors_)
        assert (rows.starts, rows.shard) == (starts, shard)
        if wrapped:
            assert counts[shard] == ties.adjacency.nnz
            assert (ties.adjacency != model.social_[first:last]).nnz == 0
            assert ties.adjacency.dtype == np.float64
            assert (ties.starts, ties.shard) == (starts, shard)


def test_what_is_no_folder_of_a_model(tmp_path: Path) -> None:
    """One sentence, on the worker that was to read it, which keeps nothing."""
    state = ShardState(shard=0, n_shards=1, n_threads=1)
    with pytest.raises(FileNotFoundError, match=r"the model must be a folder; got '.*nowhere'"):
        load_shard(state, str(tmp_path / "nowhere"), (0, 1))
    sf.Popularity().fit(sf.datasets.tiny_world().interactions).save(tmp_path / "other")
    with pytest.raises(ValueError, match="to lie in shards; got Popularity"):
        load_shard(state, str(tmp_path / "other"), (0, 1))
    assert not state.has(ShardIds)


def published_in_vain(workers: Any, model: Any, folder: Path, error: type[BaseException]) -> None:
    """Publish a model, and fail at what comes after it."""
    with unchanged_on_error(model):
        publish_model(workers, model, clone(BASE), CHOSEN, folder)
        model.memory = 9.0
        raise error("after it")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_model_is_unchanged_where_publishing_fails(
    workers_here: Any, tmp_path: Path, error: type[BaseException]
) -> None:
    """Fitted, it stays what it was; unfitted, it has no fitted name; what succeeds stays."""
    workers = workers_here(1)
    place(workers, Held(3, 2), (0, 3), with_ties=True)
    fitted = sf.SocialDiffusion(clone(BASE), damping=0.3, memory=1.0, background=0.01)
    world = sf.datasets.tiny_world()
    fitted.fit(world.interactions, social=world.social)
    for number, model in enumerate((fitted, sf.SocialDiffusion(clone(BASE)))):
        before, known = dict(vars(model)), repr(model)
        with pytest.raises(error, match="after it"):
            published_in_vain(workers, model, tmp_path / str(number), error)
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is value for name, value in before.items())
        assert repr(model) == known
    with unchanged_on_error(fitted):
        publish_model(workers, fitted, clone(BASE), CHOSEN, tmp_path / "model")
    assert fitted.user_ids_.tolist() == Held(3, 2).user_ids_.tolist()


class Storage:
    """Something that lives as long as somebody has it."""


def test_a_storage_lives_until_the_last_row_is_read(workers_here: Any, tmp_path: Path) -> None:
    """And no longer; a model that holds its rows keeps nothing, nor does a pickle."""
    workers, storage = workers_here(2), Storage()
    place(workers, Held(6, 4), (0, 2, 6), with_ties=True)
    model: Any = sf.SocialDiffusion(clone(BASE))
    publish_model(workers, model, clone(BASE), CHOSEN, tmp_path / "model")
    keep_storage(model, storage)
    alive = weakref.ref(storage)
    del storage
    for name in ("user_ids_", "interactions_", "social_"):
        getattr(model, name)
        gc.collect()
        assert alive() is not None
    _ = model.base_.user_factors_
    gc.collect()
    assert alive() is None
    keep_storage(model, None)
    again = pickle.loads(pickle.dumps(model))
    assert_held(again, Held(6, 4), with_ties=True)
