"""Lists to files and folders: the same as recommend gives, whole or not at all, and resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset as ds
import pytest

import suffuse as sf
from suffuse.recsys import list_files
from suffuse.recsys.list_files import is_folder

WORLD = sf.datasets.make_social_world(120, 60, rng=0)


@pytest.fixture(scope="module")
def model() -> Any:
    """Social diffusion over factors."""
    base = sf.ALS(n_factors=4, regularization=1.0, max_iter=2)
    found = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    return found.fit(WORLD.interactions, social=WORLD.social)


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Equal in everything; scores but for the order in which a block is added up."""
    exact = ["user_id", "item_id", "rank"]
    assert found.columns.tolist() == expected.columns.tolist()
    assert found["score"].dtype == expected["score"].dtype
    pd.testing.assert_frame_equal(found[exact], expected[exact].astype(found[exact].dtypes))
    pd.testing.assert_series_equal(found["score"], expected["score"], rtol=1e-5)


def names_in(folder: Path) -> list[str]:
    """Every name in a folder, in order."""
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_holds_what_recommend_gives(model: Any, tmp_path: Path) -> None:
    """And nothing is left beside it."""
    written = model.recommend_to(tmp_path / "recs.parquet", k=7)
    expected = model.recommend(k=7)
    same(pd.read_parquet(tmp_path / "recs.parquet"), expected)
    assert (written.n_rows, written.n_users) == (len(expected), expected["user_id"].nunique())
    assert names_in(tmp_path) == ["recs.parquet"]


def test_blocks_join_without_a_seam(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many blocks in a file, a last one that is not full, users in the order asked for."""
    monkeypatch.setattr(list_files, "_BLOCK", 7)
    users = model.user_ids_[::-1][:100]
    model.recommend_to(tmp_path / "recs.parquet", users, k=3)
    same(pd.read_parquet(tmp_path / "recs.parquet"), model.recommend(users, k=3))


@pytest.mark.parametrize("size", [1, 17, 60, 120, 121])
def test_a_folder_holds_what_recommend_gives(model: Any, tmp_path: Path, size: int) -> None:
    """For pandas and for pyarrow, whatever the size of the parts."""
    folder = tmp_path / "deep" / "recs"
    users = model.user_ids_[:120]
    written = model.recommend_to(folder, users, k=4, users_per_part=size)
    expected = model.recommend(users, k=4)
    same(pd.read_parquet(folder), expected)
    same(ds.dataset(folder).to_table().to_pandas(), expected)
    assert written.n_parts == -(-len(users) // size)
    done = json.loads((folder / "_manifest.json").read_text())["done"]
    assert done == {"users": written.n_users, "rows": len(expected), "parts": written.n_parts}


def test_short_lists_and_people_without_any(model: Any, tmp_path: Path) -> None:
    """Few items allowed, so that lists are short, unknown users, and nobody at all."""
    items = model.item_ids_[:3]
    users = ["stranger", *model.user_ids_[:30], "other"]
    asked: dict[str, Any] = {"users": users, "k": 3, "items": items, "unknown_users": "popular"}
    expected = model.recommend(**asked)
    lengths = expected.groupby("user_id").size()
    assert lengths.min() < lengths.max() == 3
    written = model.recommend_to(tmp_path / "recs", users_per_part=11, **asked)
    same(pd.read_parquet(tmp_path / "recs"), expected)
    assert written.n_users == len(lengths)
    again = model.recommend_to(tmp_path / "recs", users_per_part=11, resume=True, **asked)
    assert (again.n_users, again.n_rows, again.n_kept_parts) == (len(lengths), len(expected), 3)
    for place in ("none", "none.parquet"):
        nothing = model.recommend_to(tmp_path / place, ["stranger"], k=2, unknown_users="skip")
        assert (nothing.n_users, nothing.n_rows) == (0, 0)
        assert len(pd.read_parquet(tmp_path / place)) == 0


def test_newcomers_stream_too(model: Any, tmp_path: Path) -> None:
    """By items and ties, beside known users; other newcomers cannot go on with their folder."""
    rows = pd.DataFrame({"user_id": ["new", "newer"], "item_id": model.item_ids_[:2]})
    ties = pd.DataFrame({"source_id": ["new"], "target_id": [model.user_ids_[0]]})
    asked: dict[str, Any] = {"k": 3, "interactions": rows, "social": ties}
    users = [model.user_ids_[5], "newer", "new"]
    model.recommend_to(tmp_path / "all", users_per_part=1, **asked)
    same(pd.read_parquet(tmp_path / "all"), model.recommend(**asked))
    model.recommend_to(tmp_path / "some", users, users_per_part=2, **asked)
    same(pd.read_parquet(tmp_path / "some"), model.recommend(users, **asked))
    with pytest.raises(ValueError, match="the newcomers differ"):
        model.recommend_to(
            tmp_path / "some", users, k=3, interactions=rows, users_per_part=2, resume=True
        )


def test_missing_and_broken_parts_are_made_again(model: Any, tmp_path: Path) -> None:
    """Byte for byte; whole parts are not touched. The model may come from disk."""
    asked: dict[str, Any] = {"k": 3, "users_per_part": 25}
    whole = model.recommend_to(tmp_path / "recs", **asked)
    expected = contents(tmp_path / "recs")
    (tmp_path / "recs" / "part-00001.parquet").unlink()
    (tmp_path / "recs" / "part-00003.parquet").write_bytes(b"PAR1")
    (tmp_path / "recs" / ".part-00001.parquet.0123456789abcdef.saving").mkdir()
    stamp = (tmp_path / "recs" / "part-00000.parquet").stat().st_mtime_ns
    model.save(tmp_path / "model")
    loaded = sf.load_model(tmp_path / "model").set_params(n_jobs=1)
    again = loaded.recommend_to(tmp_path / "recs", resume=True, **asked)
    assert contents(tmp_path / "recs") == expected
    assert (tmp_path / "recs" / "part-00000.parquet").stat().st_mtime_ns == stamp
    assert (again.n_users, again.n_rows) == (whole.n_users, whole.n_rows)
    assert again.n_kept_parts == whole.n_parts - 2


def test_another_question_does_not_go_on(model: Any, tmp_path: Path) -> None:
    """Each option, the users, and the model; the sentence names what differs."""
    asked: dict[str, Any] = {"users": model.user_ids_[:50], "k": 3, "users_per_part": 25}
    model.recommend_to(tmp_path / "recs", **asked)
    before = contents(tmp_path / "recs")
    others: dict[str, dict[str, Any]] = {
        "k was 3 and is 4": {"k": 4},
        "filter_seen was True and is False": {"filter_seen": False},
        "items or exclude_items differ": {"exclude_items": model.item_ids_[:1]},
        "users_per_part was 25 and is 26": {"users_per_part": 26},
        "the users differ": {"users": model.user_ids_[1:51]},
    }
    for words, change in others.items():
        with pytest.raises(ValueError, match=words):
            model.recommend_to(tmp_path / "recs", resume=True, **{**asked, **change})
    other = sf.Popularity().fit(WORLD.interactions)
    with pytest.raises(ValueError, match="the model differs"):
        other.recommend_to(
            tmp_path / "recs", other.user_ids_[:50], k=3, users_per_part=25, resume=True
        )
    assert contents(tmp_path / "recs") == before


def test_what_is_there_stays_unless_told(model: Any, tmp_path: Path) -> None:
    """Files and folders; nothing is made where the place is wrong."""
    (tmp_path / "recs.parquet").write_text("mine")
    with pytest.raises(FileExistsError, match=r"recs\.parquet'.*overwrite=True"):
        model.recommend_to(tmp_path / "recs.parquet")
    model.recommend_to(tmp_path / "recs.parquet", k=2, overwrite=True)
    same(pd.read_parquet(tmp_path / "recs.parquet"), model.recommend(k=2))
    model.recommend_to(tmp_path / "recs", k=2)
    with pytest.raises(FileExistsError, match="resume=True"):
        model.recommend_to(tmp_path / "recs", k=2)
    model.recommend_to(tmp_path / "recs", k=1, overwrite=True)
    same(pd.read_parquet(tmp_path / "recs"), model.recommend(k=1))
    with pytest.raises(ValueError, match="must not both be true"):
        model.recommend_to(tmp_path / "recs", resume=True, overwrite=True)
    with pytest.raises(ValueError, match="resume must come with a folder"):
        model.recommend_to(tmp_path / "new.parquet", resume=True)
    with pytest.raises(FileNotFoundError, match="existing folder"):
        model.recommend_to(tmp_path / "no" / "new.parquet")
    with pytest.raises(ValueError, match="users_per_part must be a whole number"):
        model.recommend_to(tmp_path / "new", users_per_part=0)
    with pytest.raises(sf.NotFittedError):
        sf.Popularity().recommend_to(tmp_path / "new.parquet")
    assert names_in(tmp_path) == ["recs", "recs.parquet"]


def test_where_lists_go(tmp_path: Path) -> None:
    """A folder has no suffix, or is one already; other tables are refused."""
    (tmp_path / "old.parquet").mkdir()
    assert is_folder(tmp_path / "old.parquet")
    assert is_folder(tmp_path / "new")
    assert not is_folder(tmp_path / "new.parquet")
    assert not is_folder(tmp_path / "new.pq")
    for name in ("new.csv", "new.tsv.gz", "new.xlsx"):
        with pytest.raises(ValueError, match=r"end in \.parquet, or be a folder"):
            is_folder(tmp_path / name)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("place", ["recs.parquet", "recs"])
def test_an_interruption_leaves_nothing_half(
    model: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    place: str,
) -> None:
    """No file; of a folder, whole parts, with which the same call goes on."""
    monkeypatch.setattr(list_files, "_BLOCK", 10)

    def listen(stage: str, done: int, total: int) -> None:
        if stage == "recommending" and done >= total // 2:
            raise error

    with pytest.raises(error), sf.progress_to(listen):
        model.recommend_to(tmp_path / place, k=3, users_per_part=20)
    if place == "recs.parquet":
        assert names_in(tmp_path) == []
        return
    names = names_in(tmp_path / place)
    assert names[0] == "_manifest.json"
    assert names[1:] == [f"part-{number:05d}.parquet" for number in range(len(names) - 1)]
    assert 0 < len(names) - 1 < 6
    model.recommend_to(tmp_path / place, k=3, users_per_part=20, resume=True)
    model.recommend_to(tmp_path / "once", k=3, users_per_part=20)
    assert contents(tmp_path / place) == contents(tmp_path / "once")


def test_progress_counts_users_and_goes_up(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From nobody to everybody over all blocks and parts, also where parts were there."""
    monkeypatch.setattr(list_files, "_BLOCK", 10)
    n = len(model.user_ids_)
    for resume in (False, True):
        heard: list[tuple[str, int, int]] = []
        with sf.progress_to(lambda *news, heard=heard: heard.append(news)):
            model.recommend_to(tmp_path / "recs", k=3, users_per_part=25, resume=resume)
        assert {(stage, total) for stage, _, total in heard} == {("recommending", n)}
        done = [step[1] for step in heard]
        assert done == sorted(done)
        assert done[-1] == n
        (tmp_path / "recs" / "part-00001.parquet").unlink()


#: goes on with a folder of lists, slowly enough to be killed at a part
SLOW = """
import sys, time
import suffuse as sf
model = sf.load_model(sys.argv[1])
with sf.progress_to(lambda *news: time.sleep(0.01)):
    model.recommend_to(sys.argv[2], k=5, users_per_part=2, resume=True)
"""


def test_a_killed_run_goes_on(model: Any, tmp_path: Path) -> None:
    """Killed several times in the middle, finished at last: byte for byte as without."""
    model.save(tmp_path / "model")
    model.recommend_to(tmp_path / "once", k=5, users_per_part=2)
    expected, folder = contents(tmp_path / "once"), tmp_path / "recs"
    for wanted in (3, 11, 24):
        process = subprocess.Popen([sys.executable, "-c", SLOW, tmp_path / "model", folder])
        limit = time.monotonic() + 60
        while not (folder / f"part-{wanted:05d}.parquet").exists():
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < limit
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        there = contents_of_parts(folder)
        assert wanted < len(there) < len(expected) - 1
        assert all(expected[name] == data for name, data in there.items())
        assert json.loads((folder / "_manifest.json").read_text())["done"] is None
    written = model.recommend_to(folder, k=5, users_per_part=2, resume=True)
    assert written.n_kept_parts > 24
    assert contents(folder) == expected


def contents_of_parts(folder: Path) -> dict[str, bytes]:
    """The parts that are there."""
    return {path.name: path.read_bytes() for path in folder.glob("part-*.parquet")}


def test_a_wrong_number_of_threads_is_refused_before_old_lists_give_way(tmp_path: Path) -> None:
    """And leaves nothing behind that would be in the way of the next attempt."""
    model = sf.Popularity().fit(sf.datasets.tiny_world().interactions)
    model.recommend_to(tmp_path / "recs", k=2, users_per_part=2)
    before = {path.name: path.read_bytes() for path in (tmp_path / "recs").iterdir()}
    model.set_params(n_jobs=0)
    for folder in ("recs", "new"):
        with pytest.raises(ValueError, match="n_jobs must be a positive integer"):
            model.recommend_to(tmp_path / folder, k=2, users_per_part=2, overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "recs").iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_a_manifest_without_parts_is_no_list(tmp_path: Path) -> None:
    """A run that ended before its first part is begun anew without a word."""
    model = sf.Popularity().fit(sf.datasets.tiny_world().interactions)
    model.recommend_to(tmp_path / "recs", k=2, users_per_part=2)
    for part in (tmp_path / "recs").glob("part-*"):
        part.unlink()
    assert model.recommend_to(tmp_path / "recs", k=2).n_kept_parts == 0
