"""What went wrong on a Ray cluster, in our words: a worker lost, a cluster at fault, or neither."""

from __future__ import annotations

import importlib
from typing import Any

from .cluster_workers import ClusterError, WorkerLostError

#: errors of Ray that say that a process or what it made is gone
_LOST = (
    "RayActorError",
    "ObjectLostError",
    "WorkerCrashedError",
    "NodeDiedError",
    "LocalRayletDiedError",
    "OutOfMemoryError",
    "ActorPlacementGroupRemoved",
    "ActorUnschedulableError",
)
#: how Ray says that its memory monitor has ended a worker
_MEMORY = ("low on memory", "memory usage threshold")
#: how Python says so on a host without this package
_MISSING = "No module named 'suffuse"


def ray_module(name: str = "ray") -> Any:
    """A module of Ray; one sentence where it is not installed.

    Raises
    ------
    ImportError
        Without ray.

    Examples
    --------
    >>> ray_module("raye")
    Traceback (most recent call last):
    ...
    ImportError: a cluster needs raye: install "suffuse[cluster]"
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f'a cluster needs {error.name}: install "suffuse[cluster]"') from error


class OutOfMemoryLossError(WorkerLostError):
    """A worker that was ended because its host ran low on memory."""


class PackageMissingError(ClusterError):
    """A host does not have this package."""


def plain_error(error: Exception) -> Exception:
    """The error to raise in place of one of Ray.

    An error of a function is itself, without what Ray has wrapped around it; the loss of a worker
    is a :class:`WorkerLostError`; whatever else Ray says a :class:`ClusterError`.

    Examples
    --------
    >>> plain_error(ValueError("bad weight"))
    ValueError('bad weight')
    """
    kinds = ray_module("ray.exceptions")
    inner: Any = error
    while isinstance(inner, kinds.RayTaskError) and isinstance(inner.cause, Exception):
        if inner.cause is inner:
            break
        inner = inner.cause
    words = str(inner)
    if isinstance(inner, kinds.RayTaskError):  # what the function raised could not be carried over
        return RuntimeError(words.strip().splitlines()[-1])
    if not isinstance(inner, kinds.RayError):
        found: Exception = inner
        return found
    lost = tuple(getattr(kinds, name) for name in _LOST if hasattr(kinds, name))
    first = next((line for line in words.splitlines() if line.strip()), type(inner).__name__)
    if _MISSING in words:
        return PackageMissingError(
            "suffuse must be installed on every host; there is one without: install it there, or "
            "pass its wheel as py_modules"
        )
    if any(sign in words for sign in _MEMORY) or isinstance(inner, kinds.OutOfMemoryError):
        return OutOfMemoryLossError("a worker was ended: its host ran low on memory")
    if isinstance(inner, lost):
        return WorkerLostError(first.strip())
    return ClusterError(f"the cluster must be able to run a step; Ray says: {first.strip()}")
