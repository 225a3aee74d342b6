"""Exact top-k by torch on a device: the same lists and scores, bit for bit, as without it.

The score ``s_ui`` of a pair and the order of a list are those of ``pruned_topk.py``, whoever
computes them. A device makes products of a batch of users with all items in single precision,
adds what is to be added in single precision too, puts minus infinity where an item is not for a
user, and gives back its ``c > k`` largest scores of each user. Three steps make a list of them.

1. With ``e = 2^-24``, ``g`` the product of the device and ``h = fl(g + fl(m))`` its score::

       |h - s| <= gamma_(d+3) |u| |y| + 4 e |m| + underflow =: margin

   In whatever order it adds, with fused steps or without, ``|g - u . y| <= gamma_d |u| |y|``
   (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 3.5); the rounding of h
   and of s adds ``e`` of ``|u| |y| + |m|`` each, that of m ``e |m|``. Underflow is less than
   ``2^-125`` a coordinate, and ``2^-126 sqrt(d) (|u| + |y|)`` where the device takes factors below
   ``2^-126`` for zero. This needs true single precision: TF32 is off meanwhile.
2. The scores of the candidates are computed on the CPU as ever, and sorted; ``t`` is the k-th.
3. No item that is no candidate has a device score above the smallest of the candidates, ``v``. If
   ``v + margin < t``, with the largest norm of all items and the largest addition of the user,
   such items have ``s < t`` strictly, so none is in the list and none ties with one. The list is
   whole, too, if ``v`` is minus infinity, or nothing was left out.

Users for whom step 3 fails, as many items tie or nearly so, get their list by ``pruned_top_k``,
and so does a whole batch in which a candidate's score is farther from the device's than step 1
allows: then the device does not compute as it says.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .device_kernels import Added, Batch, Candidates, take_candidates
from .execution import BATCH_BYTES, Rows, resolve_jobs
from .matrices import Csr
from .memory import readable_bytes
from .on_device import checked_device, full_precision
from .pruned_kernels import Additions, Cells, added_room, gather_added
from .pruned_topk import ItemIndex, Memory, finite_norms, pruned_top_k
from .topk import Floats, Lists, finish_lists, start_lists

if TYPE_CHECKING:
    import torch

#: candidates of a user beyond k
SPARE = 32
#: users of a batch at most, and bytes that it may take on a device
USERS = 4096
DEVICE_BYTES = 2**30
#: additions of a batch; one with more is cut in two
ENTRIES = 2**22


class DeviceSearch:
    """Lists by a device, for one call: item vectors go there once, and may come from threads.

    Parameters
    ----------
    device : {"cpu", "cuda", "cuda:0", ...}
        Where torch computes.
    n_jobs : int, optional
        Threads that ask at the same time; they share the memory of the device.

    Raises
    ------
    ImportError, ValueError
        Without torch, and for a device that it does not see.

    Examples
    --------
    >>> index = ItemIndex.of(np.array([[1.0], [-3.0], [2.0]], dtype=np.float32))
    >>> users = np.array([[1.0], [-1.0]], dtype=np.float32)
    >>> items, scores = DeviceSearch("cpu").top_k(users, index, k=2)
    >>> items.tolist(), scores.tolist()
    ([[2, 0], [1, 0]], [[2.0, 1.0], [3.0, -1.0]])
    """

    def __init__(self, device: str, *, n_jobs: int | None = None) -> None:
        self._device = str(checked_device(device))
        self._n_threads = resolve_jobs(n_jobs)
        self._lock = threading.Lock()
        # an index is kept beside what was made of it, so that no other gets its id
        self._held: dict[int, tuple[ItemIndex, torch.Tensor, torch.Tensor | None]] = {}

    def row_bytes(self, n_items: int) -> int:
        """Bytes to reckon with for a user, for batches that leave room on the device."""
        free = min(free_bytes(self._device) // (2 * self._n_threads), DEVICE_BYTES)
        # the products, and as much again for what selects from them
        size = min(max(free // max(8 * n_items, 1), 1), USERS)
        return -(-BATCH_BYTES // size)

    def top_k(
        self,
        users: Floats,
        index: ItemIndex,
        k: int,
        *,
        rows: Rows | None = None,
        seen: Csr | None = None,
        memory: Memory | None = None,
    ) -> Lists:
        """The k best items of a batch of users; all words are those of ``pruned_top_k``."""
        rows = np.arange(len(users)) if rows is None else rows
        users = np.ascontiguousarray(users, np.float32)
        options: dict[str, Any] = {"seen": seen, "memory": memory}
        if len(users) > 1 and _entries(memory, rows) > ENTRIES:
            cut = len(users) // 2
            halves = [
                self.top_k(users[part], index, k, rows=rows[part], **options)
                for part in (slice(cut), slice(cut, None))
            ]
            items, scores = (np.concatenate([half[side] for half in halves]) for side in (0, 1))
            return items, scores
        n_items = len(index.shelf.places)
        if not len(index.shelf.columns) or not len(users):
            return pruned_top_k(users, index, k, rows=rows, **options)
        norms = finite_norms(users, "user vectors", rows)
        batch = Batch(users, norms, _added(memory, rows, index))
        found = self._candidates(batch, index, rows, seen, min(k, n_items) + SPARE)
        items = np.empty((len(users), min(k, n_items)), np.int32)
        scores = np.empty(items.shape, np.float32)
        start_lists(items, scores, n_items)
        proven = np.zeros(len(users), np.bool_)
        near = take_candidates(batch, found, index.shelf, (items, scores), proven)
        finish_lists(items, scores)
        rest = np.flatnonzero(~proven) if near else np.arange(len(users))
        if len(rest):
            by_pruning = pruned_top_k(users[rest], index, k, rows=rows[rest], **options)
            items[rest], scores[rest] = by_pruning
        return items, scores

    def _candidates(
        self, batch: Batch, index: ItemIndex, rows: Rows, seen: Csr | None, count: int
    ) -> Candidates:
        """The largest scores of the device, up to ``count`` of each user."""
        import torch

        vectors, barred = self._item_side(index)
        with full_precision():
            products = torch.tensor(batch.vectors, device=self._device) @ vectors.T
        added = batch.added
        if len(added.starts):
            n_entries = int(added.starts[-1, 1])
            who = np.repeat(np.arange(len(rows)), np.diff(added.starts, axis=1).ravel())
            cells = self._cells(who, added.places[:n_entries])
            values = added.values[:n_entries].astype(np.float32)
            products[cells] += torch.tensor(values, device=self._device)
        if barred is not None:
            products.masked_fill_(barred, -torch.inf)
        if seen is not None:
            products[self._cells(*_seen_places(seen, rows, index))] = -torch.inf
        best = torch.topk(products, min(count, products.shape[1]), dim=1, sorted=False)
        places = best.indices.to(torch.int32).cpu().numpy()
        return Candidates(places, best.values.cpu().numpy())

    def _cells(self, users: Any, places: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and columns of some products, on the device."""
        import torch

        both = torch.tensor(np.stack([users, places]).astype(np.int64), device=self._device)
        return both[0], both[1]

    def _item_side(self, index: ItemIndex) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Vectors of the items on the device, and which are barred; sent once."""
        import torch

        with self._lock:
            if id(index) not in self._held:
                vectors, columns = index.shelf.vectors, index.shelf.columns
                free = free_bytes(self._device)
                if vectors.nbytes > free:
                    raise MemoryError(
                        "device must have room for the vectors of all items, "
                        f"{readable_bytes(vectors.nbytes)}; got {self._device!r} with "
                        f"{readable_bytes(free)} free: leave device out"
                    )
                barred = None
                if index.barred is not None:
                    bits = np.unpackbits(index.barred, bitorder="little")[columns]
                    barred = torch.tensor(bits.astype(np.bool_), device=self._device)
                held = torch.tensor(vectors, device=self._device)
                self._held[id(index)] = (index, held, barred)
            return self._held[id(index)][1:]


def free_bytes(device: str) -> int:
    """Memory of a device that torch may take; a constant for the CPU, whose is shared."""
    if device == "cpu":
        return DEVICE_BYTES
    import torch

    free = torch.cuda.mem_get_info(device)[0]
    # torch keeps what it let go of, for its next tensors
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free + kept)


def _seen_places(seen: Csr, rows: Rows, index: ItemIndex) -> tuple[Any, Any]:
    """Users of a batch and places of the items that they have seen."""
    cells = seen[rows]
    users = np.repeat(np.arange(len(rows)), np.diff(cells.indptr))
    places = index.shelf.places[cells.indices]
    here = places >= 0
    return users[here], places[here]


def _entries(memory: Memory | None, rows: Rows) -> int:
    """More than the additions to the scores of some users."""
    if memory is None:
        return 0
    return int(added_room(rows, _cells_of(memory), memory.held.shape[1]))


def _added(memory: Memory | None, rows: Rows, index: ItemIndex) -> Added:
    """The additions to the scores of some users, those of seen items included."""
    if memory is None:
        return Added(np.empty((0, 2), np.int64), np.empty(0, np.int32), np.empty(0))
    shelf = index.shelf
    n_entries = _entries(memory, rows)
    added = Added(
        np.empty((len(rows), 2), np.int64), np.empty(n_entries, np.int32), np.empty(n_entries)
    )
    nothing = np.zeros((len(rows), (len(shelf.places) + 7) // 8), np.uint8)
    weight = float(memory.weight)
    # one block that holds all items
    entries = Additions(*added, len(shelf.columns))
    gather_added(rows, _cells_of(memory), weight, nothing, shelf.places, entries)
    return added


def _cells_of(memory: Memory) -> tuple[Cells, Cells]:
    """The two matrices as compiled code takes them."""
    ties, held = memory.ties, memory.held
    return (
        Cells(ties.indptr, ties.indices, ties.data),
        Cells(held.indptr, held.indices, held.data),
    )
