"""Files that appear whole, and a folder that does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suffuse.datasets.shard_files import (
    refuse_existing_tables,
    staged_tables,
    write_ids,
    write_record,
    write_rows,
    write_whole,
)


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    """And nothing beside it."""
    path = tmp_path / "file"
    write_whole(path, lambda place: place.write_text("old"))

    def fail(place: Path) -> None:
        place.write_text("half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write_whole(path, fail)
    assert [one.name for one in path.parent.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_weights_are_written_where_they_differ(tmp_path: Path) -> None:
    """The same rows give the same bytes, and weights of 1 none."""
    ends = {"user": np.array([0, 1], np.int32), "item": np.array([5, 6], np.int32)}
    bare = write_rows(tmp_path / "bare", ends, None)
    assert write_rows(tmp_path / "ones", ends, np.ones(2)) == bare
    assert write_rows(tmp_path / "weighted", ends, np.array([1.0, 2.0])) != bare
    assert pq.read_schema(tmp_path / "bare").names == ["user", "item"]
    assert pq.read_table(tmp_path / "weighted")["weight"].to_pylist() == [1.0, 2.0]
    assert write_ids(tmp_path / "ids", pa.array(["a"]))[0] == (tmp_path / "ids").stat().st_size


def test_what_may_be_overwritten(tmp_path: Path) -> None:
    """Sharded tables, where asked to; an empty folder always; nothing else ever."""
    refuse_existing_tables(tmp_path / "new", overwrite=False)
    (tmp_path / "new").mkdir()
    refuse_existing_tables(tmp_path / "new", overwrite=False)
    write_record(tmp_path / "new", {})
    refuse_existing_tables(tmp_path / "new", overwrite=True)
    with pytest.raises(FileExistsError, match=r"folder must not exist yet; got .*overwrite=True"):
        refuse_existing_tables(tmp_path / "new", overwrite=False)
    (tmp_path / "new" / "letter").write_text("dear")
    with pytest.raises(FileExistsError, match="which also holds 'letter': move it away"):
        refuse_existing_tables(tmp_path / "new", overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter").write_text("dear")
    for path in (tmp_path / "other", tmp_path / "other" / "letter"):
        with pytest.raises(FileExistsError, match="only sharded tables can be overwritten"):
            refuse_existing_tables(path, overwrite=True)


def test_what_a_killed_run_left_goes_and_a_living_one_stays(tmp_path: Path) -> None:
    """The next run of the same name tells them apart by their locks."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from suffuse.datasets.shard_files import staged_tables\n"
        "with staged_tables(Path(sys.argv[1]), overwrite=False):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    folder = tmp_path / "tables"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    [left] = tmp_path.iterdir()
    with staged_tables(folder, overwrite=False) as staging:
        assert left.exists() is (os.name == "nt")
        with staged_tables(tmp_path / "tables", overwrite=False) as second:
            assert staging.exists()
            write_record(second, {"which": 2})
        write_record(staging, {"which": 1})
        with pytest.raises(FileExistsError, match="must not exist yet"):
            refuse_existing_tables(folder, overwrite=False)
        folder.rename(tmp_path / "elsewhere")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "tables"]


def test_halves_of_killed_calls_do_not_stay(tmp_path: Path) -> None:
    """Files under temporary names are gone when the folder gets its name."""
    with staged_tables(tmp_path / "tables", ["social"], overwrite=False) as staging:
        (staging / "social" / ".0123.part-00000.parquet").write_text("half")
        write_record(staging, {})
    assert list((tmp_path / "tables" / "social").iterdir()) == []
