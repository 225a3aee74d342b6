"""Lists of many users to parquet, in blocks: a file that appears whole, or a folder of parts.

A block of users is computed while the one before is written, so that memory stays bounded
whatever their number. Columns and rows are those of ``recommend``, in its order. (A score is a sum
of products: where the linear algebra of the machine adds up a block of another size in another
order, its last digit may differ.)

A file is written under a temporary name and renamed at the end: an interruption leaves nothing of
it. A folder takes parts of ``users_per_part`` users, each of which appears whole::

    recs/_manifest.json        what determines the lists (list_manifest.py); at the end, the counts
    recs/part-00000.parquet    users 0 to users_per_part - 1, and so on

``pd.read_parquet(folder)`` and datasets of pyarrow read all parts and pass over the manifest. A run
that was killed goes on with ``resume=True``: parts that are whole stay, the others are written,
and the folder is byte for byte what one run would have given. It is refused where the model, the
users or an option are not those of the first run.

Workers of a cluster write such a folder too, each parts of its own users (``cluster_lists.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .inputs import checked_count
from .list_columns import ListColumns
from .list_manifest import begin, determinants, finish, part_name
from .newcomers import Newcomers
from .progress import as_share, tell
from .recommend import ListRequest
from .store_files import clean_beside, clean_own, fresh_file, locked
from .topk import NO_ITEM, Lists

#: lists of the users in a slice
ListsOf = Callable[[slice], Lists]

#: users whose lists are held at a time
_BLOCK = 2**15
#: users in a part of a folder: what a killed run loses at most
USERS_PER_PART = 2**16
STAGE = "recommending"
_PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class WrittenLists:
    """What :meth:`Recommender.recommend_to` wrote.

    Attributes
    ----------
    path : Path
        The file, or the folder of parts.
    n_users, n_rows : int
        Users with a list, and rows of all lists.
    n_parts, n_kept_parts : int
        Parts of the folder, and those of them that an earlier run had left whole.

    Examples
    --------
    >>> WrittenLists(Path("recs"), n_users=3, n_rows=30, n_parts=2, n_kept_parts=1).n_rows
    30
    """

    path: Path
    n_users: int
    n_rows: int
    n_parts: int = 1
    n_kept_parts: int = 0


def is_folder(path: Path) -> bool:
    """Whether lists go to a folder: one that is there, or a name without a suffix.

    Raises ``ValueError`` for the name of a file that is not parquet.

    Examples
    --------
    >>> is_folder(Path("recs")), is_folder(Path("recs.parquet"))
    (True, False)
    """
    if path.is_dir() or not path.suffix:
        return True
    if path.suffix not in _PARQUET:
        raise ValueError(
            "path must end in .parquet, or be a folder, whose name has no suffix; "
            f"got {str(path)!r}: recommend gives a frame, which other formats take"
        )
    return False


def write_file_of_lists(
    request: ListRequest, path: Path, *, resume: bool, overwrite: bool
) -> WrittenLists:
    """Write all lists to one file; the public words are at ``Recommender.recommend_to``."""
    if resume:
        raise ValueError(
            f"resume must come with a folder of parts; got the file {str(path)!r}, which appears "
            "whole or not at all"
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"path must not exist yet; got {str(path)!r}: pass overwrite=True")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must lie in an existing folder; got {str(path)!r}")
    clean_beside(path)
    columns = ListColumns(request.asked.ids, request.model.item_ids_)
    n_users, n_rows = write_part(request.lists, columns, path, slice(0, len(columns)))
    return WrittenLists(path, n_users, n_rows)


def write_folder_of_lists(
    request: ListRequest,
    folder: Path,
    *,
    newcomers: Newcomers | None,
    users_per_part: int,
    resume: bool,
    overwrite: bool,
) -> WrittenLists:
    """Write all lists to the parts of a folder; see ``Recommender.recommend_to``."""
    if resume and overwrite:
        raise ValueError("resume and overwrite must not both be true: go on, or begin anew")
    size = checked_count("users_per_part", users_per_part)
    columns = ListColumns(request.asked.ids, request.model.item_ids_)
    wanted = determinants(request, newcomers, size)
    n_parts = max(1, -(-len(columns) // size))
    folder.mkdir(parents=True, exist_ok=True)
    n_users = n_rows = n_kept = 0
    with locked(folder):
        begin(folder, wanted, n_parts, resume=resume, overwrite=overwrite)
        for number in range(n_parts):
            path = folder / part_name(number)
            clean_beside(path)
            part = slice(number * size, min((number + 1) * size, len(columns)))
            counts = part_counts(path)
            if counts is not None:
                n_kept += 1
                tell(STAGE, part.stop, len(columns))
            else:
                counts = write_part(request.lists, columns, path, part)
            n_users, n_rows = n_users + counts[0], n_rows + counts[1]
        finish(folder, wanted, {"users": n_users, "rows": n_rows, "parts": n_parts})
    return WrittenLists(folder, n_users, n_rows, n_parts, n_kept)


def write_part(lists: ListsOf, columns: ListColumns, path: Path, part: slice) -> tuple[int, int]:
    """Write the lists of some users to a file; how many have one, and how many rows they are.

    One thread writes a block while this one computes the next: an interruption comes here.
    """
    try:
        return _written(lists, columns, path, part)
    except BaseException:  # an interruption may have come before a block could begin to clean up
        clean_own(path)
        raise


def _written(lists: ListsOf, columns: ListColumns, path: Path, part: slice) -> tuple[int, int]:
    """The same, but for interruptions."""
    n_users = n_rows = 0
    waiting: Future[None] | None = None
    with (
        fresh_file(path) as temporary,
        columns.writer(temporary) as writer,
        ThreadPoolExecutor(1) as pool,
    ):

        def put(block: slice, made: Lists) -> None:
            writer.write_table(columns.table(block, made))

        for block in _blocks(part):
            with as_share(STAGE, block.start, block.stop, len(columns)):
                made = lists(block)
            lengths = (made[0] != NO_ITEM).sum(axis=1)
            n_users, n_rows = n_users + int(np.count_nonzero(lengths)), n_rows + int(lengths.sum())
            if waiting is not None:
                waiting.result()
            waiting = pool.submit(put, block, made)
        if waiting is not None:
            waiting.result()
    return n_users, n_rows


def _blocks(part: slice) -> Iterator[slice]:
    for start in range(part.start, part.stop, _BLOCK):
        yield slice(start, min(start + _BLOCK, part.stop))


def part_counts(path: Path) -> tuple[int, int] | None:
    """Users and rows of a part; None where there is none, or none that can be read."""
    if not path.is_file():
        return None
    try:
        # all columns are read, and the checksum of every page with them
        people = pq.read_table(path, page_checksum_verification=True).column("user_id")
    except (pa.ArrowException, OSError):
        return None
    return int(pc.count_distinct(people).as_py()), len(people)
