"""The files of ``on_ray``, each in a process of its own, which a real Ray may end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parent / "on_ray").glob("test_*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file(path: Path, tmp_path: Path, on_ray: Callable[..., None]) -> None:
    """All of its tests pass."""
    pytest.importorskip("ray", reason="needs suffuse[cluster]")
    verdict = tmp_path / "verdict.xml"
    command = [sys.executable, "-m", "pytest", os.fspath(path), f"--junitxml={verdict}"]
    on_ray(command, verdict, path.parents[3])


def test_there_are_files() -> None:
    """An empty folder would pass."""
    assert {"test_cluster_session", "test_ray_workers"} <= {path.stem for path in FILES}
