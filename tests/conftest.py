"""Processes of their own for what uses a real Ray, which ends the process that loses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

#: so many times may Ray end a process; a verdict of the process itself is never asked for twice
TRIES = 3


@pytest.fixture
def on_ray(capfd: pytest.CaptureFixture[str]) -> Callable[[list[str], Path, Path], None]:
    """Run a command that leaves a file ``verdict`` when it ends by itself, well or not.

    Where Ray has ended it (it does so without a word to Python when its own processes are lost)
    there is no verdict: then it runs again, and what Ray wrote is printed for whoever looks.
    """

    def run(command: list[str], verdict: Path, folder: Path) -> None:
        for _ in range(TRIES):
            # sockets lie in it, whose names must be short
            logs = Path(tempfile.mkdtemp(prefix="ray-"))
            try:
                done = subprocess.run(
                    command,
                    cwd=folder,
                    env=os.environ | {"RAY_TMPDIR": str(logs)},
                    capture_output=True,
                    text=True,
                    timeout=600,
                    check=False,
                )
                if verdict.is_file():
                    assert done.returncode == 0, done.stdout + done.stderr
                    return
                lost = f"\nno verdict (exit {done.returncode}) of {command}\n{last_words(logs)}"
            finally:
                shutil.rmtree(logs, ignore_errors=True)
            with capfd.disabled():
                print(lost)  # noqa: T201
        pytest.fail(f"Ray ended the process {TRIES} times:\n{done.stdout}{done.stderr}")

    return run


def last_words(logs: Path) -> str:
    """The ends of what the processes of Ray wrote, workers left out."""
    found = []
    for path in sorted(logs.glob("session_2*/logs/*")):
        if path.is_file() and path.stat().st_size and "worker-" not in path.name:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            told = [line for line in lines if " E " in line or " W " in line or " F " in line]
            found.append("\n".join([f"-- {path.name}", *told[-6:], *lines[-4:]]))
    return "\n".join(found)
