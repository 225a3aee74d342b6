"""The use of a Ray cluster for one call: connected or started, its storage, its workers."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from .cluster import RayCluster
from .cluster_workers import ClusterError, WorkerLostError
from .execution import resolve_jobs
from .ray_errors import plain_error, ray_module
from .ray_head import head_watched
from .ray_hosts import default_shards, hosts_of
from .ray_workers import RayWorkers
from .store_files import locked_at_once, write_file

#: what keeps Ray quiet when it is started: neither statistics sent home nor a notice of its plans
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


#: workers for a core of the cluster, at most: every hop is n^2 messages
_PER_CORE = 8
#: seconds that a head may take to be reached
_PATIENCE = 5.0


class TemporaryStorage:
    """A folder that goes when nobody refers to this object any more, at the latest at the end.

    Examples
    --------
    >>> storage = TemporaryStorage()
    >>> path = storage.path
    >>> path.is_dir()
    True
    >>> storage.remove()
    >>> path.exists()
    False
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="suffuse-"))
        self._end = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def remove(self) -> None:
        """Remove it now."""
        self._end()


class Session:
    """A cluster that is there, for the time of a ``with`` block of :func:`session`.

    Attributes
    ----------
    storage : Path
        A folder that all workers see.
    n_hosts : int
        Hosts that may hold workers.
    n_shards : int
        As asked, or as many as the hosts suggest.
    """

    def __init__(self, cluster: RayCluster) -> None:
        self._cluster, self._ray = cluster, ray_module()
        hosts = hosts_of(self._ray)
        self.n_hosts = len(hosts)
        self._cores = max(int(sum(host.cores for host in hosts)), 1)
        self.n_shards = cluster.n_shards or default_shards(hosts)
        self._temporary: TemporaryStorage | None = None
        self._open: list[RayWorkers] = []
        self._probes: list[Path] = []
        self._made: list[Path] = []
        if cluster.storage is not None:
            self.storage = Path(cluster.storage).absolute()
            self._made = _made_folders(self.storage)
        elif self.n_hosts > 1:
            raise ClusterError(
                f"storage must be a folder that every host sees, as there are {self.n_hosts}; "
                "got None"
            )
        else:
            self._temporary = TemporaryStorage()
            self.storage = self._temporary.path

    def kept_storage(self) -> TemporaryStorage | None:
        """Let a temporary storage outlive the session, as long as what is returned; else None."""
        kept, self._temporary = self._temporary, None
        return kept

    def workers(self, n: int | None = None, *, n_threads: int | None = None) -> RayWorkers:
        """New workers, a process for each shard; they end with their block or the session.

        Raises
        ------
        ClusterError
            Where hosts have no free cores, lack the package, or do not see the storage.
        """
        n_shards = self.n_shards if n is None else n
        if n_shards > _PER_CORE * self._cores:
            raise ClusterError(
                f"n_shards must be at most {_PER_CORE} for each core of the cluster, which has "
                f"{self._cores}; got {n_shards}"
            )
        probe = self.storage / f".seen-{secrets.token_hex(8)}"
        write_file(self.storage, probe.name, [b""])
        self._probes.append(probe)  # it stays for workers that come later
        made = RayWorkers(
            n_shards,
            traffic=self._cluster.traffic,
            n_threads=n_threads,
            probe=str(probe),
        )
        self._open.append(made)
        return made

    def run(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """``function(*arguments)`` for all of ``calls``, side by side; results in their order.

        A call may be repeated where its process was lost. Errors are raised as they are.
        """
        # workers hold the cores while they are there
        cores = 0 if any(one.is_open for one in self._open) else 1
        remote = self._ray.remote(function).options(num_cpus=cores, max_retries=3)
        results: list[Any] = [None] * len(calls)
        running: dict[Any, int] = {}
        coming = iter(enumerate(calls))
        try:
            while True:
                for index, arguments in coming:
                    running[remote.remote(*arguments)] = index
                    if len(running) >= 2 * self._cores:
                        break
                if not running:
                    return results
                (done, *_), _ = self._ray.wait(list(running), num_returns=1)
                results[running[done]] = self._ray.get(done)
                del running[done]
        except self._ray.exceptions.RayError as error:
            # those that still run come to their end: ray.cancel meets a task that ends at the same
            # time now and then, and Ray 2.60 then aborts this process
            found = plain_error(error)
        if isinstance(found, WorkerLostError):
            raise ClusterError(f"the cluster must keep its processes; one was lost: {found}")
        raise found

    def close(self) -> None:
        """End workers that are left, and remove what is temporary."""
        for one in self._open:
            one.close()
        for probe in self._probes:
            probe.unlink(missing_ok=True)
        for folder in self._made:  # a run that was refused leaves none
            with suppress(OSError):
                folder.rmdir()
        if self._temporary is not None:
            self._temporary.remove()


@contextmanager
def session(cluster: RayCluster) -> Iterator[Session]:
    """Connect to a cluster, or start one on this machine; end what was started, and nothing else.

    Raises
    ------
    ImportError
        Without ray.
    ClusterError
        Where the cluster does not answer, or this process is connected to another one.
    """
    ray = ray_module()
    if ray.is_initialized():
        _check_connection(ray, cluster)
        with _closing(Session(cluster)) as one:
            yield one
        return
    with _silence():
        _connect(ray, cluster)
        try:
            with head_watched(ray), _closing(Session(cluster)) as one:
                yield one
        finally:
            ray.shutdown()


@contextmanager
def _closing(one: Session) -> Iterator[Session]:
    """Use a session that nobody else may have the storage of, and end it."""
    with ExitStack() as held:
        held.callback(one.close)
        try:
            held.enter_context(locked_at_once(one.storage))
        except BlockingIOError as error:
            raise ClusterError(
                f"storage must not be that of a run under way; got {str(one.storage)!r}: wait for "
                "that run, or give each run a folder of its own"
            ) from error
        yield one


def _check_connection(ray: Any, cluster: RayCluster) -> None:
    """Refuse to mean another cluster than that of this process."""
    here = str(ray.get_runtime_context().gcs_address)
    known = (None, "auto", "local", here)
    if cluster.address not in known and _numbered(cluster.address) != _numbered(here):
        raise ClusterError(
            f"address must be that of the cluster of this process, {here!r}; got "
            f"{cluster.address!r}: leave it out, or call ray.shutdown() before"
        )
    if cluster.py_modules:
        raise ClusterError(
            "py_modules must be given to ray.init where this process is connected already: "
            "ray.init(..., runtime_env={'py_modules': [...]})"
        )


def _made_folders(storage: Path) -> list[Path]:
    """Make a folder and those above it; which of them are new, the innermost first."""
    new = [one for one in (storage, *storage.parents) if not one.exists()]
    try:
        storage.mkdir(parents=True, exist_ok=True)
        if not os.access(storage, os.W_OK):
            raise PermissionError("it cannot be written")
    except OSError as error:
        raise ClusterError(
            f"storage must be a folder that can be written; got {str(storage)!r}: "
            f"{error.strerror or error}"
        ) from error
    return new


def _refuse_silent(address: str) -> None:
    """Raise where nothing listens at ``host:port``: Ray would go on trying for minutes."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit() and int(port) < 2**16):
        raise ValueError(f"address must be 'host:port' of the head, or 'auto'; got {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise ClusterError(
            f"address must be that of a cluster that runs; got {address!r}, where nothing answers "
            f"({error.strerror or error}): start one with `ray start --head`, or leave the address "
            "out for this machine"
        ) from error


def _numbered(address: str | None) -> str:
    """``host:port`` with the host by its number, as it came where nobody knows it."""
    host, _, port = str(address).rpartition(":")
    try:
        return f"{socket.gethostbyname(host)}:{port}"
    except OSError:
        return str(address)


def _connect(ray: Any, cluster: RayCluster) -> None:
    """Join a cluster, or start one on this machine."""
    address = cluster.address or os.environ.get("RAY_ADDRESS") or "local"
    given: dict[str, Any] = {"include_dashboard": False, "num_cpus": max(resolve_jobs(None), 1)}
    wheels = _wheels(cluster)
    if address not in ("auto", "local"):
        _refuse_silent(address)
    try:
        with _quiet():
            ray.init(
                address=address,
                runtime_env={"py_modules": wheels} if wheels else None,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **(given if address == "local" else {}),
            )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ClusterError(
            f"address must be that of a cluster that runs; got {address!r}: {_first_line(error)} "
            "(start one with `ray start --head`, or leave the address out for this machine; "
            "RAY_AUTH_MODE=token where it asks for one)"
        ) from error


def _wheels(cluster: RayCluster) -> list[str]:
    """What to ship, as files that are there, or addresses that Ray reads from."""
    wheels = [str(one) for one in cluster.py_modules]
    for wheel in wheels:
        if not wheel.endswith(".whl") or not ("://" in wheel or Path(wheel).is_file()):
            raise ValueError(
                f"py_modules must be wheels that exist; got {wheel!r}: build that of suffuse by "
                "`python -m build --wheel` in its repository"
            )
    return wheels


def _first_line(error: Exception) -> str:
    """What an error says, without the pages that follow."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Tell Ray by its variables, for as long as it starts."""
    before = {name: os.environ.get(name) for name in _QUIET}
    os.environ.update({name: value for name, value in _QUIET.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Ray from printing to the standard output that a process was lost: we tell it."""
    module = ray_module("ray._private.worker")
    name = "_worker_logs_enabled"
    before = getattr(module, name, None)
    if before is not None:
        setattr(module, name, False)
    try:
        yield
    finally:
        if before is not None:
            setattr(module, name, before)
