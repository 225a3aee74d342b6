"""Files: what is written comes back, what cannot be read is said."""

import gzip
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets import read_interactions, read_social, read_table, write_table

FRAME = pd.DataFrame(
    {"user_id": ["u1", "007", "NA"], "item_id": [3, 1, 2], "weight": [0.5, 1e-7, 2.0]}
)


@pytest.mark.parametrize(
    "name", ["t.csv", "t.tsv", "t.csv.gz", "t.tsv.gz", "t.parquet", "t.pq", "T.CSV"]
)
def test_a_table_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    """Ids such as 007 and NA, tiny weights, every format; nothing else is left in the folder."""
    write_table(FRAME, tmp_path / name)
    pd.testing.assert_frame_equal(read_table(tmp_path / name), FRAME)
    assert [file.name for file in tmp_path.iterdir()] == [name]


@given(
    st.lists(
        st.text("0123456789eE+-._ xn", min_size=1, max_size=20).map(str.strip).filter(bool),
        min_size=1,
        max_size=6,
    )
)
@settings(deadline=None, max_examples=150)
def test_ids_survive_a_csv_file(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    """Texts that look like numbers: equal as text, or one number for one text."""
    file = tmp_path_factory.getbasetemp() / "ids.csv"
    pd.DataFrame({"user_id": ids}).to_csv(file, index=False)
    back = read_table(file)["user_id"].tolist()
    if all(isinstance(value, str) for value in back):
        assert back == ids
    else:
        assert [float(value) for value in back] == [float(value) for value in ids]
        if all(value.isdigit() for value in ids):
            assert [str(value) for value in back] == ids


def test_long_numbers_are_not_rounded(tmp_path: Path) -> None:
    """Twenty digits do not fit into a float."""
    ids = ["123456789012345678901234567890", "123456789012345678901234567891"]
    (tmp_path / "t.csv").write_text("user_id\n" + "\n".join(ids) + "\n")
    assert [str(value) for value in read_table(tmp_path / "t.csv")["user_id"]] == ids


def test_an_empty_entry_is_null(tmp_path: Path) -> None:
    """And refused as an id, with its row and the name of the file."""
    (tmp_path / "t.csv").write_text("user_id,item_id\na,1\n,2\n")
    with pytest.raises(ValueError, match=r"t\.csv.*user_id must not be null; got nan at row 1"):
        read_interactions(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.parquet", b"PAR1 this is no parquet PAR1", r"readable \.parquet file"),
        ("t.parquet", b"user,item\n1,2\n", r"readable \.parquet file"),
        ("t.csv", b"a,b\n1,2\n1,2,3,4\n", r"readable \.csv file.*Expected 2 fields in line 3"),
        ("t.csv", b"user,item\n\xff\xfe,2\n", r"readable \.csv file.*utf-8"),
        ("t.csv.gz", b"user,item\n1,2\n", r"readable \.csv\.gz file.*gzip"),
        ("t.csv.gz", gzip.compress(b"user,item\n1,2\n" * 99)[:-12], r"readable \.csv\.gz file"),
        ("t.csv", b"", "with content; .* is empty"),
        ("t.csv", b"user,item\n", "at least one row; .* has none"),
        ("t.csv", b"\n\n", r"readable \.csv file"),
    ],
)
def test_unreadable_files_are_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """One sentence that names the file and the rule."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_unknown_suffix_are_refused(tmp_path: Path) -> None:
    """Which file, and which suffixes there are."""
    with pytest.raises(FileNotFoundError, match=r"existing file; got .*none\.csv"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(FileNotFoundError, match=r"existing file; got .*none'"):
        read_table(tmp_path / "none")
    with pytest.raises(ValueError, match=r"one of \['.csv', .*; got .*t\.xlsx"):
        read_table(tmp_path / "t.xlsx")
    with pytest.raises(ValueError, match="path must end in one of"):
        write_table(FRAME, tmp_path / "t.pickle")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """Parquet cannot hold mixed ids: the old table is untouched, no rubbish stays."""
    file = tmp_path / "t.parquet"
    write_table(FRAME, file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"frame must fit into parquet; .* was not written"):
        write_table(pd.DataFrame({"user_id": [1, "a", uuid.UUID(int=1)]}, dtype=object), file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    """An entry that cannot be written, after others have been: no half table, no rubbish."""

    class Unwritable:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    file = tmp_path / "t.csv"
    write_table(FRAME, file)
    before = file.read_bytes()
    with pytest.raises(RuntimeError, match="no text"):
        write_table(pd.DataFrame({"user_id": [1, Unwritable()]}, dtype=object), file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_an_existing_file_can_be_protected(tmp_path: Path) -> None:
    """By default it is replaced, with overwrite=False it is refused."""
    write_table(FRAME, tmp_path / "t.csv")
    with pytest.raises(FileExistsError, match=r"t\.csv' exists"):
        write_table(FRAME, tmp_path / "t.csv", overwrite=False)
    write_table(FRAME.head(1), tmp_path / "t.csv")
    assert len(read_table(tmp_path / "t.csv")) == 1
    with pytest.raises(FileNotFoundError, match="in an existing folder"):
        write_table(FRAME, tmp_path / "nowhere" / "t.csv")


def test_interactions_from_a_file(tmp_path: Path) -> None:
    """MovieLens column names, weights and times."""
    (tmp_path / "r.csv").write_text("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n")
    table = read_interactions(tmp_path / "r.csv")
    assert table.to_frame().to_dict("list") == {
        "user_id": [1],
        "item_id": [31],
        "weight": [2.5],
        "timestamp": [1260759144],
    }
    with pytest.raises(ValueError, match=r"r\.csv.*must be a column of the table; got 'who'"):
        read_interactions(tmp_path / "r.csv", columns={"user_id": "who"})


def test_ties_from_a_file(tmp_path: Path) -> None:
    """Undirected unless said; a bad weight is named with file and row."""
    write_table(pd.DataFrame({"user": [1, 2], "friend": [2, 1]}), tmp_path / "s.parquet")
    assert read_social(tmp_path / "s.parquet").n_ties == 1
    assert read_social(tmp_path / "s.parquet", directed=True).n_ties == 2
    (tmp_path / "s.tsv").write_text("a\tb\tw\n1\t2\tmany\n")
    columns = {"source_id": "a", "target_id": "b", "weight": "w"}
    with pytest.raises(ValueError, match=r"s\.tsv.*w must be a number; got 'many' at row 0"):
        read_social(tmp_path / "s.tsv", columns=columns)


def test_datetimes_survive_parquet_and_csv(tmp_path: Path) -> None:
    """As moments in parquet, as ISO texts that are read as moments from csv."""
    frame = pd.DataFrame(
        {"user": [1], "item": [2], "timestamp": np.array(["2024-05-01T10:00"], "datetime64[s]")}
    )
    for name in ("t.parquet", "t.csv"):
        write_table(frame, tmp_path / name)
        times = read_interactions(tmp_path / name).timestamps
        assert times is not None
        assert times[0] == np.datetime64("2024-05-01T10:00")
