"""The room: its public names, its guard, its cheap import."""

import subprocess
import sys
from pathlib import Path

import pytest

import suffuse.datasets as room

FOLDER = Path(room.__file__).parent


def test_every_public_name_is_there_and_comes_from_where_it_says() -> None:
    """The list of names and the table of homes are the same set."""
    assert sorted(room._HOME_OF) == sorted(room.__all__) == dir(room)
    for name in room.__all__:
        assert getattr(room, name).__module__.startswith("suffuse.datasets.")


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = room.nothing


def test_importing_the_room_imports_nothing_heavy() -> None:
    """Tables do not need pooch, networkx, scipy.io, and small ones no numba."""
    code = (
        "import sys, suffuse; before = set(sys.modules); "
        "from suffuse.datasets import Interactions, tiny_world; tiny_world(); "
        "names = {'pooch', 'networkx', 'scipy.io', 'requests', 'numba'}; "
        "print(sorted(names & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_bare_folder_is_refused() -> None:
    """`import datasets` from the root of the checkout says what to do."""
    done = subprocess.run(
        [sys.executable, "-c", "import datasets"],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if FOLDER.name == "datasets" and (FOLDER.parent / "pyproject.toml").is_file():
        assert "this folder is suffuse.datasets" in done.stderr
