"""Large tables in parquet files: their columns, and their rows a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .columns import Columns, Floats, find_columns, quoted, read_weights
from .readers import PathLike
from .shard_ids import as_kind, joint_kind, kind_of

#: rows that are held at a time
_PIECE = 1 << 20
#: rows of which one call makes its own files; larger row groups stay whole
_CHUNK = 1 << 21
_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True)
class Chunk:
    """Some row groups of a parquet file, of which row ``start`` is the first.

    ``columns`` names the two ends, and the weight or None; ``kinds`` is what the ids at both ends
    are read as.

    Examples
    --------
    >>> Chunk("rows.parquet", (0,), 0, ("user_id", "item_id", None), ("int64", "text")).start
    0
    """

    path: str
    groups: tuple[int, ...]
    start: int
    columns: tuple[str, str, str | None]
    kinds: tuple[str, str]


@dataclass(frozen=True)
class Piece:
    """Some rows: ids at both ends as arrow arrays, and weights or None.

    Examples
    --------
    >>> len(Piece(pa.array([1]), pa.array([2]), None).first)
    1
    """

    first: Any
    second: Any
    weights: Floats | None


@dataclass(frozen=True)
class Source:
    """A table in parquet files that have the same columns.

    ``kinds`` are those of the ids at the two ends, ``weights`` the type of the weights or None,
    ``groups`` the rows of every row group of every file.

    Examples
    --------
    >>> Source(("a.parquet",), ("user", "item", None), ("int64", "int64"), None, ((3, 4),)).n_rows
    7
    """

    paths: tuple[str, ...]
    columns: tuple[str, str, str | None]
    kinds: tuple[str, str]
    weights: str | None
    groups: tuple[tuple[int, ...], ...]

    @property
    def n_rows(self) -> int:
        """Number of rows of all files."""
        return sum(map(sum, self.groups))

    def chunks(self, kinds: tuple[str, str]) -> list[Chunk]:
        """Cut the files into chunks of whole row groups; ids will be read as of these kinds."""
        found: list[Chunk] = []
        for path, sizes in zip(self.paths, self.groups, strict=True):
            waiting: list[int] = []
            start = rows = 0
            for group, size in enumerate(sizes):
                if waiting and rows + size > _CHUNK:
                    found.append(Chunk(path, tuple(waiting), start, self.columns, kinds))
                    waiting, start, rows = [], start + rows, 0
                if size:
                    waiting.append(group)
                    rows += size
            if waiting:
                found.append(Chunk(path, tuple(waiting), start, self.columns, kinds))
        return found


def open_source(
    path: PathLike,
    known: Mapping[str, frozenset[str]],
    ends: tuple[str, str],
    columns: Columns | None,
) -> Source:
    """Find out what a parquet file, or a folder of such parts, holds, without reading a row.

    Parameters
    ----------
    path : path-like
        A file, or a folder whose parquet files are taken in the order of their names.
    known : mapping from role to other names
        `INTERACTION_COLUMNS` or `SOCIAL_COLUMNS`.
    ends : tuple of str
        The roles of the two columns of ids.
    columns : mapping from role to column name, optional
        The caller's choice.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no parquet file in the folder.
    TypeError
        If ids are neither whole numbers nor texts.
    ValueError
        If a file cannot be read, a column is missing, or the parts do not fit together.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from suffuse.datasets.columns import SOCIAL_COLUMNS
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pd.DataFrame({"user": [1], "friend": [2]}).to_parquet(Path(folder) / "a.parquet")
    ...     open_source(folder, SOCIAL_COLUMNS, ("source_id", "target_id"), None).columns
    ('user', 'friend', None)
    """
    paths = _parquet_files(Path(path))
    heads = [_head(file) for file in paths]
    names, first = _names(paths[0], heads[0][0], known, ends, columns), paths[0]
    for file, (schema, _) in zip(paths, heads, strict=True):
        here = _names(file, schema, known, ends, columns)
        if here != names:
            raise ValueError(
                f"parts must have the same columns; got {list(here)} in {str(file)!r} and "
                f"{list(names)} in {str(first)!r}"
            )
    groups = tuple(found for _, found in heads)
    # a part without rows may have columns of any type
    filled = [i for i, sizes in enumerate(groups) if sum(sizes)]
    if not filled:
        return Source(tuple(map(str, paths)), names, ("int64", "int64"), None, groups)
    kinds = [_kind([heads[i][0] for i in filled], [paths[i] for i in filled], n) for n in names[:2]]
    weights = None
    if names[2] is not None:
        types = {heads[i][0].field(names[2]).type for i in filled}
        weights = "float32" if types == {pa.float32()} else "float64"
    return Source(tuple(map(str, paths)), names, (kinds[0], kinds[1]), weights, groups)


def pieces(chunk: Chunk) -> Iterator[Piece]:
    """Yield the rows of a chunk, refusing ids that are null and weights that are bad.

    Raises
    ------
    ValueError
        If an id is null, a weight is no finite number of at least 0, or the file is damaged; the
        message names the file.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "ties.parquet"
    ...     pd.DataFrame({"user": [1], "friend": [2]}).to_parquet(file)
    ...     chunk = Chunk(str(file), (0,), 0, ("user", "friend", None), ("int64", "int64"))
    ...     [len(piece.first) for piece in pieces(chunk)]
    [1]
    """
    start = chunk.start
    names = [name for name in chunk.columns if name is not None]
    try:
        # not memory-mapped and not read ahead: the file would count as memory
        with pq.ParquetFile(chunk.path, pre_buffer=False) as file:
            batches = file.iter_batches(
                batch_size=_PIECE, row_groups=list(chunk.groups), columns=names, use_threads=False
            )
            for batch in batches:
                yield _piece(batch, chunk, start)
                start += len(batch)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(Path(chunk.path), error) from error


def _piece(batch: Any, chunk: Chunk, start: int) -> Piece:
    """Return the checked rows of a batch that begins at row ``start`` of its file."""
    ends = []
    for name, kind in zip(chunk.columns, chunk.kinds, strict=False):
        column = batch.column(batch.schema.get_field_index(name))
        ids = as_kind(column, kind)
        if ids.null_count:
            row = start + int(np.argmax(ids.is_null().to_numpy(zero_copy_only=False)))
            raise ValueError(
                f"{chunk.path!r}: {name} must not be null; got {quoted(None)} at row {row} "
                "(rows counted from 0): drop or fill them"
            )
        ends.append(ids)
    weights = None
    name = chunk.columns[2]
    if name is not None:
        column = batch.column(batch.schema.get_field_index(name)).to_pandas()
        try:
            weights = read_weights(column, name)
        except ValueError as error:
            where = f", from row {start} on" if start else ""
            raise ValueError(f"{chunk.path!r}{where}: {error}") from error
    return Piece(ends[0], ends[1], weights)


def _parquet_files(path: Path) -> list[Path]:
    """Return the files of a table in order."""
    path = path.absolute()
    if path.is_file():
        if not path.name.lower().endswith(_SUFFIXES):
            raise ValueError(
                f"path must be parquet, a file or a folder of parts; got {str(path)!r}: read it "
                "with read_interactions or read_social and give the table"
            )
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"path must be an existing file or folder; got {str(path)!r}")
    found = sorted(
        file
        for file in path.iterdir()
        if file.name.lower().endswith(_SUFFIXES) and not file.name.startswith((".", "_"))
    )
    if not found:
        raise FileNotFoundError(f"path must hold parquet files; {str(path)!r} holds none")
    return found


def _head(path: Path) -> tuple[Any, tuple[int, ...]]:
    """Return the schema of a file and the rows of its row groups."""
    try:
        with pq.ParquetFile(path) as file:
            found = file.metadata
            groups = [found.row_group(i).num_rows for i in range(found.num_row_groups)]
            return file.schema_arrow, tuple(groups)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _names(
    path: Path,
    schema: Any,
    known: Mapping[str, frozenset[str]],
    ends: tuple[str, str],
    columns: Columns | None,
) -> tuple[str, str, str | None]:
    """Return the columns of the two ends and the weights."""
    try:
        found = find_columns(schema.empty_table().to_pandas(), known, columns)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from error
    return found[ends[0]], found[ends[1]], found.get("weight")


def _kind(schemas: Sequence[Any], paths: Sequence[Path], name: str) -> str:
    """Return the one kind of a column of ids in all parts."""
    kinds = []
    for schema, path in zip(schemas, paths, strict=True):
        kind = kind_of(schema.field(name).type)
        if kind is None:
            found = schema.field(name).type
            # whole numbers with gaps are mostly stored as these
            nulls = "drop or fill nulls, or " if pa.types.is_floating(found) else ""
            raise TypeError(
                f"{str(path)!r}: {name} of sharded tables must be whole numbers or texts; got "
                f"{found}: {nulls}turn them into texts first"
            )
        kinds.append(kind)
    joint = joint_kind(kinds)
    if joint is None:
        odd = next(i for i, kind in enumerate(kinds) if joint_kind([kinds[0], kind]) is None)
        raise ValueError(
            f"{name} must be of one kind in all parts; got {kinds[0]} in {str(paths[0])!r} and "
            f"{kinds[odd]} in {str(paths[odd])!r}: write all as one type of numbers, or all as text"
        )
    return joint


def _unreadable(path: Path, error: Exception) -> ValueError:
    """Return the error about a file that is no parquet."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else "it ends too early"
    return ValueError(f"path must be a readable .parquet file; {str(path)!r} is not: {reason}")
