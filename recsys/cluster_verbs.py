"""What ``suffuse fit`` and ``suffuse recommend`` do on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cluster_options import finish_run, run_folder, stop_told
from .console import parsed_columns, say, stage

if TYPE_CHECKING:
    from .cluster import RayCluster
    from .cluster_tables import Source

_PARQUET = (".parquet", ".pq")


def holds_ties(interactions: Path) -> bool:
    """Whether a path names a folder of shards with ties among them."""
    from ..datasets.sharded_tables import is_sharded, open_tables

    return is_sharded(interactions) and sum(open_tables(interactions).n_ties) > 0


def source_of(
    interactions: Path,
    social: Path | None,
    columns: list[str],
    social_columns: list[str],
    *,
    directed: bool,
) -> Source:
    """Parquet by its path, for the cluster to read; other tables are read here."""
    from .cluster_tables import Source
    from .options import read_tables

    given = [path for path in (interactions, social) if path is not None]
    roles = parsed_columns("--columns", columns)
    social_roles = parsed_columns("--social-columns", social_columns)
    for path in given:
        if not path.exists():
            raise FileNotFoundError(f"path must be an existing file or folder; got {str(path)!r}")
    if all(path.is_dir() or path.suffix in _PARQUET for path in given):
        return Source(interactions, social, directed, roles, social_roles)
    table, graph = read_tables(interactions, social, columns, social_columns, directed=directed)
    return Source(table, graph, directed if graph is not None else None)


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def fit_there(
    model: Any, source: Source, cluster: RayCluster, folder: Path, *, overwrite: bool
) -> None:
    """Fit on a cluster, save the folder of shards, and say what moved."""
    from .cluster_fit import fit_on_cluster

    # what is in a storage that goes at the end need not be there for lists
    lasts = cluster.storage is not None and Path(cluster.storage) != run_folder(folder)
    if cluster.resume and cluster.storage is not None and _holds_something(Path(cluster.storage)):
        say(
            f"note: what an earlier run left in {cluster.storage} is used where it belongs to this "
            "fit (--fresh begins anew)"
        )
    with stop_told(cluster):
        tables = fit_on_cluster(model, source, cluster, diffuse=lasts)
        with stage("writing"):
            model.save(folder, overwrite=overwrite)
    say(
        f"{sum(tables.n_rows)} interactions of {tables.n_users} users with {tables.n_items} items, "
        f"{sum(tables.n_ties)} ties as stored, in {tables.n_shards} shards"
    )
    finish_run(cluster, folder)
