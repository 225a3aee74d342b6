"""Tables from and to files: csv, tsv, parquet, chosen by the suffix of the name."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa

from .columns import Columns
from .interactions import Interactions
from .social_graph import SocialGraph

PathLike = str | os.PathLike[str]

_DELIMITERS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
_PARQUET = (".parquet", ".pq")
#: what the name of a table file may end in
SUFFIXES = (*_DELIMITERS, *_PARQUET)
_UNREADABLE = (ValueError, OSError, EOFError, zlib.error, pa.ArrowException)


def read_table(path: PathLike, *, allow_empty: bool = False) -> pd.DataFrame:
    """Read a table from a csv, tsv or parquet file.

    In csv and tsv a column becomes whole numbers or numbers if every entry is one, and stays text
    otherwise. Ids that would not survive stay text: leading zeros ("007") and the word "NA" are
    kept; only an empty entry is null.

    Parameters
    ----------
    path : path-like
        A file that ends in .csv, .tsv (both also with .gz), .parquet or .pq.
    allow_empty : bool, default False
        Take a table that has columns and no row.

    Returns
    -------
    DataFrame
        At least one row.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the suffix is another one, or the file is empty, corrupt or not what its suffix says.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "people.csv"
    ...     _ = file.write_text("user_id,age\\n007,30\\n")
    ...     read_table(file).to_dict("list")
    {'user_id': ['007'], 'age': [30]}
    """
    file = Path(path)
    # a name without a suffix may be that of a folder that is not there
    suffix = _suffix(file) if file.suffix or file.exists() else ""
    if not file.is_file():
        raise FileNotFoundError(f"path must be an existing file; got {str(file)!r}")
    if file.stat().st_size == 0:
        raise ValueError(f"path must be a file with content; {str(file)!r} is empty")
    try:
        if suffix in _PARQUET:
            frame = pd.read_parquet(file)
        else:
            frame = _typed(
                pd.read_csv(
                    file,
                    sep=_DELIMITERS[suffix],
                    dtype=str,
                    keep_default_na=False,
                    na_values=[""],
                    encoding="utf-8",
                )
            )
    except _UNREADABLE as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it ends too early"
        raise ValueError(
            f"path must be a readable {suffix} file; {str(file)!r} is not: {reason}"
        ) from error
    if len(frame) == 0 and not allow_empty:
        raise ValueError(f"path must be a table with at least one row; {str(file)!r} has none")
    return frame


def write_table(frame: pd.DataFrame, path: PathLike, *, overwrite: bool = True) -> None:
    """Write a table to a csv, tsv or parquet file, wholly or not at all.

    The table goes to a temporary file beside the target, which then takes its place in one step:
    whoever reads sees the old file or the new one, and a failure leaves the old one untouched.

    Parameters
    ----------
    frame : DataFrame
        The table; its index is not written.
    path : path-like
        A name that ends in .csv, .tsv (both also with .gz), .parquet or .pq, in an existing folder.
    overwrite : bool, default True
        False: refuse if the file is there.

    Raises
    ------
    FileExistsError
        If the file is there and `overwrite` is False.
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If the suffix is another one, or parquet cannot hold a column (ids of mixed types).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(pd.DataFrame({"user_id": [1]}), Path(folder) / "people.parquet")
    ...     len(read_table(Path(folder) / "people.parquet"))
    1
    """
    file = Path(path)
    suffix = _suffix(file)
    if not file.parent.is_dir():
        raise FileNotFoundError(f"path must be in an existing folder; got {str(file)!r}")
    if file.exists() and not overwrite:
        raise FileExistsError(f"path must be a new file; {str(file)!r} exists")
    temporary = file.with_name(f".{file.name}.{os.getpid()}{suffix}")
    try:
        if suffix in _PARQUET:
            frame.to_parquet(temporary, index=False)
        else:
            frame.to_csv(temporary, sep=_DELIMITERS[suffix], index=False)
        temporary.replace(file)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ValueError(
            f"frame must fit into parquet; {str(file)!r} was not written: {error}: turn mixed "
            "columns into text, or write csv"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def read_interactions(path: PathLike, *, columns: Columns | None = None) -> Interactions:
    """Read a user-item table from a file.

    A large parquet file is read column by column, a piece at a time, and no other columns than
    those that are needed; the result is the same.

    Parameters
    ----------
    path : path-like
        See `read_table`.
    columns : mapping from role to column name, optional
        See `Interactions.from_frame`.

    Returns
    -------
    Interactions
        The table; ``.to_frame()`` is the frame with our column names.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be read, or its content cannot be used; the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "plays.tsv"
    ...     _ = file.write_text("userID\\tartistID\\tweight\\n2\\t51\\t13883\\n")
    ...     read_interactions(file)
    Interactions(1 rows, 1 users, 1 items)
    """
    if _is_parquet(path):
        # here, as pyarrow.parquet is not for free and most tables are no such files
        from .parquet_codes import stream_interactions

        try:
            table = stream_interactions(Path(path), columns)
        except ValueError as error:
            raise ValueError(f"{str(path)!r}: {error}") from error
        if table is not None:
            return table
    frame = read_table(path)
    try:
        return Interactions.from_frame(frame, columns=columns)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from error


def read_social(
    path: PathLike, *, directed: bool = False, columns: Columns | None = None
) -> SocialGraph:
    """Read a social graph from a file of ties; a large parquet file a piece at a time.

    Parameters
    ----------
    path : path-like
        See `read_table`.
    directed : bool, default False
        False: a tie binds both ways. True: only the source listens to the target.
    columns : mapping from role to column name, optional
        See `SocialGraph.from_frame`.

    Returns
    -------
    SocialGraph
        The graph; ``.to_frame()`` is the frame with our column names. A table without a row is a
        graph without a tie.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be read, or its content cannot be used; the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "friends.csv"
    ...     _ = file.write_text("user,friend\\nann,bo\\n")
    ...     read_social(file)
    SocialGraph(2 people, 1 undirected ties)
    """
    if _is_parquet(path):
        from .parquet_codes import stream_social

        try:
            graph = stream_social(Path(path), columns, directed=directed)
        except ValueError as error:
            raise ValueError(f"{str(path)!r}: {error}") from error
        if graph is not None:
            return graph
    frame = read_table(path, allow_empty=True)
    try:
        return SocialGraph.from_frame(frame, directed=directed, columns=columns)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from error


def _is_parquet(path: PathLike) -> bool:
    """Whether a path is that of an existing parquet file."""
    file = Path(path)
    return file.name.lower().endswith(_PARQUET) and file.is_file()


def _suffix(file: Path) -> str:
    """Return the suffix that says how a file is written, in lower case."""
    name = file.name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise ValueError(f"path must end in one of {list(SUFFIXES)}; got {str(file)!r}")


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of texts with numeric columns as numbers where no text is changed by that."""
    return pd.DataFrame({name: _as_numbers(frame[name]) for name in frame.columns})


def _as_numbers(column: pd.Series) -> pd.Series:
    """Return a column of texts as numbers, or as it is if that would lose something."""
    numbers = pd.to_numeric(column, errors="coerce")
    present = column.notna()
    if not present.any() or bool((numbers.isna() & present).any()):
        return column
    # 007, +1, 12e3 and 1_000 are ids: as numbers they would not come out as they went in.
    odd = column[present].str.match(r"\s*(?:[+-]?0\d|\+|\d+[eE]\d|.*_)")
    if bool(odd.any()):
        return column
    if numbers.dtype.kind == "f" and bool(column[present].str.fullmatch(r"-?\d{16,}").any()):
        return column
    return numbers
