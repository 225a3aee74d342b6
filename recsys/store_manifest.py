"""The manifest of a model's folder: what is in it, under a seal.

``manifest.json`` names the format, the versions that wrote it, and the model: class, parameters,
plain fitted values, and every part with its files, their sizes and their sha256; a wrapped model
is described in the same words inside its part. The last entry is the sha256 of all others.

In format 3 a part may be rows in pieces, one piece per shard of a cluster:
``{"kind": "rows", "of": [part, part, ...]}``, where each piece is a part with its ``shape`` (and
``cells``, where it is sparse). Where no part is so, format 2 is written.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy

from .own_version import own_version

#: what is written with and without rows in pieces; format 1 (one manifest per wrapped model, parts
#: named by attribute) is read
FORMAT, WHOLE_FORMAT = 3, 2
READABLE = (1, 2, 3)
KIND_OF_ROWS = "rows"
MANIFEST = "manifest.json"

Classes: TypeAlias = "Mapping[str, Callable[[], Any]]"
#: what a manifest says of a part or of a model
Description: TypeAlias = "dict[str, Any]"


class CorruptModelError(ValueError):
    """A model folder is damaged or incomplete; the message names the part."""


def sealed(model: Mapping[str, Any]) -> bytes:
    """The text of a manifest around the description of a model."""
    version = FORMAT if has_rows(model) else WHOLE_FORMAT
    manifest: dict[str, Any] = {"format": version, "versions": versions(), **model}
    manifest["sha256"] = seal(manifest)
    return json.dumps(manifest, indent=1).encode()


def seal(manifest: Mapping[str, Any]) -> str:
    """The sha256 of a manifest's entries."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """What this process runs."""
    return {
        "suffuse": own_version(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "pandas": pd.__version__,
        "pyarrow": pa.__version__,
    }


def manifest_text(folder: Path) -> bytes:
    """What stands in the manifest's file; raises where there is no folder or no file."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise FileNotFoundError(f"the model must be a folder; got {str(folder)!r}, which is none")
    if not path.is_file():
        raise CorruptModelError(f"the model folder {str(folder)!r} must hold {MANIFEST}: not found")
    return path.read_bytes()


def parsed_manifest(folder: Path, text: bytes) -> dict[str, Any]:
    """The entries of a manifest under a whole seal, of a format that can be read."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptModelError(f"{path} must be readable JSON; {error}") from error
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if version not in READABLE or isinstance(version, bool):
        raise CorruptModelError(
            f"{path} must have format {FORMAT} (or an older one, down to {READABLE[0]}); "
            f"got {version!r}: fit again, or read it with the version of suffuse that wrote it"
        )
    if manifest.pop("sha256", None) != seal(manifest):
        raise CorruptModelError(f"{path} is damaged (its sha256 differs): save the model again")
    return dict(manifest)


def files_in(model: Mapping[str, Any], *, rows: bool = True) -> Iterator[dict[str, Any]]:
    """The files that a description names, those of wrapped models and of ``rows`` included."""
    for part in model["parts"].values():
        if "model" in part:
            yield from files_in(part["model"], rows=rows)
        yield from part.get("files", {}).values()
        for piece in part.get("of", ()) if rows else ():
            yield from piece["files"].values()


def has_rows(model: Mapping[str, Any]) -> bool:
    """Whether a part of a description, or of a wrapped model, is rows in pieces."""
    parts = model["parts"].values()
    return any(
        has_rows(part["model"]) if "model" in part else part["kind"] == KIND_OF_ROWS
        for part in parts
    )


def parameters_of(model: Any) -> dict[str, Any]:
    """Parameters as JSON; a wrapped model as its class and parameters."""
    found = {}
    for name, value in model.get_params(deep=False).items():
        if hasattr(value, "get_params"):
            found[name] = {"class": type(value).__name__, "parameters": parameters_of(value)}
        else:
            found[name] = _plain(value)
    return found


def unfitted(description: Mapping[str, Any], classes: Classes) -> Any:
    """A model of the class and with the parameters of a description."""
    model = classes[description["class"]]()
    known = model.get_params(deep=False)
    for name, value in description["parameters"].items():
        if name not in known:
            raise KeyError(name)
        setattr(model, name, unfitted(value, classes) if is_model(value) else value)
    return model


def is_model(value: Any) -> bool:
    """Whether a parameter is the description of a model, and not a plain dictionary."""
    return isinstance(value, dict) and set(value) == {"class", "parameters"}


def _plain(value: Any) -> Any:
    """A parameter as JSON knows it: no mapping but a dictionary, no number of numpy's."""
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    return value.item() if isinstance(value, np.generic) else value
