"""Variants of the metrics beyond accuracy, by the options written with their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from . import beyond, popularity_bias
from .fairness_items import Attention
from .hits import Values
from .judgement_context import Context, catalogue_counts, training_counts
from .judgements import CATALOGUE
from .lists import Lists

Places = Literal["list", "k"]

#: measures of exposure, whose model of attention may be chosen
_OF_ATTENTION = ("ee_l", "ee_d", "ee_r", "iaa", "awrf", "demographic_parity")


def _gini(
    lists: Lists, k: int, context: Context, *, unbiased: bool = False, equality: bool = False
) -> float:
    value = beyond.gini(catalogue_counts(lists, k, context), unbiased=unbiased)
    return 1.0 - value if equality else value


def _entropy(
    lists: Lists,
    k: int,
    context: Context,
    *,
    base: float = 2.0,
    divide: Literal["catalogue", "listed"] | None = None,
) -> float:
    return beyond.entropy(catalogue_counts(lists, k, context), base=base, divide=divide)


def _user_coverage(lists: Lists, k: int, context: Context, *, at_least: int = 1) -> float:
    return beyond.user_coverage(lists.items, k=k, at_least=at_least)


def _novelty(
    lists: Lists,
    k: int,
    context: Context,
    *,
    of: Literal["users", "interactions"] = "users",
    normalize: bool = False,
    denominator: Places = "list",
) -> Values:
    counts = training_counts(lists, "novelty")
    options: dict[str, Any] = {"of": of, "normalize": normalize, "denominator": denominator}
    return popularity_bias.novelty(lists.items, counts, lists.n_train_users, k=k, **options)


def _arp(
    lists: Lists,
    k: int,
    context: Context,
    *,
    normalize: bool = False,
    denominator: Places = "list",
) -> Values:
    counts = training_counts(lists, "arp")
    return popularity_bias.arp(
        lists.items, counts, k=k, normalize=normalize, denominator=denominator
    )


def _attended(name: str) -> Callable[..., float | Values]:
    """A measure of exposure under another model of attention."""

    def judge(
        lists: Lists,
        k: int,
        context: Context,
        *,
        attention: Attention = "log2",
        patience: float = 0.85,
    ) -> float | Values:
        chosen = replace(context, attention=attention, patience=patience)
        return CATALOGUE[name](lists, k, chosen)

    return judge


#: name -> metric with options as keywords; without any, the value is that of ``CATALOGUE``
VARIANTS: Mapping[str, Callable[..., float | Values]] = {
    "gini": _gini,
    "entropy": _entropy,
    "user_coverage": _user_coverage,
    "novelty": _novelty,
    "arp": _arp,
    **{name: _attended(name) for name in _OF_ATTENTION},
}
