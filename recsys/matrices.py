"""Sparse matrices of single precision, in the one form that the room uses."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

Number = TypeVar("Number", bound=np.generic)
Csr: TypeAlias = "sparse.csr_array[Any, tuple[int, int]]"


def single(matrix: Any) -> Csr:
    """``matrix`` as a float32 csr_array; a copy only where the type differs."""
    compressed: Any = sparse.csr_array(matrix)
    return compressed.astype(np.float32, copy=False)  # type: ignore[no-any-return]


def scaled_rows(scale: Any, matrix: Any) -> Csr:
    """``diag(scale) matrix`` as float32."""
    return single(sparse.diags_array(np.asarray(scale)) @ matrix)


def still(array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """A read-only view: compiled code has one form for it, whoever may write to the array."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
