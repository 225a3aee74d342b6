"""Whether the head of a Ray cluster, and Ray on this host, are still there.

Where they are not, Ray ends the process that asked: some seconds after its own host has lost Ray, a
minute after the head is gone. It raises nothing that could be told in our words, so what is to be
done is said before.
"""

from __future__ import annotations

import socket
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

#: seconds between looks, and for an answer; so many looks in vain are a loss
_PAUSE, _PATIENCE, _LOOKS = 1.0, 2.0, 3


@contextmanager
def head_watched(ray: Any) -> Iterator[None]:
    """Warn where the head, or Ray on this host, stops answering within the block."""
    over = threading.Event()
    places = addresses_of(ray)
    watch = threading.Thread(target=_watch, args=(places, over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join(_PATIENCE)


def addresses_of(ray: Any) -> list[tuple[str, int]]:
    """Where the head listens, and Ray on this host."""
    context = ray.get_runtime_context()
    host, _, port = str(context.gcs_address).rpartition(":")
    found = [(host, int(port))]
    here = context.get_node_id()
    for one in ray.nodes():
        if one["NodeID"] == here and one.get("NodeManagerPort"):
            found.append((one["NodeManagerAddress"], int(one["NodeManagerPort"])))
    return found


def _watch(places: Sequence[tuple[str, int]], over: threading.Event) -> None:
    """Look until it is over, or something is lost."""
    in_vain = dict.fromkeys(places, 0)
    while not over.wait(_PAUSE):
        for place in places:
            in_vain[place] = 0 if is_there(place) else in_vain[place] + 1
            if in_vain[place] == _LOOKS and not over.is_set():
                warnings.warn(_lost(*place), UserWarning, stacklevel=2)
                return


def is_there(place: tuple[str, int]) -> bool:
    """Whether something listens at an address.

    Examples
    --------
    >>> with socket.create_server(("127.0.0.1", 0)) as server:
    ...     place = server.getsockname()
    ...     is_there(place)
    True
    >>> is_there(place)
    False
    """
    try:
        with socket.create_connection(place, timeout=_PATIENCE):
            return True
    except OSError:
        return False


def _lost(host: str, port: int) -> str:
    return (
        f"the cluster at {host}:{port} no longer answers; unless it comes back Ray will end this "
        "process: start the cluster again and repeat the call, which goes on after the last whole "
        "step where it has the same storage"
    )
