"""What a model's folder holds, and whether all of it is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .loading import load_model
from .row_parts import all_rows, has_fitted, size_of
from .store_files import file_sha256
from .store_manifest import CorruptModelError, manifest_text, parsed_manifest


@dataclass(frozen=True)
class StoredFile:
    """One file of a saved model.

    Parameters
    ----------
    part : str
        The fitted attribute that it holds, ``base_.item_factors_``, or a third of a sparse one,
        ``interactions_.indices``; of rows in shards with the number of the shard,
        ``user_factors_[0]``.
    name : str
        Its name in the folder.
    bytes : int
        Its size; 0 where it is missing.
    sha256 : str
        What the manifest says.
    state : {"whole", "damaged", "missing"}
    """

    part: str
    name: str
    bytes: int
    sha256: str
    state: str


@dataclass(frozen=True, eq=False)
class ModelInfo:
    """What a model's folder holds.

    Parameters
    ----------
    folder : Path
    format : int
    versions : dict
        Versions of the packages that wrote it.
    class_name : str
        Of the model.
    parameters : dict
        Of ``__init__``; a wrapped model as ``{"class": ..., "parameters": ...}``.
    files : tuple of StoredFile
    problem : str or None
        Why ``load_model`` refuses the folder; what follows is None then.
    users, items, rows, ties : int or None
        Sizes of the model; ``ties`` is None where the model has no graph.
    settings : dict or None
        The fitted settings of a ``SocialDiffusion``.
    ablation : DataFrame or None
        What the graph changed on the hold-out, where settings were chosen on one.
    """

    folder: Path
    format: int
    versions: dict[str, str]
    class_name: str
    parameters: dict[str, Any]
    files: tuple[StoredFile, ...]
    problem: str | None = None
    users: int | None = None
    items: int | None = None
    rows: int | None = None
    ties: int | None = None
    settings: dict[str, Any] | None = None
    ablation: pd.DataFrame | None = None

    @property
    def bytes(self) -> int:
        """Bytes of all files, each counted once."""
        return sum({file.name: file.bytes for file in self.files}.values())

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON knows it.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> import suffuse as sf
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "model"
        >>> sf.Popularity().fit(sf.datasets.tiny_world().interactions).save(path)
        >>> found = model_info(path).to_dict()
        >>> found["class"], found["whole"], found["parameters"]["use_weights"]
        ('Popularity', True, False)
        """
        ablation = None
        if self.ablation is not None:
            ablation = json.loads(self.ablation.to_json(orient="records"))
        return {
            "folder": str(self.folder),
            "class": self.class_name,
            "whole": self.problem is None,
            "problem": self.problem,
            "users": self.users,
            "items": self.items,
            "rows": self.rows,
            "ties": self.ties,
            "bytes": self.bytes,
            "format": self.format,
            "versions": self.versions,
            "parameters": self.parameters,
            "settings": self.settings,
            "ablation": ablation,
            "files": [vars(file) for file in self.files],
        }


def model_info(folder: str | Path) -> ModelInfo:
    """Describe a saved model and check every byte of it, without refusing what is damaged.

    Parameters
    ----------
    folder : path
        What ``save`` wrote.

    Returns
    -------
    ModelInfo
        ``problem`` says why ``load_model`` would refuse the folder, and the ``state`` of each
        file which ones are damaged or missing.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds no manifest that can be read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import suffuse as sf
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model"
    >>> sf.EASE(regularization=5.0).fit(sf.datasets.tiny_world().interactions).save(path)
    >>> info = model_info(path)
    >>> info.class_name, info.problem, {file.state for file in info.files}
    ('EASE', None, {'whole'})
    """
    place = Path(folder)
    manifest = parsed_manifest(place, manifest_text(place))
    problem, sizes = None, {}
    try:
        model = load_model(place)
        for rows in all_rows(model):  # which loading leaves to whoever asks for them
            rows.check()
        sizes = _sizes(model)
    except CorruptModelError as error:
        problem = str(error)
    try:
        return ModelInfo(
            folder=place,
            format=manifest["format"],
            versions=manifest["versions"],
            class_name=manifest["class"],
            parameters=manifest["parameters"],
            files=tuple(_files(place, manifest, known_whole=problem is None)),
            problem=problem,
            **sizes,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CorruptModelError(problem) from error


def _sizes(model: Any) -> dict[str, Any]:
    """Sizes, settings and the ablation of a model that could be loaded."""
    ablation = getattr(model, "ablation_", None)
    return {
        "users": size_of(model, "user_ids_")[0],
        "items": len(model.item_ids_),
        "rows": size_of(model, "interactions_")[1],
        "ties": size_of(model, "social_")[1] if has_fitted(model, "social_") else None,
        "settings": getattr(model, "settings_", None),
        "ablation": None if ablation is None or ablation.empty else ablation,
    }


def _files(
    folder: Path, model: dict[str, Any], *, known_whole: bool, prefix: str = ""
) -> Iterator[StoredFile]:
    for name, part in model["parts"].items():
        if "model" in part:
            inner = f"{prefix}{name}."
            yield from _files(folder, part["model"], known_whole=known_whole, prefix=inner)
        pieces = [(prefix + name, part)] if "files" in part else []
        # those of a shard as slices count them
        pieces += [(f"{prefix}{name}[{n}]", piece) for n, piece in enumerate(part.get("of", ()))]
        for label, piece in pieces:
            for key, file in piece["files"].items():
                which = f"{label}.{key}" if piece["kind"] == "sparse" else label
                yield _checked(folder, which, file, known_whole=known_whole)
        if part["kind"] == "model" and "model" not in part:
            yield from _inner_files(folder, name, known_whole=known_whole, prefix=prefix)


def _inner_files(
    folder: Path, name: str, *, known_whole: bool, prefix: str
) -> Iterator[StoredFile]:
    """Format 1: a wrapped model is a folder in the folder, if its manifest can be read."""
    try:
        inner = parsed_manifest(folder / name, manifest_text(folder / name))
    except (CorruptModelError, FileNotFoundError):
        return
    where = folder / name
    for file in _files(where, inner, known_whole=known_whole, prefix=f"{prefix}{name}."):
        yield StoredFile(file.part, f"{name}/{file.name}", file.bytes, file.sha256, file.state)


def _checked(folder: Path, part: str, file: dict[str, Any], *, known_whole: bool) -> StoredFile:
    path = folder / file["name"]
    if not path.is_file():
        return StoredFile(part, file["name"], 0, file["sha256"], "missing")
    whole = known_whole or file_sha256(path) == file["sha256"]
    state = "whole" if whole else "damaged"
    return StoredFile(part, file["name"], path.stat().st_size, file["sha256"], state)
