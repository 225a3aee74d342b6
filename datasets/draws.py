"""Weighted draws within groups, and distinct pairs by rejection, in linear time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)

_ROUNDS = 40


@dataclass(frozen=True, eq=False)
class GroupSampler:
    """Draws members of consecutive groups with probability proportional to their weight.

    Members are laid out group by group; a draw inverts the cumulative weight within the span of
    the wanted groups, so one table serves a group, several neighbouring groups, or everybody.

    Examples
    --------
    >>> sampler = GroupSampler.of(np.array([1.0, 0.0, 2.0]), np.array([1, 0, 1]), 2)
    >>> groups = np.zeros(3, dtype=np.int64)
    >>> sampler.draw(np.random.default_rng(0), groups + 1, groups + 2).tolist()
    [2, 0, 0]
    """

    members: Ints
    cumulative: Floats
    starts: Ints

    @classmethod
    def of(
        cls, weights: Floats, groups: Ints, n_groups: int, members: Ints | None = None
    ) -> GroupSampler:
        """Return a sampler of the given members (default: all) by their weights and groups.

        Examples
        --------
        >>> GroupSampler.of(np.array([1.0, 3.0]), np.array([0, 0]), 1).cumulative
        array([0., 1., 4.])
        """
        chosen = np.arange(len(weights)) if members is None else members
        order = chosen[np.argsort(groups[chosen], kind="stable")]
        cumulative = np.concatenate([[0.0], np.cumsum(weights[order])])
        starts = np.searchsorted(groups[order], np.arange(n_groups + 1))
        return cls(order, cumulative, starts)

    def draw(self, rng: np.random.Generator, first: Ints, after: Ints) -> Ints:
        """Return one member for every span of groups from `first` up to, not with, `after`.

        Examples
        --------
        >>> sampler = GroupSampler.of(np.array([1.0, 3.0]), np.array([0, 1]), 2)
        >>> sampler.draw(np.random.default_rng(0), np.array([0]), np.array([1])).tolist()
        [0]
        """
        low, high = self.starts[first], self.starts[after]
        bottom = self.cumulative[low]
        target = bottom + rng.random(len(low)) * (self.cumulative[high] - bottom)
        at = np.searchsorted(self.cumulative, target, side="right") - 1
        return self.members[np.clip(at, low, high - 1)]


def distinct_pairs(
    wanted: Ints, n_second: int, draw: Callable[[Ints], Ints], taken: Ints | None = None
) -> Ints:
    """Draw `wanted[u]` different second ends for every first end u.

    Repetitions are drawn again, in at most 40 rounds; whoever is still short then stays short.

    Parameters
    ----------
    wanted : ndarray of int64, shape (n_first,)
        How many pairs every first end is to get.
    n_second : int
        Number of second ends.
    draw : callable
        Takes an array of first ends and returns one second end for each.
    taken : ndarray of int64, optional
        Sorted keys ``u * n_second + i`` of pairs that must not be drawn.

    Returns
    -------
    ndarray of int64
        Sorted keys ``u * n_second + i`` of the new pairs.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> wanted = np.array([3, 1])
    >>> len(distinct_pairs(wanted, 3, lambda users: rng.integers(0, 3, len(users))))
    4
    """
    lacking = wanted.copy()
    bulk, extra = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    for step in range(_ROUNDS):
        users = np.repeat(np.arange(len(lacking)), lacking)
        if len(users) == 0:
            break
        fresh = np.unique(users * n_second + draw(users))
        for known in (bulk, extra, taken):
            if known is not None and len(known):
                fresh = fresh[~contains(known, fresh)]
        lacking = lacking - np.bincount(fresh // n_second, minlength=len(lacking))
        if step == 0:
            bulk = fresh
        else:
            extra = np.sort(np.concatenate([extra, fresh]), kind="stable")
    if lacking.any():
        logger.debug("%d pairs could not be drawn without repetition", int(lacking.sum()))
    return np.sort(np.concatenate([bulk, extra]), kind="stable")


def distinct_ties(sources: Ints, n_people: int, draw: Callable[[Ints, int], Ints]) -> Ints:
    """Draw one partner for every source so that no tie repeats and none leads to itself.

    Parameters
    ----------
    sources : ndarray of int64, shape (n_ties,)
        One end of every tie, repetitions allowed.
    n_people : int
        Number of people.
    draw : callable
        Takes an array of sources and the number of the round, returns a partner for each.

    Returns
    -------
    ndarray of int64, shape (at most n_ties,)
        Sorted keys ``low * n_people + high``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> keys = distinct_ties(np.array([0, 1, 2]), 9, lambda s, step: rng.integers(0, 9, len(s)))
    >>> len(keys), bool((keys // 9 < keys % 9).all())
    (3, True)
    """
    keys = np.empty(0, dtype=np.int64)
    pending = sources
    for step in range(_ROUNDS):
        if len(pending) == 0:
            break
        partners = draw(pending, step)
        fresh = np.minimum(pending, partners) * n_people + np.maximum(pending, partners)
        _, first = np.unique(fresh, return_index=True)
        good = np.zeros(len(pending), dtype=np.bool_)
        good[first] = True
        good &= pending != partners
        if len(keys):
            good &= ~contains(keys, fresh)
        keys = np.sort(np.concatenate([keys, fresh[good]]), kind="stable")
        pending = pending[~good]
    if len(pending):
        logger.debug("%d ties could not be drawn without repetition", len(pending))
    return keys


def contains(ordered: Ints, values: Ints) -> npt.NDArray[np.bool_]:
    """Say which values appear in a sorted, non-empty array.

    Examples
    --------
    >>> contains(np.array([2, 4]), np.array([4, 5, 1]))
    array([ True, False, False])
    """
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: npt.NDArray[np.bool_] = ordered[at] == values
    return found


def power_law(rng: np.random.Generator, n: int, cap: float) -> Floats:
    """Draw n numbers of at least 1 with density proportional to x**-2.5, cut off, of mean 1.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    n : int
        How many.
    cap : float
        The largest number before the mean is made 1.

    Returns
    -------
    ndarray of float64, shape (n,)
        Positive numbers of mean 1.

    Examples
    --------
    >>> round(float(power_law(np.random.default_rng(0), 1000, 50.0).mean()), 9)
    1.0
    """
    raw: Floats = np.minimum((1.0 - rng.random(n)) ** (-1 / 1.5), cap)
    raw /= raw.mean()
    return raw
