"""The files of sharded tables written: parts that appear whole, and a folder that does."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from .sharded_tables import FORMAT, PARTS, RECORD, is_sharded, seal

if sys.platform != "win32":
    import fcntl

#: how names end of folders that are being written
_STAGED = ".sharding"
#: rows of a row group
_GROUP = 1 << 20


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name, then give it its own.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "one", lambda path: path.write_bytes(b"abc"))
    ...     (Path(folder) / "one").read_bytes()
    b'abc'
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.{path.name}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_sealed(path: Path, write: Callable[[Path], object]) -> tuple[int, str]:
    """Write a file that is on the disk before it has its name, and return its size and sha256."""
    found: list[tuple[int, str]] = []

    def sealed(temporary: Path) -> None:
        write(temporary)
        with temporary.open("rb+") as stream:
            sha = hashlib.file_digest(stream, "sha256").hexdigest()
            os.fsync(stream.fileno())
        found.append((temporary.stat().st_size, sha))

    write_whole(path, sealed)
    return found[0]


def write_ids(path: Path, ids: Any) -> tuple[int, str]:
    """Write a column of ids, an arrow array of whole numbers or texts; return size and sha256.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     size, _ = write_ids(Path(folder) / "ids.parquet", pa.array(["a"]))
    ...     size == (Path(folder) / "ids.parquet").stat().st_size
    True
    """
    table = pa.table({"id": ids})
    return _write_sealed(
        path, lambda temporary: pq.write_table(table, temporary, row_group_size=_GROUP)
    )


def read_ids(path: Path) -> Any:
    """Return a column of ids as an arrow array.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_ids(Path(folder) / "ids.parquet", pa.array(["a"], pa.large_string()))
    ...     read_ids(Path(folder) / "ids.parquet").to_pylist()
    ['a']
    """
    return pq.read_table(path, use_threads=False).column(0).combine_chunks()


def write_rows(
    path: Path, ends: Mapping[str, npt.NDArray[Any]], weights: npt.NDArray[Any] | None
) -> tuple[int, str]:
    """Write rows of codes with their weights, which are left out where all are 1.

    Parameters
    ----------
    path : Path
        The file.
    ends : mapping
        Two columns of codes by their names.
    weights : ndarray, or None
        None: all are 1.

    Returns
    -------
    tuple of int and str
        Size and sha256 of the file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> codes = np.array([0, 1], np.int32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "part.parquet"
    ...     _ = write_rows(file, {"user": codes, "item": codes}, np.ones(2))
    ...     pq.read_schema(file).names
    ['user', 'item']
    """
    columns = dict(ends)
    if weights is not None and not bool((weights == 1).all()):
        columns["weight"] = weights
    # codes of the second end hardly repeat within a page: a dictionary of them costs and saves none
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    return _write_sealed(
        path,
        lambda temporary: pq.write_table(
            table, temporary, row_group_size=_GROUP, use_dictionary=False, compression="zstd"
        ),
    )


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the file that makes a folder one of sharded tables, with its seal.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_record(Path(folder), {"starts": [0, 1]})
    ...     is_sharded(folder)
    True
    """
    whole = {"format": FORMAT, **record}
    whole["sha256"] = seal(whole)
    text = json.dumps(whole, indent=1)
    _write_sealed(folder / RECORD, lambda path: path.write_text(text, encoding="utf-8"))


def refuse_existing_tables(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that may not be written.

    Raises
    ------
    FileExistsError
        If it holds something: anything without `overwrite`, and what is not sharded tables with.
    FileNotFoundError
        If the folder around it is none.

    Examples
    --------
    >>> refuse_existing_tables(Path("no/such/folder"), overwrite=False)
    Traceback (most recent call last):
    FileNotFoundError: folder must lie in an existing folder; got 'no/such/folder'
    """
    if not folder.absolute().parent.is_dir():
        raise FileNotFoundError(f"folder must lie in an existing folder; got {str(folder)!r}")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not overwrite:
        raise FileExistsError(
            f"folder must not exist yet; got {str(folder)!r}: "
            "choose another, or overwrite it (--force, overwrite=True)"
        )
    own = {RECORD, "item_ids.parquet", *PARTS}
    foreign = sorted({path.name for path in folder.iterdir()} - own) if folder.is_dir() else [""]
    if foreign or not is_sharded(folder):
        raise FileExistsError(
            f"only sharded tables can be overwritten; got {str(folder)!r}, which "
            + (f"also holds {foreign[0]!r}: move it away" if is_sharded(folder) else "are none")
        )


@contextmanager
def staged_tables(folder: Path, parts: Sequence[str] = (), *, overwrite: bool) -> Iterator[Path]:
    """Give a new folder to write to, which takes the name of `folder` when the block ends well.

    ``parts`` are folders within it, made at once: who comes late makes none where all was removed.
    What killed runs left beside `folder` is removed first; a living one holds a lock on its own.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with staged_tables(Path(place) / "tables", overwrite=False) as staging:
    ...         write_record(staging, {})
    ...     [path.name for path in Path(place).iterdir()]
    ['tables']
    """
    refuse_existing_tables(folder, overwrite=overwrite)
    folder = folder.absolute()
    _clean_beside(folder)
    staging, handle = _held_beside(folder)
    try:
        for part in parts:
            (staging / part).mkdir()
        yield staging
        for path in staging.rglob(".*"):  # of calls that were killed, and made again elsewhere
            path.unlink()
        refuse_existing_tables(folder, overwrite=overwrite)
        _replace(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _replace(staging: Path, folder: Path) -> None:
    """Give a folder its name; what had it before goes, and comes back where that fails."""
    if not folder.exists():
        staging.rename(folder)
        return
    doomed = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}{_STAGED}")
    folder.rename(doomed)
    try:
        staging.rename(folder)
    except BaseException:  # an interruption too: the old tables must not stay hidden
        doomed.rename(folder)
        raise
    shutil.rmtree(doomed, ignore_errors=True)


def _held_beside(folder: Path) -> tuple[Path, int | None]:
    """Return a new folder, and the lock that tells it from one left behind."""
    while True:
        staging = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}{_STAGED}")
        staging.mkdir()
        with suppress(FileNotFoundError):
            handle = _lock(staging)
            # somebody who cleans up may have come between the two lines above
            if staging.exists():
                return staging, handle
            if handle is not None:
                os.close(handle)


def _clean_beside(folder: Path) -> None:
    """Remove what killed runs left of folders of this name."""
    left = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{16}}{re.escape(_STAGED)}")
    with suppress(OSError):
        for path in list(folder.parent.iterdir()):
            if left.fullmatch(path.name) and path.is_dir():
                handle = _lock(path)
                if handle is not None:
                    shutil.rmtree(path, ignore_errors=True)
                    os.close(handle)


def _lock(folder: Path) -> int | None:
    """Return an open handle that holds the lock on a folder; None where it is held, or none are."""
    if sys.platform == "win32":
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
