"""Fitted attributes that lie in a folder in pieces, and are read when somebody first asks.

A model that a cluster has fitted holds the rows of its users in one piece per shard. Whoever loads
it may want the settings alone, or copy it elsewhere: so the pieces stay where they are until a
fitted name is asked for. Then their bytes are checked and put one after the other, in threads.

Such names are in a model's ``_rows``; ``Recommender.__getattr__`` looks there. What a fit or an
update sets takes their place.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .execution import resolve_jobs
from .fitted import ROWS
from .store_manifest import KIND_OF_ROWS, CorruptModelError, Description
from .store_parts import PartReader, PartWriter, checked_file

Stored: TypeAlias = "Mapping[str, StoredRows]"


class StoredRows:
    """One fitted attribute in pieces, whose rows follow each other; safe to share by threads.

    A pickle holds the value, read for it if it must be, as one of any other model does.

    Parameters
    ----------
    folder : path
        Where the files are.
    pieces : sequence of dict
        What the manifest says of each, as :func:`described_rows` makes it.
    """

    def __init__(self, folder: str | Path, pieces: Sequence[Description]) -> None:
        # the same files wherever the process works by then, and whatever a link leads to
        self.folder = Path(folder).resolve()
        self.pieces = tuple(pieces)
        if not self.pieces:
            raise KeyError("of")
        widths = {(piece["kind"], *piece["shape"][1:]) for piece in self.pieces}
        if len(widths) > 1:
            raise TypeError(f"pieces of {sorted(map(str, widths))}")
        self._lock = threading.Lock()
        self._value: Any = None
        self._kept: object = None

    @classmethod
    def of(cls, value: Any) -> StoredRows:
        """What has been read, and has no folder any more."""
        found = cls.__new__(cls)
        found.folder, found.pieces = Path(), ()
        found._lock, found._value, found._kept = threading.Lock(), value, None
        return found

    @property
    def description(self) -> Description:
        """What a manifest says of it."""
        return {"kind": KIND_OF_ROWS, "of": list(self.pieces)}

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole, without reading it."""
        if not self.pieces:
            return tuple(self._value.shape)
        n_rows = sum(piece["shape"][0] for piece in self.pieces)
        return (n_rows, *self.pieces[0]["shape"][1:])

    @property
    def n_cells(self) -> int | None:
        """Stored cells of sparse rows, without reading them; None of others."""
        if not self.pieces:
            return getattr(self._value, "nnz", None)
        is_sparse = self.pieces[0]["kind"] == "sparse"
        return sum(piece["cells"] for piece in self.pieces) if is_sparse else None

    @property
    def is_read(self) -> bool:
        """Whether it is in memory."""
        return self._value is not None

    def __len__(self) -> int:
        return self.shape[0]

    def files(self) -> Iterator[dict[str, Any]]:
        """All files of all pieces."""
        for piece in self.pieces:
            yield from piece["files"].values()

    def value(self) -> Any:
        """All rows, every byte checked; the same object at every call.

        Raises ``CorruptModelError``, with the file named, where one is missing or damaged.
        """
        with self._lock:
            if self._value is None:
                self._refuse_gone()
                with _reading(self.folder, list(self.files())) as (reader, pool):
                    parts = [reader.part(piece) for piece in self.pieces]
                    for part, piece in zip(parts, self.pieces, strict=True):
                        refuse_other_shape(part, piece, self.folder)
                    self._value = joined(parts, pool)
                self._kept = None
            return self._value

    def _refuse_gone(self) -> None:
        """Raise where somebody has saved another model in the folder since it was loaded."""
        for file in self.files():
            if not (self.folder / file["name"]).is_file():
                raise CorruptModelError(
                    f"part {self.folder / file['name']} has gone since the model was loaded, "
                    "before anybody asked for it: load the model again"
                )

    def check(self) -> None:
        """Raise ``CorruptModelError`` unless every byte of the files is what was written."""
        files = list(self.files())
        with _reading(self.folder, files) as (reader, _):
            for file in files:
                reader.verified(file)

    def copied(self, writer: PartWriter) -> Description:
        """Its description, when the files are also those of another folder."""
        for file in self.files():
            writer.take(self.folder, file)
        return self.description

    def keep(self, thing: object) -> None:
        """Hold on to what must live until the rows are read, such as a temporary folder."""
        self._kept = thing

    def __deepcopy__(self, memo: dict[int, Any]) -> StoredRows:
        return self

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return StoredRows.of, (self.value(),)


class RowReader:
    """Makes :class:`StoredRows` of the parts of a folder; equal ones are one object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, StoredRows] = {}

    def rows(self, pieces: Sequence[Description]) -> StoredRows:
        """Some pieces, whose files must be there and of the right size."""
        key = json.dumps(pieces, sort_keys=True)
        if key not in self._known:
            found = StoredRows(self.folder, pieces)
            for file in found.files():
                checked_file(self.folder, file)
            self._known[key] = found
        return self._known[key]


def described_rows(writer: PartWriter, name: str, value: Any) -> Description:
    """Write one piece of an attribute; what the manifest says of it, with its size."""
    found = writer.part(name, value) | {"shape": [int(length) for length in value.shape]}
    cells = getattr(value, "nnz", None)
    return found if cells is None else found | {"cells": int(cells)}


def rows_of(model: Any) -> Stored:
    """The attributes of a model that it has in no other way than from a folder."""
    state = vars(model)
    return {name: rows for name, rows in state.get(ROWS, {}).items() if name not in state}


def all_rows(model: Any) -> tuple[StoredRows, ...]:
    """Those of a model and of the models inside of it that are not read, each once."""
    found = [rows for rows in rows_of(model).values() if not rows.is_read]
    for inner in vars(model).values():
        if hasattr(inner, "get_params"):
            found += all_rows(inner)
    return tuple(dict.fromkeys(found))


def set_rows(model: Any, rows: Stored) -> None:
    """Give a model attributes in pieces, in the place of those of the same names."""
    state = vars(model)
    for name in rows:
        state.pop(name, None)
    state[ROWS] = {**rows_of(model), **rows}


def forget_replaced(model: Any) -> None:
    """Let go of the pieces of attributes that a model has in another way by now."""
    left = rows_of(model)
    if left:
        vars(model)[ROWS] = left
    else:
        vars(model).pop(ROWS, None)


def fitted_state(model: Any) -> dict[str, Any]:
    """All fitted names and their values; those in pieces are read."""
    found = {name: value for name, value in vars(model).items() if is_fitted_name(name)}
    return found | {name: getattr(model, name) for name in rows_of(model)}


def is_fitted_name(name: str) -> bool:
    """Whether an attribute is what a fit computed."""
    return name.endswith("_") and not name.startswith("_")


def has_fitted(model: Any, name: str) -> bool:
    """``hasattr``, without reading."""
    return name in rows_of(model) or hasattr(model, name)


def size_of(model: Any, name: str) -> tuple[int, int | None]:
    """Rows of a fitted attribute, and cells where it is sparse; nothing is read."""
    rows = rows_of(model).get(name)
    if rows is not None:
        return len(rows), rows.n_cells
    value = getattr(model, name)
    return value.shape[0], getattr(value, "nnz", None)


def refuse_other_shape(value: Any, piece: Description, folder: Path) -> None:
    """Raise ``CorruptModelError`` where a whole file holds another shape than the manifest says."""
    if list(value.shape) != list(piece["shape"]):
        name = next(iter(piece["files"].values()))["name"]
        raise CorruptModelError(
            f"part {folder / name} must have shape {tuple(piece['shape'])}; got {value.shape}: "
            "save the model again"
        )


def joined(parts: Sequence[Any], pool: ThreadPoolExecutor) -> Any:
    """Rows one after the other, read-only; one part alone as it is."""
    if len(parts) == 1:
        return parts[0]
    width = int(parts[0].shape[-1])
    if not sparse.issparse(parts[0]):
        return _stacked(parts, pool)
    n_cells = sum(part.nnz for part in parts)
    fits = max(n_cells, width) <= np.iinfo(np.int32).max
    index = np.dtype(np.int32 if fits else np.int64)
    starts = np.cumsum([0, *(part.nnz for part in parts)])
    ends = [
        part.indptr[1:].astype(np.int64) + start
        for part, start in zip(parts, starts[:-1], strict=True)
    ]
    indptr = np.concatenate([[0], *ends]).astype(index)
    indptr.setflags(write=False)
    arrays = (
        _stacked([part.data for part in parts], pool),
        _stacked([part.indices for part in parts], pool, dtype=index),
        indptr,
    )
    return sparse.csr_array(arrays, shape=(len(indptr) - 1, width))


def _stacked(
    parts: Sequence[npt.NDArray[Any]],
    pool: ThreadPoolExecutor,
    *,
    dtype: np.dtype[Any] | None = None,
) -> npt.NDArray[Any]:
    """``np.concatenate``, in threads."""
    starts = np.cumsum([0, *map(len, parts)])
    wanted = np.result_type(*(part.dtype for part in parts)) if dtype is None else dtype
    whole: npt.NDArray[Any] = np.empty((int(starts[-1]), *parts[0].shape[1:]), wanted)

    def place(number: int) -> None:
        whole[starts[number] : starts[number + 1]] = parts[number]

    list(pool.map(place, range(len(parts))))
    whole.setflags(write=False)
    return whole


@contextmanager
def _reading(
    folder: Path, files: list[dict[str, Any]]
) -> Iterator[tuple[PartReader, ThreadPoolExecutor]]:
    """A reader of files, and the threads in which it checks them."""
    pool = ThreadPoolExecutor(resolve_jobs(None))
    try:
        yield PartReader(folder, files, pool), pool
    finally:
        pool.shutdown(cancel_futures=True)
