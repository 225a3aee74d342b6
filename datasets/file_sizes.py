"""How large the tables in files are, without holding them: for an estimate before a fit.

Of parquet the number of rows stands in the metadata, and the ids are read by the million; other
files have to be read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .columns import INTERACTION_COLUMNS, SOCIAL_COLUMNS, Columns, find_columns
from .readers import read_table
from .table_sizes import TableSizes

#: called with the name of a stage, the units done and the units in all
Tell = Callable[[str, int, int], None]

_BATCH = 2**20
_STAGE = "counting ids"


def sizes_in_files(
    interactions: Path,
    social: Path | None = None,
    *,
    columns: Columns | None = None,
    social_columns: Columns | None = None,
    directed: bool = False,
    tell: Tell | None = None,
) -> TableSizes:
    """Sizes of a table of interactions and one of ties.

    Rows that will be merged or left out count, so that these are upper bounds.

    Parameters
    ----------
    interactions, social : path
        Files of csv, tsv or parquet.
    columns, social_columns : mapping, optional
        Roles and names of columns, where these are unusual.
    directed : bool
        Whether a tie is stored once.
    tell : callable(stage: str, done: int, total: int), optional
        Called with the rows that are done.

    Examples
    --------
    >>> import tempfile
    >>> import suffuse as sf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "rows.parquet"
    ...     sf.datasets.tiny_world().interactions.to_parquet(file)
    ...     sizes_in_files(file).n_users
    5
    """
    n_rows, (users, items) = _ids(
        interactions, INTERACTION_COLUMNS, ("user_id", "item_id"), columns, tell
    )
    if social is None:
        return TableSizes(len(users), len(items), n_rows)
    n_ties, ends = _ids(social, SOCIAL_COLUMNS, ("source_id", "target_id"), social_columns, tell)
    people = pd.unique(pd.concat([_series(users), *(_series(end) for end in ends)]))
    return TableSizes(len(people), len(items), n_rows, n_ties * (1 if directed else 2))


def _nobody(stage: str, done: int, total: int) -> None:
    """Who hears of progress where nobody listens."""


def _series(ids: Any) -> Any:
    """Ids of whatever kind of text as objects."""
    return pd.Series(ids.to_pandas(), dtype=object)


def _ids(
    path: Path, known: Any, roles: tuple[str, str], columns: Columns | None, tell: Tell | None
) -> tuple[int, list[Any]]:
    """Number of rows, and the distinct ids in two columns."""
    if path.suffix not in (".parquet", ".pq") or not path.is_file():
        frame = read_table(path)
        names = find_columns(frame, known, columns)
        return len(frame), [pa.array(frame[names[role]].unique()) for role in roles]
    with pq.ParquetFile(path) as file:
        names = find_columns(file.schema_arrow.empty_table().to_pandas(), known, columns)
        n_rows = int(file.metadata.num_rows)
        return n_rows, [
            _distinct(file, str(names[role]), n_rows, tell or _nobody) for role in roles
        ]


def _distinct(file: Any, column: str, n_rows: int, tell: Tell) -> Any:
    """The distinct entries of a column; what is new joins the others once it has piled up."""
    found = pa.array([], type=file.schema_arrow.field(column).type)
    new: list[Any] = []
    done, piled = 0, 0
    stage = f"{_STAGE}, {column}"
    tell(stage, 0, n_rows)
    for batch in file.iter_batches(batch_size=_BATCH, columns=[column]):
        new.append(pc.unique(batch.column(0)))
        done, piled = done + len(batch), piled + len(new[-1])
        if piled > max(len(found), _BATCH):
            found, new, piled = pc.unique(pa.chunked_array([found, *new])), [], 0
        tell(stage, done, n_rows)
    tell(stage, n_rows, n_rows)
    return pc.unique(pa.chunked_array([found, *new]))
