"""Options that several verbs share, and what may be written where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..datasets.readers import SUFFIXES

Columns = Annotated[
    list[str], typer.Option(help="role=column where a name is unusual, e.g. user_id=who")
]
Jobs = Annotated[int | None, typer.Option("--jobs", help="Threads; all cores by default.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what --out names.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]


def refuse_unwritable(path: Path, force: bool) -> None:
    """Refuse before anything is computed what could not be written at the end."""
    refuse_existing_file(path, force)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"--out must end in one of {list(SUFFIXES)}; got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"--out must lie in an existing folder; got {str(path)!r}")


def refuse_existing_file(path: Path, force: bool, option: str = "--out") -> None:
    """Refuse to replace a file unless told to."""
    if path.exists() and not force:
        raise FileExistsError(f"{option} must not exist yet; got {str(path)!r}: add --force")
