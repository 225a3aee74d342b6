"""The accuracy-fairness dial: what every setting of a model costs and brings, on a hold-out.

How a preference is propagated decides who is served: the degree exponent moves exposure between
popular and niche items, the damping moves accuracy between users with and without a history. A
frontier tries settings on hidden cells of the training table, so that test stays untouched, and
marks those that no other setting beats in both respects.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from .evaluation import evaluate
from .holdout import hide_cells
from .inputs import checked_count, checked_number, training_table
from .progress import tell
from .report import Report
from .report_plots import plot_frontier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: fairness measures that rise as things get fairer; of all others less is fairer
RISES = frozenset(
    {
        "coverage", "user_coverage", "entropy", "list_entropy", "novelty", "ild",
        "personalization", "serendipity", "rank_serendipity", "unexpected_hits", "unseen",
        "long_tail", "ee_r", "user_ratio", "user_worst", "user_p10",
    }
)  # fmt: skip

Fairness = str | tuple[str, str] | Callable[[Report], float]


@dataclass(frozen=True, eq=False)
class Frontier:
    """Settings of a model with their accuracy and fairness on a hold-out.

    Attributes
    ----------
    settings : tuple of dict
        The parameters of each setting.
    accuracy, fairness : str
        Names of the two measures.
    values : DataFrame
        Columns ``accuracy, accuracy_low, accuracy_high, fairness, fairness_low, fairness_high``;
        one row per setting. Intervals are NaN where a measure has none.
    higher_is_fairer : bool
        The direction of the fairness measure.
    reports : tuple of Report
        The whole evaluation of each setting.

    Examples
    --------
    >>> import suffuse as sf
    >>> table = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0).interactions
    >>> dial = {"exponent": [0.2, 0.5, 0.8]}
    >>> frontier = fairness_frontier(sf.SpectralFilter(n_factors=8), dial, table)
    >>> frontier.to_frame()["exponent"].tolist()
    [0.2, 0.5, 0.8]
    """

    settings: tuple[dict[str, Any], ...]
    accuracy: str
    fairness: str
    values: pd.DataFrame
    higher_is_fairer: bool
    reports: tuple[Report, ...]

    @property
    def pareto(self) -> npt.NDArray[np.bool_]:
        """Which settings no other one beats in accuracy and fairness, shape (n_settings,)."""
        sign = 1.0 if self.higher_is_fairer else -1.0
        accuracy = self.values["accuracy"].to_numpy(dtype=float)
        return pareto_mask(accuracy, sign * self.values["fairness"].to_numpy(dtype=float))

    def to_frame(self) -> pd.DataFrame:
        """The parameters, the columns of ``values``, and ``pareto``; one row per setting.

        Examples
        --------
        >>> values = pd.DataFrame({"accuracy": [0.1, 0.2], "fairness": [0.5, 0.4]})
        >>> Frontier(({"damping": 0.0}, {"damping": 0.5}), "ndcg@20", "gini@20", values, False,
        ...          ()).to_frame()["pareto"].tolist()
        [False, True]
        """
        settings = pd.DataFrame(list(self.settings))
        return pd.concat([settings, self.values], axis=1).assign(pareto=self.pareto)

    def choose(self, keep: float = 0.99) -> dict[str, Any]:
        """The fairest setting that keeps at least this share of the best accuracy.

        Parameters
        ----------
        keep : float in (0, 1]
            The share.

        Raises
        ------
        ValueError
            If the share lies outside its range, or no setting has a fairness.

        Examples
        --------
        >>> values = pd.DataFrame({"accuracy": [0.198, 0.2, 0.1], "fairness": [0.4, 0.5, 0.1]})
        >>> settings = ({"damping": 0.0}, {"damping": 0.5}, {"damping": 0.9})
        >>> Frontier(settings, "ndcg@20", "gini@20", values, False, ()).choose()
        {'damping': 0.0}
        """
        keep = checked_number("keep", keep, high=1.0, above=True)
        accuracy = self.values["accuracy"].to_numpy(dtype=float)
        unfairness = self.values["fairness"].to_numpy(dtype=float)
        unfairness = -unfairness if self.higher_is_fairer else unfairness
        allowed = (accuracy >= keep * np.nanmax(accuracy)) & np.isfinite(unfairness)
        if not allowed.any():
            raise ValueError(f"fairness must be a number for some setting; got {self.fairness} NaN")
        best = np.lexsort((-accuracy, np.where(allowed, unfairness, np.inf)))[0]
        return dict(self.settings[int(best)])

    def plot(self, axes: Axes | None = None) -> Axes:
        """Accuracy against fairness, the front drawn as a line; returns the matplotlib axes.

        Examples
        --------
        >>> values = pd.DataFrame({"accuracy": [0.1, 0.2], "fairness": [0.5, 0.4]})
        >>> frontier = Frontier(({"damping": 0.0}, {"damping": 0.5}), "ndcg@20", "gini@20",
        ...                     values, False, ())
        >>> frontier.plot().get_xlabel()
        'gini@20 (less is fairer)'
        """
        return plot_frontier(
            self.to_frame(),
            names=list(dict.fromkeys(name for setting in self.settings for name in setting)),
            accuracy=self.accuracy,
            fairness=self.fairness,
            higher_is_fairer=self.higher_is_fairer,
            axes=axes,
        )


def fairness_frontier(
    model: Any,
    values: Mapping[str, Sequence[Any]],
    interactions: Any,
    *,
    social: Any = None,
    directed: bool | None = None,
    accuracy: str = "ndcg@20",
    fairness: Fairness = "gini@20",
    higher_is_fairer: bool | None = None,
    user_groups: Any = None,
    item_groups: Any = None,
    random_state: int = 0,
) -> Frontier:
    """Fit a model with every setting on nine tenths of the cells, and judge it on the rest.

    Parameters
    ----------
    model : recommender
        Unfitted or fitted; it is cloned, never changed.
    values : mapping of parameter name to values
        All combinations are tried, e.g. ``{"exponent": [0.3, 0.5, 0.7]}`` for
        ``SpectralFilter``, or ``{"normalization": ["row", "doubly_stochastic"],
        "damping": [0.0, 0.3]}`` for ``SocialDiffusion``; ``base__name`` reaches a wrapped model.
        Each is one fit.
    interactions : DataFrame, sparse matrix or Interactions
        The training table; a random tenth of each user's rows is hidden and judged on.
    social : DataFrame, networkx graph, sparse matrix or SocialGraph, optional
        Passed to ``fit``, with ``directed``, and to the evaluation.
    directed : bool, optional
        As in ``SocialDiffusion.fit``.
    accuracy : str
        A metric per user with its length, e.g. ``"ndcg@20"``.
    fairness : str, pair of str or callable
        A metric of ``evaluate``; or a pair ``(metric, of)``, the names of a row of
        ``Report.fairness_frame()``; or any function of a Report that returns a number.
    higher_is_fairer : bool, optional
        The direction of ``fairness``. By default it is known for the measures of this package,
        and for anything else less is fairer.
    user_groups, item_groups : mapping, Series or DataFrame, optional
        As in ``evaluate``.
    random_state : int
        Seed of the hold-out.

    Returns
    -------
    Frontier

    Raises
    ------
    ValueError
        For no values, a parameter that the model does not have, or a measure that the evaluation
        does not know.

    Examples
    --------
    >>> import suffuse as sf
    >>> table = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0).interactions
    >>> frontier = fairness_frontier(sf.SpectralFilter(n_factors=8), {"exponent": [0.0, 1.0]},
    ...                              table, accuracy="recall@10", fairness="coverage@10")
    >>> frontier.higher_is_fairer
    True
    """
    settings = _settings(values)
    table = training_table(interactions)
    seed = checked_count("random_state", random_state, low=0)
    hidden = hide_cells(table, random_state=seed)
    users, items = hidden.truth.nonzero()
    test = pd.DataFrame({"user_id": table.user_ids[users], "item_id": table.item_ids[items]})
    names = _metrics(accuracy, fairness)
    length = max(_length(name) for name in names)
    reports = []
    for place, setting in enumerate(settings):
        tell("trying settings", place, len(settings))
        fresh = clone(model).set_params(**setting)
        if social is None:
            fresh.fit(hidden.train)
        else:
            fresh.fit(hidden.train, social=social, directed=directed)
        report = evaluate(
            fresh.recommend(table.user_ids[hidden.warm], length),
            test,
            train=hidden.train,
            metrics=names,
            user_groups=user_groups,
            item_groups=item_groups,
            social=social,
        )
        reports.append(report)
    tell("trying settings", len(settings), len(settings))
    label = fairness_name(fairness)
    rises = label.split("@")[0].split(" of ")[0] in RISES
    return Frontier(
        settings=settings,
        accuracy=accuracy,
        fairness=label,
        values=pd.DataFrame([_row(report, accuracy, fairness) for report in reports]),
        higher_is_fairer=rises if higher_is_fairer is None else higher_is_fairer,
        reports=tuple(reports),
    )


def pareto_mask(first: npt.ArrayLike, second: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which points no other point beats: at least as high in both, and higher in one.

    Parameters
    ----------
    first, second : array-like of float, shape (n,)
        Two measures, of both of which more is better. A point with a NaN is never on the front.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> pareto_mask([1.0, 2.0, 3.0], [3.0, 3.0, 1.0]).tolist()
    [False, True, True]
    """
    points = np.stack([np.asarray(first, float), np.asarray(second, float)], axis=1)
    known = np.isfinite(points).all(axis=1)
    at_least = (points[None, :, :] >= points[:, None, :]).all(axis=2)
    higher = (points[None, :, :] > points[:, None, :]).any(axis=2)
    return np.asarray(known & ~(at_least & higher & known[None, :]).any(axis=1))


def fairness_name(fairness: Fairness) -> str:
    """What a fairness measure is called: its name, ``metric of what``, or the function's name."""
    if isinstance(fairness, str):
        return fairness
    if isinstance(fairness, tuple):
        return " of ".join(fairness)
    return str(getattr(fairness, "__name__", "fairness"))


def _settings(values: Mapping[str, Sequence[Any]]) -> tuple[dict[str, Any], ...]:
    if not isinstance(values, Mapping):
        raise TypeError(f"values must be a mapping of parameter to values; got {values!r}")
    if not values or not all(len(options) for options in values.values()):
        raise ValueError(f"values must hold a parameter, each with a value; got {dict(values)!r}")
    return tuple(
        dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())
    )


def _metrics(accuracy: str, fairness: Fairness) -> list[str]:
    """What the evaluation is asked for."""
    names = [accuracy]
    if isinstance(fairness, str):
        names.append(fairness)
    elif isinstance(fairness, tuple):
        names += [part for part in fairness if "@" in part]
    return list(dict.fromkeys(names))


def _length(name: str) -> int:
    """The k of ``metric@k``."""
    _, at, length = name.partition(":")[0].partition("@")
    if not (at and length.isdigit()):
        raise ValueError(f"accuracy and fairness must be names like 'ndcg@20'; got {name!r}")
    return int(length)


def _row(report: Report, accuracy: str, fairness: Fairness) -> dict[str, float]:
    """Both measures of one setting, with their intervals."""
    row: dict[str, float] = {}
    for role, name in (("accuracy", accuracy), ("fairness", fairness)):
        value, low, high = _measure(report, name)
        row |= {role: value, f"{role}_low": low, f"{role}_high": high}
    return row


def _measure(report: Report, name: Fairness) -> tuple[float, float, float]:
    if not isinstance(name, str | tuple):
        return float(name(report)), np.nan, np.nan
    if isinstance(name, str):
        frame = report.to_frame()
        chosen = frame[frame["metric"] == name]
    else:
        frame = report.fairness_frame()
        chosen = frame[(frame["metric"] == name[0]) & (frame["of"] == name[1])]
        if len(chosen) != 1:
            known = list(frame[["metric", "of"]].itertuples(index=False, name=None))
            raise ValueError(f"fairness must be one of {known}; got {name!r}")
    value, low, high = chosen[["value", "low", "high"]].iloc[0]
    return float(value), float(low), float(high)
