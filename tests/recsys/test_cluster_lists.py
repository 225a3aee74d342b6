"""Lists by workers: the rows that one machine writes, whoever is lost on the way."""

from __future__ import annotations

import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import suffuse as sf
from suffuse.recsys import cluster_lists
from suffuse.recsys.cluster_lists import ListPart, parts_of_shards, write_lists
from suffuse.recsys.cluster_workers import ShardState, Workers
from suffuse.recsys.list_files import WrittenLists
from suffuse.recsys.shard_lists import ListPlan
from suffuse.recsys.shard_parts import (
    ShardFactors,
    ShardIds,
    ShardMemory,
    ShardRows,
    ShardTaste,
    ShardTies,
)

N_USERS = 120
STARTS = {1: (0, 120), 2: (0, 37, 120), 4: (0, 11, 52, 53, 120)}
TOLD = {"model": "this one", "users": "these"}


def table(*, numbers: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows and ties; a fifth of the users without items, a fifth with few, some without ties."""
    world = sf.datasets.make_social_world(N_USERS, 60, rng=0)
    rows, ties = world.interactions.copy(), world.social.copy()
    if numbers:
        for frame, name in ((rows, "user_id"), (rows, "item_id"), (ties, "source_id")):
            frame[name] = frame[name].str.extract(r"(\d+)", expand=False).astype(int) * 7
        ties["target_id"] = ties["target_id"].str.extract(r"(\d+)", expand=False).astype(int) * 7
    rows["weight"] = np.random.default_rng(0).integers(1, 4, len(rows)).astype(float)
    people = np.unique(np.concatenate([rows["user_id"], ties["source_id"], ties["target_id"]]))
    ends = [np.searchsorted(people, ties[name]) for name in ("source_id", "target_id")]
    ties["weight"] = np.where((ends[0] % 7 == 3) | (ends[1] % 7 == 3), 0.0, 1.0)
    number = np.searchsorted(people, rows["user_id"])
    places = rows.groupby("user_id").cumcount()
    return rows[(number % 5 != 0) & ((number % 5 != 1) | (places < 3))], ties


def fitted(*, numbers: bool = False, use_weights: bool = False) -> Any:
    """Social diffusion over factors, every channel in every group that may have it."""
    rows, ties = table(numbers=numbers)
    dials = {"damping": 0.3, "evidence": None, "memory": 1.0, "background": 0.03}
    chosen = {
        "normalization": "row",
        "warm": {**dials, "evidence": 2.0, "background": 0.0},
        "few": {**dials, "damping": 0.0, "memory": 4.0},
        "cold": {**dials, "damping": 0.6},
    }
    base = sf.ALS(n_factors=4, regularization=1.0, max_iter=2, use_weights=use_weights)
    return sf.SocialDiffusion(base, settings=chosen).fit(rows, social=ties)


@pytest.fixture(scope="module")
def model() -> Any:
    """One for all tests."""
    return fitted()


def put_all(state: ShardState, *parts: Any) -> None:
    """Give a worker what it holds."""
    for part in parts:
        state.put(part)


def give(workers: Workers, model: Any, starts: tuple[int, ...], *, social: bool) -> None:
    """The shards of a fitted model, as its fit leaves them on the workers."""
    base = model.base_
    given = []
    for shard, (first, last) in enumerate(pairwise(starts)):
        parts: list[Any] = [
            ShardIds(model.user_ids_[first:last], model.item_ids_),
            ShardRows(base.interactions_[first:last], starts, shard),
            ShardFactors(base.user_factors_[first:last], base.item_factors_),
        ]
        if social:
            channels, prepared = model._state
            diffused = {setting.taste: known.factors[0] for setting, known in prepared}
            parts += [
                ShardTies(model.social_[first:last], starts, shard),
                ShardTaste({t: z if z is None else z[first:last] for t, z in diffused.items()}),
                ShardMemory(channels.ties[first:last]),
            ]
        given.append(tuple(parts))
    workers.setup("model", put_all, given)


def plan_of(folder: Path, starts: tuple[int, ...], **asked: Any) -> ListPlan:
    """Lists of seven, but for what is asked otherwise."""
    options = {"k": 7, "filter_seen": True, "allowed": None, "users_per_part": 17, **asked}
    return ListPlan(folder=str(folder), starts=starts, **options)


def write(
    workers: Workers, plan: ListPlan, *, resume: bool = False, overwrite: bool = False
) -> WrittenLists:
    """Write with what tells this model from others."""
    return write_lists(workers, plan, determinants=TOLD, resume=resume, overwrite=overwrite)


def same(folder: Path, expected: pd.DataFrame) -> None:
    """The frame of one machine; scores but for their last digits."""
    found = pd.read_parquet(folder)
    exact = ["user_id", "item_id", "rank"]
    assert found.columns.tolist() == expected.columns.tolist()
    pd.testing.assert_frame_equal(found[exact], expected[exact].astype(found[exact].dtypes))
    pd.testing.assert_series_equal(found["score"], expected["score"], rtol=1e-6)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("social", [True, False])
def test_the_folder_holds_what_recommend_gives(
    model: Any, workers_here: Any, tmp_path: Path, n: int, social: bool
) -> None:
    """Over factors with the graph and without, for any number of shards."""
    workers = workers_here(n)
    give(workers, model, STARTS[n], social=social)
    chosen = model.settings_ if social else None
    written = write(workers, plan_of(tmp_path / "recs", STARTS[n], settings=chosen))
    expected = (model if social else model.base_).recommend(k=7)
    same(tmp_path / "recs", expected)
    n_parts = sum(-(-size // 17) for size in np.diff(STARTS[n]))
    assert written == WrittenLists(tmp_path / "recs", N_USERS, len(expected), n_parts, 0)
    done = json.loads((tmp_path / "recs" / "_manifest.json").read_text())["done"]
    assert done == {"users": N_USERS, "rows": len(expected), "parts": n_parts}


@pytest.mark.parametrize("numbers", [True, False])
@pytest.mark.parametrize("use_weights", [True, False])
def test_whole_numbers_and_weights(
    workers_here: Any, tmp_path: Path, numbers: bool, use_weights: bool
) -> None:
    """Ids of both types, what is held with and without weights; few items, and those seen too."""
    model = fitted(numbers=numbers, use_weights=use_weights)
    assert model.user_ids_.dtype == (np.int64 if numbers else object)
    workers = workers_here(2)
    give(workers, model, STARTS[2], social=True)
    allowed = np.arange(60) % 3 == 0
    options: dict[str, Any] = {"k": 5, "filter_seen": False, "allowed": allowed}
    write(workers, plan_of(tmp_path / "recs", STARTS[2], settings=model.settings_, **options))
    items = model.item_ids_[allowed]
    same(tmp_path / "recs", model.recommend(k=5, filter_seen=False, items=items))


def test_one_shard_writes_the_parts_of_one_machine(
    model: Any, workers_here: Any, tmp_path: Path
) -> None:
    """Byte for byte."""
    model.recommend_to(tmp_path / "once", k=7, users_per_part=17)
    workers = workers_here(1)
    give(workers, model, STARTS[1], social=True)
    write(workers, plan_of(tmp_path / "recs", STARTS[1], settings=model.settings_))
    found, expected = contents(tmp_path / "recs"), contents(tmp_path / "once")
    for parts in (found, expected):
        del parts["_manifest.json"]
    assert found == expected


def n_calls_of_a_run(model: Any, workers_here: Any, folder: Path) -> tuple[int, int]:
    """Calls until the shards are there, and until their lists are; nobody is lost."""
    workers = workers_here(4)
    give(workers, model, STARTS[4], social=True)
    before = workers.n_calls
    write(workers, plan_of(folder, STARTS[4], settings=model.settings_))
    return before, workers.n_calls


@settings(deadline=None, max_examples=12)
@given(st.data())
def test_lost_workers_change_nothing(model: Any, workers_here: Any, data: st.DataObject) -> None:
    """Whenever they are lost and however many: byte for byte as without."""
    with tempfile.TemporaryDirectory() as place:
        once, folder = Path(place) / "once", Path(place) / "recs"
        before, after = n_calls_of_a_run(model, workers_here, once)
        calls = st.integers(before + 1, after)
        deaths = tuple(data.draw(st.lists(calls, min_size=1, max_size=5)))
        workers = workers_here(4, deaths=deaths)
        give(workers, model, STARTS[4], social=True)
        written = write(workers, plan_of(folder, STARTS[4], settings=model.settings_))
        assert workers.n_calls > after
        assert contents(folder) == contents(once)
        assert written.n_kept_parts == 0


def test_a_lost_worker_costs_no_whole_part(
    model: Any, workers_here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost at its last part: what the others and it have written is not written again."""
    _, after = n_calls_of_a_run(model, workers_here, tmp_path / "once")
    workers = workers_here(4, deaths=(after - 4,))
    give(workers, model, STARTS[4], social=True)
    write_part, made = cluster_lists.write_part, []

    def noted(*given: Any) -> tuple[int, int]:
        made.append(given[2].name)
        return write_part(*given)

    monkeypatch.setattr(cluster_lists, "write_part", noted)
    written = write(workers, plan_of(tmp_path / "recs", STARTS[4], settings=model.settings_))
    assert workers.n_calls > after
    assert sorted(made) == [f"part-{number:05d}.parquet" for number in range(written.n_parts)]
    assert contents(tmp_path / "recs") == contents(tmp_path / "once")


def test_a_run_goes_on_with_what_is_whole(model: Any, workers_here: Any, tmp_path: Path) -> None:
    """Missing and broken parts are made again, the others are not touched."""
    plan = plan_of(tmp_path / "recs", STARTS[4], settings=model.settings_)
    workers = workers_here(4)
    give(workers, model, STARTS[4], social=True)
    whole = write(workers, plan)
    expected = contents(tmp_path / "recs")
    (tmp_path / "recs" / "part-00001.parquet").unlink()
    (tmp_path / "recs" / "part-00004.parquet").write_bytes(b"PAR1")
    (tmp_path / "recs" / ".part-00001.parquet.0123456789abcdef.saving").mkdir()
    stamp = (tmp_path / "recs" / "part-00000.parquet").stat().st_mtime_ns
    again = write(workers, plan, resume=True)
    assert contents(tmp_path / "recs") == expected
    assert (tmp_path / "recs" / "part-00000.parquet").stat().st_mtime_ns == stamp
    assert (again.n_users, again.n_rows) == (whole.n_users, whole.n_rows)
    assert (whole.n_kept_parts, again.n_kept_parts) == (0, whole.n_parts - 2)
    before = workers.n_calls
    assert write(workers, plan, resume=True).n_kept_parts == whole.n_parts
    assert workers.n_calls == before + 4


def test_an_error_leaves_whole_parts_to_go_on_from(
    model: Any, workers_here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised as it is; the folder is then finished by the same call."""
    plan = plan_of(tmp_path / "recs", STARTS[2], settings=model.settings_)
    workers = workers_here(2)
    give(workers, model, STARTS[2], social=True)
    write_part, made = cluster_lists.write_part, []

    def full(*given: Any) -> tuple[int, int]:
        if len(made) == 4:
            raise OSError("no space left")
        made.append(given)
        return write_part(*given)

    with monkeypatch.context() as patch:
        patch.setattr(cluster_lists, "write_part", full)
        with pytest.raises(OSError, match="no space left"):
            write(workers, plan)
    assert len(list((tmp_path / "recs").glob("part-*"))) == 4
    with pytest.raises(FileExistsError, match="resume=True, or begin anew with overwrite=True"):
        write(workers, plan)
    assert write(workers, plan, resume=True).n_kept_parts == 4
    same(tmp_path / "recs", model.recommend(k=7))


def test_only_the_same_shards_go_on(model: Any, workers_here: Any, tmp_path: Path) -> None:
    """Not one machine, no other cuts, no other options; and no cluster where one machine began."""
    asked: dict[str, Any] = {"settings": model.settings_}
    workers = workers_here(2)
    give(workers, model, STARTS[2], social=True)
    write(workers, plan_of(tmp_path / "recs", STARTS[2], **asked))
    before = contents(tmp_path / "recs")
    words = "begun by a cluster of 2 shards, and this is one machine: go on as then, or .*overwrite"
    with pytest.raises(ValueError, match=words):
        model.recommend_to(tmp_path / "recs", k=7, users_per_part=17, resume=True)
    refused = {
        "and this is a cluster of 4 shards": plan_of(tmp_path / "recs", STARTS[4], **asked),
        "with other users in each": plan_of(tmp_path / "recs", (0, 38, 120), **asked),
        "k was 7 and is 6": plan_of(tmp_path / "recs", STARTS[2], k=6, **asked),
        "items or exclude_items differ": plan_of(
            tmp_path / "recs", STARTS[2], allowed=np.arange(60) > 3, **asked
        ),
    }
    for words, plan in refused.items():
        with pytest.raises(ValueError, match=words):
            write(workers_here(len(plan.starts) - 1), plan, resume=True)
    with pytest.raises(ValueError, match="the model differs"):
        write_lists(
            workers,
            plan_of(tmp_path / "recs", STARTS[2], **asked),
            determinants={**TOLD, "model": "another"},
            resume=True,
            overwrite=False,
        )
    assert contents(tmp_path / "recs") == before
    model.recommend_to(tmp_path / "alone", k=7, users_per_part=17)
    with pytest.raises(ValueError, match="begun by one machine, and this is a cluster of 2 shards"):
        write(workers, plan_of(tmp_path / "alone", STARTS[2], **asked), resume=True)


def test_a_cluster_writes_to_new_folders(model: Any, workers_here: Any, tmp_path: Path) -> None:
    """Not to a file, and over old lists only when asked."""
    workers = workers_here(2)
    give(workers, model, STARTS[2], social=False)
    with pytest.raises(ValueError, match="must be a folder of parts where a cluster writes"):
        write(workers, plan_of(tmp_path / "recs.parquet", STARTS[2]))
    plan = plan_of(tmp_path / "recs", STARTS[2])
    with pytest.raises(ValueError, match="must not both be true"):
        write(workers, plan, resume=True, overwrite=True)
    with pytest.raises(ValueError, match="users_per_part must be"):
        write(workers, plan_of(tmp_path / "recs", STARTS[2], users_per_part=0))
    assert not (tmp_path / "recs").exists()
    write(workers, plan_of(tmp_path / "recs", STARTS[2], k=3))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write(workers, plan)
    write(workers, plan, overwrite=True)
    same(tmp_path / "recs", model.base_.recommend(k=7))


def test_what_travels_is_what_arithmetic_says(
    model: Any, workers_here: Any, tmp_path: Path
) -> None:
    """Counts and a sample always, the rows of all once where somebody remembers them."""
    workers = workers_here(4)
    give(workers, model, STARTS[4], social=True)
    plan = plan_of(tmp_path / "recs", STARTS[4], settings=model.settings_)
    write(workers, plan)
    stages = {one.stage: one for one in workers.traffic.stages}
    assert set(stages) == {cluster_lists.COUNTS, cluster_lists.SCALE, cluster_lists.HELD}
    assert all(one.moved == one.expected > 0 for one in stages.values())
    assert stages[cluster_lists.COUNTS].moved == 4 * 3 * 60 * 4
    # 32 bits for each cell and for where each row begins; to three others, ties or not
    held = [4 * (size + 1) for size in np.diff(STARTS[4])]
    held = [a + 4 * model.interactions_[b:c].nnz for a, b, c in cuts_with(held, STARTS[4])]
    takers = [model.social_[b:c].nnz > 0 for _, b, c in cuts_with(held, STARTS[4])]
    expected = sum(sum(held) - own for own, takes in zip(held, takers, strict=True) if takes)
    assert stages[cluster_lists.HELD].moved == expected
    chosen = {
        name: {**dials, "memory": 0.0} if isinstance(dials, dict) else dials
        for name, dials in model.settings_.items()
    }
    forgetful = workers_here(4)
    give(forgetful, model, STARTS[4], social=True)
    write(forgetful, plan_of(tmp_path / "less", STARTS[4], settings=chosen))
    assert cluster_lists.HELD not in {one.stage for one in forgetful.traffic.stages}


def cuts_with(sizes: list[int], starts: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """A number of each shard, and its first and last user."""
    return list(zip(sizes, starts, starts[1:], strict=False))


def test_progress_counts_users_and_goes_up(model: Any, workers_here: Any, tmp_path: Path) -> None:
    """From nobody to everybody; from those who are there where a run goes on."""
    workers = workers_here(4)
    give(workers, model, STARTS[4], social=True)
    plan = plan_of(tmp_path / "recs", STARTS[4], settings=model.settings_)
    for resume, first in ((False, 0), (True, N_USERS - 17)):
        heard: list[tuple[str, int, int]] = []
        with sf.progress_to(lambda *news, heard=heard: heard.append(news)):
            write(workers, plan, resume=resume)
        # these workers are in this process, where what they say of their own users is heard too
        done = [step[1] for step in heard if step[::2] == ("recommending", N_USERS)]
        assert done == sorted(done)
        assert (done[0], done[-1]) == (first, N_USERS)
        (tmp_path / "recs" / "part-00001.parquet").unlink()


def test_the_model_has_every_kind_of_user(model: Any) -> None:
    """Many items, few and none, with ties and without, and one shard where nobody has a tie."""
    counts = np.diff(model.interactions_.indptr)
    tied = np.asarray(model.social_.sum(axis=1)).ravel() > 0
    assert len(counts) == N_USERS
    for group in (counts > 5, (counts > 0) & (counts <= 5), counts == 0):
        assert (group & tied).sum() > 3
        assert (group & ~tied).any()
    assert not tied[STARTS[4][2] : STARTS[4][3]].any()


def test_parts_are_numbered_through_all_shards() -> None:
    """Each has users of one shard alone."""
    plan = plan_of(Path("recs"), (0, 40, 41, 75))
    assert parts_of_shards(plan) == [
        [ListPart(0, 0, 17), ListPart(1, 17, 34), ListPart(2, 34, 40)],
        [ListPart(3, 0, 1)],
        [ListPart(4, 0, 17), ListPart(5, 17, 34)],
    ]
