"""The wheel holds what the folders hold, types check on it, and a bare import is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import suffuse

ROOT = Path(__file__).parents[1]
ROOMS = ("recsys", "diffusion", "training", "datasets")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tracked folders."""
    copy = tmp_path_factory.mktemp("build")
    for name in (*ROOMS, "src"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(copy / "dist"), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    return next((copy / "dist").glob("*.whl"))


def test_every_folder_with_code_is_packaged() -> None:
    """A folder forgotten in pyproject works editable and is missing from the wheel."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    declared = set(config["package-dir"].values())
    present = {
        path.parent.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in ROOT.glob(f"{room}/**/*.py")
    }
    assert present <= declared
    assert set(config["package-dir"]) == set(config["packages"])


def test_wheel_holds_the_files_on_disk(wheel: Path) -> None:
    """Every module on disk is in the wheel, under suffuse, and nothing else is."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        f"suffuse/{room}/{path.name}" for room in ROOMS for path in ROOT.glob(f"{room}/*.py")
    }
    expected |= {"suffuse/__init__.py", "suffuse/py.typed"}
    assert inside == expected


def test_types_check_on_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """``mypy --strict`` finds nothing in the installed wheel."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "-p", "suffuse"],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in result.stdout.splitlines() if ": error:" in line]
    assert result.returncode == 0, "\n".join(errors) + result.stderr


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_style(command: list[str]) -> None:
    """``ruff`` has nothing to say."""
    result = subprocess.run(
        [sys.executable, "-m", "ruff", *command, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("room", ROOMS)
def test_a_bare_import_is_refused(room: str) -> None:
    """From the root, ``import recsys`` would find our folder under a name that is not ours."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {room}"
    result = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert f"this folder is suffuse.{room}" in result.stderr


def test_import_is_light() -> None:
    """``import suffuse`` loads no room and no heavy library."""
    code = (
        "import sys, suffuse; heavy = ('pandas', 'scipy', 'numba', 'torch', 'suffuse.recsys'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_version_is_a_release_number() -> None:
    """The version in the package is the one in the change log."""
    assert f"## {suffuse.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
