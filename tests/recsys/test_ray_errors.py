"""What Ray raises, in our words."""

from __future__ import annotations

import sys

import pytest

from suffuse.recsys.cluster_workers import ClusterError, WorkerLostError
from suffuse.recsys.ray_errors import (
    OutOfMemoryLossError,
    PackageMissingError,
    plain_error,
    ray_module,
)

kinds = pytest.importorskip("ray.exceptions", reason="needs suffuse[cluster]")


def wrapped(cause: Exception) -> Exception:
    """An error of a function as Ray hands it over, through two steps."""
    inner = kinds.RayTaskError("first", "Traceback\n  in step\nlast line", cause)
    outer: Exception = kinds.RayTaskError("second", "Traceback", inner.as_instanceof_cause())
    return outer


def test_an_error_of_a_function_is_itself() -> None:
    """The very object, through any number of wrappings."""
    error = KeyError("weight")
    assert plain_error(wrapped(error)) is error


@pytest.mark.parametrize(
    "error", [kinds.ActorDiedError(), kinds.WorkerCrashedError(), kinds.NodeDiedError("b")]
)
def test_losses(error: Exception) -> None:
    """A process or a host that is gone, also where it was met on the way."""
    for one in (error, wrapped(error)):
        assert type(plain_error(one)) is WorkerLostError


def test_a_loss_for_want_of_memory() -> None:
    """What the memory monitor has ended is known by its kind or by its words."""
    words = "Task was killed due to the node running low on memory."
    assert type(plain_error(kinds.OutOfMemoryError(words))) is OutOfMemoryLossError
    found = plain_error(kinds.RayTaskError("run", words, kinds.WorkerCrashedError()))
    assert isinstance(found, WorkerLostError)


def test_other_troubles_are_of_the_cluster() -> None:
    """In one line, without the pages that follow."""
    found = plain_error(kinds.RaySystemError("no disk\nmore\nlines"))
    assert type(found) is ClusterError
    assert "no disk" in str(found)
    assert "\n" not in str(found)


def test_a_host_without_the_package() -> None:
    """However Ray says that a process could not begin."""
    words = "Traceback\nModuleNotFoundError: No module named 'suffuse'"
    task = kinds.RayTaskError("begin", words, ModuleNotFoundError(words))
    for error in (kinds.RaySystemError(words), kinds.ActorDiedError(task)):
        found = plain_error(error)
        assert type(found) is PackageMissingError
        assert "pass its wheel as py_modules" in str(found)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence names the extra."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'needs ray: install "suffuse\[cluster\]"'):
        ray_module()
