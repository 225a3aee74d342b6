"""The parts of a saved model: arrays as npy, ids and tables as parquet; never a pickle.

A file is named by what it holds (``item_factors_-0f3a....npy``, the first 16 digits of its
sha256), so that files of an old and of a new model never meet, equal parts are stored once, and
what has not changed is not written again.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from .store_files import file_sha256, link_file, write_file
from .store_manifest import CorruptModelError

File = dict[str, Any]

#: whole numbers as wide as an element: compared as bits, where -0.0 is not 0.0 and NaN is NaN
_WORDS: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
#: words that are compared at a time
_SLICE = 2**16


class PartWriter:
    """Writes parts to a folder; remembers the names of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: set[str] = set()

    def part(self, name: str, value: Any) -> dict[str, Any]:
        """Write a fitted attribute; what the manifest says of it."""
        if isinstance(value, sparse.csr_array):
            arrays = {"data": value.data, "indices": value.indices, "indptr": value.indptr}
            files = {key: self._array(f"{name}.{key}", part) for key, part in arrays.items()}
            return {"kind": "sparse", "shape": list(value.shape), "files": files}
        if isinstance(value, pd.DataFrame):
            buffer = io.BytesIO()
            value.to_parquet(buffer)
            return {"kind": "table", "files": {"table": self._file(name, buffer, ".parquet")}}
        array = np.asarray(value, order="C")
        if array.dtype == object and name.endswith("_ids_"):
            buffer = _id_table(name, array)
            return {"kind": "ids", "files": {"ids": self._file(name, buffer, ".parquet")}}
        if array.dtype == object:
            raise TypeError(
                f"{name} must be an array, a sparse array, a frame, a number, a text or a model "
                f"to be saved; got {type(value).__name__}"
            )
        return {"kind": "array", "files": {"array": self._array(name, array)}}

    def take(self, folder: Path, file: File) -> None:
        """Make a file of another folder one of this one too, without reading it where that can be.

        Its sha256 is known, and will be asked for by whoever reads it.
        """
        name = str(file["name"])
        source, target = checked_file(folder, file), self.folder / name
        is_here = target.is_file() and (
            target.samefile(source) or _holds(target, file["sha256"], file["bytes"])
        )
        if name not in self.names and not is_here:
            link_file(source, self.folder, name)
        self.names.add(name)

    def _array(self, name: str, array: npt.NDArray[Any]) -> File:
        array = np.asarray(array, order="C")
        header = io.BytesIO()
        described = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(header, described)
        # as bytes: dates have no buffer of their own
        file = self._pieces(name, [header.getvalue(), array.reshape(-1).view(np.uint8)], ".npy")
        element = array.reshape(-1)[:1].tobytes()
        if len(element) in _WORDS and _all_equal(array.reshape(-1).view(_WORDS[len(element)])):
            head = header.getvalue()
            digest = hashlib.sha256(head).hexdigest()
            file["same"] = {"head": digest, "offset": len(head), "element": element.hex()}
        return file

    def _file(self, name: str, buffer: io.BytesIO, suffix: str) -> File:
        return self._pieces(name, [buffer.getbuffer()], suffix)

    def _pieces(self, name: str, pieces: list[Any], suffix: str) -> File:
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        found = digest.hexdigest()
        stored, size = f"{name}-{found[:16]}{suffix}", sum(len(piece) for piece in pieces)
        if stored not in self.names and not _holds(self.folder / stored, found, size):
            write_file(self.folder, stored, pieces)
        self.names.add(stored)
        return {"name": stored, "sha256": found, "bytes": size}


class PartReader:
    """Reads parts; their files are verified in threads while others are read."""

    def __init__(self, folder: Path, files: list[File], pool: ThreadPoolExecutor) -> None:
        self.folder = folder
        self._sums: dict[str, Future[str | None]] = {}
        self._parts: dict[str, Any] = {}
        # ids first, as they take time after the check; then the largest, as nothing waits for them
        for file in sorted(files, key=lambda file: (_is_array(file), -file.get("bytes", 0))):
            name, path = file["name"], _inside(folder, file)
            if name not in self._sums:
                self._sums[name] = pool.submit(_sum_or_none, path, file)

    def part(self, description: dict[str, Any]) -> Any:
        """The value of a part; equal ones are one object, as they were in the fitted model."""
        files: dict[str, File] = description["files"]
        paths = {key: self.verified(file) for key, file in files.items()}
        key = json.dumps(description, sort_keys=True)
        # frames can be written to, everything else cannot
        if key not in self._parts or description["kind"] == "table":
            try:
                self._parts[key] = _READERS[description["kind"]](paths, description)
            except (KeyError, ValueError, TypeError, IndexError, pa.ArrowException) as error:
                first = next(iter(paths.values()), self.folder)
                raise CorruptModelError(
                    f"part {first} cannot be read ({error}): save the model again"
                ) from error
        return self._parts[key]

    def verified(self, file: File) -> Path:
        """The path of a file that holds what the manifest says."""
        path = self.folder / str(file["name"])
        found = self._sums[file["name"]].result()
        if found is None:
            raise CorruptModelError(f"part {path} is missing: save the model again")
        if found != file["sha256"]:
            raise CorruptModelError(f"part {path} is damaged (its sha256 differs): save it again")
        return path


def checked_file(folder: Path, file: File) -> Path:
    """The path of a file that is there, of the size that the manifest says; it is not read."""
    path = _inside(folder, file)
    if not path.is_file():
        raise CorruptModelError(f"part {path} is missing: save the model again")
    if path.stat().st_size != file["bytes"]:
        raise CorruptModelError(f"part {path} is damaged (its size differs): save it again")
    return path


def _inside(folder: Path, file: File) -> Path:
    """The path of a file, which a manifest must not lead out of the folder."""
    name = file["name"]
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise CorruptModelError(f"part {name!r} must lie in the model folder {folder}")
    return folder / str(name)


def _is_array(file: File) -> bool:
    return str(file["name"]).endswith(".npy")


def _sum_or_none(path: Path, file: File) -> str | None:
    """The sha256 of a file, None where there is none."""
    if not path.is_file():
        return None
    if "same" in file and _is_filled(path, file["bytes"], file["same"]):
        return str(file["sha256"])
    return file_sha256(path)


def _is_filled(path: Path, size: int, same: dict[str, Any]) -> bool:
    """Whether a file is a known header and one number over and over, as the ones of many tables.

    Then its bytes are all known, and comparing them takes a fifth of the time of their sha256.
    """
    if path.stat().st_size != size:
        return False
    try:
        with path.open("rb") as stream:
            if hashlib.sha256(stream.read(same["offset"])).hexdigest() != same["head"]:
                return False
        element = bytes.fromhex(same["element"])
        body = np.memmap(path, _WORDS[len(element)], mode="r", offset=same["offset"])
    except (KeyError, TypeError, ValueError):
        return False  # the manifest names no such number: the sha256 of the whole file will tell
    return bool(body[:1].tobytes() == element) and _all_equal(body)


def _all_equal(words: npt.NDArray[Any]) -> bool:
    """Whether all words are the first; in slices that stay close to the processor."""
    slices = range(0, len(words), _SLICE)
    return all(bool((words[start : start + _SLICE] == words[0]).all()) for start in slices)


def _holds(path: Path, digest: str, size: int) -> bool:
    """Whether a file is there already, whole."""
    return path.is_file() and path.stat().st_size == size and file_sha256(path) == digest


def _id_table(name: str, ids: npt.NDArray[Any]) -> io.BytesIO:
    """Ids of any type that parquet knows; others are refused rather than changed."""
    wanted = ids.tolist()
    buffer = io.BytesIO()
    try:
        pd.DataFrame({"id": ids}).to_parquet(buffer, index=False)
        found = _read_ids(buffer).tolist()
        same = found == wanted and hash(tuple(found)) == hash(tuple(wanted))
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        why = error.args[0] if error.args else error
        raise TypeError(_UNSTORABLE.format(name=name, example=wanted[0], why=why)) from error
    if not same:
        raise TypeError(_UNSTORABLE.format(name=name, example=wanted[0], why="they change type"))
    return buffer


_UNSTORABLE = (
    "{name} must be of one type that parquet can hold (numbers, strings, dates) to be saved; "
    "got ids like {example!r} ({why}): map them to strings before fit"
)


def _read_ids(source: Any) -> npt.NDArray[Any]:
    """A column of ids as objects; texts by the short way, as there may be millions."""
    column = pq.read_table(source, columns=["id"]).column(0)
    if column.null_count == 0 and (
        pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    ):
        ids: npt.NDArray[Any] = column.to_numpy()
    else:
        ids = np.array(pd.read_parquet(source)["id"].to_numpy(dtype=object))
    ids.setflags(write=False)
    return ids


def _read_array(path: Path) -> Any:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _read_sparse(paths: dict[str, Path], description: dict[str, Any]) -> sparse.csr_array:
    arrays = tuple(_read_array(paths[key]) for key in ("data", "indices", "indptr"))
    return sparse.csr_array(arrays, shape=tuple(description["shape"]))


_READERS: dict[str, Callable[[dict[str, Path], dict[str, Any]], Any]] = {
    "sparse": _read_sparse,
    "table": lambda paths, _: pd.read_parquet(paths["table"]),
    "ids": lambda paths, _: _read_ids(paths["ids"]),
    "array": lambda paths, _: _read_array(paths["array"]),
}
