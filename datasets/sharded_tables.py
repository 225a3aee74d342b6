"""Tables cut by user into shards, each in files of its own: what a cluster reads.

A folder holds ``tables.json``, which is sealed and names every other file with its size and its
sha256; ``item_ids.parquet``; and for each shard one part of ``user_ids``, ``interactions`` and,
where there is a social graph, ``social``. The parts one after the other are the table of one
machine: user ``u`` of shard ``s`` is user ``starts[s] + u`` of all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from .ids import IdArray
from .interactions import Interactions
from .readers import PathLike
from .social_graph import SocialGraph

#: the file that makes a folder one of sharded tables
RECORD = "tables.json"
#: the folders of parts
PARTS = ("user_ids", "interactions", "social")
#: the version of the format
FORMAT = 1
#: what stands for the type of ids that are texts
TEXT = "text"
_PIECE = 1 << 20


@dataclass(frozen=True, eq=False)
class ShardedTables:
    """Interactions and ties in a folder, cut by user into shards that are read one at a time.

    Make one with `shard_tables`, or open one with `open_tables`.

    Parameters
    ----------
    folder : Path
        Where the files are.
    starts : tuple of int, shape (n_shards + 1,)
        Shard ``s`` holds the users ``starts[s]`` to ``starts[s + 1] - 1`` in the order of the ids.
    n_items : int
        Size of the item universe.
    n_rows, n_ties : tuple of int, shape (n_shards,)
        Distinct (user, item) pairs of every shard, and ties as stored in the rows of its users:
        an undirected one stands in the rows of both of its ends.
    directed : bool or None
        Whether a tie binds its source alone; None without a social graph.
    kinds : mapping
        Types of what is stored: ``users`` and ``items`` ("text", or that of whole numbers), and
        ``weights``.
    left_out : mapping
        How many rows of the source went into another one or were left out, by reason.
    files : mapping
        Size and sha256 of every file, by its name within the folder.
    fingerprint : str
        The seal, a sha256: that of two folders is the same where their content is.

    Examples
    --------
    >>> import tempfile
    >>> import suffuse as sf
    >>> world = sf.datasets.tiny_world()
    >>> with tempfile.TemporaryDirectory() as place:
    ...     tables = sf.datasets.shard_tables(
    ...         world.interactions, Path(place) / "tables", social=world.social, n_shards=2
    ...     )
    ...     tables, [tables.interactions(shard).shape for shard in range(2)]
    (ShardedTables(2 shards, 12 rows, 6 users, 6 items, 12 ties as stored), [(3, 6), (3, 6)])
    """

    folder: Path
    starts: tuple[int, ...]
    n_items: int
    n_rows: tuple[int, ...]
    n_ties: tuple[int, ...]
    directed: bool | None
    kinds: Mapping[str, str]
    left_out: Mapping[str, int]
    files: Mapping[str, tuple[int, str]]
    fingerprint: str

    @property
    def n_shards(self) -> int:
        """Number of shards."""
        return len(self.starts) - 1

    @property
    def n_users(self) -> int:
        """Number of users of all shards, those without interactions included."""
        return self.starts[-1]

    def __repr__(self) -> str:
        """Return the sizes in words."""
        ties = "" if self.directed is None else f", {sum(self.n_ties)} ties as stored"
        return (
            f"ShardedTables({self.n_shards} shards, {sum(self.n_rows)} rows, "
            f"{self.n_users} users, {self.n_items} items{ties})"
        )

    def interactions(self, shard: int) -> sparse.csr_array:
        """Return the weights of one shard, shape (users of the shard, n_items), rows sorted.

        Raises
        ------
        ValueError
            If the shard is none of the folder's, or its file is damaged.
        """
        name, n = self._part("interactions", shard), self.n_rows[shard]
        kind = np.dtype(self.kinds["weights"])
        return self._matrix(name, shard, (n, self.n_items), ("user", "item"), kind)

    def ties(self, shard: int) -> sparse.csr_array:
        """Return whom the users of one shard listen to, shape (users of the shard, n_users).

        Float64 with sorted rows; without an entry where there is no social graph.

        Raises
        ------
        ValueError
            If the shard is none of the folder's, or its file is damaged.
        """
        name, n = self._part("social", shard), self.n_ties[shard]
        if self.directed is None:
            shape = (self.starts[shard + 1] - self.starts[shard], self.n_users)
            return sparse.csr_array(shape, dtype=np.float64)
        kind = np.dtype(np.float64)
        return self._matrix(name, shard, (n, self.n_users), ("source", "target"), kind)

    def user_ids(self, shard: int) -> IdArray:
        """Return the raw ids of the users of one shard."""
        n = self.starts[shard + 1] - self.starts[shard] if 0 <= shard < self.n_shards else 0
        return self._ids(self._part("user_ids", shard), self.kinds["users"], n)

    def item_ids(self) -> IdArray:
        """Return the raw ids of all items."""
        return self._ids("item_ids.parquet", self.kinds["items"], self.n_items)

    def to_interactions(self) -> Interactions:
        """Return the interactions of all shards as one table, without times."""
        parts = [self.interactions(shard) for shard in range(self.n_shards)]
        matrix: Any = sparse.vstack(parts, format="csr")
        users = np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(matrix.indptr))
        codes = (users, matrix.indices.astype(np.int32, copy=False))
        counts = (self.left_out["merged"], self.left_out["zero"])
        return Interactions(
            self._all_user_ids(), self.item_ids(), *codes, matrix.data, None, *counts
        )

    def to_social(self) -> SocialGraph | None:
        """Return the ties of all shards as one graph of all users; None where there are none."""
        if self.directed is None:
            return None
        matrix: Any = sparse.vstack([self.ties(i) for i in range(self.n_shards)], format="csr")
        counts = [self.left_out[name] for name in ("merged_ties", "self_ties", "zero_ties")]
        return SocialGraph(self._all_user_ids(), matrix, self.directed, *counts)

    def _all_user_ids(self) -> IdArray:
        """Return the ids of all shards, one after the other."""
        ids: IdArray = np.concatenate([self.user_ids(shard) for shard in range(self.n_shards)])
        return ids

    def _part(self, table: str, shard: int) -> str:
        """Return the name of a shard's file, refusing a shard that is not there."""
        if not 0 <= shard < self.n_shards:
            raise ValueError(f"shard must be from 0 to {self.n_shards - 1}; got {shard!r}")
        return part_name(table, shard)

    def _matrix(
        self,
        name: str,
        shard: int,
        shape: tuple[int, int],
        ends: tuple[str, str],
        kind: np.dtype[Any],
    ) -> sparse.csr_array:
        """Return a part as a matrix; ``shape`` is the number of entries and that of columns."""
        n, n_columns = shape
        n_users = self.starts[shard + 1] - self.starts[shard]
        wide: Any = np.int32 if max(n, n_columns) < 2**31 else np.int64
        path = self._checked(name)
        try:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                rows = _column(file, ends[0], np.dtype(np.int32), n)
                columns = _column(file, ends[1], np.dtype(wide), n)
                if "weight" in file.schema_arrow.names:
                    data = _column(file, "weight", kind, n)
                else:
                    data = np.ones(n, dtype=kind)
        except (ValueError, KeyError, OSError, pa.ArrowException) as error:
            raise _damaged(path, str(error)) from error
        indptr = np.searchsorted(rows, np.arange(n_users + 1, dtype=np.int32)).astype(wide)
        matrix = sparse.csr_array((data, columns, indptr), shape=(n_users, n_columns))
        matrix.has_canonical_format = True
        return matrix

    def _ids(self, name: str, kind: str, n: int) -> IdArray:
        """Return a column of ids."""
        path = self._checked(name)
        try:
            found = pq.read_table(path, columns=["id"], use_threads=False).column(0)
            ids: IdArray = found.to_numpy()
        except (ValueError, OSError, pa.ArrowException) as error:
            raise _damaged(path, str(error)) from error
        if len(ids) != n:
            raise _damaged(path, f"it holds {len(ids)} ids where {n} were written")
        ids = ids.astype(object if kind == TEXT else kind, copy=False)
        ids.setflags(write=False)
        return ids

    def _checked(self, name: str) -> Path:
        """Return the path of a file whose content is what was written."""
        path = self.folder / name
        try:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise _damaged(path, str(error.strerror)) from error
        if found != self.files[name][1]:
            raise _damaged(path, "its sha256 is not that of what was written")
        return path


def open_tables(folder: PathLike) -> ShardedTables:
    """Open a folder of sharded tables; the tables are read when they are asked for.

    Parameters
    ----------
    folder : path-like
        What `shard_tables` wrote.

    Returns
    -------
    ShardedTables
        The tables.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it holds no sharded tables.
    ValueError
        If it is of a later format, or a file is missing or damaged; the message names the file.

    Examples
    --------
    >>> open_tables("no/such/folder")
    Traceback (most recent call last):
    FileNotFoundError: folder must hold sharded tables; 'no/such/folder' has no tables.json: write \
them with shard_tables
    """
    place = Path(folder).absolute()
    path = place / RECORD
    if not path.is_file():
        raise FileNotFoundError(
            f"folder must hold sharded tables; {str(folder)!r} has no {RECORD}: "
            "write them with shard_tables"
        )
    record = _record(path)
    files = {name: (int(size), str(sha)) for name, (size, sha) in record["files"].items()}
    for name, (size, _) in files.items():
        file = place / name
        if not file.is_file():
            raise _damaged(file, "it is missing")
        if file.stat().st_size != size:
            raise _damaged(file, f"it has {file.stat().st_size} bytes where {size} were written")
    return ShardedTables(
        folder=place,
        starts=tuple(record["starts"]),
        n_items=record["n_items"],
        n_rows=tuple(record["n_rows"]),
        n_ties=tuple(record["n_ties"]),
        directed=record["directed"],
        kinds=record["kinds"],
        left_out=record["left_out"],
        files=files,
        fingerprint=record["sha256"],
    )


def is_sharded(path: PathLike) -> bool:
    """Whether a path is that of a folder of sharded tables, by its ``tables.json``.

    Examples
    --------
    >>> is_sharded("no/such/folder")
    False
    """
    return (Path(path) / RECORD).is_file()


def part_name(table: str, shard: int) -> str:
    """Return the name of a shard's file within the folder.

    Examples
    --------
    >>> part_name("social", 3)
    'social/part-00003.parquet'
    """
    return f"{table}/part-{shard:05d}.parquet"


def seal(record: Mapping[str, Any]) -> str:
    """Return the sha256 of a record without its own.

    Examples
    --------
    >>> seal({"b": 1, "a": 2}) == seal({"a": 2, "b": 1, "sha256": "any"})
    True
    """
    bare = {name: value for name, value in record.items() if name != "sha256"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _record(path: Path) -> dict[str, Any]:
    """Return what stands in ``tables.json``, refusing what was changed or is of another format."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path, "it is no JSON") from error
    if not isinstance(record, dict) or "sha256" not in record:
        raise _damaged(path, "it has no seal")
    if record.get("format") != FORMAT:
        raise ValueError(
            f"sharded tables must be of format {FORMAT}; {str(path)!r} is of "
            f"{record.get('format')!r}: write them again with shard_tables"
        )
    if seal(record) != record["sha256"]:
        raise _damaged(path, "its sha256 is not that of what was written")
    return record


def _column(file: Any, name: str, kind: np.dtype[Any], n: int) -> npt.NDArray[Any]:
    """Return a column of numbers, read a piece at a time."""
    values, at = np.empty(n, dtype=kind), 0
    for batch in file.iter_batches(batch_size=_PIECE, columns=[name], use_threads=False):
        piece = batch.column(0).to_numpy(zero_copy_only=False)
        values[at : at + len(piece)] = piece
        at += len(piece)
    if at != n:
        raise ValueError(f"it holds {at} rows where {n} were written")
    return values


def _damaged(path: Path, what: str) -> ValueError:
    """Return the error about a file that is not what was written."""
    reason = what.strip().splitlines()[0] if what.strip() else "it cannot be read"
    return ValueError(
        f"sharded tables must be whole; {str(path)!r} is not: {reason}: write them again"
    )
