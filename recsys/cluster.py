"""Which cluster a model is fitted and used on: where it is, how many shards, where they meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cluster_traffic import Traffic
from .inputs import checked_count


@dataclass(frozen=True, eq=False)
class RayCluster:
    """A Ray cluster, as ``backend`` of ``fit``, ``recommend_to`` and ``estimate_memory``.

    Nothing is started or connected before it is used. Needs ``suffuse[cluster]``.

    Parameters
    ----------
    address : str, optional
        ``"host:port"`` of the head, or ``"auto"`` for the one that runs on this host. By default
        the cluster that this process is connected to, else the one that the variable
        ``RAY_ADDRESS`` names, else a new one on this machine, which ends with the call.
    n_shards : int, optional
        Workers, each with the rows of a share of the users. By default one per host where there
        are several, else one per core, at least 2 and at most 8.
    storage : str or path, optional
        A folder that every host sees under this name: shards, checkpoints and what is finished go
        there. Where there is one host, a temporary folder by default.
    resume : bool
        Go on where an earlier run of the same fit has ended in the same storage.
    py_modules : tuple of str
        Wheels that Ray brings to the workers, such as that of Suffuse.
    traffic : Traffic
        What moved between workers, filled in as work is done.

    Raises
    ------
    ValueError, TypeError
        For a number of shards below 1, or another kind of value.

    Examples
    --------
    >>> cluster = RayCluster(n_shards=4)
    >>> cluster.n_shards, len(cluster.traffic.stages)
    (4, 0)
    """

    address: str | None = None
    n_shards: int | None = None
    storage: str | Path | None = None
    resume: bool = True
    py_modules: tuple[str, ...] = ()
    traffic: Traffic = field(default_factory=Traffic, repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.n_shards is not None:
            checked_count("n_shards", self.n_shards)
        if self.address is not None and not isinstance(self.address, str):
            raise TypeError(f"address must be a text such as 'host:port'; got {self.address!r}")
        if self.address is not None and self.address.startswith("ray://"):
            raise ValueError(
                f"address must be 'host:port' of the head; got {self.address!r}: start the program "
                "on a host of the cluster, a Ray client cannot hand out shards"
            )
        if self.storage is not None and not isinstance(self.storage, str | Path):
            raise TypeError(f"storage must be a folder; got {self.storage!r}")
        if not isinstance(self.resume, bool):
            raise TypeError(f"resume must be True or False; got {self.resume!r}")
        wheels: object = self.py_modules
        if isinstance(wheels, str):
            raise TypeError(f"py_modules must be a tuple of paths; got {self.py_modules!r}")


def as_cluster(backend: Any) -> RayCluster:
    """The cluster that ``backend`` names.

    Raises
    ------
    ValueError
        For anything but ``"ray"`` and a :class:`RayCluster`.

    Examples
    --------
    >>> as_cluster("ray").address is None
    True
    """
    if isinstance(backend, RayCluster):
        return backend
    if backend == "ray":
        return RayCluster()
    raise ValueError(f"backend must be 'ray' or a RayCluster, or be left out; got {backend!r}")
