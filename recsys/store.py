"""A fitted model as a folder: a JSON manifest, npy arrays, parquet ids. No pickle.

``manifest.json`` names the format, the versions, the class and its parameters, and every part
with its sha256; its last entry is the sha256 of the others. Parts are ``.npy`` arrays (three for
a sparse matrix) and ``.parquet`` tables; a wrapped model is a folder in the folder. Everything is
written under a temporary name and renamed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

FORMAT = 1
MANIFEST = "manifest.json"


class CorruptModelError(ValueError):
    """A model folder is damaged or incomplete; the message names the part."""


def save_model(model: Any, folder: Path, *, overwrite: bool) -> None:
    """Write ``model`` to ``folder``; the public words are at ``Recommender.save``."""
    refuse_existing(folder, overwrite=overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write(model, staging / "new")
        _swap(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def refuse_existing(folder: Path, *, overwrite: bool) -> None:
    """Raise ``FileExistsError`` where ``folder`` may not be written."""
    if not folder.exists():
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not overwrite:
        raise FileExistsError(
            f"the model folder must not exist yet; got {str(folder)!r}: "
            "choose another, or overwrite it (--force, overwrite=True)"
        )
    foreign = (
        [path.name for path in folder.iterdir() if not _is_part(path)] if folder.is_dir() else []
    )
    if foreign and (folder / MANIFEST).is_file():
        raise FileExistsError(
            f"only a model folder can be overwritten; got {str(folder)!r}, which also holds "
            f"{foreign[0]!r}: move it away"
        )
    if not (folder / MANIFEST).is_file():
        raise FileExistsError(
            f"only a model folder can be overwritten; got {str(folder)!r}, which holds no "
            f"{MANIFEST}: choose another"
        )


def _is_part(path: Path) -> bool:
    """Whether a file or folder is of the kind that a model folder holds."""
    if path.is_dir():
        return (path / MANIFEST).is_file()
    return path.name == MANIFEST or path.suffix in (".npy", ".parquet")


def read_model(folder: Path, classes: dict[str, Callable[[], Any]]) -> Any:
    """The model in ``folder``, its class looked up among ``classes``; every part is checked."""
    manifest = _read_manifest(folder)
    try:
        make = classes[manifest["class"]]
        parameters, parts, values = manifest["parameters"], manifest["parts"], manifest["values"]
        model = make()
        for name, value in parameters.items():
            setattr(model, name, _unfitted(value, classes) if _is_model(value) else value)
        for name, part in parts.items():
            setattr(model, name, _read_part(folder, part, classes))
        for name, value in values.items():
            setattr(model, name, value)
    except (KeyError, TypeError, AttributeError) as error:
        raise CorruptModelError(
            f"{folder / MANIFEST} must name class, parameters, parts and values; missing or "
            f"wrong: {error}: save the model again"
        ) from error
    return model


def _write(model: Any, folder: Path) -> None:
    folder.mkdir()
    parts: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for name, value in vars(model).items():
        if name.startswith("_") or not name.endswith("_"):
            continue
        if value is None or isinstance(value, bool | int | float | str):
            values[name] = value
        else:
            parts[name] = _write_part(folder, name, value)
    manifest = {
        "format": FORMAT,
        "versions": {"numpy": np.__version__, "pandas": pd.__version__},
        "class": type(model).__name__,
        "parameters": _parameters(model),
        "values": values,
        "parts": parts,
    }
    manifest["sha256"] = _seal(manifest)
    text = json.dumps(manifest, indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _seal(manifest: dict[str, Any]) -> str:
    """The sha256 of a manifest's entries."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _parameters(model: Any) -> dict[str, Any]:
    """Parameters as JSON; a wrapped model as its class and parameters."""
    found = {}
    for name, value in model.get_params(deep=False).items():
        if hasattr(value, "get_params"):
            found[name] = {"class": type(value).__name__, "parameters": _parameters(value)}
        else:
            found[name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    """A parameter as JSON knows it: no mapping but a dictionary, no number of numpy's."""
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def _unfitted(description: dict[str, Any], classes: dict[str, Callable[[], Any]]) -> Any:
    model = classes[description["class"]]()
    for name, value in description["parameters"].items():
        setattr(model, name, _unfitted(value, classes) if _is_model(value) else value)
    return model


def _is_model(value: Any) -> bool:
    """Whether a parameter is the description of a model, and not a plain dictionary."""
    return isinstance(value, dict) and set(value) == {"class", "parameters"}


def _write_part(folder: Path, name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, sparse.csr_array):
        matrix = value
        arrays = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
        files = {key: _write_array(folder, f"{name}.{key}", part) for key, part in arrays.items()}
        return {"kind": "sparse", "shape": list(matrix.shape), "files": files}
    if isinstance(value, pd.DataFrame):
        value.to_parquet(folder / f"{name}.parquet")
        return {"kind": "table", "files": {"table": _checked_file(folder, f"{name}.parquet")}}
    if hasattr(value, "get_params"):
        _write(value, folder / name)
        return {"kind": "model", "files": {"model": _checked_file(folder, f"{name}/{MANIFEST}")}}
    array = np.asarray(value)
    if name.endswith("_ids_") and array.dtype == object:
        return {"kind": "ids", "files": {"ids": _write_ids(folder, name, array)}}
    return {"kind": "array", "files": {"array": _write_array(folder, name, array)}}


def _write_ids(folder: Path, name: str, ids: Any) -> dict[str, str]:
    """Ids of any type that parquet knows; others are refused rather than changed."""
    wanted = ids.tolist()
    try:
        frame = pd.DataFrame({"id": ids})
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        found = pd.read_parquet(folder / f"{name}.parquet")["id"].tolist()
        same = found == wanted and hash(tuple(found)) == hash(tuple(wanted))
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        why = error.args[0] if error.args else error
        raise TypeError(_UNSTORABLE.format(name=name, example=wanted[0], why=why)) from error
    if not same:
        raise TypeError(_UNSTORABLE.format(name=name, example=wanted[0], why="they change type"))
    return _checked_file(folder, f"{name}.parquet")


_UNSTORABLE = (
    "{name} must be of one type that parquet can hold (numbers, strings, dates) to be saved; "
    "got ids like {example!r} ({why}): map them to strings before fit"
)


def _write_array(folder: Path, name: str, array: Any) -> dict[str, str]:
    np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
    return _checked_file(folder, f"{name}.npy")


def _checked_file(folder: Path, name: str) -> dict[str, str]:
    return {"name": name, "sha256": _sha256(folder / name)}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _swap(staging: Path, folder: Path) -> None:
    """Put the new folder in place; an old one is moved aside first and back on any failure."""
    old = staging / "old"
    try:
        if folder.exists():
            folder.replace(old)
        (staging / "new").replace(folder)
    except BaseException:  # an interruption too: the old model must not go with the staging folder
        if old.exists():
            old.replace(folder)
        raise


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise FileNotFoundError(f"the model must be a folder; got {str(folder)!r}, which is none")
    if not path.is_file():
        raise CorruptModelError(f"the model folder {str(folder)!r} must hold {MANIFEST}: not found")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CorruptModelError(f"{path} must be readable JSON; {error}") from error
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if version != FORMAT:
        raise CorruptModelError(f"{path} must have format {FORMAT}; got {version!r}: fit again")
    seal = manifest.pop("sha256", None)
    if seal != _seal(manifest):
        raise CorruptModelError(f"{path} is damaged (its sha256 differs): save the model again")
    return dict(manifest)


def _read_part(folder: Path, part: dict[str, Any], classes: dict[str, Callable[[], Any]]) -> Any:
    paths = {key: _verified(folder, file) for key, file in part["files"].items()}
    kind = part["kind"]
    if kind == "sparse":
        arrays = [_read_array(paths[key]) for key in ("data", "indices", "indptr")]
        return sparse.csr_array(tuple(arrays), shape=tuple(part["shape"]))
    if kind == "table":
        return pd.read_parquet(paths["table"])
    if kind == "model":
        return read_model(paths["model"].parent, classes)
    if kind == "ids":
        return pd.read_parquet(paths["ids"])["id"].to_numpy(dtype=object)
    return _read_array(paths["array"])


def _read_array(path: Path) -> Any:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _verified(folder: Path, file: dict[str, str]) -> Path:
    path = folder / file["name"]
    if not path.is_file():
        raise CorruptModelError(f"part {path} is missing: save the model again")
    if _sha256(path) != file["sha256"]:
        raise CorruptModelError(f"part {path} is damaged (its sha256 differs): save it again")
    return path
