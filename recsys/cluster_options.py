"""Options of the verbs that can work on a cluster."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import say, show_frame

if TYPE_CHECKING:
    from .cluster import RayCluster

Backend = Annotated[
    str | None, typer.Option(help="ray: on a Ray cluster, which needs suffuse[cluster].")
]
Address = Annotated[
    str | None,
    typer.Option(help="Of the cluster, e.g. auto or ray-head:6379; one is started here without."),
]
Shards = Annotated[
    int | None, typer.Option(help="Workers; one per host, or per core where there is one host.")
]
Storage = Annotated[
    Path | None,
    typer.Option(help="Folder that every host sees, for checkpoints; beside --out by default."),
]
Wheel = Annotated[
    list[str], typer.Option(help="A wheel to ship to the hosts; repeat for more than one.")
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Begin anew where an earlier run was stopped.")
]


def cluster_of(
    backend: str | None,
    out: Path,
    *,
    address: str | None,
    shards: int | None,
    storage: Path | None,
    wheels: list[str],
    fresh: bool,
) -> RayCluster | None:
    """The cluster that the options name, None where they name none."""
    if backend is None:
        named = {
            "--address": address,
            "--shards": shards,
            "--storage": storage,
            "--wheel": wheels or None,
            "--fresh": fresh or None,
        }
        for option, value in named.items():
            if value is not None:
                raise ValueError(f"{option} must come with --backend ray; got it alone")
        return None
    if backend != "ray":
        raise ValueError(f"--backend must be ray; got {backend!r}: leave it out for this machine")
    from .cluster import RayCluster

    return RayCluster(
        address=address,
        n_shards=shards,
        storage=run_folder(out) if storage is None else storage,
        resume=not fresh,
        py_modules=tuple(wheels),
    )


def run_folder(out: Path) -> Path:
    """Where a run keeps what it may need again, beside what it writes."""
    place = Path(out).absolute()
    return place.with_name(f"{place.name}.run")


@contextmanager
def stop_told(cluster: RayCluster | None) -> Iterator[None]:
    """Say what an interrupted run leaves, and how it goes on."""
    try:
        yield
    except KeyboardInterrupt as error:
        if cluster is None or str(error):
            raise
        raise KeyboardInterrupt(
            f"what was finished stays in {cluster.storage}, and the same command goes on from "
            "there (--fresh begins anew)"
        ) from error


def finish_run(cluster: RayCluster | None, out: Path) -> None:
    """Print what moved, and remove what a run kept where that was our own choice of a place."""
    if cluster is None:
        return
    if cluster.storage is not None and Path(cluster.storage) == run_folder(out):
        shutil.rmtree(run_folder(out), ignore_errors=True)
    frame = cluster.traffic.to_frame().drop(columns="moved_per_round")
    if not len(frame):
        return
    counts = ("moved", "network", "expected")
    shown = frame.assign(**{name: [_bytes(value) for value in frame[name]] for name in counts})
    show_frame(shown, "what all workers took from others; network: from other hosts")
    say(f"network: {_bytes(frame['network'].sum())} in all")


def _bytes(count: Any) -> str:
    from .memory import readable_bytes

    return readable_bytes(float(count))
