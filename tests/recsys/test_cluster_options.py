"""Options that name a cluster: what they make, what they must not do alone, what a run leaves."""

from pathlib import Path
from typing import Any

import pytest

from suffuse.recsys.cluster import RayCluster
from suffuse.recsys.cluster_options import cluster_of, finish_run, run_folder

NOTHING: dict[str, Any] = {
    "address": None,
    "shards": None,
    "storage": None,
    "wheels": [],
    "fresh": False,
}


def named(backend: str | None, out: Path, **options: Any) -> RayCluster | None:
    """The cluster that some options name, beside the others as they are without a word."""
    return cluster_of(backend, out, **{**NOTHING, **options})


def test_no_word_of_a_cluster_is_none(tmp_path: Path) -> None:
    """Options at rest name none, and finishing its run does nothing."""
    assert named(None, tmp_path / "model") is None
    finish_run(None, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("address", "auto", "--address"),
        ("address", "", "--address"),
        ("shards", 0, "--shards"),
        ("storage", Path("run"), "--storage"),
        ("wheels", ["suffuse.whl"], "--wheel"),
        ("fresh", True, "--fresh"),
    ],
)
def test_an_option_of_a_cluster_needs_the_cluster(option: str, value: Any, said: str) -> None:
    """Whatever its value; the sentence names it as it was typed."""
    with pytest.raises(ValueError, match=rf"^{said} must come with --backend ray; got it alone"):
        named(None, Path("model"), **{option: value})


@pytest.mark.parametrize("backend", ["spark", "Ray", ""])
def test_another_backend_is_refused(backend: str) -> None:
    """With its name, and what to do for this machine."""
    with pytest.raises(ValueError, match=rf"must be ray; got {backend!r}: leave it out for this"):
        named(backend, Path("model"), shards=2)


def test_every_option_arrives(tmp_path: Path) -> None:
    """By default a run is resumed, beside what it writes."""
    plain = named("ray", tmp_path / "model")
    assert plain is not None
    assert (plain.address, plain.n_shards, plain.py_modules) == (None, None, ())
    assert plain.resume
    assert plain.storage == tmp_path / "model.run"
    options = {"address": "h:1", "shards": 3, "storage": tmp_path / "run"}
    full = named("ray", tmp_path / "model", **options, wheels=["a.whl", "b.whl"], fresh=True)
    assert full is not None
    assert (full.address, full.n_shards, full.storage) == ("h:1", 3, tmp_path / "run")
    assert full.py_modules == ("a.whl", "b.whl")
    assert not full.resume
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="n_shards must be a whole number of at least 1; got 0"):
        named("ray", tmp_path / "model", shards=0)


@pytest.mark.parametrize("written", ["model", "model/", "./model", "deep/model.v2"])
def test_a_run_lies_beside_what_it_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str
) -> None:
    """Whole, as hosts may work elsewhere; the name of the output is kept with all its dots."""
    monkeypatch.chdir(tmp_path)
    found = run_folder(Path(written))
    out = tmp_path / written
    assert found == out.parent / f"{out.name}.run"


@pytest.mark.parametrize("own", [True, False])
def test_what_a_run_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: bool
) -> None:
    """Goes with the run where nobody asked for the place, however the output was written down."""
    monkeypatch.chdir(tmp_path)
    out = Path("model")
    cluster = named("ray", out, storage=None if own else tmp_path / "kept")
    assert cluster is not None
    kept = Path(cluster.storage or "")
    for folder in (kept, run_folder(out)):  # the second may be that of another run
        (folder / "tables").mkdir(parents=True, exist_ok=True)
    finish_run(cluster, tmp_path / "model")
    assert kept.exists() == run_folder(out).exists() == (not own)
    assert capsys.readouterr().out == ""
    finish_run(cluster, out)  # nothing there any more is no error


def test_what_moved_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stage by stage with units, and the network of all of them."""
    monkeypatch.setenv("COLUMNS", "200")
    cluster = RayCluster()
    cluster.traffic.note("hop", rounds=4, moved=8192, network=1024, expected=6144)
    cluster.traffic.note("check", rounds=1, moved=512, network=512, expected=512)
    finish_run(cluster, Path("model"))
    said = capsys.readouterr().out
    for word in ("8 KB", "1 KB", "6 KB", "512 bytes", "1.5 KB in all"):
        assert word in said
    assert "network: 1.5 KB in all" in said
