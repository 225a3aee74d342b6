"""The steps that plant a synthetic world: tastes, strangers, ties, activity, choices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .columns import quoted
from .draws import GroupSampler, Ints, contains, distinct_pairs, distinct_ties, power_law
from .truth import Truth

_SAME_CIRCLE = 0.5  # of the ties that homophily makes, the rest stays in the community
_SECONDS = 2 * 365 * 24 * 3600
_GIVE_UP_HOMOPHILY = 10  # rounds of rejection after which a partner may be anybody


@dataclass(frozen=True)
class WorldShape:
    """Sizes of a synthetic world besides its numbers of users and items.

    Parameters
    ----------
    mean_interactions : float, default 20.0
        Mean number of items of a user who is not cold.
    mean_degree : float, default 10.0
        Mean number of friends over all users.
    cold_fraction : float, default 0.05
        Share of users without any interaction; each has a friend.
    isolated_fraction : float, default 0.05
        Share of users without any friend; each has interactions.
    n_communities : int or None, default None
        None: about one per 100 users, and at least 20 items per circle.
    n_circles : int, default 4
        Circles in every community.
    copying : float, default 0.3
        At homophily 1, the share of interactions that are copied from a friend.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> WorldShape(mean_degree=20).cold_fraction
    0.05
    """

    mean_interactions: float = 20.0
    mean_degree: float = 10.0
    cold_fraction: float = 0.05
    isolated_fraction: float = 0.05
    n_communities: int | None = None
    n_circles: int = 4
    copying: float = 0.3

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("mean_interactions", "mean_degree"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be above 0; got {getattr(self, name)!r}")
        for name in ("cold_fraction", "isolated_fraction", "copying"):
            check_unit(getattr(self, name), name)
        if self.cold_fraction + self.isolated_fraction > 0.9:
            raise ValueError(
                "cold_fraction + isolated_fraction must be at most 0.9; "
                f"got {self.cold_fraction} + {self.isolated_fraction}"
            )
        if self.n_circles < 1 or (self.n_communities is not None and self.n_communities < 1):
            raise ValueError(
                "n_circles and n_communities must be at least 1; "
                f"got {self.n_circles} and {self.n_communities}"
            )


def plant_truth(
    rng: np.random.Generator, n_users: int, n_items: int, shape: WorldShape
) -> tuple[Truth, int]:
    """Draw circles, personal genres, item genres and popularity.

    Examples
    --------
    >>> rng, shape = np.random.default_rng(0), WorldShape()
    >>> truth, n_communities = plant_truth(rng, 200, 80, shape)
    >>> truth.n_genres, n_communities
    (4, 1)
    """
    n_communities = shape.n_communities
    if n_communities is None:
        n_communities = max(1, min(n_users // 100, n_items // (20 * shape.n_circles)))
    n_genres = n_communities * shape.n_circles
    if n_genres > n_items:
        raise ValueError(
            f"n_communities * n_circles must be at most n_items, {n_items}; "
            f"got {n_communities} * {shape.n_circles}"
        )
    odds = np.arange(1, n_communities + 1) ** -0.5
    odds = np.repeat(odds / odds.sum() / shape.n_circles, shape.n_circles)
    # The first items make sure that no genre is empty.
    genres = np.concatenate(
        [np.arange(n_genres), rng.choice(n_genres, size=n_items - n_genres, p=odds)]
    )
    popularity = (np.arange(n_items) + 3.0) ** -0.8
    truth = Truth(
        circles=rng.choice(n_genres, size=n_users, p=odds).astype(np.int64),
        personal=rng.integers(0, n_genres, size=(n_users, 2)),
        shares=rng.random(n_users),
        genres=rng.permutation(genres).astype(np.int64),
        popularity=rng.permutation(popularity / popularity.sum()),
        n_circles=shape.n_circles,
    )
    return truth, n_communities


def plant_strangers(rng: np.random.Generator, n_users: int, shape: WorldShape) -> tuple[Ints, Ints]:
    """Draw the users without interactions and, among the others, those without friends.

    Examples
    --------
    >>> rng, shape = np.random.default_rng(0), WorldShape()
    >>> cold, isolated = plant_strangers(rng, 200, shape)
    >>> len(cold), len(isolated), len(np.intersect1d(cold, isolated))
    (10, 10, 0)
    """
    order = rng.permutation(n_users)
    n_cold, n_isolated = (
        round(n_users * fraction) for fraction in (shape.cold_fraction, shape.isolated_fraction)
    )
    return np.sort(order[:n_cold]), np.sort(order[n_cold : n_cold + n_isolated])


def plant_ties(
    rng: np.random.Generator,
    truth: Truth,
    special: tuple[Ints, Ints],
    homophily: float,
    shape: WorldShape,
) -> Ints:
    """Draw the friendships as sorted keys low * n_users + high.

    Examples
    --------
    >>> rng, shape = np.random.default_rng(0), WorldShape()
    >>> truth, _ = plant_truth(rng, 200, 80, shape)
    >>> len(plant_ties(rng, truth, plant_strangers(rng, 200, shape), 0.5, shape))
    1000
    """
    cold, isolated = special
    n_users, n_genres, n_circles = len(truth.circles), truth.n_genres, truth.n_circles
    weights = power_law(rng, n_users, np.sqrt(n_users))
    sociable = np.setdiff1d(np.arange(n_users), isolated)
    sampler = GroupSampler.of(weights, truth.circles, n_genres, sociable)
    n_more = max(0, round(n_users * shape.mean_degree / 2) - len(cold))
    nowhere = np.zeros(n_more, dtype=np.int64)
    others = sampler.draw(rng, nowhere, nowhere + n_genres)

    def partner(sources: Ints, step: int) -> Ints:
        """Draw a partner from the circle, the community or everybody."""
        chance = rng.random(len(sources))
        bound = homophily if step < _GIVE_UP_HOMOPHILY else 0.0
        first, after = np.zeros_like(sources), np.full_like(sources, n_genres)
        near = chance < bound
        community = truth.circles[sources[near]] // n_circles
        first[near], after[near] = community * n_circles, (community + 1) * n_circles
        nearest = chance < bound * _SAME_CIRCLE
        first[nearest] = truth.circles[sources[nearest]]
        after[nearest] = first[nearest] + 1
        return sampler.draw(rng, first, after)

    return distinct_ties(np.concatenate([cold, others]), n_users, partner)


def plant_activity(
    rng: np.random.Generator, sizes: tuple[int, int], cold: Ints, mean: float
) -> Ints:
    """Draw how many items every user is to get.

    Examples
    --------
    >>> plant_activity(np.random.default_rng(0), (3, 60), np.array([1]), 6.0)[1]
    np.int64(0)
    """
    n_users, n_items = sizes
    wanted = mean * power_law(rng, n_users, 30.0)
    activity = np.floor(wanted + rng.random(n_users)).astype(np.int64)
    activity = np.clip(activity, 1, n_items // 3)
    activity[cold] = 0
    return activity


def plant_choices(
    rng: np.random.Generator, truth: Truth, ties: Ints, activity: Ints, copied_share: float
) -> tuple[Ints, Ints]:
    """Draw the interactions as keys user * n_items + item, with their seconds.

    Examples
    --------
    >>> rng, shape = np.random.default_rng(0), WorldShape()
    >>> truth, _ = plant_truth(rng, 200, 80, shape)
    >>> activity = np.full(200, 5)
    >>> keys, seconds = plant_choices(rng, truth, np.array([0 * 200 + 7]), activity, 0.5)
    >>> len(keys) == len(seconds) == 1000
    True
    """
    n_users, n_items = len(truth.circles), len(truth.genres)
    sampler = truth.sampler()

    def choose(users: Ints) -> Ints:
        """Draw an item by taste."""
        return truth.choose(rng, users, sampler)

    ends = np.concatenate([ties // n_users, ties % n_users])
    friends = np.concatenate([ties % n_users, ties // n_users])[np.argsort(ends, kind="stable")]
    degrees = np.bincount(ends, minlength=n_users)
    n_copies = rng.binomial(activity, np.where(degrees > 0, copied_share, 0.0))
    own = distinct_pairs(activity - n_copies, n_items, choose)
    own_times = rng.integers(0, _SECONDS, size=len(own))
    if not n_copies.any():
        return own, own_times
    users = np.repeat(np.arange(n_users), n_copies)
    friend_at = np.cumsum(degrees) - degrees
    friend = friends[friend_at[users] + rng.integers(0, degrees[users])]
    n_own = np.bincount(own // n_items, minlength=n_users)
    users, friend = users[n_own[friend] > 0], friend[n_own[friend] > 0]
    row = (np.cumsum(n_own) - n_own)[friend] + rng.integers(0, n_own[friend])
    copied, first = np.unique(users * n_items + own[row] % n_items, return_index=True)
    copied_times = rng.integers(own_times[row[first]], _SECONDS)
    fresh = ~contains(own, copied)
    copied, copied_times = copied[fresh], copied_times[fresh]
    taken = np.sort(np.concatenate([own, copied]), kind="stable")
    lacking = activity - np.bincount(taken // n_items, minlength=n_users)
    filled = distinct_pairs(lacking, n_items, choose, taken)
    filled_times = rng.integers(0, _SECONDS, size=len(filled))
    keys = np.concatenate([own, copied, filled])
    times = np.concatenate([own_times, copied_times, filled_times])
    order = np.argsort(keys, kind="stable")
    return keys[order], times[order]


def check_unit(value: float, name: str) -> None:
    """Raise if a number is not between 0 and 1.

    Examples
    --------
    >>> check_unit(0.5, "homophily")
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be between 0 and 1; got {quoted(value)}")
