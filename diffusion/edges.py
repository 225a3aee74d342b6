"""What may describe a graph: sparse matrices, networkx graphs, edge frames, social graphs."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from .ties import (
    Matrix,
    Ties,
    even_out,
    is_mirrored,
    narrow_indices,
    read_as_it_is,
    row_sums,
    ties_of,
)

__all__ = [
    "Csr",
    "Ids",
    "Matrix",
    "Ties",
    "narrow_indices",
    "read_graph",
    "read_ties",
    "row_sums",
]

Csr: TypeAlias = "sp.csr_array[Any, tuple[int, int]]"
Ids: TypeAlias = npt.NDArray[Any]

# An asymmetry of a few roundings comes from how a matrix was computed, not from its ties.
_ROUNDINGS = 16.0


def read_graph(adjacency: object, *, directed: bool | None = None) -> tuple[Matrix, Ids, bool]:
    """Turn any accepted graph into a canonical matrix.

    Parameters
    ----------
    adjacency
        See :class:`~suffuse.diffusion.PropagationOperator`.
    directed
        ``False`` symmetrises by the larger of the two weights, ``True`` and ``None`` keep ``A``.

    Returns
    -------
    matrix : csr_array of float64, shape (n, n)
        Sorted, without duplicates and without stored zeros; shares no memory with the input.
    ids : ndarray, shape (n,)
        The raw label of each node.
    asymmetric : bool
        Whether ``A`` differs from its transpose by more than rounding.

    Raises
    ------
    TypeError
        For something that is no graph, or a frame without an explicit ``directed``.
    ValueError
        For a matrix that is not square or empty, and a weight that is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> matrix, ids, asymmetric = read_graph(np.array([[0.0, 2.0], [1.0, 0.0]]), directed=False)
    >>> matrix.toarray(), asymmetric
    (array([[0., 2.],
           [2., 0.]]), False)
    """
    ties, labels, asymmetric = read_ties(adjacency, directed=directed)
    return ties.matrix(), labels, asymmetric


def read_ties(adjacency: object, *, directed: bool | None = None) -> tuple[Ties, Ids, bool]:
    """As `read_graph`, for graphs of any size: four bytes for each tie where all weigh the same.

    Examples
    --------
    >>> ties, _, _ = read_ties(sp.csr_array([[0.0, 2.0], [2.0, 0.0]]))
    >>> ties.indices, ties.data, ties.weight
    (array([1, 0], dtype=int32), None, 2.0)
    """
    if directed is not None and not isinstance(directed, (bool, np.bool_)):
        raise TypeError(f"directed must be True, False or None; got {directed!r}")
    raw, ids = _matrix_and_ids(adjacency, directed)
    labelled = ids is not None
    n_rows = raw.shape[0]
    labels: Ids = ids if ids is not None else np.arange(n_rows)
    if raw.shape != (n_rows, n_rows):
        raise ValueError(f"adjacency must be square; got shape {raw.shape}")
    if n_rows == 0:
        raise ValueError(f"adjacency must have at least one node; got shape {raw.shape}")
    if labels.shape != (n_rows,):
        raise ValueError(
            f"ids must hold one label per node; got shape {labels.shape} for {n_rows} nodes"
        )
    slack = _ROUNDINGS * _eps(raw.dtype)
    ties = read_as_it_is(raw)
    if ties is None:
        matrix = _canonical(raw)
        _check_weights(matrix, labels if labelled else None)
        ties = ties_of(matrix)
    if len(ties.indices) and not 0 <= ties.indices.min() <= ties.indices.max() < n_rows:
        bad = ties.indices.max() if ties.indices.min() >= 0 else ties.indices.min()
        raise ValueError(f"adjacency must have columns from 0 to {n_rows - 1}; got {bad}")
    mirrored = is_mirrored(ties, slack if directed is not False else np.inf)
    if mirrored:
        even_out(ties)
    elif directed is False:
        matrix = ties.matrix()
        matrix = _canonical(matrix.maximum(_canonical(matrix.T)))
        ties, mirrored = ties_of(matrix), True
    return ties, labels, not mirrored


def _matrix_and_ids(adjacency: Any, directed: bool | None) -> tuple[Any, Ids | None]:
    """Recognise the form of the input; ids are None where nodes are bare positions."""
    if sp.issparse(adjacency):
        return adjacency, None
    if hasattr(adjacency, "nodes") and hasattr(adjacency, "is_directed"):
        import networkx as nx

        labels = list(adjacency)
        if not labels:
            raise ValueError("adjacency must have at least one node; got an empty graph")
        return nx.to_scipy_sparse_array(adjacency, dtype=np.float64, format="csr"), _array(labels)
    if hasattr(adjacency, "adjacency") and hasattr(adjacency, "ids"):
        if not sp.issparse(adjacency.adjacency):
            kind = type(adjacency.adjacency).__name__
            raise TypeError(f"adjacency.adjacency must be a scipy sparse matrix; got a {kind}")
        return adjacency.adjacency, np.array(adjacency.ids)
    if callable(getattr(adjacency, "to_pandas", None)):  # a table of polars or pyarrow
        adjacency = adjacency.to_pandas()
    if hasattr(adjacency, "columns"):
        return _from_frame(adjacency, directed)
    if isinstance(adjacency, np.ndarray) and adjacency.ndim == 2:
        if adjacency.dtype.kind not in "biuf":
            raise TypeError(f"adjacency must hold real numbers; got dtype {adjacency.dtype}")
        return sp.csr_array(adjacency), None
    what = type(adjacency).__name__
    if isinstance(adjacency, np.ndarray):
        what = f"{adjacency.ndim}-dimensional array"
    raise TypeError(
        "adjacency must be a scipy sparse matrix, a networkx graph, an edge frame with columns "
        f"source_id and target_id, a social graph or a square array; got a {what}"
    )


def _from_frame(frame: Any, directed: bool | None) -> tuple[Any, Ids]:
    """Read an edge frame: the largest weight wins where an edge is listed twice."""
    columns = list(frame.columns)
    missing = [name for name in ("source_id", "target_id") if name not in columns]
    if missing:
        raise ValueError(f"adjacency must have columns source_id, target_id; got {columns}")
    if directed is None:
        raise TypeError(
            "directed must be given with an edge frame; got None: pass directed=True when "
            "source listens to target only, directed=False when ties hold both ways"
        )
    source, target = _labels(frame, "source_id"), _labels(frame, "target_id")
    ids, positions = _factorize(source, target)
    rows, cols = positions[: len(source)], positions[len(source) :]
    weight = np.ones(len(source))
    if "weight" in columns:
        weight = np.asarray(frame["weight"], dtype=np.float64)
    bad = np.flatnonzero(~((weight >= 0) & np.isfinite(weight)))
    if len(bad):
        at = bad[0]
        raise ValueError(
            f"weight must be non-negative and finite; got {weight[at]} in row {at} "
            f"(source_id {_shown(source[at])}, target_id {_shown(target[at])})"
        )
    order = np.lexsort((weight, cols, rows))
    rows, cols, weight = rows[order], cols[order], weight[order]
    last = np.ones(len(rows), dtype=bool)
    last[:-1] = (rows[1:] != rows[:-1]) | (cols[1:] != cols[:-1])
    n = len(ids)
    return sp.csr_array((weight[last], (rows[last], cols[last])), shape=(n, n)), ids


def _labels(frame: Any, name: str) -> Ids:
    """Take one id column, refusing missing ids."""
    column = frame[name]
    values = np.asarray(column)
    if hasattr(column, "isna"):
        absent = np.asarray(column.isna(), dtype=bool)
    elif values.dtype.kind == "O":
        absent = np.array([v is None or v != v for v in values], dtype=bool)
    else:
        absent = np.zeros(len(values), bool) if values.dtype.kind in "iubSU" else values != values
    if absent.any():
        at = int(np.argmax(absent))
        raise ValueError(f"{name} must not be missing; got {values[at]!r} in row {at}")
    return values


def _factorize(source: Ids, target: Ids) -> tuple[Ids, npt.NDArray[np.intp]]:
    """Sorted distinct labels (first appearance where they have no order) and the positions."""
    if source.dtype.kind in "iu" and target.dtype.kind in "iu":
        ids, positions = np.unique(np.concatenate([source, target]), return_inverse=True)
        return ids, positions
    both = [*source.tolist(), *target.tolist()]
    distinct = list(dict.fromkeys(both))
    with suppress(TypeError):  # labels of mixed kinds keep the order of their first appearance
        distinct = sorted(distinct)
    index = {label: position for position, label in enumerate(distinct)}
    return _array(distinct), np.fromiter((index[label] for label in both), np.intp, len(both))


def _array(labels: Iterable[Any]) -> Ids:
    """Labels as a flat array: integers stay integers, all else stays the object that it was."""
    listed = list(labels)
    if listed and all(type(label) is int and abs(label) < 2**63 for label in listed):
        return np.array(listed, dtype=np.int64)
    flat = np.empty(len(listed), dtype=object)
    for position, label in enumerate(listed):
        flat[position] = label
    return flat


def _canonical(matrix: Any) -> Matrix:
    """A sorted float64 copy without duplicates or zeros, with 32-bit indices where they suffice."""
    if matrix.dtype.kind not in "biuf":
        raise TypeError(f"adjacency must hold real numbers; got dtype {matrix.dtype}")
    copy = sp.csr_array(matrix, dtype=np.float64, copy=True)
    copy.sum_duplicates()
    copy.eliminate_zeros()
    return narrow_indices(copy)


def _check_weights(matrix: Matrix, labels: Ids | None) -> None:
    """Refuse the first negative or non-finite weight by its place."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(matrix.data.sum()) and (matrix.nnz == 0 or matrix.data.min() >= 0):
            return
    bad = ~((matrix.data >= 0) & np.isfinite(matrix.data))
    if not bad.any():
        raise ValueError("weight must have a finite sum over all edges; got an overflow")
    at = int(np.argmax(bad))
    u = int(np.searchsorted(matrix.indptr, at, side="right")) - 1
    v = int(matrix.indices[at])
    place = f"row {u}, column {v}"
    if labels is not None:
        place = f"source_id {_shown(labels[u])}, target_id {_shown(labels[v])}"
    raise ValueError(f"weight must be non-negative and finite; got {matrix.data[at]} at {place}")


def _shown(label: Any) -> str:
    """A label as its owner would write it."""
    return repr(label.item() if isinstance(label, np.generic) else label)


def _eps(dtype: np.dtype[Any]) -> float:
    """The rounding unit of a float type, 0 for whole numbers."""
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0
