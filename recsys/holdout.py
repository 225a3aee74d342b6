"""What is held out of the training table to choose settings on: cells, and whole users.

Some cells of every user are hidden, to ask what suits people with a history; some users with ties
are hidden whole, to ask what suits people without. Test data is never involved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..datasets.interactions import Interactions
from .execution import Rows

#: share of the cells that are hidden, and of the users with ties who are hidden whole
CELL_SHARE, USER_SHARE = 0.1, 0.05


@dataclass(frozen=True)
class Holdout:
    """A reduced table and what it hides from whom.

    ``truth`` has shape (n_users, n_items); ``warm`` and ``cold`` are the rows to be judged:
    users who keep some of their cells, and users who lost all.
    """

    train: Interactions
    truth: sparse.csr_array
    warm: Rows
    cold: Rows

    def at_most(self, n_users: int, *, random_state: int) -> Holdout:
        """The same with at most ``n_users`` to be judged in each group, by a seeded draw."""
        rng = np.random.default_rng(random_state)
        groups = [
            np.sort(rng.choice(rows, n_users, replace=False)) if len(rows) > n_users else rows
            for rows in (self.warm, self.cold)
        ]
        return replace(self, warm=groups[0], cold=groups[1])


def hold_out(table: Interactions, has_ties: npt.NDArray[np.bool_], *, random_state: int) -> Holdout:
    """Hide cells and users, by a seeded draw."""
    rng = np.random.default_rng(random_state)
    counts = np.bincount(table.users, minlength=table.n_users)
    candidates = np.flatnonzero(has_ties & (counts > 0))
    is_cold = np.zeros(table.n_users, bool)
    is_cold[rng.choice(candidates, int(USER_SHARE * len(candidates)), replace=False)] = True
    hidden = rng.random(len(table)) < CELL_SHARE
    hidden &= ~_last_kept(table.users, hidden, counts)
    hidden |= is_cold[table.users]
    truth = sparse.csr_array(
        (np.ones(int(hidden.sum()), np.float32), (table.users[hidden], table.items[hidden])),
        shape=(table.n_users, table.n_items),
    )
    judged = np.flatnonzero(np.diff(truth.indptr) > 0)
    return Holdout(table.select(~hidden), truth, judged[~is_cold[judged]], judged[is_cold[judged]])


def _last_kept(
    users: npt.NDArray[np.int32], hidden: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Rows of users who would lose all that they have."""
    lost = np.bincount(users[hidden], minlength=len(counts))
    return np.asarray((lost == counts)[users])
