"""The training table of a model, and checks of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ..datasets.interactions import Interactions
from ..datasets.tables import as_interactions
from .matrices import Csr


def training_table(interactions: Any) -> Interactions:
    """The table behind a frame, a sparse matrix or ``Interactions``; refused when it is empty."""
    table = as_interactions(interactions)
    if len(table) == 0:
        raise ValueError("interactions must hold at least one row with a positive weight; got none")
    return table


def preference_rows(table: Interactions, *, use_weights: bool) -> Csr:
    """``X``, shape (n_users, n_items), float32: the weights, or one for every stored cell.

    The indices are those of the table, and read-only; the data is a copy.
    """
    return preference_cells(table.matrix, use_weights=use_weights)


def preference_cells(cells: Csr, *, use_weights: bool) -> Csr:
    """:func:`preference_rows` of a matrix of weights with sorted rows."""
    data = cells.data.astype(np.float32) if use_weights else np.ones(cells.nnz, np.float32)
    rows = sparse.csr_array((data, cells.indices, cells.indptr), shape=cells.shape)
    rows.has_canonical_format = True
    return rows


def checked_number(
    name: str,
    value: Any,
    *,
    low: float = 0.0,
    high: float = float("inf"),
    above: bool = False,
    below: bool = False,
    otherwise: str = "",
) -> float:
    """``value`` as a float within [low, high] (open where ``above`` / ``below``), else an error."""
    is_number = isinstance(value, int | float | np.integer | np.floating)
    inside = is_number and not isinstance(value, bool) and low <= value <= high
    at_open_end = inside and ((above and value == low) or (below and value == high))
    if inside and not at_open_end and np.isfinite(value):
        return float(value)
    left, right = "(" if above else "[", ")" if below or high == float("inf") else "]"
    rule = f"a number in {left}{low:g}, {high:g}{right}" + (f" or {otherwise}" if otherwise else "")
    raise ValueError(f"{name} must be {rule}; got {value!r}")


def checked_count(name: str, value: Any, *, low: int = 1) -> int:
    """``value`` as a whole number of at least ``low``, else an error."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise ValueError(f"{name} must be a whole number of at least {low}; got {value!r}")
    return int(value)
