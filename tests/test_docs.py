"""Every example in a docstring is true, and every command of the README works as written."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import suffuse as sf

ROOT = Path(__file__).parents[1]
ROOMS = ("recsys", "diffusion", "training", "datasets")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CLUSTER = "docs/cluster.md"
#: pages whose Python and commands run as written, and the verbs that each must show
RUNNING = {
    "README.md": {"fit", "recommend", "evaluate"},
    "docs/evaluation.md": {"evaluate"},
    CLUSTER: {"fit", "recommend", "shard"},
    "docs/daily.md": {"doctor", "explain", "export", "info", "report", "spread", "update"},
    "docs/scaling.md": {"fit", "recommend"},
    "docs/serving.md": {"serve"},
    "docs/training.md": {"fit", "stability"},
}


def module_names() -> list[str]:
    """Walk each room: ``pkgutil`` sees nothing under the front door in editable mode."""
    names = ["suffuse"]
    for room in ROOMS:
        package = importlib.import_module(f"suffuse.{room}")
        names.append(package.__name__)
        names += [m.name for m in pkgutil.iter_modules(package.__path__, package.__name__ + ".")]
    return names


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", module_names())
def test_examples(name: str) -> None:
    """``doctest`` finds no failure in the module."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def skip_without_ray(page: str) -> None:
    """The page on clusters needs ray."""
    if page == CLUSTER:
        pytest.importorskip("ray", reason="needs suffuse[cluster]")


@pytest.mark.parametrize("page", sorted(RUNNING.keys() - {CLUSTER}))
def test_the_python_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python blocks run, in order, in one namespace."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    assert blocks(page, "python")
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), namespace)


def test_the_python_of_the_page_on_clusters_runs(
    tmp_path: Path, on_ray: Callable[..., None]
) -> None:
    """Its blocks run, in order, in a process that Ray may end."""
    skip_without_ray(CLUSTER)
    script, verdict = tmp_path / "page.py", tmp_path / "verdict"
    told = f"import atexit, pathlib\natexit.register(pathlib.Path({str(verdict)!r}).touch)\n"
    script.write_text("".join([told, *blocks(CLUSTER, "python")]), encoding="utf-8")
    on_ray([sys.executable, "-W", "error", str(script)], verdict, tmp_path)


@pytest.mark.parametrize("page", RUNNING)
def test_the_commands_of_a_page_run(page: str, tmp_path: Path) -> None:
    """The console blocks run line by line, on files like those that they name."""
    skip_without_ray(page)
    world = sf.datasets.make_social_world(n_users=200, n_items=80, rng=0)
    train, test = sf.datasets.split_random(world.interactions, rng=0)
    train.to_parquet(tmp_path / "train.parquet")
    test.to_parquet(tmp_path / "test.parquet")
    world.social.to_parquet(tmp_path / "social.parquet")
    known = train.iloc[0]
    new_rows = pd.DataFrame({"user_id": ["newcomer"], "item_id": [known["item_id"]]})
    new_rows.to_parquet(tmp_path / "new_rows.parquet")
    new_ties = pd.DataFrame({"source_id": ["newcomer"], "target_id": [known["user_id"]]})
    new_ties.to_parquet(tmp_path / "new_ties.parquet")
    for key in ("user", "item"):
        ids = world.interactions[f"{key}_id"].unique()
        labels = ["north" if place % 3 else "south" for place in range(len(ids))]
        pd.DataFrame({f"{key}_id": ids, "label": labels}).to_csv(
            tmp_path / f"{key}s.csv", index=False
        )
    scripts = Path(sys.executable).parent
    commands = [
        line for block in blocks(page, "console") for line in block.splitlines() if line.strip()
    ]
    assert {shlex.split(line)[1] for line in commands} >= RUNNING[page]
    for line in commands:
        result = subprocess.run(
            [str(scripts / "suffuse"), *shlex.split(line)[1:]],
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": "100"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{line}: {result.stderr}"


def test_the_ci_runs_the_test_command_of_the_readme() -> None:
    """``.ci/run`` reads its test command from the README, by the marker above it."""
    assert "<!-- the test command -->" in README
    assert "the test command" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page",
    ["CONTRIBUTING.md", "CHANGELOG.md", "docs/dictionary.md", *RUNNING],
)
def test_links_lead_somewhere(page: str) -> None:
    """Relative links and pictures of a page are files of the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_every_dependency_has_its_reason() -> None:
    """CONTRIBUTING says of every dependency why it is there."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.findall(r'^    "([a-z-]+)>=', project, flags=re.MULTILINE)
    assert len(listed) > 10
    for name in listed:
        assert f"`{name}`" in text, f"CONTRIBUTING has no line on {name}"


@pytest.mark.parametrize(
    ("split", "base"),
    [("gbsr_yelp", "ALS"), ("gbsr_douban_book", "EASE"), ("lightgcn_lastfm", "ALS")],
)
def test_the_numbers_of_the_readme_are_those_of_the_benchmark(split: str, base: str) -> None:
    """Recall and NDCG in the table are what the benchmark wrote down."""
    kept = json.loads((ROOT / "benchmarks" / "accuracy.json").read_text(encoding="utf-8"))
    row = next(line for line in README.splitlines() if line.startswith(f"| {split} |"))
    for name in (base, f"SocialDiffusion({base})"):
        found = kept[f"{split}/{name}"]
        shown = f"{found['recall']:.4f} / {found['ndcg']:.4f}".replace("0.", ".")
        assert shown in row, f"{name}: {shown} is not in {row}"
