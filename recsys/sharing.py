"""What fits on the same table can share: results kept for the length of a ``with`` block.

A search fits many models on one training table. A decomposition that depends on the table alone
is then made once. Outside of such a block nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")

_kept: ContextVar[dict[tuple[str, int], tuple[object, Any]] | None] = ContextVar(
    "suffuse_shared", default=None
)


@contextmanager
def sharing() -> Iterator[None]:
    """Keep what :func:`shared` computes inside the block; a block in a block starts afresh."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def shared(
    what: str,
    table: object,
    compute: Callable[[], Result],
    *,
    enough: Callable[[Result], bool] = lambda kept: True,
) -> Result:
    """``compute()``, or what it gave before for the same ``table`` if that is ``enough``."""
    kept = _kept.get()
    if kept is None:
        return compute()
    # the table is kept beside the result, so that its id cannot pass to another object
    found = kept.get((what, id(table)))
    if found is not None and enough(found[1]):
        result: Result = found[1]
        return result
    # let go of the old result first: two large inverses at a time may not fit
    found = None
    kept.pop((what, id(table)), None)
    result = compute()
    kept[what, id(table)] = (table, result)
    return result


def is_sharing() -> bool:
    """Whether results are kept at present."""
    return _kept.get() is not None
