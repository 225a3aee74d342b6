"""What a data set is like before anything is fitted: who has how much, and is the graph of use?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .holdout import FEW
from .inputs import training_table
from .matrices import Csr, single
from .phrases import PER_CENT, plural, verb
from .tie_agreement import ALIKE, HELD, Level, agreement_frame, tie_agreement
from .ties import with_ties

Counts = npt.NDArray[np.int64]

#: kinds of users by how many items they have: a name and the most that they have
HISTORIES: tuple[tuple[str, float], ...] = (
    ("no items", 0),
    (f"1 to {FEW} items", FEW),
    (f"{FEW + 1} to 20 items", 20),
    ("more than 20 items", np.inf),
)
#: the share of the items that is called popular
FIFTH = 0.2


@dataclass(frozen=True, eq=False)
class Profile:
    """The shape of a table of interactions and of a social graph.

    Attributes
    ----------
    user_counts, item_counts : ndarray of int64
        Items of each user, users of each item.
    tie_counts : ndarray of int64 or None
        People whom each user is tied to, in either direction; None without a graph.
    n_ties : int
        Pairs of people who are tied.
    n_parts, largest_part : int
        Connected parts of the graph with at least one tie, and the people in the largest.
    agreement : tuple of Level
        Agreement along ties beside that of random graphs; see ``tie_agreement``.

    Examples
    --------
    >>> Profile(np.array([2, 0]), np.array([1, 1]), None).density
    0.5
    """

    user_counts: Counts
    item_counts: Counts
    tie_counts: Counts | None
    n_ties: int = 0
    n_parts: int = 0
    largest_part: int = 0
    agreement: tuple[Level, ...] = ()

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        for array in (self.user_counts, self.item_counts, self.tie_counts):
            if array is not None:
                array.setflags(write=False)

    @property
    def n_rows(self) -> int:
        """Cells of the table that are filled."""
        return int(self.user_counts.sum())

    @property
    def density(self) -> float:
        """The share of all cells that are filled."""
        return self.n_rows / max(len(self.user_counts) * len(self.item_counts), 1)

    def degrees(self) -> pd.DataFrame:
        """Columns ``of, mean, median, p90, largest, none``: how unequally much there is.

        ``none`` counts those who have nothing.

        Examples
        --------
        >>> Profile(np.array([2, 0]), np.array([1, 1]), None).degrees()["largest"].tolist()
        [2, 1]
        """
        kinds = [("items of a user", self.user_counts), ("users of an item", self.item_counts)]
        if self.tie_counts is not None:
            kinds.append(("ties of a user", self.tie_counts))
        rows = [
            (
                name,
                float(counts.mean()),
                float(np.median(counts)),
                float(np.quantile(counts, 0.9)),
                int(counts.max()),
                int((counts == 0).sum()),
            )
            for name, counts in kinds
        ]
        return pd.DataFrame(rows, columns=["of", "mean", "median", "p90", "largest", "none"])

    def histories(self) -> pd.DataFrame:
        """Columns ``users, n_users, share``, with a graph ``with_ties, without_ties``: by history.

        Examples
        --------
        >>> Profile(np.array([2, 0]), np.array([1, 1]), None).histories()["n_users"].tolist()
        [1, 1, 0, 0]
        """
        labels = pd.Series(history_labels(self.user_counts))
        names = [name for name, _ in HISTORIES]
        frame = pd.DataFrame({"users": names})
        frame["n_users"] = labels.value_counts().reindex(names, fill_value=0).to_numpy()
        frame["share"] = frame["n_users"] / max(len(labels), 1)
        if self.tie_counts is not None:
            tied = labels[self.tie_counts > 0].value_counts().reindex(names, fill_value=0)
            frame["with_ties"] = tied.to_numpy()
            frame["without_ties"] = frame["n_users"] - frame["with_ties"]
        return frame

    def agreement_frame(self) -> pd.DataFrame:
        """Columns ``measure, value, chance, low, high, times, n``; see ``tie_agreement``.

        Examples
        --------
        >>> Profile(np.array([2]), np.array([1, 1]), None).agreement_frame().empty
        True
        """
        return agreement_frame(self.agreement)

    def popular_share(self) -> float:
        """The share of the rows that the most popular fifth of the items takes.

        Examples
        --------
        >>> Profile(np.array([1]), np.array([6, 1, 1, 1, 1]), None).popular_share()
        0.6
        """
        ordered = np.sort(self.item_counts)[::-1]
        first = int(np.ceil(FIFTH * len(ordered)))
        return float(ordered[:first].sum() / max(ordered.sum(), 1))

    def sentences(self) -> tuple[str, ...]:
        """What a person should know of the data, in words.

        Examples
        --------
        >>> Profile(np.array([2, 0]), np.array([1, 1]), None).sentences()[0]
        '2 users, 2 items and 2 rows: 50.00\\xa0% of all cells are filled.'
        """
        said = [
            f"{len(self.user_counts):,} users, {len(self.item_counts):,} items and "
            f"{self.n_rows:,} rows: {_percent(self.density, 2)} of all cells are filled.",
            f"Half of the users have at most {np.median(self.user_counts):,.0f} items. The most "
            f"popular fifth of the items takes {_percent(self.popular_share())} of all rows.",
        ]
        cold = self.user_counts == 0
        n_cold = int(cold.sum())
        if n_cold and self.tie_counts is not None:
            tied = int((self.tie_counts[cold] > 0).sum())
            said.append(
                f"{n_cold:,} {plural(n_cold, 'user')} ({_percent(n_cold / len(cold), 1)}) "
                f"{'has' if n_cold == 1 else 'have'} no items; {'all' if tied == n_cold else tied} "
                f"of them {verb(tied)} tied to somebody, whose taste can speak for them."
            )
        if self.tie_counts is None:
            return tuple(said)
        alone = int((self.tie_counts == 0).sum())
        without = (
            f"{alone:,} {plural(alone, 'user')} ({_percent(alone / len(self.tie_counts), 1)}) "
            f"{'has' if alone == 1 else 'have'} no tie"
        )
        said.append(
            f"{self.n_ties:,} {plural(self.n_ties, 'pair')} of people {verb(self.n_ties)} tied. "
            f"{without if alone else 'Everybody has a tie'}; the largest connected part holds "
            f"{self.largest_part:,} users."
        )
        return (*said, *self._on_agreement())

    def _on_agreement(self) -> tuple[str, ...]:
        """Whether friends agree beyond chance."""
        by_name = {level.name: level for level in self.agreement}
        said = []
        if ALIKE in by_name:
            level = by_name[ALIKE]
            said.append(
                f"The tastes of friends {_beside_chance(level, 'agree')} (mean cosine "
                f"{level.value:.3f} against {level.chance:.3f}; 95{PER_CENT} of random graphs with "
                f"the same degrees: {level.low:.3f} to {level.high:.3f})."
            )
        if HELD in by_name:
            level = by_name[HELD]
            said.append(
                f"Of the items that people have, a friend has {_percent(level.value, 1)} too; with "
                f"friends at random it would be {_percent(level.chance, 1)} "
                f"({_percent(level.low, 1)} to {_percent(level.high, 1)})."
            )
        return tuple(said)


def profile(
    interactions: Any,
    *,
    social: Any = None,
    directed: bool | None = None,
    n_shuffles: int = 40,
    random_state: int = 0,
) -> Profile:
    """Degrees, density, cold users, and how much more friends agree than ties at random would.

    Parameters
    ----------
    interactions : DataFrame, sparse matrix or Interactions
        The training table; columns ``user_id, item_id``.
    social : DataFrame, networkx graph, sparse matrix or SocialGraph, optional
        Ties; users known only from them are users without items.
    directed : bool, optional
        As in ``SocialDiffusion.fit``.
    n_shuffles : int
        Random graphs with the same degrees that ties are held against.
    random_state : int
        Seed of these.

    Returns
    -------
    Profile

    Raises
    ------
    ValueError
        For an empty or invalid table or graph.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.make_social_world(n_users=200, n_items=80, homophily=0.8, rng=0)
    >>> found = profile(world.interactions, social=world.social)
    >>> bool(found.agreement_frame()["times"].iloc[0] > 1.2)
    True
    """
    table, adjacency = with_ties(training_table(interactions), social, directed=directed)
    ties = None if social is None else adjacency
    return profile_of(table.matrix, ties, n_shuffles=n_shuffles, random_state=random_state)


def profile_of(
    rows: Any, adjacency: Any = None, *, n_shuffles: int = 40, random_state: int = 0
) -> Profile:
    """The profile of matrices, such as ``model.interactions_`` and ``model.social_``.

    Parameters
    ----------
    rows : sparse array of shape (n_users, n_items)
        Who holds what; only where cells are stored counts.
    adjacency : sparse array of shape (n_users, n_users), optional
        Who listens to whom.
    n_shuffles, random_state : int
        As in :func:`profile`.

    Returns
    -------
    Profile

    Examples
    --------
    >>> profile_of(sparse.csr_array([[1, 0], [1, 1]])).item_counts.tolist()
    [2, 1]
    """
    filled: Csr = single(rows)
    users, items = (np.asarray((filled > 0).sum(axis=axis)).ravel() for axis in (1, 0))
    users, items = users.astype(np.int64), items.astype(np.int64)
    if adjacency is None:
        return Profile(users, items, None)
    mutual = _mutual(adjacency)
    degrees = np.diff(mutual.indptr).astype(np.int64)
    _, part = sparse.csgraph.connected_components(mutual, directed=False)
    sizes = np.bincount(part)
    return Profile(
        users,
        items,
        degrees,
        n_ties=int(mutual.nnz) // 2,
        n_parts=int((sizes > 1).sum()),
        largest_part=int(sizes.max()) if mutual.nnz else 0,
        agreement=tie_agreement(
            filled, adjacency, n_shuffles=n_shuffles, random_state=random_state
        ),
    )


def history_labels(counts: npt.ArrayLike) -> npt.NDArray[Any]:
    """The kind of user that has so many items.

    Parameters
    ----------
    counts : array-like of int, shape (n_users,)
        How many items each user has.

    Returns
    -------
    ndarray of str, shape (n_users,)

    Examples
    --------
    >>> history_labels([0, 5, 21]).tolist()
    ['no items', '1 to 5 items', 'more than 20 items']
    """
    names = np.array([name for name, _ in HISTORIES], dtype=object)
    ends = [most for _, most in HISTORIES]
    return np.asarray(names[np.searchsorted(ends, np.asarray(counts))])


def head_labels(item_counts: npt.ArrayLike) -> npt.NDArray[Any]:
    """Which items are the most popular fifth, by users, and which are the others.

    Examples
    --------
    >>> head_labels([1, 9, 1, 1, 1]).tolist()
    ['others', 'most popular fifth', 'others', 'others', 'others']
    """
    counts = np.asarray(item_counts)
    order = np.argsort(-counts, kind="stable")
    labels = np.full(len(counts), "others", dtype=object)
    labels[order[: int(np.ceil(FIFTH * len(counts)))]] = "most popular fifth"
    return labels


def _mutual(adjacency: Any) -> Csr:
    """One wherever two people are tied in either direction."""
    ones: Any = sparse.csr_array(single(adjacency) > 0)
    both: Any = sparse.csr_array((ones + ones.T) > 0)
    both.setdiag(False)
    both.eliminate_zeros()
    return both  # type: ignore[no-any-return]


def _beside_chance(level: Level, word: str) -> str:
    """How much more than by chance, and whether beyond it."""
    if level.low <= level.value <= level.high:
        return f"{word} no more than those of people tied at random: the graph can hardly help"
    if level.value < level.low:
        return f"{word} less than those of people tied at random: the graph may mislead"
    if not np.isfinite(level.times):
        return f"{word}, those of people tied at random do not at all"
    return f"{word} {level.times:.1f} times as much as those of people tied at random"


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f}{PER_CENT}"
