"""What a run on workers has finished, as files that a later run can go on from."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .store_files import write_file

#: rows that are copied for one write, where they are not contiguous
_WRITTEN = 65536


class Record:
    """Which pieces of a long work are done, in a file that a later run reads.

    Parameters
    ----------
    folder : Path
        Where the file is.
    name : str
        The file.
    about : dict
        What the work depends on; a file about something else counts for nothing.
    resume : bool
        Whether to read what is there.
    """

    def __init__(self, folder: Path, name: str, *, about: dict[str, Any], resume: bool) -> None:
        self.folder, self._name, self._about, self._resume = folder, name, about, resume
        self._done: dict[str, list[float]] = {}

    def begin(self) -> dict[str, list[float]]:
        """What an earlier run has done, and the numbers that it noted for each piece."""
        found = self._read() if self._resume else {}
        if found.get("about") == self._about:
            self._done = dict(found.get("done", {}))
        self._write()
        return dict(self._done)

    def add(self, piece: str, numbers: list[float]) -> None:
        """A piece is done, and its results are written."""
        self._done[piece] = numbers
        self._write()

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / self._name).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self) -> None:
        text = json.dumps({"about": self._about, "done": self._done})
        write_file(self.folder, self._name, [text.encode()])


def array_pieces(values: npt.NDArray[Any]) -> Iterator[Any]:
    """The bytes of an array as a file of numpy, a slice of rows at a time."""
    header = io.BytesIO()
    description = {"descr": values.dtype.str, "fortran_order": False, "shape": values.shape}
    np.lib.format.write_array_header_1_0(header, description)
    yield header.getvalue()
    for start in range(0, len(values), _WRITTEN):
        yield np.ascontiguousarray(values[start : start + _WRITTEN]).data.cast("B")


def is_whole(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether a file holds an array of float32 of this shape."""
    try:
        found = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return bool(found.shape == shape and found.dtype == np.float32)
