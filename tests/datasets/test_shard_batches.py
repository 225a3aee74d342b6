"""Record batches between two steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets.shard_batches import by_key, read_batches, write_batches


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(st.integers(0, 3), max_size=8), min_size=1, max_size=3))
def test_what_is_split_by_key_is_found_by_key(pieces: list[list[int]]) -> None:
    """The rows of a key come back in their order, from one piece after the other."""
    numbered = [(i, j, key) for i, piece in enumerate(pieces) for j, key in enumerate(piece)]

    def parts() -> Iterator[Any]:
        for i, piece in enumerate(pieces):
            rows = [f"{i} {j}" for j in range(len(piece))]
            batch = pa.record_batch({"row": pa.array(rows, pa.large_string())})
            yield from by_key(batch, np.array(piece, dtype=np.int64), 4)

    with TemporaryDirectory() as folder:
        path = Path(folder) / "some.arrow"
        write_batches(path, parts())
        for key in range(4):
            found = list(read_batches(path, first=key, every=4))
            assert len(found) == len(pieces)
            rows = [row for batch in found for row in batch.column("row").to_pylist()]
            assert rows == [f"{i} {j}" for i, j, one in numbered if one == key]
