"""Readers for the archives of the registry, as their publishers packed them."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import loadmat

from .interactions import Interactions
from .readers import PathLike
from .social_graph import SocialGraph


def read_hetrec_lastfm(path: PathLike) -> tuple[Interactions, SocialGraph]:
    """Read HetRec 2011 Last.fm: who listened to which artist how often, and who is a friend.

    Parameters
    ----------
    path : path-like
        The zip archive, with `user_artists.dat` (userID, artistID, weight) and `user_friends.dat`
        (userID, friendID), separated by tabs.

    Returns
    -------
    interactions : Interactions
        Weights are listening counts.
    social : SocialGraph
        Undirected friendships.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no zip archive, or lacks one of the two tables.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "lastfm.zip"
    ...     with zipfile.ZipFile(file, "w") as archive:
    ...         archive.writestr("user_artists.dat", "userID\\tartistID\\tweight\\n2\\t51\\t9\\n")
    ...         archive.writestr("user_friends.dat", "userID\\tfriendID\\n2\\t3\\n3\\t2\\n")
    ...     read_hetrec_lastfm(file)
    (Interactions(1 rows, 1 users, 1 items), SocialGraph(2 people, 1 undirected ties))
    """
    plays = _delimited(path, "user_artists.dat")
    friends = _delimited(path, "user_friends.dat")
    try:
        return Interactions.from_frame(plays), SocialGraph.from_frame(friends, directed=False)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from error


def read_trust_archive(path: PathLike) -> tuple[Interactions, SocialGraph]:
    """Read Ciao or Epinions: who rated which product, and who trusts whom.

    Parameters
    ----------
    path : path-like
        The zip archive, with `rating.mat` (columns user, product, category, rating, helpfulness,
        and in some editions the time in seconds since 1970) and `trustnetwork.mat` (columns user,
        trusted user).

    Returns
    -------
    interactions : Interactions
        Weights are ratings.
    social : SocialGraph
        Directed: who trusts listens.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no zip archive, or lacks one of the two tables.

    Examples
    --------
    >>> import tempfile
    >>> from scipy.io import savemat
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "ciao.zip"
    ...     with zipfile.ZipFile(file, "w") as archive:
    ...         for name, rows in (("rating", [[1, 2, 3, 4, 5]]), ("trustnetwork", [[1, 7]])):
    ...             buffer = io.BytesIO()
    ...             savemat(buffer, {name: np.array(rows)})
    ...             archive.writestr(f"ciao/{name}.mat", buffer.getvalue())
    ...     read_trust_archive(file)
    (Interactions(1 rows, 1 users, 1 items), SocialGraph(2 people, 1 directed ties))
    """
    ratings = _matrix(path, "rating", 4)
    trust = _matrix(path, "trustnetwork", 2)
    frame = pd.DataFrame(
        {
            "user_id": ratings[:, 0].astype(np.int64),
            "item_id": ratings[:, 1].astype(np.int64),
            "weight": ratings[:, 3].astype(np.float64),
        }
    )
    if ratings.shape[1] > 5:
        frame["timestamp"] = ratings[:, 5].astype(np.int64)
    ties = pd.DataFrame(trust[:, :2].astype(np.int64), columns=["source_id", "target_id"])
    try:
        return Interactions.from_frame(frame), SocialGraph.from_frame(ties, directed=True)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from error


def check_archive(path: PathLike) -> None:
    """Raise if a file is not a whole zip archive.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no zip archive or one of its members is damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with zipfile.ZipFile(Path(folder) / "a.zip", "w") as archive:
    ...         archive.writestr("x", "y")
    ...     check_archive(Path(folder) / "a.zip")
    """
    with _opened(path) as archive:
        try:
            damaged = archive.testzip()
        except (zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{str(path)!r} must be a whole zip archive: {error}") from error
    if damaged is not None:
        raise ValueError(f"{str(path)!r} must be a whole zip archive; {damaged!r} is damaged")


def _opened(path: PathLike) -> zipfile.ZipFile:
    """Return the open archive."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"path must be an existing file; got {str(path)!r}")
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"path must be a zip archive; {str(path)!r} is not: delete it and fetch it again"
        ) from error


def _member(path: PathLike, wanted: str) -> bytes:
    """Return the content of the member of that name, in whatever folder of the archive."""
    with _opened(path) as archive:
        for name in archive.namelist():
            if PurePosixPath(name).name == wanted:
                try:
                    return archive.read(name)
                except (zipfile.BadZipFile, zlib.error) as error:
                    raise ValueError(f"{name!r} in {str(path)!r} is damaged: {error}") from error
        raise ValueError(
            f"path must be an archive with {wanted}; {str(path)!r} holds {archive.namelist()[:20]}"
        )


def _delimited(path: PathLike, wanted: str) -> pd.DataFrame:
    """Return a tab-separated member as a frame."""
    content = _member(path, wanted)
    try:
        return pd.read_csv(io.BytesIO(content), sep="\t")
    except ValueError as error:
        raise ValueError(f"{wanted} in {str(path)!r} cannot be read: {error}") from error


def _matrix(path: PathLike, variable: str, n_columns: int) -> Any:
    """Return the matrix of a MATLAB member with at least so many columns."""
    wanted = f"{variable}.mat"
    content: Any = io.BytesIO(_member(path, wanted))
    try:
        matrix = loadmat(content).get(variable)
    except (TypeError, ValueError, NotImplementedError, OSError) as error:
        raise ValueError(f"{wanted} in {str(path)!r} cannot be read: {error}") from error
    if matrix is None or matrix.ndim != 2 or matrix.shape[1] < n_columns:
        shape = None if matrix is None else matrix.shape
        raise ValueError(
            f"{wanted} in {str(path)!r} must hold a matrix {variable!r} of at least {n_columns} "
            f"columns; got shape {shape}"
        )
    return matrix
