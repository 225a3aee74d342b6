"""Files of a folder that must be whole at every moment: also when the process is killed.

A file is written under a temporary name, forced to the disk and renamed; a folder too. Who writes
into a folder holds a lock on it, so that two do not clean up after each other; who reads needs no
lock. Where the system has no such locks (Windows, some network drives), one writer at a time is
up to the caller, and what a killed one left behind stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

#: how names end of what is not finished, or was left behind by a process that was killed
SAVING = ".saving"
#: bytes that are copied at a time
_COPIED = 1 << 22
#: folders that this process writes to under a temporary name
_STAGED: set[Path] = set()


def write_file(folder: Path, name: str, pieces: Iterable[Any]) -> None:
    """Write ``pieces`` (bytes, or arrays of bytes) to a file that appears whole or not at all."""
    temporary = folder / f".{secrets.token_hex(8)}{SAVING}"
    try:
        with temporary.open("wb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(folder / name)
    except BaseException:  # an interruption too: a full disk must get its space back
        temporary.unlink(missing_ok=True)
        raise


def link_file(source: Path, folder: Path, name: str) -> None:
    """Another name of a file that nobody changes, or a copy where the system has no such names."""
    temporary = folder / f".{secrets.token_hex(8)}{SAVING}"
    try:
        try:
            os.link(source, temporary)
        except OSError:
            with source.open("rb") as bytes_of, temporary.open("wb") as stream:
                shutil.copyfileobj(bytes_of, stream, _COPIED)
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(folder / name)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against other writers, who wait; released when the process dies."""
    handle = _lock(folder, wait=True)
    try:
        yield
    finally:
        _release(handle)


@contextmanager
def locked_at_once(folder: Path) -> Iterator[None]:
    """The same without waiting; raises ``BlockingIOError`` where another writer is there."""
    handle = _lock_or_raise(folder, wait=False)
    try:
        yield
    finally:
        _release(handle)


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside ``folder``, which takes its name when the block ends well.

    Raises ``OSError`` where ``folder`` has come into being meanwhile, and holds something.
    """
    staging, handle = _held_folder_beside(folder)
    try:
        yield staging
        sync_folder(staging)
        staging.rename(folder)
    except BaseException:  # an interruption too: nothing must be left beside the folder
        shutil.rmtree(staging, ignore_errors=True)
        raise
    finally:
        _STAGED.discard(staging)
        _release(handle)
    sync_folder(folder.parent)


@contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the name ``path`` when the block ends well.

    What a killed process leaves behind is removed by :func:`clean_beside`.
    """
    staging, handle = _held_folder_beside(path)
    temporary = staging / path.name
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        _STAGED.discard(staging)
        _release(handle)
    sync_folder(path.parent)


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder beside ``folder`` that goes when the block ends.

    What a killed process leaves behind is removed by :func:`clean_beside`.
    """
    staging, handle = _held_folder_beside(folder)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        _STAGED.discard(staging)
        _release(handle)


def clean_own(path: Path) -> None:
    """Remove what this process staged for a file, wherever between two lines it was interrupted."""
    for staging in [one for one in _STAGED if one.name.startswith(f".{path.name}.")]:
        if staging.parent == path.parent:
            shutil.rmtree(staging, ignore_errors=True)
            _STAGED.discard(staging)


def clean_beside(folder: Path) -> None:
    """Remove what killed processes left of fresh folders of this name; live ones hold a lock."""
    left = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{16}}{re.escape(SAVING)}")
    with contextlib.suppress(OSError):
        for path in list(folder.parent.iterdir()):
            if left.fullmatch(path.name) and path.is_dir():
                handle = _lock(path, wait=False)
                if handle is not None:
                    shutil.rmtree(path, ignore_errors=True)
                    _release(handle)


def remove(path: Path) -> None:
    """Remove a file or a folder if the system lets us; a folder disappears at once."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            doomed = path.with_name(f".{secrets.token_hex(8)}{SAVING}")
            path.replace(doomed)
            shutil.rmtree(doomed)
        else:
            path.unlink()


def _held_folder_beside(folder: Path) -> tuple[Path, int | None]:
    """A new folder under a temporary name, and the lock that tells it from one left behind."""
    while True:
        staging = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}{SAVING}")
        _STAGED.add(staging)
        staging.mkdir()
        with contextlib.suppress(FileNotFoundError):
            handle = _lock(staging, wait=True)
            # somebody who cleans up may have come between the two lines above
            if staging.exists():
                return staging, handle
            _release(handle)


def _release(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """An open handle that holds the lock; None where it is held, or there are no locks."""
    try:
        return _lock_or_raise(folder, wait=wait)
    except BlockingIOError:
        return None


def _lock_or_raise(folder: Path, *, wait: bool) -> int | None:
    """The same, and ``BlockingIOError`` where it is held."""
    if sys.platform == "win32":
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError as error:
        os.close(handle)
        logger.debug("%s cannot be locked: %s", folder, error)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle
