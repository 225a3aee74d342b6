"""Tastes diffused by torch on a device, to the tolerance of the fit.

The damped filter is a polynomial of ``P`` whose error is known beforehand, at most ``tol`` of the
norm of each column in the operator's p-norm, with the rounding of single precision on top
(``training/propagate.py``). Without a device the same bound is certified, so that the two answers
differ by no more than ``2 tol`` of a column and rounding, and lists only where scores come as
near. On CUDA a sparse product may add up in another order each time: the last digits may differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..diffusion.operator import PropagationOperator
from .device_lists import free_bytes
from .on_device import full_precision

Floats = npt.NDArray[np.float32]

#: blocks of the size of the signals that a polynomial takes, with some room
_BLOCKS = 6


def diffused_on(
    device: str, operator: PropagationOperator, signals: Floats, damping: float, *, tol: float
) -> Floats:
    """``(1-a) (I - aP)^-1 x`` with ``a = damping``, computed on a device.

    Columns go there as many at a time as there is room for, as they do not depend on each other.

    Parameters
    ----------
    device : str
        Where torch computes.
    operator : PropagationOperator
        ``P``.
    signals : ndarray of shape (n, m), float32
        ``x``.
    damping, tol : float
        As in ``PropagationOperator.diffuse``.

    Raises
    ------
    ValueError
        For values that are not finite, which this would spread.

    Examples
    --------
    >>> P = PropagationOperator(np.array([[0, 1], [1, 0]]), "row")
    >>> x = np.array([[3.0], [0.0]], dtype=np.float32)
    >>> diffused_on("cpu", P, x, 0.5, tol=1e-6).round(4).tolist()
    [[2.0], [1.0]]
    """
    import torch

    from ..training.propagate import TorchOperator

    matrix: Any = TorchOperator(operator, device=device)
    n, m = signals.shape
    found = np.empty((n, m), np.float32)
    width = max(1, free_bytes(device) // (2 * _BLOCKS * 4 * max(n, 1)))
    with full_precision(), torch.no_grad():
        for start in range(0, m, width):
            part = slice(start, start + width)
            sent = torch.tensor(np.ascontiguousarray(signals[:, part]), device=device)
            found[:, part] = matrix.diffuse(sent, damping, tol=tol).cpu().numpy()
    if not np.isfinite(found).all():
        raise ValueError(
            "signals must be finite; got values that are not: fit the base model again"
        )
    return found
