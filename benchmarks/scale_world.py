"""A world of any size, written row group by row group: nothing of it is ever held whole.

Users belong to communities; half of what a user takes comes from the items of the own community,
half from all items, by Zipf's law, the own ones more steeply. Seven of ten ties stay in the
community. Rows come in the order of time, so that the rows of one user are spread over the whole
file; some repeat. Each row group has its own seed: the same options give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

#: rows of a row group
GROUP = 1_000_000
#: raw ids are whole numbers that begin here
FIRST_USER, FIRST_ITEM = 10_000_000, 500_000
#: rows drawn for a row that is wanted: some pairs repeat
REPEATS = 1.09

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shape:
    """How large a world is: rows and ties per user, and rows that are kept for judging."""

    n_users: int = 1_000_000
    n_items: int = 100_000
    rows_per_user: float = 50.0
    ties_per_user: float = 20.0
    test_share: float = 0.1

    @property
    def n_communities(self) -> int:
        """Of about a thousand people each, and no more than a hundred."""
        return max(5, min(100, self.n_users // 1000))


class _People:
    """Who belongs where, and what is taken how often."""

    def __init__(self, shape: Shape, seed: int) -> None:
        rng = np.random.default_rng([seed, 0])
        self.n_communities = shape.n_communities
        self.community = rng.integers(0, shape.n_communities, shape.n_users)
        self.by_community = np.argsort(self.community, kind="stable")
        sizes = np.bincount(self.community, minlength=shape.n_communities)
        self.starts = np.concatenate([[0], np.cumsum(sizes)])
        self.activity = np.cumsum(np.clip(rng.lognormal(0.0, 0.7, shape.n_users), 0.15, 8.0))
        # the item of rank r, from 0, belongs to community r % n
        self.item_of_rank = rng.permutation(shape.n_items)
        self.popularity = np.cumsum((np.arange(shape.n_items) + 20.0) ** -0.8)
        per_community = shape.n_items // shape.n_communities
        self.own_popularity = np.cumsum((np.arange(per_community) + 3.0) ** -1.0)

    def draw_rows(self, n_rows: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Users by their activity, and what each takes."""
        users = _drawn(self.activity, n_rows, rng)
        everywhere = _drawn(self.popularity, n_rows, rng)
        at_home = _drawn(self.own_popularity, n_rows, rng)
        at_home = at_home * self.n_communities + self.community[users]
        own = rng.random(n_rows) < 0.5
        return users, self.item_of_rank[np.where(own, at_home, everywhere)]

    def draw_ties(self, n_ties: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Two ends each; an end within the community, or anywhere."""
        n_users = len(self.community)
        sources = rng.integers(0, n_users, n_ties)
        homes = self.community[sources]
        sizes = self.starts[homes + 1] - self.starts[homes]
        near = self.by_community[self.starts[homes] + (rng.random(n_ties) * sizes).astype(np.int64)]
        far = rng.integers(0, n_users, n_ties)
        return sources, np.where(rng.random(n_ties) < 0.7, near, far)


def _drawn(weights: npt.NDArray[np.float64], count: int, rng: np.random.Generator) -> Ints:
    """Places in proportion to weights, of which the sums are given."""
    return np.searchsorted(weights, rng.random(count) * weights[-1])


def make_world(folder: Path, shape: Shape, *, seed: int = 0) -> None:
    """Write ``interactions.parquet``, ``test.parquet`` and ``social.parquet`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    people = _People(shape, seed)
    n_rows = round(shape.n_users * shape.rows_per_user * REPEATS)

    def rows(count: int, rng: np.random.Generator) -> dict[str, Ints]:
        users, items = people.draw_rows(count, rng)
        return {"user_id": FIRST_USER + users, "item_id": FIRST_ITEM + items}

    def ties(count: int, rng: np.random.Generator) -> dict[str, Ints]:
        sources, targets = people.draw_ties(count, rng)
        return {"source_id": FIRST_USER + sources, "target_id": FIRST_USER + targets}

    for place, (name, draw, count) in enumerate(
        (
            ("interactions", rows, n_rows),
            ("test", rows, round(n_rows * shape.test_share)),
            ("social", ties, round(shape.n_users * shape.ties_per_user)),
        )
    ):
        writer = None
        for group, first in enumerate(range(0, count, GROUP)):
            rng = np.random.default_rng([seed, 1 + place, group])
            table = pa.table(draw(min(GROUP, count - first), rng))
            if writer is None:
                writer = pq.ParquetWriter(folder / f"{name}.parquet", table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
