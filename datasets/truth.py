"""The true tastes of a synthetic world: a mixture of a few genres for every user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .draws import Floats, GroupSampler, Ints

# Shares of a user's choices: any item, the own circle's genre, the community's genres, two
# personal genres. They add up to 1.
BACKGROUND, CIRCLE, COMMUNITY, PERSONAL = 0.10, 0.45, 0.20, 0.25


@dataclass(frozen=True, eq=False)
class Truth:
    """Who likes what in a synthetic world, by formula.

    The probability that user u, choosing alone, chooses item i of genre g(i) and community c(i) is

        p(i | u) = pop_i (   0.10 / pop(everything)
                           + 0.45 [g(i) = g_u] / pop(g_u)
                           + 0.20 [c(i) = c_u] / pop(c_u)
                           + 0.25 sum_j s_uj [g(i) = h_uj] / pop(h_uj) )

    where pop(S) is the sum of pop over the items of S, g_u and c_u are the circle and the
    community of u, and h_u0, h_u1 are two personal genres with shares s_u0 + s_u1 = 1.
    Genre g belongs to community ``g // n_circles``.

    Parameters
    ----------
    circles : ndarray of int64, shape (n_users,)
        g_u.
    personal : ndarray of int64, shape (n_users, 2)
        h_u.
    shares : ndarray of float64, shape (n_users,)
        s_u0.
    genres : ndarray of int64, shape (n_items,)
        g(i).
    popularity : ndarray of float64, shape (n_items,)
        pop_i, of sum 1.
    n_circles : int
        Circles in every community.

    Examples
    --------
    >>> from suffuse.datasets import make_social_world
    >>> truth = make_social_world(200, 80, rng=0).truth
    >>> truth.scores(np.array([3])).sum().round(9)
    np.float64(1.0)
    """

    circles: Ints
    personal: Ints
    shares: Floats
    genres: Ints
    popularity: Floats
    n_circles: int

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        arrays = (self.circles, self.personal, self.shares, self.genres, self.popularity)
        for array in arrays:
            array.setflags(write=False)

    @property
    def n_genres(self) -> int:
        """Number of genres, one for every circle."""
        return int(self.genres.max()) + 1

    @property
    def communities(self) -> Ints:
        """Community of every user, shape (n_users,)."""
        return self.circles // self.n_circles

    def tastes(self, users: npt.ArrayLike) -> Floats:
        """Return the genre factors of some users: ``scores = tastes[:, genres] * popularity``.

        Parameters
        ----------
        users : array-like of int, shape (m,)
            Codes of users.

        Returns
        -------
        ndarray of float64, shape (m, n_genres)
            What stands in brackets in the formula, for an item of each genre.

        Examples
        --------
        >>> from suffuse.datasets import make_social_world
        >>> world = make_social_world(200, 80, rng=0)
        >>> world.truth.tastes([0, 1]).shape == (2, world.truth.n_genres)
        True
        """
        codes = np.asarray(users, dtype=np.int64)
        mass = np.bincount(self.genres, weights=self.popularity, minlength=self.n_genres)
        community_mass = mass.reshape(-1, self.n_circles).sum(axis=1)
        rows = np.arange(len(codes))
        circle = self.circles[codes]
        result = np.full((len(codes), self.n_genres), BACKGROUND / self.popularity.sum())
        np.add.at(result, (rows, circle), CIRCLE / mass[circle])
        community = circle // self.n_circles
        for step in range(self.n_circles):
            genre = community * self.n_circles + step
            result[rows, genre] += COMMUNITY / community_mass[community]
        for column, share in enumerate((self.shares[codes], 1.0 - self.shares[codes])):
            genre = self.personal[codes, column]
            result[rows, genre] += PERSONAL * share / mass[genre]
        return result

    def scores(self, users: npt.ArrayLike) -> Floats:
        """Return p(i | u) for some users and all items.

        Parameters
        ----------
        users : array-like of int, shape (m,)
            Codes of users.

        Returns
        -------
        ndarray of float64, shape (m, n_items)
            Probabilities; every row sums to 1.

        Examples
        --------
        >>> from suffuse.datasets import make_social_world
        >>> make_social_world(200, 80, rng=0).truth.scores([0, 1]).shape
        (2, 80)
        """
        return self.tastes(users)[:, self.genres] * self.popularity

    def sampler(self) -> GroupSampler:
        """Return a sampler of items by popularity within genres.

        Examples
        --------
        >>> from suffuse.datasets import make_social_world
        >>> len(make_social_world(200, 80, rng=0).truth.sampler().members)
        80
        """
        return GroupSampler.of(self.popularity, self.genres, self.n_genres)

    def choose(self, rng: np.random.Generator, users: Ints, sampler: GroupSampler) -> Ints:
        """Draw one item for every entry of `users` from p(i | u).

        Examples
        --------
        >>> from suffuse.datasets import make_social_world
        >>> truth = make_social_world(200, 80, rng=0).truth
        >>> items = truth.choose(np.random.default_rng(0), np.array([5, 5, 5]), truth.sampler())
        >>> len(items)
        3
        """
        chance = rng.random(len(users))
        first = self.circles[users]
        after = first + 1
        from_community = chance < COMMUNITY
        community = first[from_community] // self.n_circles
        first[from_community] = community * self.n_circles
        after[from_community] = (community + 1) * self.n_circles
        everywhere = (chance >= COMMUNITY) & (chance < COMMUNITY + BACKGROUND)
        first[everywhere], after[everywhere] = 0, self.n_genres
        own = chance >= 1.0 - PERSONAL
        who = users[own]
        column = (rng.random(len(who)) >= self.shares[who]).astype(np.int64)
        first[own] = self.personal[who, column]
        after[own] = first[own] + 1
        return sampler.draw(rng, first, after)
