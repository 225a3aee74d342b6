"""The accuracy metrics that can be asked for by name, each on the lists of the judged users."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from . import confusion, graded, metrics, over_cuts
from . import roc as areas
from .discounts import Discount
from .hits import Denominator, Values, hits_at
from .inputs import checked_count
from .lists import Lists

Judgement = Callable[..., Values | float]


def refuse_unknown(function: Callable[..., Any], options: Mapping[str, Any], label: str) -> None:
    """Raise unless every option is a keyword of the metric, and a switch is on or off."""
    allowed = {
        parameter.name: parameter.default
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        choice = f"one of {list(allowed)}" if allowed else "left out, for there are none"
        raise ValueError(f"options of {label} must be {choice}; got {unknown[0]!r}")
    for name, value in options.items():
        if isinstance(allowed[name], bool) and not isinstance(value, bool):
            raise ValueError(f"{name} of {label} must be true or false; got {value!r}")


def _recall(lists: Lists, k: int, *, denominator: Denominator = "n") -> Values:
    return metrics.recall(lists.hits, lists.n_relevant, k, denominator=denominator)


def _capped_recall(lists: Lists, k: int) -> Values:
    return metrics.recall(lists.hits, lists.n_relevant, k, denominator="min")


def _precision(
    lists: Lists, k: int, *, denominator: Denominator = "k", empty: float = float("nan")
) -> Values:
    lengths = lists.lengths if denominator == "list" else None
    return metrics.precision(
        lists.hits, lists.n_relevant, k, denominator=denominator, lengths=lengths, empty=empty
    )


def _f_beta(lists: Lists, k: int, *, beta: float = 1.0, denominator: Denominator = "k") -> Values:
    lengths = lists.lengths if denominator == "list" else None
    return metrics.f_beta(
        lists.hits, lists.n_relevant, k, beta=beta, denominator=denominator, lengths=lengths
    )


def _hit_rate(lists: Lists, k: int) -> Values:
    return metrics.hit_rate(lists.hits, lists.n_relevant, k)


def _hits(lists: Lists, k: int) -> Values:
    return hits_at(lists.hits, lists.n_relevant, k)


def _ndcg(
    lists: Lists,
    k: int,
    *,
    gain: graded.Gain = "binary",
    shift: float = 0.0,
    discount: Discount = "log2",
    denominator: Any = "min",
) -> Values:
    if gain == "binary":
        return metrics.ndcg(
            lists.hits, lists.n_relevant, k, discount=discount, denominator=denominator
        )
    worth = graded.gain_of(lists.truth_gains, gain, shift=shift)
    columns = np.zeros(len(worth), np.int8)
    truth = sparse.csr_array((worth, columns, lists.truth_starts), shape=(lists.n_users, 1))
    gains = graded.gain_of(lists.gains, gain, shift=shift)
    return graded.graded_ndcg(gains, truth, k, discount=discount, denominator=denominator)


def _dcg(
    lists: Lists,
    k: int,
    *,
    gain: graded.Gain = "binary",
    shift: float = 0.0,
    discount: Discount = "log2",
) -> Values:
    if gain == "binary":
        return metrics.dcg(lists.hits, lists.n_relevant, k, discount=discount)
    return graded.graded_dcg(graded.gain_of(lists.gains, gain, shift=shift), k, discount=discount)


def _map(lists: Lists, k: int, *, denominator: Denominator = "min") -> Values:
    lengths = lists.lengths if denominator == "list" else None
    return metrics.average_precision(
        lists.hits, lists.n_relevant, k, denominator=denominator, lengths=lengths
    )


def _mean_precision(lists: Lists, k: int) -> Values:
    return over_cuts.mean_precision(lists.hits, lists.n_relevant, k)


def _mean_recall(lists: Lists, k: int) -> Values:
    return over_cuts.mean_recall(lists.hits, lists.n_relevant, k)


def _mrr(lists: Lists, k: int) -> Values:
    return metrics.mrr(lists.hits, lists.n_relevant, k)


def _ncrr(lists: Lists, k: int) -> Values:
    return metrics.ndcg(lists.hits, lists.n_relevant, k, discount="reciprocal")


def _rbp(
    lists: Lists, k: int, *, p: float = 0.8, denominator: Literal["series", "min"] = "series"
) -> Values:
    return metrics.rbp(lists.hits, lists.n_relevant, k, p=p, denominator=denominator)


def _r_precision(lists: Lists, k: int, *, cut: Literal["n", "k"] = "n") -> Values:
    return confusion.r_precision(lists.hits, lists.n_relevant, k, cut=cut)


def _accuracy(lists: Lists, k: int, *, n_items: int | None = None) -> Values:
    size = lists.n_catalogue if n_items is None else n_items
    return confusion.accuracy(lists.hits, lists.n_relevant, k, n_items=size)


def _mcc(lists: Lists, k: int, *, n_items: int | None = None) -> Values:
    size = lists.n_catalogue if n_items is None else n_items
    return confusion.mcc(lists.hits, lists.n_relevant, k, n_items=size)


def _pooled_recall(lists: Lists, k: int, *, denominator: Literal["n", "min"] = "n") -> float:
    return confusion.pooled_recall(lists.hits, lists.n_relevant, k, denominator=denominator)


def _auc(lists: Lists, k: int) -> Values:
    hits = lists.hits[:, :k]
    lengths = (lists.items[:, :k] >= 0).sum(axis=1)
    return areas.listed_auc(hits, lists.n_relevant, candidates(lists), lengths=lengths)


def _gauc(lists: Lists, k: int) -> float:
    return areas.gauc(_auc(lists, k), lists.n_relevant)


def _percentile_rank(lists: Lists, k: int, *, n_items: int | None = None) -> Values:
    hits = lists.hits[:, :k]
    lengths = (lists.items[:, :k] >= 0).sum(axis=1)
    sizes = candidates(lists)
    if n_items is not None:
        sizes = np.maximum(checked_count("n_items", n_items), _needed(lists))
    return areas.percentile_rank(hits, lists.n_relevant, sizes, lengths=lengths)


def _partial_auc(lists: Lists, k: int) -> Values:
    return areas.partial_auc(lists.hits, lists.n_relevant, k)


def _pap(lists: Lists, k: int) -> Values:
    return areas.pap(lists.hits, lists.n_relevant, k)


def _auc_within(lists: Lists, k: int) -> Values:
    return areas.auc_within(lists.hits, lists.lengths, k)


def candidates(lists: Lists) -> npt.NDArray[np.int64]:
    """How many items could have been listed for each user, and how many must have been.

    The catalogue less what the user had in training, and whatever else is relevant or listed.
    """
    owned = np.zeros(lists.n_users, np.int64)
    if lists.train_rows is not None:
        owned = np.diff(lists.train_rows.indptr).astype(np.int64)
    return np.asarray(np.maximum(lists.n_catalogue - owned, _needed(lists)), np.int64)


def _needed(lists: Lists) -> npt.NDArray[np.int64]:
    """How many different items are listed for each user or relevant."""
    return lists.lengths + lists.n_relevant - np.asarray(lists.hits.sum(axis=1), np.int64)


#: what rises as a user is served better, from 0 on: what fairness compares
UTILITIES = frozenset(
    {
        *("recall", "capped_recall", "precision", "r_precision", "f1", "f_beta", "hits"),
        *(
            "hit_rate",
            "ndcg",
            "dcg",
            "ncrr",
            "map",
            "mean_precision",
            "mean_recall",
            "mrr",
            "rbp",
            "auc",
        ),
        *("auc_within", "partial_auc", "pap"),
    }
)

#: name -> metric: one value per judged user, or one of all lists together
ACCURACY: Mapping[str, Judgement] = {
    "recall": _recall,
    "capped_recall": _capped_recall,
    "pooled_recall": _pooled_recall,
    "precision": _precision,
    "r_precision": _r_precision,
    "f1": _f_beta,
    "f_beta": _f_beta,
    "hits": _hits,
    "hit_rate": _hit_rate,
    "ndcg": _ndcg,
    "dcg": _dcg,
    "ncrr": _ncrr,
    "map": _map,
    "mean_precision": _mean_precision,
    "mean_recall": _mean_recall,
    "mrr": _mrr,
    "rbp": _rbp,
    "auc": _auc,
    "gauc": _gauc,
    "auc_within": _auc_within,
    "partial_auc": _partial_auc,
    "pap": _pap,
    "percentile_rank": _percentile_rank,
    "accuracy": _accuracy,
    "mcc": _mcc,
}
