"""The registry: downloads from a local server, kept, and held to their first hash."""

import functools
import hashlib
import json
import logging
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from suffuse.datasets import data_folder, describe, fetch, publications
from suffuse.datasets.registry import Publication

NAME = "hetrec-lastfm"


class CountingHandler(SimpleHTTPRequestHandler):
    """Serves a folder and counts the requests."""

    requests = 0

    def do_GET(self) -> None:
        """Count, then serve."""
        type(self).requests += 1
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder with the archive on this machine; yield folder and address."""
    folder = tmp_path / "served"
    folder.mkdir()
    write_archive(folder / f"{NAME}.zip", 13883)
    CountingHandler.requests = 0
    handler = functools.partial(CountingHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def write_archive(file: Path, plays: int) -> None:
    """Write a small archive in the format of the publisher."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("user_artists.dat", f"userID\tartistID\tweight\n2\t51\t{plays}\n")
        archive.writestr("user_friends.dat", "userID\tfriendID\n2\t3\n3\t2\n")


def test_the_first_download_is_recorded_and_the_second_comes_from_the_folder(
    served: tuple[Path, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One request in all; licence and citation are logged; nothing goes to the screen."""
    folder, address = served
    cache = tmp_path / "cache"
    with caplog.at_level(logging.INFO, logger="suffuse.datasets"):
        download = fetch(NAME, folder=cache, base_url=address)
    expected = hashlib.sha256((folder / f"{NAME}.zip").read_bytes()).hexdigest()
    assert download.sha256 == expected
    assert json.loads((cache / "hashes.json").read_text()) == {f"{NAME}.zip": expected}
    assert "non-commercial" in caplog.text
    assert "Cantador" in caplog.text
    assert fetch(NAME, folder=cache, base_url=address) == download
    assert CountingHandler.requests == 1
    table, graph = download.read()
    assert table.weights.tolist() == [13883.0]
    assert graph.n_ties == 1
    assert capfd.readouterr() == ("", "")
    assert sorted(file.name for file in cache.iterdir()) == ["hashes.json", f"{NAME}.zip"]


def test_a_file_that_changed_in_the_folder_is_refused(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    """A whole archive with other content: named, not used, not deleted."""
    _, address = served
    download = fetch(NAME, folder=tmp_path, base_url=address)
    write_archive(download.path, 1)
    with pytest.raises(ValueError, match=f"sha256 of its first download, {download.sha256}; got"):
        fetch(NAME, folder=tmp_path, base_url=address)
    assert download.path.is_file()
    download.path.unlink()
    assert fetch(NAME, folder=tmp_path, base_url=address) == download


def test_a_file_that_changed_at_the_publisher_is_refused(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    """The second download must be the first; the other one is not kept."""
    folder, address = served
    download = fetch(NAME, folder=tmp_path / "cache", base_url=address)
    download.path.unlink()
    write_archive(folder / f"{NAME}.zip", 1)
    with pytest.raises(ValueError, match=r"sha256 of the first download.*it was not kept"):
        fetch(NAME, folder=tmp_path / "cache", base_url=address)
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["hashes.json"]


def test_a_missing_page_is_said_with_the_way_out(served: tuple[Path, str], tmp_path: Path) -> None:
    """404: the address, the page of the publisher, and where to put the file by hand."""
    _, address = served
    cache = tmp_path / "cache"
    with pytest.raises(ConnectionError, match=r"404.*look at https://.*by hand: .*cache"):
        fetch(NAME, folder=cache, url=f"{address}/nothing.zip")
    assert list(cache.iterdir()) == []


def test_nobody_answers(tmp_path: Path) -> None:
    """A port where nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        port = server.server_address[1]
    with pytest.raises(ConnectionError, match="could not be downloaded"):
        fetch(NAME, folder=tmp_path, base_url=f"http://127.0.0.1:{port}")


def test_a_web_page_instead_of_an_archive_is_not_kept(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    """Nor is its hash."""
    folder, address = served
    (folder / f"{NAME}.zip").write_text("<html>please log in</html>")
    cache = tmp_path / "cache"
    with pytest.raises(ValueError, match="must be a whole zip archive; what came is not"):
        fetch(NAME, folder=cache, base_url=address)
    assert list(cache.iterdir()) == []


def test_an_archive_put_there_by_hand_is_taken_and_recorded(tmp_path: Path) -> None:
    """No request is made; from then on it is held to its hash."""
    write_archive(tmp_path / f"{NAME}.zip", 5)
    assert fetch(NAME, folder=tmp_path).read()[0].weights.tolist() == [5.0]
    write_archive(tmp_path / f"{NAME}.zip", 6)
    with pytest.raises(ValueError, match="sha256 of its first download"):
        fetch(NAME, folder=tmp_path)


def test_a_broken_archive_put_there_by_hand_is_refused(tmp_path: Path) -> None:
    """And not recorded."""
    (tmp_path / f"{NAME}.zip").write_text("half a file")
    with pytest.raises(ValueError, match="must be a zip archive"):
        fetch(NAME, folder=tmp_path)
    assert not (tmp_path / "hashes.json").exists()


def test_a_broken_record_is_said(tmp_path: Path) -> None:
    """hashes.json is never overwritten unread."""
    write_archive(tmp_path / f"{NAME}.zip", 5)
    (tmp_path / "hashes.json").write_text("{")
    with pytest.raises(ValueError, match=r"hashes\.json' must be valid JSON"):
        fetch(NAME, folder=tmp_path)


def test_the_folder_is_the_argument_else_the_variable_else_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SUFFUSE_DATA moves all downloads."""
    monkeypatch.setenv("SUFFUSE_DATA", str(tmp_path / "mine"))
    assert data_folder() == tmp_path / "mine"
    assert data_folder(tmp_path) == tmp_path
    monkeypatch.delenv("SUFFUSE_DATA")
    assert data_folder() == Path(pooch.os_cache("suffuse"))


def test_every_publication_says_page_licence_and_citation() -> None:
    """Addresses are https; no hash is claimed that was never seen."""
    names = [entry.name for entry in publications()]
    assert names == ["hetrec-lastfm", "ciao", "epinions"]
    for entry in publications():
        text = str(entry)
        assert entry.page in text
        assert entry.licence in text
        assert entry.citation in text
        assert entry.url is not None
        assert entry.url.startswith("https://")
        assert entry.sha256 is None


def test_unknown_names_and_addresses_are_refused() -> None:
    """The names that there are; one address at most; one at least."""
    with pytest.raises(KeyError, match=r"one of \['hetrec-lastfm', .* got 'movies'"):
        describe("movies")
    with pytest.raises(ValueError, match="url and base_url must not both be given"):
        fetch(NAME, folder="nowhere", url="http://a", base_url="http://b")
    nameless = Publication("x", "x", "https://p", None, None, "x", "x", describe(NAME).read)
    with pytest.raises(ValueError, match=r"url must be given for 'x'.*look at https://p"):
        nameless.address()
