"""A fit on a cluster: tables to shards, dials, factors, diffusion, and a model folder of shards.

The driver hands out the steps and never holds a row of the user table: workers read their own
shards, exchange factor blocks among themselves, and write their rows of the model to the storage.
The model that comes back is read from there, row by row as it is asked for.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any

from ..datasets.sharded_tables import ShardedTables
from ..diffusion.normalization import check_normalization
from .als import ALS, warn_if_collapsed
from .cluster import as_cluster
from .cluster_als import fit_factors
from .cluster_model import keep_storage, publish_model, unchanged_on_error
from .cluster_selection import selection_for
from .cluster_session import session
from .cluster_tables import Source as Source
from .cluster_tables import sharded
from .cluster_taste import prepare_taste, taste_key
from .cluster_workers import Workers
from .execution import worker_threads
from .factor_files import FactorPlan
from .selection import AUTO
from .shard_rows import load_ids, load_rows, load_ties
from .sharded_model import open_sharded

#: folders of the storage
_FACTORS, _SPREAD = "factors", "diffused"


def fit_on_cluster(
    model: Any,
    source: Source,
    backend: Any,
    *,
    device: str | None = None,
    diffuse: bool | None = None,
) -> ShardedTables:
    """Fit an ``ALS`` or a ``SocialDiffusion`` over one; returns the shards that it was fitted on.

    The steps of one machine, by shards of users: dials that are "auto" are chosen by one worker on
    the whole tables, as one machine does, where they fit into its memory; factors by
    ``cluster_als.py``; the graph by ``cluster_diffusion.py`` and ``cluster_agreement.py``.

    Parameters
    ----------
    model : ALS or SocialDiffusion
        Its fitted names are set, as by ``fit``.
    source : Source
        Where shards are given, their number is that of the workers.
    backend : "ray" or RayCluster
        The cluster.
    device : str, optional
        Not to be given.
    diffuse : bool, optional
        Diffuse the factors and weigh the ties now, for lists that are made with the same storage;
        by default where a storage was given. Lists do it where it is not done.

    Raises
    ------
    ValueError, TypeError
        As ``fit`` on one machine; for a model that is served on one machine alone; for a storage
        with an unfinished run of another fit.
    MemoryError
        Where dials are "auto" and the tables do not fit into the memory of one worker.
    ImportError
        Without ray.
    ClusterError
        Where the cluster has no room, or loses workers without an end.

    Examples
    --------
    >>> import suffuse as sf
    >>> fit_on_cluster(sf.EASE(), Source(sf.datasets.tiny_world().interactions), "ray")
    Traceback (most recent call last):
    ...
    ValueError: backend must be left out but for ALS and SocialDiffusion over ALS; got EASE
    """
    cluster, base = as_cluster(backend), _served_base(model)
    n_threads = worker_threads(base)
    diffuse = cluster.storage is not None if diffuse is None else diffuse
    if device is not None:
        raise ValueError(f"device must be left out where there is a backend; got {device!r}")
    if base is not model:
        _refuse_kind(model)
    with session(cluster) as one:
        tables = sharded(one, cluster, source)
        with one.workers(tables.n_shards, n_threads=n_threads) as workers:
            selection = None
            if base is not model:
                _refuse_one_way(model, tables)
                resume = cluster.resume
                selection = selection_for(workers, model, tables, one.storage, resume=resume)
            plan = _plan(base, tables, one.storage / _FACTORS)
            _fit_factors(workers, plan, tables, resume=cluster.resume)
            # a folder of its own: rows of an earlier fit may still be read from another
            folder = one.storage / f"model-{secrets.token_hex(4)}"
            with unchanged_on_error(model):
                publish_model(workers, model, base, selection, folder)
                if selection is not None and any(tables.n_ties) and diffuse:
                    key = taste_key(open_sharded(folder).fingerprint, tables.starts)
                    spread = one.storage / _SPREAD
                    prepare_taste(workers, selection, spread, key=key, resume=cluster.resume)
        shutil.rmtree(one.storage / _FACTORS, ignore_errors=True)
        keep_storage(model, one.kept_storage())
    return tables


def _refuse_kind(model: Any) -> None:
    """Raise ``ValueError`` for a kind of P that there is not, before anything is fitted."""
    kind = model.normalization if model.settings is None else model.settings["normalization"]
    if kind != AUTO and check_normalization(kind) == "flux":
        raise ValueError("normalization must be another kind than 'flux' with a backend")


def _refuse_one_way(model: Any, tables: ShardedTables) -> None:
    """Raise ``ValueError`` where ties bind one side and the kind of P needs both."""
    kind = model.normalization if model.settings is None else model.settings["normalization"]
    if kind == "doubly_stochastic" and tables.directed:
        raise ValueError(
            "normalization 'doubly_stochastic' must have a symmetric graph; got one with "
            "directed=True: pass directed=False, or use normalization='row'"
        )


def _served_base(model: Any) -> ALS:
    """The ALS model of a fit; others are refused."""
    base = model.fresh_base() if hasattr(model, "fresh_base") else model
    if not isinstance(base, ALS):
        names = dict.fromkeys((type(model).__name__, type(base).__name__))
        raise ValueError(
            "backend must be left out but for ALS and SocialDiffusion over ALS; got "
            + " over ".join(names)
        )
    base.check_parameters()
    return base


def _plan(base: ALS, tables: ShardedTables, folder: Path) -> FactorPlan:
    """What determines the factors, from parameters that have been checked."""
    n_users, n_items = tables.n_users, tables.n_items
    return FactorPlan(
        n_users=n_users,
        n_items=n_items,
        starts=tables.starts,
        n_factors=min(base.n_factors, n_users, n_items),
        regularization=float(base.regularization),
        confidence=float(base.confidence),
        popularity_discount=float(base.popularity_discount),
        max_iter=int(base.max_iter),
        use_weights=bool(base.use_weights),
        random_state=int(base.random_state),
        folder=str(folder),
        tables=tables.fingerprint,
    )


def _fit_factors(
    workers: Workers, plan: FactorPlan, tables: ShardedTables, *, resume: bool
) -> None:
    """Shards to the workers, and the alternations."""
    shared = [(str(tables.folder),)] * workers.n
    workers.setup("ids", load_ids, shared)
    workers.setup("rows", load_rows, [(str(tables.folder), plan.use_weights)] * workers.n)
    summary = fit_factors(workers, plan, resume=resume)
    # only now, as they take as much as the rows, and factors need none
    workers.setup("ties", load_ties, shared)
    largest = (summary.largest_user, summary.largest_item)
    warn_if_collapsed(plan.regularization, *largest, level=5)
