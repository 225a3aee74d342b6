"""Public data sets by name: fetched from their publishers, kept, and held to their first hash."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pooch

from .archives import check_archive, read_hetrec_lastfm, read_trust_archive
from .interactions import Interactions
from .readers import PathLike
from .social_graph import SocialGraph

logger = logging.getLogger(__name__)

_FOLDER_VARIABLE = "SUFFUSE_DATA"
_RECORD = "hashes.json"
_TIMEOUT = 60  # seconds without an answer
_TRUST_PAPERS = (
    "J. Tang, H. Gao, H. Liu, mTrust: Discerning Multi-Faceted Trust in a Connected World, "
    "WSDM 2012, 93-102; J. Tang, H. Gao, H. Liu, A. Das Sarma, eTrust: Understanding Trust "
    "Evolution in an Online World, KDD 2012, 253-261"
)


@dataclass(frozen=True)
class Publication:
    """A public data set: where it is, under which terms, and whom to cite.

    Parameters
    ----------
    name : str
        Name in this registry.
    title : str
        What it is.
    page : str
        Page of the publisher.
    url : str or None
        Address of the archive; None if unknown.
    sha256 : str or None
        Its hash; None: the first download is recorded and later ones are held to it.
    licence : str
        The terms of use, as the publisher states them.
    citation : str
        What to cite.
    read : callable
        Turns the archive into interactions and a social graph.

    Examples
    --------
    >>> describe("ciao").title
    'Ciao: product ratings and who trusts whom'
    """

    name: str
    title: str
    page: str
    url: str | None
    sha256: str | None
    licence: str
    citation: str
    read: Callable[[PathLike], tuple[Interactions, SocialGraph]]

    @property
    def file_name(self) -> str:
        """Name of the archive in the folder of downloads."""
        return f"{self.name}.zip"

    def address(self, *, url: str | None = None, base_url: str | None = None) -> str:
        """Return where the archive is to come from: `url`, else the mirror, else the publisher.

        Examples
        --------
        >>> describe("ciao").address(base_url="http://localhost:8000/")
        'http://localhost:8000/ciao.zip'
        """
        if url is not None and base_url is not None:
            raise ValueError(
                f"url and base_url must not both be given; got {url!r} and {base_url!r}"
            )
        if base_url is not None:
            return f"{base_url.rstrip('/')}/{self.file_name}"
        address = url or self.url
        if address is None:
            raise ValueError(
                f"url must be given for {self.name!r}, whose address is not known; look at "
                f"{self.page}, or put the archive into the folder as {self.file_name}"
            )
        return address

    def __str__(self) -> str:
        """Return title, page, licence and citation, a line each."""
        return (
            f"{self.name}: {self.title}\nFrom: {self.page}\nLicence: {self.licence}\n"
            f"Cite: {self.citation}"
        )


@dataclass(frozen=True)
class Download:
    """An archive that lies in the folder of downloads.

    Parameters
    ----------
    path : Path
        The archive.
    sha256 : str
        Its hash.
    publication : Publication
        Licence and citation among others; show them to whoever uses the data.

    Examples
    --------
    >>> Download(Path("ciao.zip"), "0" * 64, describe("ciao")).publication.name
    'ciao'
    """

    path: Path
    sha256: str
    publication: Publication

    def read(self) -> tuple[Interactions, SocialGraph]:
        """Return the interactions and the social graph of the archive."""
        return self.publication.read(self.path)


_PUBLICATIONS = (
    Publication(
        name="hetrec-lastfm",
        title="HetRec 2011 Last.fm 2k: artists listened to, and friends",
        page="https://grouplens.org/datasets/hetrec-2011/",
        url="https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip",
        sha256=None,
        licence="made available for non-commercial use (readme of the archive)",
        citation=(
            "I. Cantador, P. Brusilovsky, T. Kuflik, 2nd Workshop on Information Heterogeneity "
            "and Fusion in Recommender Systems (HetRec 2011), RecSys 2011; and Last.fm, "
            "http://www.last.fm"
        ),
        read=read_hetrec_lastfm,
    ),
    Publication(
        name="ciao",
        title="Ciao: product ratings and who trusts whom",
        page="https://www.cse.msu.edu/~tangjili/trust.html",
        url="https://www.cse.msu.edu/~tangjili/datasetcode/ciao.zip",
        sha256=None,
        licence="none stated in the readme of the archive; ask the publisher",
        citation=_TRUST_PAPERS,
        read=read_trust_archive,
    ),
    Publication(
        name="epinions",
        title="Epinions: product ratings and who trusts whom",
        page="https://www.cse.msu.edu/~tangjili/trust.html",
        url="https://www.cse.msu.edu/~tangjili/datasetcode/epinions.zip",
        sha256=None,
        licence="none stated in the readme of the archive; ask the publisher",
        citation=_TRUST_PAPERS,
        read=read_trust_archive,
    ),
)


def publications() -> tuple[Publication, ...]:
    """Return every data set of the registry.

    Examples
    --------
    >>> [entry.name for entry in publications()]
    ['hetrec-lastfm', 'ciao', 'epinions']
    """
    return _PUBLICATIONS


def describe(name: str) -> Publication:
    """Return what is known about a data set: its page, licence and citation.

    Parameters
    ----------
    name : str
        Name in the registry.

    Returns
    -------
    Publication
        ``str()`` of it is a text to show.

    Raises
    ------
    KeyError
        If the registry has no such name.

    Examples
    --------
    >>> describe("hetrec-lastfm").licence
    'made available for non-commercial use (readme of the archive)'
    """
    for entry in _PUBLICATIONS:
        if entry.name == name:
            return entry
    names = [entry.name for entry in _PUBLICATIONS]
    raise KeyError(f"name must be one of {names}; got {name!r}")


def data_folder(folder: PathLike | None = None) -> Path:
    """Return the folder of downloads: the given one, else $SUFFUSE_DATA, else the user's cache.

    Examples
    --------
    >>> data_folder("here").name
    'here'
    """
    if folder is not None:
        return Path(folder)
    chosen = os.environ.get(_FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(pooch.os_cache("suffuse"))


def fetch(
    name: str,
    *,
    folder: PathLike | None = None,
    url: str | None = None,
    base_url: str | None = None,
) -> Download:
    """Download a data set from its publisher, once, and check that it is the one of the first time.

    The hash of the first download is written to `hashes.json` beside the archive; a file that has
    changed since, in the folder or at the publisher, is refused.

    Parameters
    ----------
    name : str
        Name in the registry, see `publications`.
    folder : path-like, optional
        Where downloads are kept; by default $SUFFUSE_DATA, else the cache folder of the user.
    url : str, optional
        Another address of the archive.
    base_url : str, optional
        A mirror: the archive is at ``{base_url}/{name}.zip``.

    Returns
    -------
    Download
        The archive, with licence and citation; ``.read()`` gives the tables.

    Raises
    ------
    KeyError
        If the registry has no such name.
    ValueError
        If the file is not the one of the first time, is no zip archive, or no address is known.
    ConnectionError
        If the download failed.

    Examples
    --------
    >>> fetch("movies")
    Traceback (most recent call last):
    KeyError: "name must be one of ['hetrec-lastfm', 'ciao', 'epinions']; got 'movies'"
    """
    entry = describe(name)
    place = data_folder(folder)
    target = place / entry.file_name
    known = entry.sha256 or _recorded(place).get(entry.file_name)
    if target.is_file():
        digest = str(pooch.file_hash(str(target), alg="sha256"))
        if known is not None and digest != known:
            raise ValueError(
                f"{str(target)!r} must have the sha256 of its first download, {known}; got "
                f"{digest}: it was not used; delete it to download it again"
            )
        check_archive(target)
    else:
        digest = _download(
            entry, target, url=entry.address(url=url, base_url=base_url), known=known
        )
    if known is None:
        _record(place, entry.file_name, digest)
    logger.info("%s", entry)
    return Download(target, digest, entry)


def _download(entry: Publication, target: Path, *, url: str, known: str | None) -> str:
    """Download an archive, check it, put it in its place, and return its hash."""
    arriving = target.with_name(f".{target.name}.{os.getpid()}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _silent_pooch():
            pooch.retrieve(
                url,
                known_hash=None,
                fname=arriving.name,
                path=target.parent,
                downloader=pooch.HTTPDownloader(progressbar=False, timeout=_TIMEOUT),
            )
        digest = str(pooch.file_hash(str(arriving), alg="sha256"))
        if known is not None and digest != known:
            raise ValueError(
                f"{url} must have the sha256 of the first download, {known}; got {digest}: it was "
                f"not kept. If the publisher has a new edition and you want it, delete the entry "
                f"of {entry.file_name} in {str(target.parent / _RECORD)!r}"
            )
        try:
            check_archive(arriving)
        except ValueError as error:
            raise ValueError(f"{url} must be a whole zip archive; what came is not") from error
        arriving.replace(target)
    except OSError as error:
        raise ConnectionError(
            f"{entry.name} could not be downloaded from {url}: {error}; look at {entry.page}, or "
            f"put the archive there by hand: {str(target)!r}"
        ) from error
    finally:
        arriving.unlink(missing_ok=True)
    return digest


@contextmanager
def _silent_pooch() -> Iterator[None]:
    """Keep the messages of pooch, which go to the screen, to warnings."""
    its_logger = pooch.get_logger()
    level = its_logger.level
    its_logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        its_logger.setLevel(level)


def _recorded(place: Path) -> dict[str, str]:
    """Return the hashes of first downloads."""
    file = place / _RECORD
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{str(file)!r} must be valid JSON; it is not: repair or delete it"
        ) from error
    return {str(name): str(digest) for name, digest in dict(content).items()}


def _record(place: Path, file_name: str, digest: str) -> None:
    """Add a hash to the record, in one step."""
    content = json.dumps({**_recorded(place), file_name: digest}, indent=1, sort_keys=True)
    temporary = place / f".{_RECORD}.{os.getpid()}"
    temporary.write_text(content + "\n", encoding="utf-8")
    temporary.replace(place / _RECORD)
