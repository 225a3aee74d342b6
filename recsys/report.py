"""The result of an evaluation: frames, a table, and the values behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .compared import difference_table
from .intervals import Interval, bootstrap_interval, normal_interval

Values = npt.NDArray[np.float64]
_COLUMNS = ["metric", "value", "low", "high", "n_users"]


@dataclass(frozen=True, repr=False)
class Report:
    """Values of metrics with confidence intervals, and counts of what was left out.

    Attributes
    ----------
    metrics : tuple of str
        The names that were asked for, in order.
    per_user : mapping of str to ndarray of shape (n_users,)
        The value of each per-user metric for each judged user, in the order of ``user_ids``; NaN
        where a metric is not defined for a user.
    spread : mapping of str to float
        Metrics of all lists together (``coverage``, ``gini``).
    user_ids : ndarray of shape (n_users,)
    counts : mapping of str to int
        Users, rows and recommendations that were judged, left out or odd.
    ci : float
        Confidence level of the intervals.
    differences : mapping of str to ndarray, or None
        Per-user differences to the baseline.
    notes : tuple of str
        What looks like a mistake in the tables, in words.
    user_groups : ndarray of shape (n_users,), or None
        The label of each judged user.
    exposure : DataFrame, or None
        Columns ``group, exposure, catalogue``: each item group's share of both.
    spread_intervals : mapping of str to (float, float)
        Low and high of metrics of all lists together, where they were computed.
    fairness : DataFrame, or None
        The rows of ``fairness_frame``.
    min_group_size : int
        Groups of fewer users have no value.
    n_replicates : int, or None
        Replicates of the bootstrap, if the intervals of means come from it.
    compat : str
        The definitions that were used.

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
    ci: float = 0.95
    differences: Mapping[str, Values] | None = None
    notes: tuple[str, ...] = ()
    user_groups: npt.NDArray[Any] | None = None
    exposure: pd.DataFrame | None = None
    spread_intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    fairness: pd.DataFrame | None = None
    min_group_size: int = 1
    n_replicates: int | None = None
    compat: str = "textbook"

    def to_frame(self) -> pd.DataFrame:
        """Columns ``metric, value, low, high, n_users``; one row per metric, in order.

        ``n_users`` are those for whom the metric is defined.

        Examples
        --------
        >>> report = Report(("m",), {"m": np.array([0.0, 1.0])}, {}, np.array([1, 2]), {})
        >>> report.to_frame()["value"].tolist()
        [0.5]
        """
        rows: list[tuple[Any, ...]] = []
        for name in self.metrics:
            if name in self.spread:
                low, high = self.spread_intervals.get(name, (np.nan, np.nan))
                rows.append((name, self.spread[name], low, high, len(self.user_ids)))
            else:
                found = self._interval(self.per_user[name])
                rows.append((name, found.value, found.low, found.high, found.n))
        return pd.DataFrame(rows, columns=_COLUMNS)

    def difference_frame(self) -> pd.DataFrame:
        """Mean paired differences to the baseline, in the columns of :meth:`to_frame`.

        Raises
        ------
        ValueError
            If the evaluation had no baseline.

        Examples
        --------
        >>> change = {"m": np.array([0.5, 0.5])}
        >>> report = Report(("m",), change, {}, np.array([1, 2]), {}, differences=change)
        >>> report.difference_frame()["low"].tolist()
        [0.5]
        """
        if self.differences is None:
            raise ValueError("baseline must be given to evaluate(..., baseline=recs); got None")
        rows = []
        for name, values in self.differences.items():
            found = self._interval(values)
            rows.append((name, found.value, found.low, found.high, found.n))
        return pd.DataFrame(rows, columns=_COLUMNS)

    def compare(
        self, other: Report | None = None, *, n_flips: int = 10_000, random_state: int = 0
    ) -> pd.DataFrame:
        """This report less another one on the same test rows, user by user.

        Parameters
        ----------
        other : Report, optional
            An evaluation of other lists; by default the baseline of this one.
        n_flips : int
            Random flips of signs behind ``sign_flip_p``.
        random_state : int
            Where they come from.

        Returns
        -------
        DataFrame
            A row for every per-user metric that both have: ``metric, difference, low, high, t_p,
            sign_flip_p, holm_p, effect_size, n_users``. ``holm_p`` corrects ``sign_flip_p`` for
            the number of metrics; see ``suffuse.recsys.intervals`` for each.

        Raises
        ------
        ValueError
            If the users differ, no metric is shared, or there is nothing to compare with.

        Examples
        --------
        >>> users = np.arange(4)
        >>> better = Report(("m",), {"m": np.array([0.5, 0.7, 0.6, 1.0])}, {}, users, {})
        >>> worse = Report(("m",), {"m": np.array([0.4, 0.5, 0.6, 0.7])}, {}, users, {})
        >>> frame = better.compare(worse)
        >>> frame["difference"].round(4).tolist(), frame["n_users"].tolist()
        ([0.15], [4])
        """
        differences = self.differences
        if other is not None:
            differences = self._differences(other)
        if differences is None:
            raise ValueError(
                "other must be a Report, for there is no baseline: pass one, or give evaluate(..., "
                "baseline=recs); got None"
            )
        return difference_table(differences, ci=self.ci, n_flips=n_flips, random_state=random_state)

    def group_frame(self) -> pd.DataFrame:
        """Means by group of users: columns ``metric, group, value, low, high, n_users``.

        A group of fewer than ``min_group_size`` users has NaN, and stands there with its size.

        Raises
        ------
        ValueError
            If the evaluation had no groups of users.

        Examples
        --------
        >>> report = Report(("m",), {"m": np.array([0.0, 1.0])}, {}, np.array([1, 2]), {},
        ...                 user_groups=np.array(["young", "old"]))
        >>> report.group_frame()[["group", "value"]].values.tolist()
        [['old', 1.0], ['young', 0.0]]
        """
        if self.user_groups is None:
            raise ValueError("user_groups must be given to evaluate(...); got None")
        codes, labels = pd.factorize(self.user_groups)
        order = sorted(range(len(labels)), key=lambda place: str(labels[place]))
        members = [np.flatnonzero(codes == place) for place in order]
        rows = []
        for name, values in self.per_user.items():
            for place, chosen in zip(order, members, strict=True):
                found = self._interval(values[chosen])
                known = (found.value, found.low, found.high)
                if len(chosen) < self.min_group_size:
                    known = (np.nan, np.nan, np.nan)
                rows.append((name, labels[place], *known, len(chosen)))
        return pd.DataFrame(rows, columns=["metric", "group", *_COLUMNS[1:]])

    def fairness_frame(self) -> pd.DataFrame:
        """How evenly users and items are served: ``metric, of, value, low, high, n``.

        Raises
        ------
        ValueError
            If the evaluation had neither groups nor a social graph.

        Examples
        --------
        >>> Report((), {}, {}, np.array([]), {}).fairness_frame()
        Traceback (most recent call last):
        ...
        ValueError: user_groups, item_groups or social must be given to evaluate(...); got none
        """
        if self.fairness is None:
            raise ValueError(
                "user_groups, item_groups or social must be given to evaluate(...); got none"
            )
        return self.fairness.copy()

    def __str__(self) -> str:
        lines = []
        for title, frame, form in self._tables():
            lines += [title] if title else []
            lines.append(frame.to_string(index=False, float_format=form.format, na_rep=""))
        return "\n".join([*lines, *self._sentences()])

    def __repr__(self) -> str:
        return f"Report({len(self.metrics)} metrics, {len(self.user_ids)} users)"

    def __rich__(self) -> RenderableType:
        """What ``rich.print`` shows: the tables of ``str(report)``, drawn."""
        parts: list[RenderableType] = []
        for title, frame, form in self._tables():
            table = Table(title=title or None, title_justify="left", header_style="bold")
            for column in frame.columns:
                numeric = pd.api.types.is_numeric_dtype(frame[column])
                table.add_column(str(column), justify="right" if numeric else "left")
            for row in frame.itertuples(index=False):
                table.add_row(*(Text(_cell(value, form)) for value in row))
            parts.append(table)
        return Group(*parts, *(Text(line) for line in self._sentences()))

    def _tables(self) -> list[tuple[str, pd.DataFrame, str]]:
        """Title, frame and number format of everything there is to show."""
        tables = [("", self.to_frame(), "{:.4f}")]
        if self.differences:
            changes = self.difference_frame()
            tables.append(("difference to the baseline:", changes, "{:+.4f}"))
        if self.fairness is not None and len(self.fairness):
            tables.append(("fairness:", self.fairness, "{:.4f}"))
        return tables

    def _sentences(self) -> list[str]:
        counts = [f"{count} {what}" for what, count in self.counts.items() if count]
        notes = [f"note: {note}" for note in self.notes]
        if self.compat != "textbook":
            notes.insert(0, f"note: definitions of {self.compat}")
        return [*notes, *counts]

    def _interval(self, values: Values) -> Interval:
        if self.n_replicates is None:
            return normal_interval(values, ci=self.ci)
        return bootstrap_interval(values, ci=self.ci, n_replicates=self.n_replicates)

    def _differences(self, other: Report) -> dict[str, Values]:
        """This less other, for the per-user metrics that both have."""
        if not np.array_equal(self.user_ids, other.user_ids):
            raise ValueError(
                "other must be a report on the same test users; "
                f"got {len(other.user_ids)} users against {len(self.user_ids)}"
            )
        shared = [name for name in self.per_user if name in other.per_user]
        if not shared:
            raise ValueError(
                f"other must share a per-user metric of {list(self.per_user)}; "
                f"got {list(other.per_user)}"
            )
        return {name: self.per_user[name] - other.per_user[name] for name in shared}


def _cell(value: Any, form: str) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else form.format(value)
    return str(value)
