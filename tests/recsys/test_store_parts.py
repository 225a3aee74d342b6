"""Parts of a model: the bytes of numpy's own files, named by what they hold."""

import hashlib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from suffuse.recsys.store_manifest import CorruptModelError
from suffuse.recsys.store_parts import PartReader, PartWriter

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.datetime64_dtypes(endianness="="),
    hnp.timedelta64_dtypes(endianness="="),
    hnp.unicode_string_dtypes(min_len=1, max_len=4),
)


def there_and_back(folder: Path, name: str, value: Any) -> Any:
    """Written and read."""
    described = PartWriter(folder).part(name, value)
    with ThreadPoolExecutor(1) as pool:
        return PartReader(folder, list(described["files"].values()), pool).part(described)


@given(
    array=hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    order=st.sampled_from("CF"),
)
@settings(deadline=None, max_examples=80)
def test_arrays_are_stored_as_numpy_stores_them(
    array: Any, order: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The very bytes, under a name that carries their sha256; and they come back."""
    folder = tmp_path_factory.mktemp("parts")
    array = np.asarray(array, order=order)
    described = PartWriter(folder).part("x_", array)
    file = described["files"]["array"]
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array, order="C"), allow_pickle=False)
    data = (folder / file["name"]).read_bytes()
    assert data == buffer.getvalue()
    assert hashlib.sha256(data).hexdigest() == file["sha256"]
    assert file["name"] == f"x_-{file['sha256'][:16]}.npy"
    assert file["bytes"] == len(data)
    back = there_and_back(folder, "x_", array)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_arrays_are_opened_by_memory_map(tmp_path: Path) -> None:
    """Read-only."""
    back = there_and_back(tmp_path, "x_", np.arange(6.0).reshape(2, 3))
    assert isinstance(back, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        back[0, 0] = 1


def test_sparse_arrays_and_frames_come_back(tmp_path: Path) -> None:
    """The same stored cells, the same columns and index."""
    matrix = sparse.csr_array(np.array([[0, 1.5, 0], [0, 0, 0], [2, 0, 3]], np.float32))
    back = there_and_back(tmp_path, "x_", matrix)
    assert back.dtype == matrix.dtype
    assert (back != matrix).nnz == 0
    assert back.indices.tolist() == matrix.indices.tolist()
    frame = pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None]}, index=[3, 5])
    pd.testing.assert_frame_equal(there_and_back(tmp_path, "f_", frame), frame)


@pytest.mark.parametrize("ids", [["b", "ä", ""], [1.5, "x"][:1], [b"\0", b"a"]])
def test_ids_come_back_as_they_were(ids: list[Any], tmp_path: Path) -> None:
    """Objects of the same type, in an array that nobody writes to."""
    back = there_and_back(tmp_path, "user_ids_", np.array(ids, dtype=object))
    assert back.dtype == object
    assert back.tolist() == ids
    assert [type(value) for value in back] == [type(value) for value in ids]
    assert not back.flags.writeable


def test_what_cannot_be_stored_is_named(tmp_path: Path) -> None:
    """Rather than pickled."""
    with pytest.raises(TypeError, match=r"history_ must be an array, .* got dict"):
        PartWriter(tmp_path).part("history_", {"a": 1})
    assert not list(tmp_path.iterdir())


def test_equal_parts_are_one_file_and_one_object(tmp_path: Path) -> None:
    """Of the same name; and what is there already is not written again."""
    writer, array = PartWriter(tmp_path), np.arange(3)
    first = writer.part("x_", array)
    stamp = (tmp_path / first["files"]["array"]["name"]).stat().st_mtime_ns
    second = writer.part("x_", array.copy())
    assert first == second == PartWriter(tmp_path).part("x_", array)
    assert (tmp_path / first["files"]["array"]["name"]).stat().st_mtime_ns == stamp
    assert len(list(tmp_path.iterdir())) == 1
    with ThreadPoolExecutor(1) as pool:
        reader = PartReader(tmp_path, [first["files"]["array"]], pool)
        assert reader.part(first) is reader.part(second)


def test_parts_that_share_files_and_are_not_equal_stay_apart(tmp_path: Path) -> None:
    """The same cells in a wider table; and two frames, as frames can be written to."""
    narrow = sparse.csr_array(np.array([[0, 1.0], [2.0, 0]]))
    wide = sparse.csr_array((narrow.data, narrow.indices, narrow.indptr), shape=(2, 5))
    frame = pd.DataFrame({"a": [1]})
    writer = PartWriter(tmp_path)
    parts = [writer.part("x_", value) for value in (narrow, wide, frame, frame)]
    files = [file for part in parts for file in part["files"].values()]
    with ThreadPoolExecutor(1) as pool:
        reader = PartReader(tmp_path, files, pool)
        first, second, third, fourth = (reader.part(part) for part in parts)
    assert (first.shape, second.shape) == ((2, 2), (2, 5))
    assert third is not fourth
    assert len(list(tmp_path.iterdir())) == 4


def spoiled(data: bytes) -> bytes:
    """The last byte is another."""
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    "hurt",
    [
        lambda path: path.write_bytes(spoiled(path.read_bytes())),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
    ],
)
def test_a_damaged_file_is_named_and_written_again(
    hurt: Callable[[Path], None], tmp_path: Path
) -> None:
    """A save does not trust a name."""
    described = PartWriter(tmp_path).part("x_", np.arange(3))
    path = tmp_path / described["files"]["array"]["name"]
    hurt(path)
    with ThreadPoolExecutor(1) as pool, pytest.raises(CorruptModelError, match=path.name):
        PartReader(tmp_path, [described["files"]["array"]], pool).part(described)
    assert there_and_back(tmp_path, "x_", np.arange(3)).tolist() == [0, 1, 2]


def test_a_whole_file_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    """A frame where an array should be, a kind that nobody knows."""
    described = PartWriter(tmp_path).part("x_", pd.DataFrame({"a": [1]}))
    file = described["files"]["table"]
    with ThreadPoolExecutor(1) as pool:
        for wrong in (
            {"kind": "array", "files": {"array": file}},
            {"kind": "ids", "files": {"ids": file}},
            {"kind": "oracle", "files": {"array": file}},
            {"kind": "array", "files": {"table": file}},
        ):
            reader = PartReader(tmp_path, [file], pool)
            with pytest.raises(CorruptModelError, match=rf"part .*{file['name']} cannot be read"):
                reader.part(wrong)


@pytest.mark.parametrize("value", [1.0, -0.0, np.nan, 7, True])
@pytest.mark.parametrize("n", [1, 70_000])
def test_an_array_of_one_value_is_compared_word_by_word(value: Any, n: int, tmp_path: Path) -> None:
    """It comes back to the bit; any change, of the header too, is found."""
    array = np.full(n, value)
    described = PartWriter(tmp_path).part("x_", array)
    file = described["files"]["array"]
    assert "same" in file
    path = tmp_path / file["name"]
    with ThreadPoolExecutor(1) as pool:
        assert PartReader(tmp_path, [file], pool).part(described).tobytes() == array.tobytes()
        data = path.read_bytes()
        # the first and the last byte of the header and of the numbers, and one more or less
        for place in (0, 60, 127, 128, len(data) - 1):
            path.write_bytes(data[:place] + bytes([data[place] ^ 128]) + data[place + 1 :])
            with pytest.raises(CorruptModelError, match="is damaged"):
                PartReader(tmp_path, [file], pool).part(described)
        for changed in (data[:-1], data + b"x", data[:128], b""):
            path.write_bytes(changed)
            with pytest.raises(CorruptModelError, match="is damaged"):
                PartReader(tmp_path, [file], pool).part(described)


@pytest.mark.parametrize("spoiled", [{"element": "x"}, {"element": "00"}, {"offset": "a"}, None])
def test_a_shortcut_that_makes_no_sense_is_not_taken(spoiled: Any, tmp_path: Path) -> None:
    """A changed manifest may spoil the shortcut; the sha256 of the file decides then."""
    array = np.ones(50)
    described = PartWriter(tmp_path).part("x_", array)
    file = described["files"]["array"]
    file["same"] = {} if spoiled is None else file["same"] | spoiled
    with ThreadPoolExecutor(1) as pool:
        assert PartReader(tmp_path, [file], pool).part(described).tobytes() == array.tobytes()
        file["sha256"] = "0" * 64
        with pytest.raises(CorruptModelError, match="is damaged"):
            PartReader(tmp_path, [file], pool).part(described)


def test_arrays_of_several_values_are_not_called_filled(tmp_path: Path) -> None:
    """Nor empty ones, nor wide elements, nor zeros of two signs."""
    for array in ([0.0, -0.0], [1, 2], [], ["abc", "abc"]):
        described = PartWriter(tmp_path).part("x_", np.array(array))
        assert "same" not in described["files"]["array"]
    late = np.ones(200_000, np.float32)
    late[-1] = 2
    assert "same" not in PartWriter(tmp_path).part("x_", late)["files"]["array"]


def test_a_file_of_another_folder_is_taken(tmp_path: Path) -> None:
    """As it is, once, over a damaged one of its name; it must be there and of its size."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    file = PartWriter(there).part("x_", np.arange(3))["files"]["array"]
    source, target = there / file["name"], here / file["name"]
    target.write_bytes(b"damaged")
    writer = PartWriter(here)
    for _ in range(2):
        writer.take(there, file)
    assert writer.names == {file["name"]}
    assert target.read_bytes() == source.read_bytes()
    writer = PartWriter(there)
    writer.take(there, file)
    assert writer.names == {file["name"]}
    assert [path.name for path in there.iterdir()] == [file["name"]]
    source.write_bytes(source.read_bytes()[:-1])
    with pytest.raises(CorruptModelError, match=r"is damaged \(its size differs\)"):
        PartWriter(here).take(there, file)
    source.unlink()
    with pytest.raises(CorruptModelError, match="is missing"):
        PartWriter(here).take(there, file)
