"""Files from which a run on workers goes on."""

import io

import numpy as np
import pytest

from suffuse.recsys.cluster_record import Record, array_pieces, is_whole


def record(folder, *, about=None, resume=True):
    """A record of one work."""
    return Record(
        folder, "work.json", about={"key": "k"} if about is None else about, resume=resume
    )


def test_what_is_done_is_known_later(tmp_path):
    """Pieces and their numbers, every one as soon as it is added."""
    first = record(tmp_path)
    assert first.begin() == {}
    first.add("a", [1.5, 0.1])
    assert record(tmp_path).begin() == {"a": [1.5, 0.1]}
    first.add("b", [])
    assert record(tmp_path).begin() == {"a": [1.5, 0.1], "b": []}


@pytest.mark.parametrize("change", [{"about": {"key": "other"}}, {"resume": False}])
def test_another_work_begins_anew(change, tmp_path):
    """What was done for something else is forgotten, also by those who come after."""
    first = record(tmp_path)
    first.begin()
    first.add("a", [])
    assert record(tmp_path, **change).begin() == {}
    assert record(tmp_path).begin() == {}


@pytest.mark.parametrize("text", ["", "[1]", '{"about": {"key": "k"', '{"about": {"key": "k"}}'])
def test_a_damaged_record_is_none(text, tmp_path):
    """A file that cannot be read, or says nothing, counts as nothing done."""
    (tmp_path / "work.json").write_text(text)
    assert record(tmp_path).begin() == {}


@pytest.mark.parametrize("n", [0, 3, 70_000])
def test_pieces_are_a_file_of_numpy(n):
    """Numpy reads what was written a slice at a time, of columns in the middle too."""
    values = np.random.default_rng(0).random((n, 5)).astype(np.float32)
    for part in (values, values[:, 1:3], values[:, 0]):
        text = b"".join(bytes(piece) for piece in array_pieces(part))
        np.testing.assert_array_equal(np.load(io.BytesIO(text)), part)


def test_only_whole_files_count(tmp_path):
    """Missing, cut off, of another shape and of another type."""
    path = tmp_path / "one.npy"
    assert not is_whole(path, (3, 2))
    np.save(path, np.ones((3, 2), np.float32))
    assert is_whole(path, (3, 2))
    assert not is_whole(path, (2, 3))
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_whole(path, (3, 2))
    path.write_bytes(b"")
    assert not is_whole(path, (3, 2))
    np.save(path, np.ones((3, 2)))
    assert not is_whole(path, (3, 2))
