"""Folders with a published split: train, test, perhaps valid, and a social graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .columns import INTERACTION_COLUMNS, SOCIAL_COLUMNS, find_columns
from .readers import PathLike, read_table


@dataclass(frozen=True, eq=False)
class SplitFolder:
    """A published split, with our column names.

    Parameters
    ----------
    name : str
        Name of the data set.
    train, test : DataFrame
        Columns user_id, item_id and, where the source has them, weight and timestamp.
    valid : DataFrame or None
        A part for choosing hyper-parameters, if one is published.
    social : DataFrame or None
        Columns source_id, target_id and perhaps weight, as listed by the source.
    users, items : DataFrame or None
        What is known about users (first column user_id) and items (first column item_id).
    directed : bool or None
        Whether a tie binds its source only; None where the folder does not say.
    meta : mapping
        The content of meta.json, empty if there is none.

    Examples
    --------
    >>> part = pd.DataFrame({"user_id": [1], "item_id": [2]})
    >>> SplitFolder("mine", part, part, None, None, None, None, None, {}).directed is None
    True
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    valid: pd.DataFrame | None
    social: pd.DataFrame | None
    users: pd.DataFrame | None
    items: pd.DataFrame | None
    directed: bool | None
    meta: Mapping[str, Any]


def read_split_folder(path: PathLike) -> SplitFolder:
    """Read a folder with train.parquet, test.parquet and what else there is.

    Also read, where present: valid, social, users and items (.parquet), and meta.json. Column
    names may be any that `Interactions.from_frame` and `SocialGraph.from_frame` know.

    Parameters
    ----------
    path : path-like
        The folder.

    Returns
    -------
    SplitFolder
        The tables with our column names.

    Raises
    ------
    FileNotFoundError
        If the folder, train.parquet or test.parquet is missing.
    ValueError
        If a file cannot be read or lacks a column; the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> part = pd.DataFrame({"user": [1], "item": [2]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("train", "test"):
    ...         part.to_parquet(Path(folder) / f"{name}.parquet")
    ...     list(read_split_folder(folder).train.columns)
    ['user_id', 'item_id']
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"path must be an existing folder; got {str(folder)!r}")
    for name in ("train", "test"):
        if not (folder / f"{name}.parquet").is_file():
            found = sorted(file.name for file in folder.iterdir())
            raise FileNotFoundError(
                f"path must hold {name}.parquet; {str(folder)!r} holds {found}: read a single "
                "table with read_interactions, and split it"
            )
    meta = _read_meta(folder / "meta.json")
    interactions = {
        name: _renamed(folder / f"{name}.parquet", INTERACTION_COLUMNS)
        for name in ("train", "test", "valid")
    }
    train, test = interactions["train"], interactions["test"]
    if train is None or test is None:
        raise FileNotFoundError(f"train and test must stay in {str(folder)!r} while it is read")
    return SplitFolder(
        name=str(meta.get("name", folder.name)),
        train=train,
        test=test,
        valid=interactions["valid"],
        social=_renamed(folder / "social.parquet", SOCIAL_COLUMNS),
        users=_attributes(folder / "users.parquet", "user_id"),
        items=_attributes(folder / "items.parquet", "item_id"),
        directed=_directed(meta),
        meta=meta,
    )


def _read_meta(file: Path) -> dict[str, Any]:
    """Return the content of meta.json, empty if there is no such file."""
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"meta.json must be valid JSON; {str(file)!r} is not: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"meta.json must hold an object; {str(file)!r} does not")
    return content


def _renamed(file: Path, known: Mapping[str, frozenset[str]]) -> pd.DataFrame | None:
    """Return a table with our column names, None if there is no such file."""
    if not file.is_file():
        return None
    frame = read_table(file)
    try:
        found = find_columns(frame, known)
    except ValueError as error:
        raise ValueError(f"{str(file)!r}: {error}") from error
    return frame.rename(columns={column: role for role, column in found.items()})


def _attributes(file: Path, role: str) -> pd.DataFrame | None:
    """Return a table about users or items, its id column under our name."""
    if not file.is_file():
        return None
    frame = read_table(file)
    short = role.removesuffix("_id")
    return frame.rename(columns={short: role}) if role not in frame.columns else frame


def _directed(meta: Mapping[str, Any]) -> bool | None:
    """Say from the published statistics whether the ties are directed.

    A list with every tie in both directions is undirected, and so is one with no tie in both
    directions: it lists each pair once. Anything between is directed.
    """
    checks = meta.get("checks", {})
    symmetric, reciprocity = checks.get("social_symmetric"), checks.get("social_reciprocity")
    if symmetric is None or reciprocity is None:
        return None
    return not symmetric and reciprocity != 0
