"""What a worker holds of a table, a graph and a model: the rows of its own users, and all items.

User ``u`` of shard ``s`` is user ``starts[s] + u`` of the whole; the shards one after the other
are the order of one machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from .channels import Taste
from .matrices import Csr
from .scoring import Floats


@dataclass(eq=False)
class ShardRows:
    """Preference rows of the users of a shard, shape (n_s, n_items), float32."""

    rows: Csr
    starts: tuple[int, ...]
    shard: int


@dataclass(eq=False)
class ShardTies:
    """Whom the users of a shard listen to, among all users, shape (n_s, n_users), float64."""

    adjacency: Csr
    starts: tuple[int, ...]
    shard: int


@dataclass(eq=False)
class ShardIds:
    """Raw ids of the users of a shard and of all items."""

    users: npt.NDArray[Any]
    items: npt.NDArray[Any]


@dataclass(eq=False)
class ShardFactors:
    """Factors of the users of a shard, shape (n_s, d), and of all items, float32."""

    users: Floats
    items: Floats


@dataclass(eq=False)
class ShardTaste:
    """``z`` of the users of a shard for each taste, None where its damping is 0."""

    factors: dict[Taste, Floats | None]


@dataclass(eq=False)
class ShardMemory:
    """``W``: ties weighted by agreement, shape (n_s, n_users), float32."""

    ties: Csr
