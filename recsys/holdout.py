"""What is held out of the training table to choose settings on: cells, and whole users.

Some cells of every user are hidden, to ask what suits people with a history. Some users with ties
are hidden but for one, two or five of their items, to ask what suits people of whom little is
known, and some are hidden whole, to ask what suits people without a history. Test data is never
involved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..datasets.interactions import Interactions
from .execution import Rows

#: share of the cells that are hidden, and of the users with ties who are hidden whole
CELL_SHARE, USER_SHARE = 0.1, 0.05
#: how many items a user of whom little is known keeps, in turn; with more they count as warm
KEPT = (1, 2, 5)
FEW = max(KEPT)

#: rows for which numbers are drawn at a time
_DRAWN = 1 << 22


@dataclass(frozen=True)
class Holdout:
    """A reduced table and what it hides from whom.

    ``truth`` has shape (n_users, n_items); the others are the rows to be judged: users who keep
    more than ``FEW`` of their items (``warm``), users who keep fewer, and users who lost all.
    """

    train: Interactions
    truth: sparse.csr_array
    warm: Rows
    few: Rows
    cold: Rows

    def at_most(self, n_users: int, *, random_state: int) -> Holdout:
        """The same with at most ``n_users`` to be judged in each group, by a seeded draw."""
        rng = np.random.default_rng(random_state)
        groups = [
            np.sort(rng.choice(rows, n_users, replace=False)) if len(rows) > n_users else rows
            for rows in (self.warm, self.few, self.cold)
        ]
        return replace(self, warm=groups[0], few=groups[1], cold=groups[2])


def hide_cells(table: Interactions, *, random_state: int | np.random.Generator) -> Holdout:
    """Hide a tenth of the cells, but never all of a user's; only warm users are to be judged."""
    rng = np.random.default_rng(random_state)
    counts = _held(table)
    hidden = _drawn(len(table), rng)
    hidden &= ~_last_kept(table.users, hidden, counts)
    truth = _cells(table, hidden)
    nobody = np.empty(0, np.int64)
    asked = np.flatnonzero(np.diff(truth.indptr) > 0)
    return Holdout(table.select(~hidden), truth, asked, nobody, nobody)


def hold_out(table: Interactions, has_ties: npt.NDArray[np.bool_], *, random_state: int) -> Holdout:
    """Hide cells and users, by a seeded draw."""
    rng = np.random.default_rng(random_state)
    counts = _held(table)
    candidates = rng.permutation(np.flatnonzero(has_ties & (counts > 0)))
    n_each = int(USER_SHARE * len(candidates))
    keeps = np.full(table.n_users, np.iinfo(np.int64).max)
    keeps[candidates[:n_each]] = 0
    little = candidates[n_each : 2 * n_each]
    keeps[little] = np.resize(KEPT, len(little))
    hidden = _drawn(len(table), rng)
    hidden &= ~_last_kept(table.users, hidden, counts)
    chosen = np.flatnonzero((keeps < np.iinfo(np.int64).max)[table.users])
    users = table.users[chosen]
    hidden[chosen] = _places(users, _draws_at(chosen, len(table), rng)) >= keeps[users]
    truth = _cells(table, hidden)
    left = counts - np.diff(truth.indptr)
    asked = np.diff(truth.indptr) > 0
    groups = (left > FEW, (left > 0) & (left <= FEW), left == 0)
    return Holdout(table.select(~hidden), truth, *(np.flatnonzero(asked & g) for g in groups))


def _cells(table: Interactions, chosen: npt.NDArray[np.bool_]) -> sparse.csr_array:
    """Ones at the chosen rows of the table, shape (n_users, n_items)."""
    ones = np.ones(int(chosen.sum()), np.float32)
    cells = (table.users[chosen], table.items[chosen])
    return sparse.csr_array((ones, cells), shape=(table.n_users, table.n_items))


def _held(table: Interactions) -> npt.NDArray[np.int64]:
    """How many rows each user has."""
    return np.diff(table.matrix.indptr).astype(np.int64)


def _drawn(n_rows: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """A seeded draw of the cells to hide, in slices: one number per row is drawn, none is kept."""
    hidden = np.empty(n_rows, np.bool_)
    for part in _slices(n_rows):
        hidden[part] = rng.random(part.stop - part.start) < CELL_SHARE
    return hidden


def _draws_at(rows: Rows, n_rows: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The numbers of some rows, in rising order, where one is drawn for each of the ``n_rows``."""
    found = np.empty(len(rows))
    for part in _slices(n_rows):
        first, last = np.searchsorted(rows, (part.start, part.stop))
        found[first:last] = rng.random(part.stop - part.start)[rows[first:last] - part.start]
    return found


def _slices(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, _DRAWN):
        yield slice(start, min(start + _DRAWN, n_rows))


def _places(users: npt.NDArray[np.int32], draws: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Place of every row in the order of its user's draws, from 0; ``users`` are sorted."""
    order = np.lexsort((draws, users))
    is_first = np.ones(len(users), np.bool_)
    is_first[1:] = users[1:] != users[:-1]
    places = np.empty(len(users), np.int64)
    places[order] = np.arange(len(users)) - np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    return places


def _last_kept(
    users: npt.NDArray[np.int32], hidden: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Rows of users who would lose all that they have."""
    lost = np.bincount(users[hidden], minlength=len(counts))
    return np.asarray((lost == counts)[users])
