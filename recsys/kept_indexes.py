"""What is computed from arrays of a fitted model, kept as long as these arrays live.

An index of items is asked for by every list, by many threads at a time, by a model, by the model
that wraps it and by newcomers folded into it. They all hold the same arrays of factors, so what
was made of an array is found by the array. A fit or an update makes new arrays; whoever writes
into the factors of a fitted model by hand keeps the old index.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Result = TypeVar("Result")
Array = npt.NDArray[Any]


class Kept:
    """Results by the arrays that they were made of; they may not hold these arrays.

    Examples
    --------
    >>> import numpy as np
    >>> kept, numbers = Kept(), np.ones(3)
    >>> kept.get("sum", [numbers], lambda: float(numbers.sum()))
    3.0
    >>> kept.get("sum", [numbers], lambda: 0.0)
    3.0
    """

    def __init__(self) -> None:
        # a result may need another one, and may be let go while one is made
        self._lock = threading.RLock()
        self._found: dict[Hashable, Any] = {}

    def get(self, what: Hashable, arrays: list[Array], compute: Callable[[], Result]) -> Result:
        """``compute()``, or what it gave before for the same arrays; one thread computes."""
        key = (what, *(_place(array) for array in arrays))
        if key in self._found:
            # who needs nothing made does not wait for who makes something else
            found: Result = self._found[key]
            return found
        with self._lock:
            if key not in self._found:
                self._found[key] = compute()
                for array in arrays:
                    weakref.finalize(_owner(array), self._found.pop, key, None).atexit = False
            result: Result = self._found[key]
        return result

    def __len__(self) -> int:
        return len(self._found)


def _place(array: Array) -> Hashable:
    """Where an array lies in memory, and how."""
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


def _owner(array: Array) -> Array:
    """The array whose memory this one looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
