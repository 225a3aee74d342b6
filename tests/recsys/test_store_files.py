"""Files that appear whole or not at all, locks, and what is cleaned."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from suffuse.recsys import store_files
from suffuse.recsys.store_files import (
    clean_beside,
    file_sha256,
    fresh_file,
    fresh_folder,
    link_file,
    locked,
    locked_at_once,
    remove,
    scratch_folder,
    sync_folder,
    write_file,
)


def test_a_file_is_written_in_pieces(tmp_path: Path) -> None:
    """One after the other, over an old one, and nothing else is left."""
    write_file(tmp_path, "part", [b"old"])
    write_file(tmp_path, "part", [b"ne", b"", b"w"])
    sync_folder(tmp_path)
    assert (tmp_path / "part").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_a_piece_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    """The temporary file goes."""
    write_file(tmp_path, "part", [b"old"])
    with pytest.raises(TypeError, match="bytes-like"):
        write_file(tmp_path, "part", [b"half", 3])
    assert (tmp_path / "part").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_the_bytes_reach_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a power cut could leave a name without its bytes."""
    seen = []
    sync, rename = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        seen.append("sync")
        sync(handle)

    def replace(self: Path, target: Path) -> Path:
        seen.append("rename")
        return rename(self, target)

    monkeypatch.setattr(store_files.os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_file(tmp_path, "part", [b"x"])
    assert seen == ["sync", "rename"]


def test_the_sum_of_a_file(tmp_path: Path) -> None:
    """That of its bytes."""
    data = bytes(range(256)) * 5000
    (tmp_path / "part").write_bytes(data)
    assert file_sha256(tmp_path / "part") == hashlib.sha256(data).hexdigest()


def test_a_fresh_folder_appears_whole(tmp_path: Path) -> None:
    """Under its name when the block has ended, and not before."""
    with fresh_folder(tmp_path / "model") as staging:
        (staging / "part").write_text("x")
        assert not (tmp_path / "model").exists()
        assert staging.parent == tmp_path
    assert (tmp_path / "model" / "part").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_fresh_folder_never_takes_the_place_of_another(tmp_path: Path) -> None:
    """One that came into being meanwhile stays, and the new one goes."""

    def make() -> None:
        with fresh_folder(tmp_path / "model") as staging:
            (staging / "part").write_text("mine")
            (tmp_path / "model").mkdir()
            (tmp_path / "model" / "part").write_text("theirs")

    with pytest.raises(OSError, match="model"):
        make()
    assert (tmp_path / "model" / "part").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_fresh_folder_survives_a_zealous_cleaner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who removes it between its making and its lock: another is made."""
    lock, zeal = store_files._lock, [True]

    def late(folder: Path, *, wait: bool) -> int | None:
        if zeal.pop():
            zeal.append(False)
            folder.rmdir()
        else:
            zeal.append(False)
        return lock(folder, wait=wait)

    monkeypatch.setattr(store_files, "_lock", late)
    with fresh_folder(tmp_path / "model") as staging:
        (staging / "part").write_text("x")
    assert (tmp_path / "model" / "part").read_text() == "x"


HOLD = """
import fcntl, os
handle = os.open(".", os.O_RDONLY)
print("ready", flush=True)
fcntl.flock(handle, fcntl.LOCK_EX)
print("mine", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks")
def test_a_lock_holds_against_another_process(tmp_path: Path) -> None:
    """It waits until the first is done."""
    with locked(tmp_path):
        other = subprocess.Popen(
            [sys.executable, "-c", HOLD], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.3)
    assert other.stdout.read() == "mine\n"
    other.stdout.close()
    assert other.wait(60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks")
def test_a_lock_that_is_held_is_told_at_once(tmp_path: Path) -> None:
    """Without waiting; afterwards it is free."""
    with locked(tmp_path), pytest.raises(BlockingIOError), locked_at_once(tmp_path):
        pass
    with locked_at_once(tmp_path):
        pass


def test_a_file_system_without_locks_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network drives have none; then nothing is cleaned that may be alive."""

    def refuse(handle: int, kind: int) -> None:
        raise OSError(95, "operation not supported")

    monkeypatch.setattr(store_files.fcntl, "flock", refuse)
    dead = tmp_path / ".model.0123456789abcdef.saving"
    dead.mkdir()
    clean_beside(tmp_path / "model")
    assert dead.exists()
    with fresh_folder(tmp_path / "model") as staging, locked(staging), locked_at_once(staging):
        pass
    assert (tmp_path / "model").is_dir()


def test_cleaning_beside_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    """Is no fault."""
    clean_beside(tmp_path / "nowhere" / "model")


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    """Files, folders with what is in them, links but not what they lead to; absent ones too."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "part").write_text("x")
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "file").write_text("x")
    for name in ("folder", "link", "file", "absent"):
        remove(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_fresh_file_is_there_whole_or_not(tmp_path: Path) -> None:
    """It takes the name at the end; a failure leaves what was there; nothing stays beside it."""
    path = tmp_path / "table.parquet"
    with fresh_file(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"

    def fail() -> None:
        with fresh_file(path) as temporary:
            temporary.write_text("second")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "first"
    assert [other.name for other in tmp_path.iterdir()] == ["table.parquet"]


def test_what_a_killed_process_left_of_a_file_goes(tmp_path: Path) -> None:
    """The next writer of the same name removes it, but not what a living one holds."""
    path = tmp_path / "table.parquet"
    left = tmp_path / ".table.parquet.0123456789abcdef.saving"
    left.mkdir()
    (left / "table.parquet").write_text("half")
    with fresh_file(path) as temporary:
        clean_beside(path)
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert not left.exists()


def test_an_interruption_before_the_block_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is there already when Ctrl-C comes, and nobody holds it yet."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store_files, "_lock", interrupted)
    with pytest.raises(KeyboardInterrupt), store_files.fresh_file(tmp_path / "part"):
        pass
    assert len(list(tmp_path.iterdir())) == 1
    store_files.clean_own(tmp_path / "other")
    assert len(list(tmp_path.iterdir())) == 1
    store_files.clean_own(tmp_path / "part")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("links", [True, False])
def test_a_file_gets_another_name_or_a_copy(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over what had that name; nothing else is left, also where there is nothing to copy."""

    def refuse(source: Path, target: Path) -> None:
        raise OSError("no links here")

    if not links:
        monkeypatch.setattr(store_files.os, "link", refuse)
    (tmp_path / "source").write_bytes(b"part")
    write_file(tmp_path, "target", [b"old"])
    for _ in range(2):
        link_file(tmp_path / "source", tmp_path, "target")
    assert (tmp_path / "target").read_bytes() == b"part"
    assert (tmp_path / "target").samefile(tmp_path / "source") == links
    with pytest.raises(FileNotFoundError):
        link_file(tmp_path / "nothing", tmp_path, "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_a_scratch_folder_goes(tmp_path: Path) -> None:
    """Also when its block fails; while it lasts, nobody cleans it up."""
    with scratch_folder(tmp_path / "model") as staging:
        (staging / "part").write_text("x")
        clean_beside(tmp_path / "model")
        assert (staging / "part").exists()
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="stop"), scratch_folder(tmp_path / "model"):
        raise ValueError("stop")
    assert not list(tmp_path.iterdir())
