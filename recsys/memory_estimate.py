"""How much memory a model will take, from the sizes of its tables alone.

Counted are the bytes that a process takes beyond what Python and the libraries take anyway:
matrices, factors, what a stage needs for itself, and the tables of codes that are fitted on; not
the frame or the file that these came from. The counts follow the code and stand in
``memory_by_model.py``; against the peak that the system reports they come within a factor of 1.5
from some hundred megabytes on, while below that allocators and threads take a share of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..datasets.tables import TableSizes as TableSizes
from ..datasets.tables import table_sizes
from .fitted import require_fitted
from .memory import readable_bytes
from .row_parts import has_fitted, size_of


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes at the peak of every stage.

    Parameters
    ----------
    stages : tuple of (str, int)
        Name and bytes: the ``tables``, stages of ``fit`` with all that is held beside them, the
        fitted ``model``, and ``recommend`` with the model.

    Examples
    --------
    >>> print(MemoryEstimate((("fit", 3 * 2**30), ("model", 2**29))))
    fit    3 GB
    model  512 MB
    peak   3 GB
    """

    stages: tuple[tuple[str, int], ...]

    @property
    def peak(self) -> int:
        """The largest of them.

        Examples
        --------
        >>> MemoryEstimate((("fit", 3000), ("model", 1000))).peak
        3000
        """
        return max(count for _, count in self.stages)

    def __str__(self) -> str:
        """One line per stage, and the peak."""
        lines = [*self.stages, ("peak", self.peak)]
        width = max(len(name) for name, _ in lines)
        return "\n".join(f"{name:<{width}}  {readable_bytes(count)}" for name, count in lines)


def sizes_of(model: Any, interactions: Any, social: Any, *, directed: bool | None) -> TableSizes:
    """The sizes of what is given, or of what a model was fitted on.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As ``Recommender.estimate_memory``.

    Examples
    --------
    >>> sizes_of(None, (1000, 200, 5000), 3000, directed=None)
    TableSizes(n_users=1000, n_items=200, n_interactions=5000, n_ties=6000)
    """
    if interactions is not None:
        return table_sizes(interactions, social, directed=directed)
    require_fitted(model)
    n_users, n_rows = size_of(model, "interactions_")
    n_ties = size_of(model, "social_")[1] if has_fitted(model, "social_") else 0
    return TableSizes(n_users, len(model.item_ids_), int(n_rows or 0), int(n_ties or 0))
