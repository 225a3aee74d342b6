"""Social worlds with a known truth: communities, friends, tastes, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .draws import Floats, Ints
from .ids import locate
from .planting import (
    WorldShape,
    check_unit,
    plant_activity,
    plant_choices,
    plant_strangers,
    plant_ties,
    plant_truth,
)
from .truth import Truth

Rng = int | np.random.Generator | None

_START = np.datetime64("2024-01-01", "s")


@dataclass(frozen=True, eq=False)
class SocialWorld:
    """A synthetic world: the tables that a recommender sees, and the truth behind them.

    Parameters
    ----------
    interactions : DataFrame
        Columns user_id, item_id, timestamp (datetime64[s]); every pair once.
    social : DataFrame
        Columns source_id, target_id: undirected friendships, each listed once.
    users : DataFrame
        Columns user_id, group ("minority" or "majority"), community, circle, activity (number of
        items that the user was to get; 0 for cold users), in the order of the truth's codes.
    items : DataFrame
        Columns item_id, popularity (of sum 1), community, genre, in the order of the truth's
        codes.
    truth : Truth
        The tastes, by formula.
    homophily : float
        The share of ties that taste made.

    Examples
    --------
    >>> world = make_social_world(200, 80, rng=0)
    >>> list(world.interactions.columns), list(world.social.columns)
    (['user_id', 'item_id', 'timestamp'], ['source_id', 'target_id'])
    """

    interactions: pd.DataFrame
    social: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    truth: Truth
    homophily: float

    def true_scores(self, users: Iterable[str]) -> Floats:
        """Return the probability with which each user, choosing alone, chooses each item.

        Parameters
        ----------
        users : iterable of str, shape (m,)
            User ids.

        Returns
        -------
        ndarray of float64, shape (m, n_items)
            Columns in the order of `items`; every row sums to 1.

        Raises
        ------
        KeyError
            If a user is not of this world.

        Examples
        --------
        >>> make_social_world(200, 80, rng=0).true_scores(["u000003"]).shape
        (1, 80)
        """
        asked = list(users)
        codes = locate(self.users["user_id"].to_numpy(dtype=object), asked, "users")
        if (codes < 0).any():
            unknown = asked[int((codes < 0).argmax())]
            raise KeyError(f"users must be ids of this world; got {unknown!r}")
        return self.truth.scores(codes)


def make_social_world(
    n_users: int = 2000,
    n_items: int = 1000,
    *,
    homophily: float = 0.6,
    shape: WorldShape | None = None,
    rng: Rng = 0,
) -> SocialWorld:
    """Make a social world with a known truth: planted communities, friends, tastes, choices.

    1. *People.* Community c has probability proportional to ``(c + 1)**-0.5``, a circle within it
       is uniform. The minority group has probability ``0.4 (c + 0.5) / n_communities``: it is
       correlated with the community, not given by it. Friend weight w_u and activity are
       independent power laws (density x**-2.5, cut off).
    2. *Items.* Popularity is ``(rank + 3)**-0.8``, genres (one per circle) are independent of it.
    3. *Friends.* ``n_users * mean_degree / 2`` ties. One end is drawn by w; the other, again by w,
       with probability ``homophily / 2`` from the same circle, ``homophily / 2`` from the same
       community, ``1 - homophily`` from everybody. Repetitions are drawn again. At homophily 0,
       friendship is independent of taste.
    4. *Choices.* ``activity`` different items per user, drawn from the mixture of `Truth`, at a
       uniform moment of two years.
    5. *Influence.* With probability ``copying * homophily`` a choice is a copy instead: a uniform
       friend, a uniform one of the friend's own choices, at a uniform later moment. (Copies of
       what the user already holds become choices.)

    Parameters
    ----------
    n_users : int, default 2000
        Number of users, at least 20.
    n_items : int, default 1000
        Number of items, at least 20.
    homophily : float, default 0.6
        From 0 (ties say nothing about taste) to 1 (all ties within a community).
    shape : WorldShape, optional
        Mean numbers of items and friends, cold and isolated users, communities.
    rng : int, Generator or None, default 0
        Source of randomness; an int gives the same world every time.

    Returns
    -------
    SocialWorld
        Tables with ids such as ``u000012`` and ``i00042``, and the truth. Time and memory are
        linear in users, items, interactions and ties.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> world = make_social_world(n_users=200, n_items=80, homophily=0.8, rng=0)
    >>> world.users.shape, world.items.shape
    ((200, 5), (80, 4))
    """
    shape = WorldShape() if shape is None else shape
    _check_sizes(n_users, n_items, shape)
    check_unit(homophily, "homophily")
    generator = np.random.default_rng(rng)
    truth, n_communities = plant_truth(generator, n_users, n_items, shape)
    cold, isolated = plant_strangers(generator, n_users, shape)
    ties = plant_ties(generator, truth, (cold, isolated), homophily, shape)
    activity = plant_activity(generator, (n_users, n_items), cold, shape.mean_interactions)
    keys, times = plant_choices(generator, truth, ties, activity, shape.copying * homophily)
    user_ids, item_ids = _names("u", n_users, 6), _names("i", n_items, 5)
    minority = generator.random(n_users) * n_communities < 0.4 * (truth.communities + 0.5)
    return SocialWorld(
        interactions=_choices(user_ids, item_ids, keys, times),
        social=_friendships(user_ids, ties),
        users=_people(user_ids, truth, minority, activity),
        items=_things(item_ids, truth),
        truth=truth,
        homophily=float(homophily),
    )


def _choices(user_ids: pd.Series, item_ids: pd.Series, keys: Ints, seconds: Ints) -> pd.DataFrame:
    """Return the interactions as a frame of raw ids and moments."""
    n_items = len(item_ids)
    return pd.DataFrame(
        {
            "user_id": _taken(user_ids, keys // n_items),
            "item_id": _taken(item_ids, keys % n_items),
            "timestamp": _START + seconds.astype("timedelta64[s]"),
        }
    )


def _friendships(user_ids: pd.Series, ties: Ints) -> pd.DataFrame:
    """Return the ties as a frame of raw ids."""
    n_users = len(user_ids)
    return pd.DataFrame(
        {
            "source_id": _taken(user_ids, ties // n_users),
            "target_id": _taken(user_ids, ties % n_users),
        }
    )


def _people(
    user_ids: pd.Series, truth: Truth, minority: npt.NDArray[np.bool_], activity: Ints
) -> pd.DataFrame:
    """Return what is known about the users."""
    return pd.DataFrame(
        {
            "user_id": user_ids,
            "group": np.where(minority, "minority", "majority"),
            "community": truth.communities,
            "circle": truth.circles,
            "activity": activity,
        }
    )


def _things(item_ids: pd.Series, truth: Truth) -> pd.DataFrame:
    """Return what is known about the items."""
    return pd.DataFrame(
        {
            "item_id": item_ids,
            "popularity": truth.popularity,
            "community": truth.genres // truth.n_circles,
            "genre": truth.genres,
        }
    )


def _taken(ids: pd.Series, codes: npt.NDArray[np.int64]) -> pd.Series:
    """Return the ids of codes as a column of its own."""
    return ids.take(codes).reset_index(drop=True)


def _names(letter: str, n: int, width: int) -> pd.Series:
    """Return ids of equal length, so that their order as texts is their order as numbers."""
    width = max(width, len(str(n - 1)))
    return pd.Series([f"{letter}{number:0{width}d}" for number in range(n)])


def _check_sizes(n_users: int, n_items: int, shape: WorldShape) -> None:
    """Raise if the world is too small for what it is to hold."""
    for name, value in (("n_users", n_users), ("n_items", n_items)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 20:
            raise ValueError(f"{name} must be a whole number of at least 20; got {value!r}")
    if shape.mean_degree > n_users / 8:
        raise ValueError(
            f"mean_degree must be at most n_users / 8, {n_users / 8}; got {shape.mean_degree}"
        )
    if shape.mean_interactions > n_items / 3:
        raise ValueError(
            f"mean_interactions must be at most n_items / 3, {n_items / 3:.1f}; "
            f"got {shape.mean_interactions}"
        )
