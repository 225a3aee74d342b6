"""Whether lists and diffused tastes are computed by torch, and on which device.

A caller names a device for the length of a ``with`` block; what computes below asks for it, so
that nobody between the two hands it on. Threads do not inherit the answer: it is asked for before
they start. Lists come out the same on every device (``device_lists.py``), diffused tastes to the
tolerance of the fit alone (``device_diffusion.py``), so the two are named apart: whoever asks for
lists on a device does not diffuse there. On the CPU torch is slower than no device at all; it is
there to try things out.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_lists: ContextVar[str | None] = ContextVar("suffuse_lists_device", default=None)
_factors: ContextVar[str | None] = ContextVar("suffuse_factors_device", default=None)

_KINDS = re.compile(r"cpu|cuda(:\d+)?")


def checked_device(device: str | None) -> str | None:
    """``device`` if torch is there and sees it; ``None`` stands for no torch at all.

    Parameters
    ----------
    device : {"cpu", "cuda", "cuda:0", ...}, optional
        A name of torch's.

    Raises
    ------
    ImportError
        Without torch.
    ValueError
        For another name, and a CUDA device that is not there.

    Examples
    --------
    >>> checked_device("cpu")
    'cpu'
    >>> checked_device("tpu")
    Traceback (most recent call last):
    ...
    ValueError: device must be None, "cpu", "cuda" or "cuda:0" and so on; got 'tpu'
    """
    if device is None:
        return None
    rule = 'device must be None, "cpu", "cuda" or "cuda:0" and so on'
    if not isinstance(device, str) or not _KINDS.fullmatch(device):
        raise ValueError(f"{rule}; got {device!r}")
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(f'device={device!r} needs torch: install "suffuse[train]"') from error
    if device == "cpu":
        return device
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    number = int(device.partition(":")[2] or 0)
    if number >= found:
        seen = f"{found} CUDA device{'' if found == 1 else 's'}" if found else "no CUDA device"
        raise ValueError(f"{rule}; got {device!r}: torch sees {seen}")
    return device


@contextmanager
def lists_on(device: str | None) -> Iterator[None]:
    """Make lists on a device within the block; ``None`` leaves it as it is.

    Examples
    --------
    >>> with lists_on("cpu"):
    ...     lists_device()
    'cpu'
    """
    with _set(_lists, device):
        yield


@contextmanager
def diffusing_on(device: str | None) -> Iterator[None]:
    """Diffuse tastes on a device within the block; ``None`` leaves it as it is.

    Examples
    --------
    >>> with diffusing_on("cpu"):
    ...     factors_device(), lists_device()
    ('cpu', None)
    """
    with _set(_factors, device):
        yield


def lists_device() -> str | None:
    """The device on which this thread is to make lists, or None."""
    return _lists.get()


def factors_device() -> str | None:
    """The device on which this thread is to diffuse, or None."""
    return _factors.get()


@contextmanager
def _set(variable: ContextVar[str | None], device: str | None) -> Iterator[None]:
    token = variable.set(variable.get() if device is None else checked_device(device))
    try:
        yield
    finally:
        variable.reset(token)


@contextmanager
def full_precision() -> Iterator[None]:
    """Have torch multiply float32 as float32, not as TF32 or bfloat16, within the block.

    The setting belongs to the process, and blocks of several threads overlap: it is given back
    when the last of them ends. Where it is full already, nothing is set.

    Examples
    --------
    >>> import torch
    >>> with full_precision():
    ...     torch.backends.cuda.matmul.allow_tf32
    False
    """
    _PRECISION.enter()
    try:
        yield
    finally:
        _PRECISION.leave()


class _Precision:
    """The setting that all blocks share, and how many blocks there are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._before: list[tuple[Any, str]] = []
        self._legacy: str | None = None

    def enter(self) -> None:
        """Set what is not full; each backend has a setting of its own since torch 2.9."""
        import torch

        backends: Any = torch.backends
        with self._lock:
            if not self._blocks and hasattr(backends.cuda.matmul, "fp32_precision"):
                for matmul in (backends.cuda.matmul, backends.mkldnn.matmul):
                    precision = matmul.fp32_precision
                    if precision not in ("ieee", "none"):
                        # what all backends have in common is given back as such
                        shared = precision == backends.fp32_precision
                        self._before.append((matmul, "none" if shared else precision))
                        matmul.fp32_precision = "ieee"
            elif not self._blocks and torch.get_float32_matmul_precision() != "highest":
                self._legacy = torch.get_float32_matmul_precision()
                torch.set_float32_matmul_precision("highest")
            self._blocks += 1

    def leave(self) -> None:
        """Give back what was before the first block, when the last one ends."""
        with self._lock:
            self._blocks -= 1
            if self._blocks:
                return
            while self._before:
                matmul, precision = self._before.pop()
                matmul.fp32_precision = precision
            if self._legacy is not None:
                import torch

                torch.set_float32_matmul_precision(self._legacy)
                self._legacy = None


_PRECISION = _Precision()
