"""Readers for the archives of publishers."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from suffuse.datasets import read_hetrec_lastfm, read_trust_archive
from suffuse.datasets.archives import check_archive

PLAYS = "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t11690\n3\t51\t7\n"
FRIENDS = "userID\tfriendID\n2\t3\n3\t2\n2\t9\n9\t2\n"


def mat(**matrices: object) -> bytes:
    """Return the content of a MATLAB file."""
    buffer = io.BytesIO()
    savemat(buffer, {name: np.array(rows) for name, rows in matrices.items()})
    return buffer.getvalue()


def zipped(file: Path, members: dict[str, str | bytes]) -> Path:
    """Write a zip archive."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def test_lastfm_is_read(tmp_path: Path) -> None:
    """Counts are weights, friendships are undirected, a friend without plays is known."""
    file = zipped(tmp_path / "l.zip", {"user_artists.dat": PLAYS, "user_friends.dat": FRIENDS})
    table, graph = read_hetrec_lastfm(file)
    assert table.matrix.toarray().tolist() == [[13883, 11690], [7, 0]]
    assert graph.ids.tolist() == [2, 3, 9]
    assert (graph.n_ties, graph.directed) == (2, False)


@pytest.mark.parametrize("timed", [False, True])
def test_trust_archives_are_read(tmp_path: Path, timed: bool) -> None:
    """The fourth column is the rating, the sixth the time; who trusts listens."""
    ratings = [[1, 20, 3, 4, 5], [2, 20, 3, 2, 5]]
    if timed:
        ratings = [[*row, 1_300_000_000 + at] for at, row in enumerate(ratings)]
    members = {
        "ciao/rating.mat": mat(rating=ratings),
        "ciao/trustnetwork.mat": mat(trustnetwork=[[1, 2], [1, 7]]),
        "ciao/README.txt": "hello",
    }
    table, graph = read_trust_archive(zipped(tmp_path / "c.zip", members))
    assert table.user_ids.tolist() == [1, 2]
    assert table.item_ids.tolist() == [20]
    assert table.weights.tolist() == [4.0, 2.0]
    if timed:
        assert table.timestamps is not None
        assert table.timestamps.tolist() == [1_300_000_000, 1_300_000_001]
    assert graph.directed
    assert graph.degrees.tolist() == [2, 0, 0]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"README.txt": "x"}, r"archive with rating\.mat; .* holds \['README.txt'\]"),
        ({"rating.mat": b"no matlab here" * 20}, r"rating\.mat in .* cannot be read"),
        (
            {"rating.mat": mat(other=[[1]])},
            r"matrix 'rating' of at least 4 columns; got shape None",
        ),
        ({"rating.mat": mat(rating=[[1, 2]])}, r"at least 4 columns; got shape \(1, 2\)"),
        (
            {
                "rating.mat": mat(rating=[[1, 2, 3, -4, 5]]),
                "trustnetwork.mat": mat(trustnetwork=[[1, 2]]),
            },
            r"c\.zip.*weight must be at least 0; got -4.0 at row 0",
        ),
    ],
)
def test_bad_trust_archives_are_refused(
    tmp_path: Path, members: dict[str, str | bytes], message: str
) -> None:
    """A member that is missing, is no MATLAB file, or holds something else."""
    with pytest.raises(ValueError, match=message):
        read_trust_archive(zipped(tmp_path / "c.zip", members))


def test_bad_lastfm_archives_are_refused(tmp_path: Path) -> None:
    """A table that is missing, ragged, or without its columns."""
    with pytest.raises(ValueError, match=r"archive with user_artists\.dat"):
        read_hetrec_lastfm(zipped(tmp_path / "l.zip", {"x": "y"}))
    ragged = {"user_artists.dat": "a\tb\n1\t2\n1\t2\t3\t4\n", "user_friends.dat": FRIENDS}
    with pytest.raises(ValueError, match=r"user_artists\.dat in .* cannot be read"):
        read_hetrec_lastfm(zipped(tmp_path / "l.zip", ragged))
    other = {"user_artists.dat": "a\tb\n1\t2\n", "user_friends.dat": FRIENDS}
    with pytest.raises(ValueError, match=r"l\.zip.*must have a column 'user_id'"):
        read_hetrec_lastfm(zipped(tmp_path / "l.zip", other))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    """Missing, a web page, cut short, damaged inside."""
    file = tmp_path / "a.zip"
    with pytest.raises(FileNotFoundError, match="existing file"):
        check_archive(file)
    file.write_text("<html>not found</html>")
    with pytest.raises(ValueError, match=r"must be a zip archive; .* delete it and fetch it again"):
        check_archive(file)
    whole = zipped(file, {"user_artists.dat": PLAYS * 50}).read_bytes()
    check_archive(file)
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="must be a zip archive"):
        check_archive(file)
    damaged = bytearray(whole)
    damaged[60] ^= 0xFF
    file.write_bytes(bytes(damaged))
    with pytest.raises(ValueError, match="must be a whole zip archive"):
        check_archive(file)
    with pytest.raises(ValueError, match="is damaged"):
        read_hetrec_lastfm(file)
