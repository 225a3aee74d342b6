"""Every measure beyond accuracy that ``evaluate`` can be asked for by name, over ``Lists``.

``CATALOGUE[name](lists, k, context)`` is a value per user (ndarray of float64, shape (n_users,),
NaN for a user for whom it is not defined: the mean is over the others) or one float for all lists
together (NaN where it is not defined). ``PER_USER`` says which names give a value per user.

======================  ====================================================================
needs                   names
======================  ====================================================================
nothing                 coverage, user_coverage, gini, gini_corrected, entropy,
                        personalization, unlisted, ee_d, ee_r, ee_l, iaa
train                   novelty, arp, long_tail, popularity_lift, popular_overlap,
                        unexpected_hits, unseen, rank_serendipity, upd, pop_rsp, pop_reo
train or item features  ild, serendipity (which needs train in any case)
item groups             list_entropy, demographic_parity, awrf, ndkl, rsp, reo
train and item groups   calibration_kl, calibration_js
======================  ====================================================================

A function whose table is missing raises ValueError and says which one. ``Context`` (in
``judgement_context``) holds what is not in ``lists``; it keeps what several measures share, so
make one for each evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from . import beyond, calibration, diversity, expected_exposure, overlap, popularity_bias
from . import fairness_items as exposure
from .judgement_context import (
    Context,
    catalogue_counts,
    catalogue_lengths,
    features_of_items,
    groups_of_items,
    training_counts,
    training_rows,
)
from .list_checks import Values, ratio
from .lists import Lists
from .prefix_fairness import ndkl

Judgement = Callable[[Lists, int, Context], float | Values]


def _arp(lists: Lists, k: int, context: Context) -> Values:
    popular = training_counts(lists, "arp")
    values: Values = context.once(
        ("arp", k), lambda: popularity_bias.arp(lists.items, popular, k=k)
    )
    return values


def profile_popularity(lists: Lists) -> Values:
    """Mean training count of what each judged user had, NaN without a history; shape (n_users,).

    Examples
    --------
    >>> import pandas as pd
    >>> from suffuse.recsys.lists import lists_of
    >>> train = pd.DataFrame({"user_id": [1, 1, 2], "item_id": [7, 8, 7]})
    >>> recs = pd.DataFrame({"user_id": [1], "item_id": [9], "rank": [1]})
    >>> test = pd.DataFrame({"user_id": [1, 3], "item_id": [9, 7]})
    >>> profile_popularity(lists_of(recs, test, train=train)).tolist()
    [1.5, nan]
    """
    counts, train = training_counts(lists, "popularity_lift"), lists.train
    if train is None or train.n_users == 0:
        return np.full(lists.n_users, np.nan)
    total = np.bincount(train.users, weights=counts[train.items], minlength=train.n_users)
    means = ratio(total, np.bincount(train.users, minlength=train.n_users))
    return np.where(lists.train_users >= 0, means[np.maximum(lists.train_users, 0)], np.nan)


def _novelty(lists: Lists, k: int, context: Context) -> Values:
    counts = training_counts(lists, "novelty")
    return popularity_bias.novelty(lists.items, counts, lists.n_train_users, k=k)


def _long_tail(lists: Lists, k: int, context: Context) -> Values:
    tail = popularity_bias.tail_items(training_counts(lists, "long_tail"))
    return popularity_bias.long_tail(lists.items, tail, k=k)


def _lift(lists: Lists, k: int, context: Context) -> float:
    own = context.once(("profile",), lambda: profile_popularity(lists))
    return popularity_bias.popularity_lift(_arp(lists, k, context), own)


def _popular(lists: Lists, k: int, context: Context, name: str) -> Any:
    counts, rows = training_counts(lists, name), training_rows(lists, name)
    return context.once(
        ("popular", k), lambda: overlap.popular_places(lists.items, counts, rows, k=k)
    )


def _popular_overlap(lists: Lists, k: int, context: Context) -> Values:
    return overlap.share_of_places(lists.items, _popular(lists, k, context, "popular_overlap"), k=k)


def _unexpected(lists: Lists, k: int, context: Context) -> Values:
    popular = _popular(lists, k, context, "unexpected_hits")
    return overlap.unexpected_hits(lists.hits, popular, k=k)


def _unseen(lists: Lists, k: int, context: Context) -> Values:
    seen = overlap.seen_places(lists.items, training_rows(lists, "unseen"))
    return overlap.share_of_places(lists.items, ~seen, k=k)


def _serendipity(lists: Lists, k: int, context: Context) -> Values:
    rows, features = (
        training_rows(lists, "serendipity"),
        features_of_items(lists, context, "serendipity"),
    )
    return diversity.serendipity(lists.items, lists.hits, features, rows, k=k)


def _rank_serendipity(lists: Lists, k: int, context: Context) -> Values:
    counts = training_counts(lists, "rank_serendipity")
    return diversity.rank_serendipity(lists.items, lists.hits, counts, k=k)


def _list_entropy(lists: Lists, k: int, context: Context) -> Values:
    groups = groups_of_items(lists, context, "list_entropy")
    member = sparse.csr_array(
        (np.ones(lists.n_items), (np.arange(lists.n_items), groups.codes)),
        shape=(lists.n_items, len(groups.names)),
    )
    return diversity.list_entropy(lists.items, member, k=k)


def _calibration(lists: Lists, k: int, context: Context, name: str) -> tuple[Values, Values]:
    groups = groups_of_items(lists, context, name)
    n = len(groups.names)
    had = calibration.profile_shares(training_rows(lists, name), groups.codes, n)
    return had, calibration.list_shares(lists.items, groups.codes, n, k=k)


def _calibration_kl(lists: Lists, k: int, context: Context) -> Values:
    return calibration.calibration_kl(*_calibration(lists, k, context, "calibration_kl"))


def _calibration_js(lists: Lists, k: int, context: Context) -> Values:
    return calibration.jensen_shannon(*_calibration(lists, k, context, "calibration_js"))


def popularity_divergence(lists: Lists, k: int, context: Context) -> Values:
    """Each user's divergence between popularity of own and of listed items; see ``upd``.

    Examples
    --------
    >>> import pandas as pd
    >>> from suffuse.recsys.lists import lists_of
    >>> train = pd.DataFrame({"user_id": [1, 1, 2], "item_id": [7, 8, 7]})
    >>> recs = pd.DataFrame({"user_id": [1], "item_id": [8], "rank": [1]})
    >>> test = pd.DataFrame({"user_id": [1, 3], "item_id": [9, 7]})
    >>> popularity_divergence(lists_of(recs, test, train=train), 1, Context()).round(3).tolist()
    [0.311, nan]
    """
    groups = calibration.popularity_groups(training_counts(lists, "upd"))
    n = int(groups.max(initial=0)) + 1
    had = calibration.profile_shares(training_rows(lists, "upd"), groups, n)
    return calibration.jensen_shannon(had, calibration.list_shares(lists.items, groups, n, k=k))


def _exposed(lists: Lists, k: int, context: Context) -> Values:
    values: Values = context.once(
        ("exposed", k),
        lambda: exposure.item_exposure(lists.items, lists.n_items, context.weights(k)),
    )
    return values


def _ideal(lists: Lists, k: int, context: Context) -> Values:
    values: Values = context.once(
        ("ideal", k),
        lambda: expected_exposure.mean_target_exposure(
            lists.truth_starts, lists.truth_items, lists.n_items, context.weights(k)
        ),
    )
    return values


def _inequity(lists: Lists, k: int, context: Context) -> float:
    wanted = np.bincount(lists.truth_items, minlength=lists.n_items)
    return expected_exposure.amortized_attention(_exposed(lists, k, context), wanted)


def group_attention(lists: Lists, k: int, context: Context, name: str) -> tuple[Values, Values]:
    """Share of the attention that each group of items gets, and the share that would be fair.

    Examples
    --------
    >>> import pandas as pd
    >>> from suffuse.recsys.lists import lists_of
    >>> recs = pd.DataFrame({"user_id": [1], "item_id": [8], "rank": [1]})
    >>> lists = lists_of(recs, pd.DataFrame({"user_id": [1], "item_id": [8]}))
    >>> from suffuse.recsys.groups import Groups
    >>> context = Context(Groups(np.array([1]), ("a", "b")))
    >>> [shares.tolist() for shares in group_attention(lists, 1, context, "awrf")]
    [[0.0, 1.0], [0.0, 1.0]]
    """
    groups = groups_of_items(lists, context, name)
    received = exposure.group_exposure(
        _exposed(lists, k, context), groups.codes, len(groups.names), per="group", min_size=1
    )
    received = np.nan_to_num(received, nan=0.0)
    return ratio(received, received.sum()), context.fair_shares(groups, lists.n_catalogue)


def _awrf(lists: Lists, k: int, context: Context) -> float:
    return float(exposure.awrf(*group_attention(lists, k, context, "awrf")))


def _parity(lists: Lists, k: int, context: Context) -> float:
    apart = exposure.demographic_parity(*group_attention(lists, k, context, "demographic_parity"))
    return float(np.abs(apart).max())


def _ndkl(lists: Lists, k: int, context: Context) -> Values:
    groups = groups_of_items(lists, context, "ndkl")
    target = context.fair_shares(groups, lists.n_catalogue)
    top = lists.items[:, :k]
    return ndkl(np.where(top >= 0, groups.codes[np.maximum(top, 0)], -1), target)


def probabilities(
    lists: Lists, k: int, codes: npt.NDArray[np.int64], n_groups: int, *, relevant: bool
) -> Values:
    """How often items of each group are shown where they could be; ``relevant`` ones only, or all.

    All are those of the catalogue that the user does not have; relevant ones are the test rows.

    Examples
    --------
    >>> import pandas as pd
    >>> from suffuse.recsys.lists import lists_of
    >>> recs = pd.DataFrame({"user_id": [1], "item_id": [8], "rank": [1]})
    >>> lists = lists_of(recs, pd.DataFrame({"user_id": [1, 1], "item_id": [8, 9]}))
    >>> probabilities(lists, 1, np.array([0, 1]), 2, relevant=True).tolist()
    [1.0, 0.0]
    """
    top = lists.items[:, :k]
    if relevant:
        ranked = np.bincount(codes[top[lists.hits[:, :k]]], minlength=n_groups)
        possible = np.bincount(codes[lists.truth_items], minlength=n_groups)
        return exposure.ranked_probability(ranked, possible)
    listed = beyond.exposure_counts(lists.items, lists.n_items, k=k)[: lists.n_catalogue]
    inside = codes[: lists.n_catalogue]
    ranked_all = np.bincount(inside, weights=listed, minlength=n_groups)
    possible = np.bincount(inside, minlength=n_groups) * lists.n_users
    if lists.train_rows is not None:
        possible = possible - np.bincount(codes[lists.train_rows.indices], minlength=n_groups)
    return exposure.ranked_probability(ranked_all, possible)


def _spread(name: str, *, relevant: bool, popular: bool) -> Judgement:
    """RSP or REO, on the groups of items or on groups of popularity."""

    def judge(lists: Lists, k: int, context: Context) -> float:
        if popular:
            codes = calibration.popularity_groups(training_counts(lists, name), cuts=(0.8,))
            n_groups = 2
        else:
            groups = groups_of_items(lists, context, name)
            codes, n_groups = groups.codes, len(groups.names)
        found = probabilities(lists, k, codes, n_groups, relevant=relevant)
        sizes = np.bincount(codes[: lists.n_catalogue], minlength=n_groups)
        smallest = 1 if popular else context.min_group_size
        return exposure.relative_spread(np.where(sizes >= smallest, found, np.nan))

    return judge


PER_USER = frozenset(
    {
        *("unlisted", "novelty", "arp", "long_tail", "popular_overlap", "unexpected_hits"),
        *("unseen", "rank_serendipity", "upd", "ild", "serendipity", "list_entropy", "ndkl"),
        *("calibration_kl", "calibration_js"),
    }
)

CATALOGUE: Mapping[str, Judgement] = MappingProxyType(
    {
        "coverage": lambda lists, k, context: beyond.coverage(catalogue_counts(lists, k, context)),
        "user_coverage": lambda lists, k, context: beyond.user_coverage(lists.items, k=k),
        "gini": lambda lists, k, context: beyond.gini(catalogue_counts(lists, k, context)),
        "gini_corrected": lambda lists, k, context: beyond.gini_corrected(
            catalogue_counts(lists, k, context), catalogue_lengths(lists, k)
        ),
        "entropy": lambda lists, k, context: beyond.entropy(catalogue_counts(lists, k, context)),
        "personalization": lambda lists, k, context: beyond.personalization(
            lists.items, lists.n_items, k=k
        ),
        "unlisted": lambda lists, k, context: beyond.unlisted(lists.items, k=k),
        "novelty": _novelty,
        "arp": _arp,
        "long_tail": _long_tail,
        "popularity_lift": _lift,
        "popular_overlap": _popular_overlap,
        "unexpected_hits": _unexpected,
        "unseen": _unseen,
        "ild": lambda lists, k, context: diversity.ild(
            lists.items, features_of_items(lists, context, "ild"), k=k
        ),
        "serendipity": _serendipity,
        "rank_serendipity": _rank_serendipity,
        "list_entropy": _list_entropy,
        "calibration_kl": _calibration_kl,
        "calibration_js": _calibration_js,
        "upd": popularity_divergence,
        "ee_d": lambda lists, k, context: expected_exposure.ee_d(_exposed(lists, k, context)),
        "ee_r": lambda lists, k, context: expected_exposure.ee_r(
            _exposed(lists, k, context), _ideal(lists, k, context)
        ),
        "ee_l": lambda lists, k, context: expected_exposure.ee_l(
            _exposed(lists, k, context), _ideal(lists, k, context)
        ),
        "iaa": _inequity,
        "demographic_parity": _parity,
        "awrf": _awrf,
        "ndkl": _ndkl,
        "rsp": _spread("rsp", relevant=False, popular=False),
        "reo": _spread("reo", relevant=True, popular=False),
        "pop_rsp": _spread("pop_rsp", relevant=False, popular=True),
        "pop_reo": _spread("pop_reo", relevant=True, popular=True),
    }
)
