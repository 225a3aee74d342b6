"""The examination of an installation: what is well is said to be, and what is not is found."""

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.extending import is_jitted

import suffuse as sf
from suffuse.recsys import doctor
from suffuse.recsys.doctor import EXTRAS, Finding, examine, frame_of

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def looked(name: str) -> Finding:
    """The one finding of an examination."""
    (found,) = doctor._EXAMINATIONS[name](name)
    return found


def test_this_installation_is_well() -> None:
    """Everything is looked at, and nothing is ill."""
    findings = examine()
    names = [finding.name for finding in findings]
    assert names == [
        "versions",
        "requirements",
        "threads",
        "linear algebra",
        "memory",
        "compiled code",
        "extra train",
        "extra serve",
        "extra cluster",
        "self-test",
    ]
    assert [finding for finding in findings if finding.state == "ill"] == []
    assert sf.__version__ in findings[0].found
    frame = frame_of(findings)
    assert frame["name"].tolist() == names
    assert list(frame.columns) == ["name", "state", "found", "advice"]


def test_every_note_says_what_to_do_or_why() -> None:
    """No finding without words."""
    for finding in examine():
        assert finding.found
        assert finding.state in {"well", "note", "ill"}


def test_an_examination_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the others go on."""

    def fail(name: str) -> list[Finding]:
        raise RuntimeError("no thermometer")

    fresh = {"threads": fail, "memory": doctor._EXAMINATIONS["memory"]}
    monkeypatch.setattr(doctor, "_EXAMINATIONS", fresh)
    first, second = examine()
    assert (first.name, first.state) == ("threads", "ill")
    assert "RuntimeError: no thermometer" in first.found
    assert second.name == "memory"


def test_packages_that_are_missing_or_old_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that brings them; extras are another matter."""
    wanted = ["numpy>=999", "nosuchpackage>=1", "scipy>=1", 'torch>=99; extra == "train"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: wanted)
    finding = looked("requirements")
    assert finding.state == "ill"
    assert f"numpy>=999 (found {np.__version__})" in finding.found
    assert "nosuchpackage>=1 (found none)" in finding.found
    assert "scipy" not in finding.found
    assert finding.advice == 'pip install "numpy>=999" "nosuchpackage>=1"'


def test_running_without_an_installation_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nobody knows what is required."""

    def unknown(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", unknown)
    assert looked("requirements").state == "note"


@pytest.mark.parametrize(
    ("older", "newer"), [("2.9.1", "2.13"), ("1.9", "1.10.0rc1"), ("0", "0.7.2"), ("2.4", "2.4.1")]
)
def test_versions_are_compared_as_numbers(older: str, newer: str) -> None:
    """2.9 is older than 2.13."""
    assert doctor._numbers(older) < doctor._numbers(newer)


def test_extras_are_those_of_the_project() -> None:
    """The packages that each brings, and the command that adds it."""
    with PROJECT.open("rb") as stream:
        optional = tomllib.load(stream)["project"]["optional-dependencies"]
    for extra, (_, packages) in EXTRAS.items():
        named = [re.split(r"[>=<\[]", entry)[0] for entry in optional[extra]]
        assert sorted(named) == sorted(packages)


def test_missing_extras_come_with_their_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that is there comes with its versions."""
    there = {"torch": "2.9", "safetensors": "0.5", "uvicorn": "1"}
    monkeypatch.setattr(doctor, "_installed", there.get)
    train, serve, cluster = doctor._EXAMINATIONS["extra"]("extra")
    assert (train.state, serve.state, cluster.state) == ("well", "note", "note")
    assert "torch 2.9" in train.found
    assert "not installed (fastapi)" in serve.found
    assert serve.advice == 'pip install "suffuse[serve]"'


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", None), ("150000 100000", 1.5), ("", None), (None, None)],
)
def test_cores_that_a_container_grants(
    text: str | None, cores: float | None, tmp_path: Path
) -> None:
    """Quota over period, None without a limit."""
    if text is not None:
        (tmp_path / "cpu.max").write_text(text)
    assert doctor._granted_cores(tmp_path) == cores


def test_more_threads_than_cores_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number to pass."""
    monkeypatch.setattr(doctor, "resolve_jobs", lambda n_jobs: 8)
    monkeypatch.setattr(doctor, "_granted_cores", lambda: 2.5)
    finding = looked("threads")
    assert finding.state == "note"
    assert "2.5 are granted" in finding.found
    assert "n_jobs=2" in finding.advice
    monkeypatch.setattr(doctor, "_granted_cores", lambda: None)
    assert looked("threads").state == "well"


def pool(api: str, prefix: str) -> dict[str, Any]:
    """A library as threadpoolctl describes it."""
    return {
        "user_api": api,
        "internal_api": "openblas",
        "prefix": prefix,
        "version": None,
        "num_threads": 2,
    }


def test_linear_algebra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library by name; none, and two runtimes that fight, are notes."""
    monkeypatch.setattr(doctor, "threadpool_info", list)
    assert looked("linear algebra").state == "note"
    pools = [pool("blas", "libopenblas"), pool("openmp", "libgomp")]
    monkeypatch.setattr(doctor, "threadpool_info", lambda: pools)
    assert looked("linear algebra").state == "well"
    assert "openblas  with 2 threads" in looked("linear algebra").found
    pools += [pool("openmp", "libiomp"), pool("openmp", "libomp")]
    assert "two OpenMP runtimes" in looked("linear algebra").found


def test_little_memory_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words."""
    monkeypatch.setattr(doctor, "available_bytes", lambda: 2**29)
    assert looked("memory") == Finding(
        "memory", "note", "512 MB free", "close something, or use ALS rather than EASE"
    )


def test_compiled_code(tmp_path: Path) -> None:
    """A folder that is warm, cold, or cannot be written to."""
    (tmp_path / "topk.nbi").write_text("")
    warm = doctor._cache_finding("compiled code", "numba 1", [tmp_path, tmp_path / "other"])
    assert (warm.state, warm.found) == ("well", f"numba 1, 1 compiled functions in {tmp_path}")
    cold = doctor._cache_finding("compiled code", "numba 1", [tmp_path / "new"])
    assert (cold.state, cold.advice) == ("note", "")
    (tmp_path / "file").write_text("")
    shut = doctor._cache_finding(
        "compiled code", "numba 1", [tmp_path, tmp_path / "file" / "cache"]
    )
    assert shut.state == "note"
    assert "cannot write" in shut.found
    assert "NUMBA_CACHE_DIR" in shut.advice


def test_compiled_code_is_looked_for_where_numba_keeps_it() -> None:
    """Every folder in which a kernel of the package is kept, by numba's own word."""
    from suffuse.recsys import list_kernels, topk

    kernels = [thing for module in (list_kernels, topk) for thing in vars(module).values()]
    kept = {str(thing.stats.cache_path) for thing in kernels if is_jitted(thing)}
    found = [finding.found for finding in doctor._compiled("compiled code")]
    assert kept
    assert all(any(folder in words for words in found) for folder in kept)


def test_the_self_test_finds_wrong_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that recommends to one circle what the other likes."""
    right = sf.SocialDiffusion.score_users
    monkeypatch.setattr(sf.SocialDiffusion, "score_users", lambda *call: -right(*call))
    finding = looked("self-test")
    assert finding.state == "ill"
    assert re.search(r"a-user-\d+ was given b-item", finding.found)


def test_the_self_test_finds_a_model_that_changes_in_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another one comes back."""
    table, ties = doctor._two_circles()
    other = sf.SocialDiffusion(sf.EASE(regularization=2.0), damping=0.3, memory=1.0)
    other.fit(table, social=ties)
    monkeypatch.setattr(doctor, "load_model", lambda place: other)
    assert "something else than the saved one" in looked("self-test").found


def test_the_self_test_finds_wrong_mixing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that loses mass, or leaves the range."""
    right = sf.PropagationOperator.diffuse
    assert doctor._wrong_answers() == []
    monkeypatch.setattr(sf.PropagationOperator, "diffuse", lambda *a, **k: 1.5 * right(*a, **k))
    found = "; ".join(doctor._wrong_answers())
    for words in ("changes a total", "leaves the range", "differs from a dense solve"):
        assert words in found
