"""A fitted model as a folder: a sealed JSON manifest, npy arrays, parquet ids. No pickle.

What a cluster has fitted holds the rows of its users in pieces, which are read when somebody asks
for them (``row_parts.py``); saved before that, their files are copied as they are.

Saving over an old model writes the new parts beside the old ones, puts the new manifest in the
place of the old one in one step, and then removes the parts that it does not name: whenever the
process is killed, the folder holds the old model or the new one, whole. A model that is new is
made in a folder of a temporary name, which is renamed. Whoever has the old arrays open by memory
map keeps them. What a killed save left behind goes with the next one.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .execution import resolve_jobs
from .row_parts import RowReader, StoredRows, is_fitted_name, rows_of, set_rows
from .store_files import (
    SAVING,
    clean_beside,
    fresh_folder,
    locked,
    remove,
    sync_folder,
    write_file,
)
from .store_manifest import (
    KIND_OF_ROWS,
    MANIFEST,
    Classes,
    files_in,
    manifest_text,
    parameters_of,
    parsed_manifest,
    sealed,
    unfitted,
)
from .store_manifest import CorruptModelError as CorruptModelError
from .store_parts import PartReader, PartWriter

#: how often a folder is read again that another process saves while it is read
_RETRIES = 20


def save_model(model: Any, folder: Path, *, overwrite: bool) -> None:
    """Write ``model`` to ``folder``; the public words are at ``Recommender.save``."""
    place = Path(os.path.realpath(folder))
    while True:
        refuse_existing(folder, overwrite=overwrite)
        place.parent.mkdir(parents=True, exist_ok=True)
        clean_beside(place)
        if place.exists():
            with locked(place):
                # whoever held the lock before may have saved a model here
                refuse_existing(folder, overwrite=overwrite)
                _write_into(model, place)
            return
        try:
            with fresh_folder(place) as staging:
                finish(staging, described_text(model, PartWriter(staging)))
        except OSError:
            if not place.exists():
                raise
        else:
            return


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
    if folder.is_dir() and (folder / MANIFEST).is_file():
        named = _named_in(folder)
        foreign = sorted(path.name for path in folder.iterdir() if not _is_part(path, named))
        if foreign:
            raise FileExistsError(
                f"only a model folder can be overwritten; got {str(folder)!r}, which also holds "
                f"{foreign[0]!r}: move it away"
            )
    elif not (folder.is_dir() and all(_is_part(path, set()) for path in folder.iterdir())):
        raise FileExistsError(
            f"only a model folder can be overwritten; got {str(folder)!r}, which holds no "
            f"{MANIFEST}: choose another"
        )


def read_model(folder: Path, classes: Classes) -> Any:
    """The model in ``folder``, its class looked up among ``classes``; every part is checked.

    Readers hold no lock: where a part has gone because somebody saved meanwhile, the manifest has
    changed, and the new model is read.
    """
    text = manifest_text(folder)
    for _ in range(_RETRIES):
        try:
            return _read(folder, text, classes)
        except (CorruptModelError, OSError):
            now = manifest_text(folder)
            if now == text:
                raise
            text = now
    return _read(folder, text, classes)


def _write_into(model: Any, folder: Path) -> None:
    """Write beside what is there; remove that when the new manifest stands, else the new parts."""
    named = _named_in(folder)
    old = [path for path in folder.iterdir() if _is_part(path, named)]
    before = {path.name for path in old}
    writer, text = PartWriter(folder), b""
    try:
        text = described_text(model, writer)
        finish(folder, text)
    except BaseException:  # an interruption too: the old model stays alone
        manifest = folder / MANIFEST
        if not (manifest.is_file() and manifest.read_bytes() == text):
            for name in writer.names - before:
                remove(folder / name)
        raise
    for path in old:
        if path.name not in writer.names and path.name != MANIFEST:
            remove(path)


def finish(folder: Path, text: bytes) -> None:
    """The last step of a save: until here the old manifest stands, from here the new one."""
    sync_folder(folder)
    write_file(folder, MANIFEST, [text])
    sync_folder(folder)


def described_text(model: Any, writer: PartWriter) -> bytes:
    """The manifest of a model, whose parts are written in passing."""
    return sealed(_described(model, writer))


def _described(model: Any, writer: PartWriter) -> dict[str, Any]:
    """What the manifest says of a model, whose parts are written in passing."""
    parts: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for name, value in vars(model).items():
        if not is_fitted_name(name):
            continue
        if value is None or isinstance(value, bool | int | float | str):
            values[name] = value
        elif hasattr(value, "get_params"):
            parts[name] = {"kind": "model", "model": _described(value, writer)}
        else:
            parts[name] = _write_part(writer, name, value)
    for name, rows in rows_of(model).items():
        # rows that are in memory are stored as one: whoever loads them need not join them again
        is_read = rows.is_read
        parts[name] = writer.part(name, rows.value()) if is_read else rows.copied(writer)
    return {
        "class": type(model).__name__,
        "parameters": parameters_of(model),
        "values": values,
        "parts": parts,
    }


def _write_part(writer: PartWriter, name: str, value: Any) -> dict[str, Any]:
    return writer.part(name, value)


def _read(folder: Path, text: bytes, classes: Classes) -> Any:
    manifest = parsed_manifest(folder, text)
    pool = ThreadPoolExecutor(resolve_jobs(None))
    try:
        reader = PartReader(folder, list(files_in(manifest, rows=False)), pool)
        return _restored(manifest, reader, RowReader(folder), classes)
    except (KeyError, TypeError, AttributeError) as error:
        raise CorruptModelError(
            f"{folder / MANIFEST} must name class, parameters, parts and values; missing or "
            f"wrong: {error}: save the model again"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _restored(
    description: dict[str, Any], reader: PartReader, pieces: RowReader, classes: Classes
) -> Any:
    model = unfitted(description, classes)
    found = dict(description["values"])
    for name, part in description["parts"].items():
        if part["kind"] == KIND_OF_ROWS:
            found[name] = pieces.rows(part["of"])
        elif part["kind"] != "model":
            found[name] = reader.part(part)
        elif "model" in part:
            found[name] = _restored(part["model"], reader, pieces, classes)
        else:  # format 1: a folder in the folder, with a manifest of its own
            found[name] = read_model(reader.verified(part["files"]["model"]).parent, classes)
    for name, value in found.items():
        if not is_fitted_name(name):
            raise KeyError(name)
        if isinstance(value, StoredRows):
            set_rows(model, {name: value})
        else:
            setattr(model, name, value)
    rows, shape = found["interactions_"], (len(found["user_ids_"]), len(found["item_ids_"]))
    if rows.shape != shape:
        raise CorruptModelError(
            f"part {reader.folder}/interactions_ must have one row per user and one column per "
            f"item, {shape}; got {rows.shape}: save the model again"
        )
    return model


def _named_in(folder: Path) -> set[str] | None:
    """Names of files and folders that the manifest in a folder names; None where it is damaged."""
    try:
        manifest = parsed_manifest(folder, manifest_text(folder))
        return {Path(file["name"]).parts[0] for file in files_in(manifest)}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def _is_part(path: Path, named: set[str] | None) -> bool:
    """Whether a file or folder is the store's own, and goes when another model takes its place.

    Without a manifest to ask (``named`` is None) whatever a model of format 1 may hold counts.
    """
    if path.name == MANIFEST or _OWN.fullmatch(path.name):
        return True
    if named is not None:
        return path.name in named
    return (path / MANIFEST).is_file() if path.is_dir() else path.suffix in {".npy", ".parquet"}


#: parts that are named by their sha256, and what is not finished
_OWN = re.compile(rf".+-[0-9a-f]{{16}}\.(npy|parquet)|\.[0-9a-f]{{16}}{re.escape(SAVING)}")
