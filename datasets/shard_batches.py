"""Files of record batches between two steps, of which each reader wants every so many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .shard_files import write_whole


def write_batches(path: Path, batches: Iterable[Any]) -> None:
    """Write record batches of one schema, at least one, that can be read one by one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     batch = pa.record_batch({"id": pa.array([1, 2])})
    ...     write_batches(Path(folder) / "ids.arrow", [batch])
    ...     [len(found) for found in read_batches(Path(folder) / "ids.arrow")]
    [2]
    """

    def write(temporary: Path) -> None:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        writer: Any = None
        try:
            for batch in batches:
                writer = writer or pa.ipc.new_file(str(temporary), batch.schema, options=options)
                writer.write_batch(batch)
        finally:
            if writer is not None:
                writer.close()

    write_whole(path, write)


def read_batches(path: Path, *, first: int = 0, every: int = 1) -> Iterator[Any]:
    """Yield the batch ``first`` of a file, and every so many from there on.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     batch = pa.record_batch({"id": pa.array([1, 2, 3])})
    ...     write_batches(Path(folder) / "ids.arrow", by_key(batch, np.array([0, 1, 0]), 2))
    ...     [len(found) for found in read_batches(Path(folder) / "ids.arrow", first=1, every=2)]
    [1]
    """
    with pa.OSFile(str(path)) as stream, pa.ipc.open_file(stream) as reader:
        for number in range(first, reader.num_record_batches, every):
            yield reader.get_batch(number)


def by_key(batch: Any, key: npt.NDArray[np.int64], n_keys: int) -> Iterator[Any]:
    """Yield for every key the rows that have it, in their order; none for some.

    Examples
    --------
    >>> batch = pa.record_batch({"id": pa.array([5, 6, 7])})
    >>> [part.column(0).to_pylist() for part in by_key(batch, np.array([2, 0, 2]), 3)]
    [[6], [], [5, 7]]
    """
    ordered = batch.take(pa.array(np.argsort(key, kind="stable")))
    starts = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=n_keys))]).tolist()
    for i in range(n_keys):
        yield ordered.slice(starts[i], starts[i + 1] - starts[i])
