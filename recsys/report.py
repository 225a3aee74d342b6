"""The result of an evaluation: a frame, a table, and the values behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Report:
    """Values of metrics with confidence intervals, and counts of what was left out.

    Attributes
    ----------
    metrics : tuple of str
        The names that were asked for, in order.
    per_user : mapping of str to ndarray of shape (n_users,)
        The value of each per-user metric for each judged user, in the order of ``user_ids``.
    spread : mapping of str to float
        Metrics of all lists together (``coverage``, ``gini``).
    user_ids : ndarray of shape (n_users,)
    counts : mapping of str to int
        Users, rows and recommendations that were judged, left out or odd.
    z : float
        Half-width of the intervals in standard errors.
    differences : mapping of str to ndarray, or None
        Per-user differences to the baseline.
    notes : tuple of str
        What looks like a mistake in the tables, in words.
    user_groups : ndarray of shape (n_users,), or None
        The label of each judged user.
    exposure : DataFrame, or None
        Columns ``group, exposure, catalogue``: each item group's share of both.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.tiny_world()
    >>> recs = sf.Popularity().fit(world.interactions).recommend(k=2, filter_seen=False)
    >>> report = sf.evaluate(recs, world.interactions, metrics=["hit_rate@2"])
    >>> report.to_frame().columns.tolist()
    ['metric', 'value', 'low', 'high', 'n_users']
    """

    metrics: tuple[str, ...]
    per_user: Mapping[str, Values]
    spread: Mapping[str, float]
    user_ids: npt.NDArray[Any]
    counts: Mapping[str, int]
    z: float
    differences: Mapping[str, Values] | None = None
    notes: tuple[str, ...] = ()
    user_groups: npt.NDArray[Any] | None = None
    exposure: pd.DataFrame | None = None

    def to_frame(self) -> pd.DataFrame:
        """Columns ``metric, value, low, high, n_users``; one row per metric, in order.

        Examples
        --------
        >>> report = Report(("m",), {"m": np.array([0.0, 1.0])}, {}, np.array([1, 2]), {}, 2.0)
        >>> report.to_frame()["value"].tolist()
        [0.5]
        """
        rows = []
        for name in self.metrics:
            if name in self.spread:
                row = (name, self.spread[name], np.nan, np.nan, len(self.user_ids))
            else:
                row = (name, *_interval(self.per_user[name], self.z), len(self.user_ids))
            rows.append(row)
        return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "n_users"])

    def difference_frame(self) -> pd.DataFrame:
        """Mean paired differences to the baseline, in the columns of :meth:`to_frame`.

        Raises
        ------
        ValueError
            If the evaluation had no baseline.

        Examples
        --------
        >>> change = {"m": np.array([0.5, 0.5])}
        >>> report = Report(("m",), change, {}, np.array([1, 2]), {}, 2.0, change)
        >>> report.difference_frame()["low"].tolist()
        [0.5]
        """
        if self.differences is None:
            raise ValueError("baseline must be given to evaluate(..., baseline=recs); got None")
        rows = [
            (name, *_interval(values, self.z), len(values))
            for name, values in self.differences.items()
        ]
        return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "n_users"])

    def group_frame(self) -> pd.DataFrame:
        """Means by group of users: columns ``metric, group, value, low, high, n_users``.

        Raises
        ------
        ValueError
            If the evaluation had no groups of users.

        Examples
        --------
        >>> report = Report(("m",), {"m": np.array([0.0, 1.0])}, {}, np.array([1, 2]), {}, 2.0,
        ...                 user_groups=np.array(["young", "old"]))
        >>> report.group_frame()[["group", "value"]].values.tolist()
        [['old', 1.0], ['young', 0.0]]
        """
        if self.user_groups is None:
            raise ValueError("user_groups must be given to evaluate(...); got None")
        rows = []
        for name, values in self.per_user.items():
            for group in sorted(set(self.user_groups.tolist()), key=str):
                chosen = values[self.user_groups == group]
                rows.append((name, group, *_interval(chosen, self.z), len(chosen)))
        columns = ["metric", "group", "value", "low", "high", "n_users"]
        return pd.DataFrame(rows, columns=columns)

    def __str__(self) -> str:
        lines = [self.to_frame().to_string(index=False, float_format="{:.4f}".format)]
        if self.differences is not None:
            changes = self.difference_frame().to_string(index=False, float_format="{:+.4f}".format)
            lines += ["difference to the baseline:", changes]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"{count} {what}" for what, count in self.counts.items() if count]
        return "\n".join(lines)


def _interval(values: Values, z: float) -> tuple[float, float, float]:
    if len(values) < 2:
        return float(values.mean()) if len(values) else np.nan, np.nan, np.nan
    mean = float(values.mean())
    half = z * float(values.std(ddof=1)) / np.sqrt(len(values))
    return mean, mean - half, mean + half
