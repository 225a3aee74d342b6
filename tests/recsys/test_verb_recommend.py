"""``suffuse recommend`` on real files: for newcomers, to parquet, to folders of parts."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import suffuse as sf
from suffuse.recsys.cli import app

Run = Callable[..., Result]
RECOMMEND = ("recommend", "model", "--k", "3", "--out", "recs.csv", "--force")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb in a folder with a fitted model, without letting an exception through."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    model = sf.SocialDiffusion(sf.EASE(), damping=0.3, memory=1.0, background=0.01)
    model.fit(world.interactions, social=world.social).save("model")
    pd.DataFrame({"user_id": ["new", "new"], "item_id": ["i00000", "i00001"]}).to_parquet(
        "new_rows.parquet"
    )
    pd.DataFrame({"source_id": ["new", "late"], "target_id": ["u000001", "u000002"]}).to_parquet(
        "new_ties.parquet"
    )

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return call


def refused(result: Result, *words: str) -> None:
    """Exit code 2, one sentence on the error stream with these words, and no traceback."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr, result.stderr


def test_newcomers_from_files(run: Run) -> None:
    """The lists of the library, by items, by ties, and by both."""
    model = sf.load_model("model")
    rows, ties = pd.read_parquet("new_rows.parquet"), pd.read_parquet("new_ties.parquet")
    options = {
        ("--interactions", "new_rows.parquet"): {"interactions": rows},
        ("--social", "new_ties.parquet"): {"social": ties},
        ("--interactions", "new_rows.parquet", "--social", "new_ties.parquet"): {
            "interactions": rows,
            "social": ties,
        },
        ("--social", "new_ties.parquet", "--directed"): {"social": ties, "directed": True},
    }
    for given, asked in options.items():
        result = run(*RECOMMEND, *given)
        assert result.exit_code == 0, result.output
        found = pd.read_csv("recs.csv")
        expected = model.recommend(k=3, **asked)
        assert found["user_id"].tolist() == expected["user_id"].tolist()
        assert found["item_id"].tolist() == expected["item_id"].tolist()


def test_columns_and_known_users(run: Run, tmp_path: Path) -> None:
    """Unusual names of columns; newcomers and known users in one list."""
    (tmp_path / "who.csv").write_text("who,what\nnew,i00003\n")
    (tmp_path / "fans.csv").write_text("fan,idol\nnew,u000004\n")
    result = run(
        *RECOMMEND,
        *("--interactions", "who.csv", "--columns", "user_id=who", "--columns", "item_id=what"),
        *("--social", "fans.csv", "--social-columns", "source_id=fan"),
        *("--social-columns", "target_id=idol", "--users", "u000007", "--users", "new"),
    )
    assert result.exit_code == 0, result.output
    assert pd.read_csv("recs.csv")["user_id"].unique().tolist() == ["u000007", "new"]


def test_what_is_left_out_is_a_note(run: Run, tmp_path: Path) -> None:
    """Unknown items and ties between known users; the lists are written."""
    (tmp_path / "rows.csv").write_text("user_id,item_id\nnew,i00003\nnew,nothing\n")
    (tmp_path / "ties.csv").write_text("source_id,target_id\nnew,u000001\nu000001,u000002\n")
    result = run(*RECOMMEND, "--interactions", "rows.csv", "--social", "ties.csv")
    assert result.exit_code == 0, result.output
    assert "1 unknown ones in 1 of 2 rows, which are left out: 'nothing'" in result.stderr
    assert "1 of 2 between users of the fit" in result.stderr
    assert "Warning" not in result.stderr
    assert len(pd.read_csv("recs.csv")) == 3


def test_bad_newcomers(run: Run, tmp_path: Path) -> None:
    """Known users, ids of another kind, missing files, a model without a graph."""
    (tmp_path / "known.csv").write_text("user_id,item_id\nu000001,i00003\n")
    (tmp_path / "numbers.csv").write_text("user_id,item_id\n17,i00003\n")
    (tmp_path / "number_ties.csv").write_text("source_id,target_id\n17,18\n")
    (tmp_path / "bare.csv").write_text("user_id\nnew\n")
    refused(run(*RECOMMEND, "--interactions", "known.csv"), "'u000001'", "fit again")
    refused(run(*RECOMMEND, "--interactions", "numbers.csv"), "numbers.csv", "[17]", "one kind")
    refused(run(*RECOMMEND, "--social", "number_ties.csv"), "number_ties.csv", "one kind")
    refused(run(*RECOMMEND, "--interactions", "bare.csv"), "bare.csv", "item_id")
    refused(run(*RECOMMEND, "--interactions", "nowhere.csv"), "nowhere.csv")
    refused(run(*RECOMMEND, "--social", "new_ties.parquet", "--social-columns", "x"), "'x'")
    refused(run(*RECOMMEND, "--directed"), "--directed", "--social")
    sf.EASE().fit(sf.datasets.tiny_world().interactions).save("plain")
    asked = ("recommend", "plain", "--out", "r.csv", "--social", "new_ties.parquet")
    refused(run(*asked), "social must be left out", "SocialDiffusion(EASE(...))")
    assert not Path("recs.csv").exists()


def test_parquet_in_blocks_equals_csv(run: Run) -> None:
    """A file and a folder of parts hold what the table holds."""
    asked = ("recommend", "model", "--k", "4")
    said = {}
    for out in (("r.csv",), ("r.parquet",), ("recs", "--part-users", "50")):
        result = run(*asked, "--out", *out)
        assert result.exit_code == 0, result.output
        said[out[0]] = result.stdout.partition(":")[0]
    assert len(set(said.values())) == 1, said
    expected = pd.read_csv("r.csv")[["user_id", "item_id", "rank"]]
    for found in (pd.read_parquet("r.parquet"), pd.read_parquet("recs")):
        assert found["user_id"].tolist() == expected["user_id"].tolist()
        assert found["item_id"].tolist() == expected["item_id"].tolist()
        assert found["rank"].tolist() == expected["rank"].tolist()
    assert len(list(Path("recs").glob("part-*.parquet"))) == 3


def test_newcomers_to_a_folder(run: Run) -> None:
    """By their items and ties."""
    given = ("--interactions", "new_rows.parquet", "--social", "new_ties.parquet")
    result = run("recommend", "model", "--k", "3", "--out", "recs", "--part-users", "1", *given)
    assert result.exit_code == 0, result.output
    assert pd.read_parquet("recs")["user_id"].unique().tolist() == ["late", "new"]


def test_going_on_with_a_folder(run: Run) -> None:
    """Only when told to, and only with the same question."""
    asked = ("recommend", "model", "--k", "4", "--out", "recs", "--part-users", "50")
    assert run(*asked).exit_code == 0
    refused(run(*asked), "'recs'", "--resume", "--force")
    before = {path.name: path.read_bytes() for path in Path("recs").iterdir()}
    Path("recs/part-00001.parquet").unlink()
    result = run(*asked, "--resume", "--jobs", "1")
    assert result.exit_code == 0, result.output
    assert "(2 of 3 parts were there already)" in result.stdout
    assert {path.name: path.read_bytes() for path in Path("recs").iterdir()} == before
    refused(run(*asked, "--resume", "--keep-seen"), "filter_seen was True and is False", "--force")
    assert run(*asked, "--force", "--keep-seen").exit_code == 0
    refused(run(*asked, "--resume", "--force"), "not both")
    refused(run("recommend", "model", "--out", "r.csv", "--resume"), "--resume", "folder")
    refused(run("recommend", "model", "--out", "r.pq", "--part-users", "5"), "--part-users")
    refused(run("recommend", "model", "--out", "recs.xlsx"), "recs.xlsx", ".parquet")
    Path("recs/notes.txt").write_text("mine")
    refused(run(*asked, "--force"), "notes.txt")


def test_control_c_says_how_to_go_on(run: Run) -> None:
    """Exit code 130 and one line; only whole parts are left, and the same with --resume ends."""
    asked = ["recommend", "model", "--out", "recs", "--part-users", "1"]
    code = "from suffuse.recsys.cli import app; app()"
    process = subprocess.Popen([sys.executable, "-c", code, *asked], stderr=subprocess.PIPE)
    limit = time.monotonic() + 60
    while not Path("recs/part-00003.parquet").exists():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < limit
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    lines = [line for line in said.decode().splitlines() if not line.startswith("note: compiled")]
    names = sorted(path.name for path in Path("recs").iterdir())
    parts = [f"part-{number:05d}.parquet" for number in range(len(names) - 1)]
    assert names == ["_manifest.json", *parts]
    assert lines == [f"stopped: {len(parts)} whole parts are in recs: go on with --resume"]
    assert run(*asked, "--resume").exit_code == 0
    assert run("recommend", "model", "--out", "once", "--part-users", "1").exit_code == 0
    for path in Path("once").iterdir():
        assert path.read_bytes() == (Path("recs") / path.name).read_bytes()
