"""The head of a cluster is watched: its loss is told once, and nothing else is."""

from __future__ import annotations

import socket
import threading
import time
import warnings
from typing import Any

import pytest

from suffuse.recsys import ray_head
from suffuse.recsys.ray_head import addresses_of, head_watched


class _Context:
    """What Ray says of this process."""

    def __init__(self, address: str) -> None:
        self.gcs_address = address

    def get_node_id(self) -> str:
        """Ray's name of this host."""
        return "here"


class _Ray:
    """As much of Ray as is asked for addresses."""

    def __init__(self, head: tuple[str, int], own: tuple[str, int]) -> None:
        self._head, self._own = head, own

    def get_runtime_context(self) -> _Context:
        """Where the head is, and which host is this one."""
        return _Context(f"{self._head[0]}:{self._head[1]}")

    def nodes(self) -> list[dict[str, Any]]:
        """This host and another."""
        address, port = self._own
        here = {"NodeID": "here", "NodeManagerAddress": address, "NodeManagerPort": port}
        return [{"NodeID": "there", "NodeManagerAddress": "x", "NodeManagerPort": 1}, here]


def test_the_head_and_this_host_are_watched() -> None:
    """Other hosts may go: their workers are replaced."""
    ray = _Ray(("10.0.0.1", 6379), ("10.0.0.2", 4321))
    assert addresses_of(ray) == [("10.0.0.1", 6379), ("10.0.0.2", 4321)]


@pytest.mark.parametrize("lost", [None, 0, 1])
def test_a_loss_is_told_once(lost: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the block, by a warning that names the address and the way on."""
    monkeypatch.setattr(ray_head, "_PAUSE", 0.02)
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    places = [server.getsockname() for server in servers]
    heard: list[str] = []
    told = threading.Event()

    def hear(message: Warning | str, *_: object) -> None:
        heard.append(str(message))
        told.set()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", hear)
        with head_watched(_Ray(*places)):
            if lost is not None:
                servers[lost].close()
                assert told.wait(10)
            time.sleep(0.3)
    for server in servers:
        server.close()
    if lost is None:
        assert heard == []
    else:
        (only,) = heard
        assert f"127.0.0.1:{places[lost][1]} no longer answers" in only
        assert "same storage" in only
