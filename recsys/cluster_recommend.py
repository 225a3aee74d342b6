"""Lists for everybody on a cluster: shards of a model to workers, parts of lists to a folder.

Each worker reads the rows of its own users from the model's folder, takes part in the diffusion of
factors, and writes the lists of its users. Where other shards are asked for than the model lies in,
each worker reads what it needs of those. A model in memory is cut into shards in the storage first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cluster import as_cluster
from .cluster_lists import write_lists
from .cluster_model import load_shard
from .cluster_session import Session, session
from .cluster_taste import prepare_taste, taste_key
from .execution import worker_threads
from .inputs import checked_count
from .list_files import WrittenLists, is_folder
from .list_manifest import refuse_taken
from .recommend import allowed_items, check_room, checked_length
from .selection import from_settings
from .shard_lists import ListPlan
from .sharded_model import ShardedModel, folder_of, open_sharded, shard_model

#: folders of the storage
_MODEL, _SPREAD = "model-in-shards", "diffused"


@dataclass(frozen=True)
class Wanted:
    """What lists to make; the words are at ``Recommender.recommend_to``."""

    k: int
    filter_seen: bool
    items: Iterable[Any] | None
    exclude_items: Iterable[Any] | None
    users_per_part: int
    resume: bool
    overwrite: bool


def lists_on_cluster(
    model: Any, path: Path, wanted: Wanted, backend: Any, absent: Mapping[str, Any]
) -> WrittenLists:
    """Write the lists of all users to a folder of parts.

    Parameters
    ----------
    model : ALS or SocialDiffusion over ALS
        Fitted, on one machine or on a cluster.
    path : Path
        The folder, which every host sees.
    wanted : Wanted
        What lists.
    backend : "ray" or RayCluster
        The cluster.
    absent : mapping
        What ``recommend_to`` was given by name and a cluster does not serve; None everywhere.

    Raises
    ------
    ValueError, TypeError, FileExistsError
        As ``recommend_to``; for a model that is no ALS nor social diffusion over it.
    ImportError, ClusterError
        Without ray; where the cluster has no room, or loses workers without an end.

    Examples
    --------
    >>> wanted = Wanted(10, True, None, None, 100, resume=False, overwrite=False)
    >>> lists_on_cluster(None, Path("recs"), wanted, "ray", {"users": ["ada"]})
    Traceback (most recent call last):
    ...
    ValueError: users must be left out with a backend, which makes lists for everybody; got ['ada']
    """
    _refuse_others(absent)
    k, cluster = checked_length(wanted.k), as_cluster(backend)
    checked_count("users_per_part", wanted.users_per_part)
    if not is_folder(path):
        raise ValueError(
            f"path must be a folder of parts where a cluster writes; got the file {str(path)!r}"
        )
    refuse_taken(path, resume=wanted.resume, overwrite=wanted.overwrite)
    allowed = allowed_items(model.item_ids_, wanted.items, wanted.exclude_items)
    check_room(k, len(model.item_ids_) if allowed is None else int(allowed.sum()))
    with session(cluster) as one:
        stored = _stored(model, one)
        starts = stored.cut(cluster.n_shards or stored.n_shards)
        plan = ListPlan(
            folder=str(path.absolute()),
            k=k,
            filter_seen=wanted.filter_seen,
            allowed=allowed,
            users_per_part=wanted.users_per_part,
            starts=starts,
            settings=stored.settings,
        )
        with one.workers(len(starts) - 1, n_threads=worker_threads(model)) as workers:
            asked = [(str(stored.folder), starts)] * workers.n
            n_ties = sum(workers.setup("model", load_shard, asked))
            if stored.settings is not None and n_ties:
                prepare_taste(
                    workers,
                    from_settings(stored.settings),
                    one.storage / _SPREAD,
                    key=taste_key(stored.fingerprint, starts),
                    resume=cluster.resume,
                )
            return write_lists(
                workers,
                plan,
                determinants={"model": stored.fingerprint},
                resume=wanted.resume,
                overwrite=wanted.overwrite,
            )


def _refuse_others(absent: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` where something is given that a cluster does not serve."""
    for name, value in absent.items():
        if value is not None:
            raise ValueError(
                f"{name} must be left out with a backend, which makes lists for everybody; "
                f"got {value!r}"
            )


def _stored(model: Any, one: Session) -> ShardedModel:
    """The model as a folder of shards, its own where there is one."""
    folder = folder_of(model)
    if folder is not None:
        return open_sharded(folder)
    n_shards = min(one.n_shards, len(model.user_ids_))
    return shard_model(model, one.storage / _MODEL, n_shards=n_shards, overwrite=True)
