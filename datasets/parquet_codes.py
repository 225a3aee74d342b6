"""Large parquet tables read column by column, a piece at a time, straight into codes.

A frame of a large table costs several times what its codes do. Whole numbers go into an int32
array piece by piece and are encoded in place; texts are read as dictionaries, which are joined.
Whatever is not that simple (nulls, ids of another type, an unusual file) is left to pandas: the
column alone, or the whole file, so that results and errors are those of the frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .columns import (
    INTERACTION_COLUMNS,
    SOCIAL_COLUMNS,
    Columns,
    find_columns,
    read_timestamps,
    read_weights,
)
from .ids import CodeArray, IdArray, encode_ids, encode_pairs
from .integer_codes import integer_codes, mark_used, recode
from .interactions import Interactions, table_of_rows
from .merging import MANY_ROWS, merge_table
from .social_graph import SocialGraph, graph_of_ties
from .tie_matrix import tie_matrix

#: rows of a piece
_PIECE = 1 << 20
#: pieces of texts whose dictionaries are joined at a time
_JOINED = 16
_INT32 = np.iinfo(np.int32)


class _NotSoSimpleError(Exception):
    """The column, or the file, is one for pandas."""


@dataclass(frozen=True)
class _File:
    """A parquet file, its number of rows, the types of its columns, and a frame without rows."""

    path: Path
    n_rows: int
    types: dict[str, pa.DataType]
    head: pd.DataFrame


def stream_interactions(path: Path, columns: Columns | None) -> Interactions | None:
    """Read a large user-item table from parquet; None where the frame must be read.

    The result is ``Interactions.from_frame(pandas.read_parquet(path), columns=columns)``, at a
    fraction of the memory and the time.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "few.parquet"
    ...     pd.DataFrame({"user_id": [1], "item_id": [2]}).to_parquet(file)
    ...     stream_interactions(file, None) is None
    True
    """
    file = _opened(path)
    if file is None:
        return None
    found = find_columns(file.head, INTERACTION_COLUMNS, columns)
    if not set(found.values()) <= set(file.types):
        return None
    try:
        users, user_ids = _encoded(file, found["user_id"])
        items, item_ids = _encoded(file, found["item_id"])
        weights = times = None
        if "weight" in found:
            weights = read_weights(_column(file, found["weight"]), found["weight"])
        if "timestamp" in found:
            times = read_timestamps(_column(file, found["timestamp"]), found["timestamp"])
    except _NotSoSimpleError:
        return None
    merged = merge_table((users, items), (len(user_ids), len(item_ids)), weights, times)
    return table_of_rows(user_ids, item_ids, merged)


def stream_social(path: Path, columns: Columns | None, *, directed: bool) -> SocialGraph | None:
    """Read a large table of ties from parquet; None where the frame must be read.

    The result is that of `SocialGraph.from_frame` for the frame of the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "few.parquet"
    ...     pd.DataFrame({"user": [1], "friend": [2]}).to_parquet(file)
    ...     stream_social(file, None, directed=False) is None
    True
    """
    file = _opened(path)
    if file is None:
        return None
    found = find_columns(file.head, SOCIAL_COLUMNS, columns)
    if not set(found.values()) <= set(file.types):
        return None
    try:
        sources, targets, ids = _encoded_pairs(file, (found["source_id"], found["target_id"]))
        weights = None
        if "weight" in found:
            weights = read_weights(_column(file, found["weight"]), found["weight"])
    except _NotSoSimpleError:
        return None
    ties = tie_matrix(sources, targets, weights, len(ids), directed=directed)
    return graph_of_ties(ids, ties, directed)


def _opened(path: Path) -> _File | None:
    """Return what is known of a file before its rows are read, None where pandas must read it."""
    try:
        with pq.ParquetFile(path) as source:
            n_rows, schema = source.metadata.num_rows, source.schema_arrow
            # the columns as pandas will see them: without those that it takes as an index
            head = schema.empty_table().to_pandas()
    except (ValueError, OSError, pa.ArrowException):
        return None
    names = list(head.columns)
    if n_rows < MANY_ROWS or len(set(schema.names)) < len(schema.names):
        return None
    if len(set(names)) < len(names) or isinstance(head.columns, pd.MultiIndex):
        return None
    return _File(path, n_rows, dict(zip(schema.names, schema.types, strict=True)), head)


def _encoded(file: _File, name: str) -> tuple[CodeArray, IdArray]:
    """Return a column of ids as codes, and the distinct ids; as `encode_ids`."""
    quick = _quick_codes(file, [name])
    if quick is None:
        return encode_ids(_column(file, name), name)
    return quick[0][0], quick[1]


def _encoded_pairs(file: _File, names: tuple[str, str]) -> tuple[CodeArray, CodeArray, IdArray]:
    """Return two columns of ids as codes of one kind; as `encode_pairs`."""
    quick = _quick_codes(file, names)
    if quick is None:
        return encode_pairs(_column(file, names[0]), _column(file, names[1]), names)
    return quick[0][0], quick[0][1], quick[1]


def _quick_codes(file: _File, names: Sequence[str]) -> tuple[list[CodeArray], IdArray] | None:
    """Return the codes of columns of one type, None where they are not numbers or texts."""
    kinds = [file.types[name] for name in names]
    if any(kind != kinds[0] for kind in kinds):
        return None
    kind = kinds[0].value_type if pa.types.is_dictionary(kinds[0]) else kinds[0]
    try:
        if pa.types.is_integer(kinds[0]):
            return _number_codes(file, names, np.dtype(kinds[0].to_pandas_dtype()))
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return _text_codes(file, names)
    except _NotSoSimpleError:
        pass
    return None


def _number_codes(
    file: _File, names: Sequence[str], dtype: np.dtype[Any]
) -> tuple[list[CodeArray], IdArray] | None:
    """Return the codes of columns of whole numbers of a narrow range within 32 bits."""
    columns: list[CodeArray] = []
    for name in names:
        column = np.empty(file.n_rows, dtype=np.int32)
        at = 0
        for piece in _pieces(file, name):
            values = piece.to_numpy(zero_copy_only=False)
            if values.min() < _INT32.min or values.max() > _INT32.max:
                return None
            column[at : at + len(values)] = values
            at += len(values)
        _refuse_other_length(file, at)
        columns.append(column)
    coded = integer_codes(columns, in_place=True)
    if coded is None:
        return None
    ids = coded[1].astype(dtype)
    ids.setflags(write=False)
    return coded[0], ids


def _text_codes(file: _File, names: Sequence[str]) -> tuple[list[CodeArray], IdArray]:
    """Return the codes of columns of texts, read as dictionaries that are joined."""
    columns = [np.empty(file.n_rows, dtype=np.int32) for _ in names]
    known: Any = None
    for column, name in zip(columns, names, strict=True):
        waiting: list[Any] = []
        at = 0
        for piece in _pieces(file, name, as_texts=True):
            waiting.append(piece)
            if len(waiting) == _JOINED:
                at, known = _join(waiting, known, column, at)
                waiting = []
        if waiting:
            at, known = _join(waiting, known, column, at)
        _refuse_other_length(file, at)
    return columns, _put_in_order(columns, known)


def _put_in_order(columns: list[CodeArray], known: Any) -> IdArray:
    """Recode columns by the order of the texts that they name, and return those."""
    used = np.zeros(len(known), dtype=np.bool_)
    for column in columns:
        mark_used(column, used)
    try:
        order = pc.array_sort_indices(known).to_numpy()
    except pa.ArrowException as error:
        raise _NotSoSimpleError from error
    order = order[used[order]]
    rank = np.full(len(known), -1, dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    for column in columns:
        recode(column, rank)
    try:
        ids = known.take(pa.array(order)).to_numpy(zero_copy_only=False)
    except UnicodeDecodeError as error:
        raise _NotSoSimpleError from error
    ids.setflags(write=False)
    found: IdArray = ids
    return found


def _join(pieces: list[Any], known: Any, column: CodeArray, at: int) -> tuple[int, Any]:
    """Write the codes of pieces from row `at` on, and return the next row and all texts so far."""
    if known is not None:
        # first, so that codes written before stay what they are
        pieces = [pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), known), *pieces]
    try:
        joined = pa.chunked_array(pieces).unify_dictionaries().chunks
    except pa.ArrowException as error:  # more than two gigabytes of texts
        raise _NotSoSimpleError from error
    for piece in joined:
        column[at : at + len(piece)] = piece.indices.to_numpy(zero_copy_only=False)
        at += len(piece)
    return at, joined[-1].dictionary


def _column(file: _File, name: str) -> pd.Series:
    """Return one column as pandas reads it."""
    kind = file.types[name]
    if pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind):
        try:
            values = np.empty(file.n_rows, dtype=kind.to_pandas_dtype())
            at = 0
            for piece in _pieces(file, name):
                values[at : at + len(piece)] = piece.to_numpy(zero_copy_only=False)
                at += len(piece)
            _refuse_other_length(file, at)
            return pd.Series(values, name=name, copy=False)
        except _NotSoSimpleError:
            pass
    try:
        frame = pd.read_parquet(file.path, columns=[name])
    except (ValueError, OSError, pa.ArrowException) as error:
        raise _NotSoSimpleError from error
    return frame[name]


def _pieces(file: _File, name: str, *, as_texts: bool = False) -> Iterator[Any]:
    """Yield the pieces of a column, which must hold no null."""
    texts = [name] if as_texts else None
    try:
        # not memory-mapped and not read ahead: the file would count as memory
        with pq.ParquetFile(file.path, read_dictionary=texts, pre_buffer=False) as source:
            for batch in source.iter_batches(batch_size=_PIECE, columns=[name]):
                piece = batch.column(0)
                if piece.null_count or (as_texts and not pa.types.is_dictionary(piece.type)):
                    raise _NotSoSimpleError
                if len(piece):
                    yield _as_dictionary(piece) if as_texts else piece
    except (ValueError, OSError, pa.ArrowException) as error:
        raise _NotSoSimpleError from error


def _as_dictionary(piece: Any) -> Any:
    """Return a piece with 32-bit indices into texts of 32-bit length, none of them null."""
    texts = piece.dictionary
    if texts.null_count:
        raise _NotSoSimpleError
    return pa.DictionaryArray.from_arrays(piece.indices.cast(pa.int32()), texts.cast(pa.string()))


def _refuse_other_length(file: _File, at: int) -> None:
    """Leave to pandas a file whose columns do not hold the rows that it promises."""
    if at != file.n_rows:
        raise _NotSoSimpleError
