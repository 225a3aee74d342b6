"""Is this installation well? Versions, threads, memory, compiled code, and a test of itself."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import platform
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numba.extending import is_jitted
from threadpoolctl import threadpool_info

from ..diffusion.operator import PropagationOperator
from .ease import EASE
from .execution import resolve_jobs
from .loading import load_model
from .memory import available_bytes, readable_bytes
from .own_version import own_version
from .social import SocialDiffusion

logger = logging.getLogger(__name__)

#: what each extra is for, and the packages that it brings
EXTRAS = {
    "train": ("models that learn by gradients", ("torch", "safetensors")),
    "serve": ("the HTTP service", ("fastapi", "uvicorn")),
    "cluster": ("work on a Ray cluster", ("ray",)),
}
#: less than this is little for any real table
_LITTLE_MEMORY = 2**30
#: seconds that the self-test may take before that is worth a word
_SLOW = 10.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What.
    state : {"well", "note", "ill"}
        "note" may be as wanted; "ill" does not work.
    found : str
        What was found, in words.
    advice : str
        What to do about it; empty where nothing is to be done.
    """

    name: str
    state: str
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything that the package needs to work well; takes some two seconds.

    Returns
    -------
    list of Finding
        Versions, requirements, threads, BLAS, memory, compiled code, extras, and a self-test on a
        small world with a known answer. An examination that itself fails is a finding too.

    Examples
    --------
    >>> findings = examine()
    >>> findings[0].name, {finding.state for finding in findings} <= {"well", "note", "ill"}
    ('versions', True)
    """
    found: list[Finding] = []
    for name, look in _EXAMINATIONS.items():
        try:
            found += look(name)
        except Exception as error:
            logger.debug("%s could not be examined", name, exc_info=True)
            words = f"{type(error).__name__}: {error}"
            found.append(Finding(name, "ill", words, "please report this, with these lines"))
    return found


def _versions(name: str) -> list[Finding]:
    system = f"{platform.system()} {platform.machine()}"
    python = f"Python {platform.python_version()}"
    return [Finding(name, "well", f"suffuse {own_version()}, {python}, {system}")]


def _requirements(name: str) -> list[Finding]:
    """Every package that suffuse needs is there, and not too old."""
    try:
        wanted = importlib.metadata.requires("suffuse") or []
    except importlib.metadata.PackageNotFoundError:
        return [Finding(name, "note", "suffuse runs without being installed", "pip install -e .")]
    lacking, present = [], []
    for line in wanted:
        match = re.match(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?", line)
        if "extra ==" in line or match is None:
            continue
        package, least = match[1], match[2] or "0"
        version = _installed(package)
        if version is None or _numbers(version) < _numbers(least):
            lacking.append(f"{package}>={least} (found {version or 'none'})")
        else:
            present.append(f"{package} {version}")
    if lacking:
        names = " ".join(f'"{entry.split(" ")[0]}"' for entry in lacking)
        return [Finding(name, "ill", f"missing: {', '.join(lacking)}", f"pip install {names}")]
    return [Finding(name, "well", ", ".join(present))]


def _installed(package: str) -> str | None:
    """The version of an installed package, None where there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """``"2.13.0rc1"`` as (2, 13, 0), to be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _threads(name: str) -> list[Finding]:
    """Threads that are used against the time that the system grants."""
    threads, granted = resolve_jobs(None), _granted_cores()
    words = f"{threads} used of {os.cpu_count()} cores"
    if granted is not None and granted < threads:
        advice = f"pass n_jobs={max(1, int(granted))} (--jobs) for steady times"
        return [Finding(name, "note", f"{words}, of which {granted:g} are granted", advice)]
    return [Finding(name, "well", words)]


def _granted_cores(folder: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Cores that the control group of a container grants; None where it sets no limit."""
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return float(quota) / float(period)
    except (OSError, ValueError):
        return None


def _blas(name: str) -> list[Finding]:
    """The libraries that do linear algebra, and their threads."""
    pools = threadpool_info()
    blas = [pool for pool in pools if pool["user_api"] == "blas"]
    if not blas:
        return [Finding(name, "note", "no library that can be held to one thread was found")]
    words = ", ".join(
        f"{pool['internal_api']} {pool['version'] or ''} with {pool['num_threads']} threads"
        for pool in blas
    )
    openmp = {pool["prefix"] for pool in pools if pool["user_api"] == "openmp"}
    if {"libiomp", "libomp"} <= openmp:
        advice = "install numpy, scikit-learn and torch from one source (all pip or all conda)"
        return [Finding(name, "note", f"{words}; two OpenMP runtimes side by side", advice)]
    return [Finding(name, "well", words)]


def _memory(name: str) -> list[Finding]:
    free = available_bytes()
    words = f"{readable_bytes(free)} free"
    if free < _LITTLE_MEMORY:
        return [Finding(name, "note", words, "close something, or use ALS rather than EASE")]
    return [Finding(name, "well", words)]


def _compiled(name: str) -> list[Finding]:
    """Where numba keeps compiled code: it must be written to, or every start compiles anew."""
    caches = sorted({Path(kernel.stats.cache_path) for kernel in _kernels()})
    return [_cache_finding(name, f"numba {_installed('numba')}", caches)]


def _cache_finding(name: str, numba: str, caches: list[Path]) -> Finding:
    """One finding about all folders of compiled code, of which each room has one."""
    counts = {}
    for cache in caches:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=cache):
                pass
        except OSError as error:
            words = f"{numba} cannot write to {cache} ({error.strerror})"
            return Finding(name, "note", words, "set NUMBA_CACHE_DIR to one that can be written")
        counts[cache] = len(list(cache.glob("*.nbi")))
    if not any(counts.values()):
        return Finding(name, "note", f"{numba}, nothing compiled yet: first calls take longer")
    folders = ", ".join(str(cache) for cache, count in counts.items() if count)
    return Finding(name, "well", f"{numba}, {sum(counts.values())} compiled functions in {folders}")


def _kernels() -> list[Any]:
    """Functions of this package that numba compiles, of the modules that are imported."""
    package = __name__.partition(".")[0]
    modules = [module for name, module in sys.modules.items() if name.startswith(f"{package}.")]
    return [thing for module in modules for thing in vars(module).values() if is_jitted(thing)]


def _extras(name: str) -> list[Finding]:
    """What is not installed, and the command that adds it."""
    found = []
    for extra, (purpose, packages) in EXTRAS.items():
        missing = [package for package in packages if _installed(package) is None]
        title = f"{name} {extra}"
        if missing:
            words = f"{purpose}: not installed ({', '.join(missing)})"
            found.append(Finding(title, "note", words, f'pip install "suffuse[{extra}]"'))
        else:
            words = ", ".join(f"{package} {_installed(package)}" for package in packages)
            found.append(Finding(title, "well", f"{purpose}: {words}"))
    return found


def _self_test(name: str) -> list[Finding]:
    """Fit, save, load and recommend in a world whose answers are known."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrong = _wrong_answers()
    seconds = time.perf_counter() - began
    words = f"fit, save, load and recommend in {seconds:.1f} s"
    if wrong:
        advice = "pip install --force-reinstall suffuse; please report it if that does not help"
        return [Finding(name, "ill", f"{words}: wrong: {'; '.join(wrong)}", advice)]
    if seconds > _SLOW:
        return [Finding(name, "note", words, "the next run is faster where numba's cache works")]
    return [Finding(name, "well", words)]


def _wrong_answers() -> list[str]:
    """What goes wrong in a small world of two circles of friends, each with its own taste.

    Everybody holds all items of their circle but one, which must be recommended, and the people
    without rows must get what their friends hold; what is loaded must recommend what was saved, to
    the last bit; and mixing must keep totals and range, and equal a dense solve.
    """
    table, ties = _two_circles()
    model = SocialDiffusion(EASE(regularization=1.0), damping=0.3, memory=1.0, background=0.01)
    model.fit(table, social=ties)
    recs = model.recommend(k=1)
    strays = recs[recs["user_id"].str[0] != recs["item_id"].str[0]]
    wrong = [
        f"{user} was given {item}"
        for user, item in zip(strays["user_id"], strays["item_id"], strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        model.save(place)
        loaded = load_model(place)
        if not loaded.recommend(k=3).equals(model.recommend(k=3)):
            wrong.append("a loaded model recommends something else than the saved one")
        del loaded
    return wrong + _wrong_mixing(model.social_)


def _wrong_mixing(ties: Any) -> list[str]:
    """Whether diffusion keeps what it promises, and agrees with a dense solve."""
    operator = PropagationOperator(ties, "doubly_stochastic")
    n = ties.shape[0]
    drop = np.linspace(0.0, 1.0, n)
    mixed = np.asarray(operator.diffuse(drop, 0.5, tol=1e-9))
    dense = 0.5 * np.linalg.solve(np.eye(n) - 0.5 * operator.to_sparse().toarray(), drop)
    wrong = []
    if abs(float(mixed.sum() - drop.sum())) > 1e-6:
        wrong.append(f"mixing changes a total of {drop.sum():g} to {mixed.sum():g}")
    if mixed.min() < drop.min() - 1e-9 or mixed.max() > drop.max() + 1e-9:
        wrong.append(f"mixing leaves the range 0 to 1: {mixed.min():g} to {mixed.max():g}")
    if not np.allclose(mixed, dense, atol=1e-6):
        wrong.append("mixing differs from a dense solve")
    return wrong


def _two_circles(size: int = 12, n_items: int = 8) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows and ties of two circles a and b; the last of each has friends and no rows."""
    rows, ties = [], []
    for circle in "ab":
        for person in range(size):
            user = f"{circle}-user-{person}"
            ties += [(user, f"{circle}-user-{(person + step) % size}") for step in (1, 2)]
            if person < size - 1:
                held = [item for item in range(n_items) if item != person % n_items]
                rows += [(user, f"{circle}-item-{item}") for item in held]
    table = pd.DataFrame(rows, columns=["user_id", "item_id"])
    return table, pd.DataFrame(ties, columns=["source_id", "target_id"])


_EXAMINATIONS: dict[str, Callable[[str], list[Finding]]] = {
    "versions": _versions,
    "requirements": _requirements,
    "threads": _threads,
    "linear algebra": _blas,
    "memory": _memory,
    "compiled code": _compiled,
    "extra": _extras,
    "self-test": _self_test,
}


def frame_of(findings: list[Finding]) -> pd.DataFrame:
    """Findings as a frame with the columns ``name, state, found, advice``.

    Examples
    --------
    >>> frame_of([Finding("memory", "well", "3 GB free")]).loc[0, "found"]
    '3 GB free'
    """
    columns: Any = ["name", "state", "found", "advice"]
    return pd.DataFrame([vars(finding) for finding in findings], columns=columns)
