"""A cluster for one call: started where there is none, silent, and gone afterwards."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suffuse.recsys.cluster import RayCluster
from suffuse.recsys.cluster_session import TemporaryStorage, session
from suffuse.recsys.cluster_workers import ClusterError, ShardState


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """The library; functions of this file go to processes by value."""
    module = pytest.importorskip("ray", reason="needs suffuse[cluster]")
    module.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield module
    module.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def divide(one: int, other: int) -> float:
    """A step; some fail."""
    return one / other


def once_killed(folder: str, value: int) -> int:
    """Die when called first."""
    mark = Path(folder) / f"seen-{value}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def shard_of(state: ShardState) -> int:
    """Which worker this is."""
    return state.shard


def children() -> set[int]:
    """Processes that this one has started and that run."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = place.read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == os.getpid() and state not in "ZX":
            found.add(int(place.parent.name))
    return found


def test_a_cluster_for_one_call(ray: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Tasks and workers run, losses included; nothing is printed; nothing is left."""
    before = children()
    cluster = RayCluster(n_shards=2)
    with session(cluster) as one:
        assert (one.n_hosts, one.n_shards) == (1, 2)
        assert one.storage.is_dir()
        assert one.run(divide, [(n, 2) for n in range(9)]) == [n / 2 for n in range(9)]
        for _ in range(20):  # others end while an error is raised: Ray must not end this process
            with pytest.raises(ZeroDivisionError, match=r"^division by zero$"):
                one.run(divide, [(1, 1), (1, 0), (1, 2), (1, 3)])
        with one.workers() as workers:
            assert workers.fetch(workers.each(shard_of)) == [0, 1]
            # tasks beside workers that hold all cores
            again = one.run(once_killed, [(str(one.storage), n) for n in range(2)])
            assert again == [0, 1]
            os.kill(workers.places[0].pid, signal.SIGKILL)
            assert workers.steadily(lambda: workers.fetch(workers.each(shard_of))) == [0, 1]
        with session(RayCluster(n_shards=1)) as inner:  # the one that is there
            assert inner.n_shards == 1
        assert ray.is_initialized()
        with pytest.raises(ClusterError, match=r"got '10\.0\.0\.1:1': leave it out"):
            session(RayCluster(address="10.0.0.1:1")).__enter__()
        with pytest.raises(ClusterError, match=r"py_modules must be given to ray\.init"):
            session(RayCluster(py_modules=("a.whl",))).__enter__()
    assert not ray.is_initialized()
    assert not one.storage.exists()
    end = time.monotonic() + 10
    while children() - before and time.monotonic() < end:
        time.sleep(0.1)
    assert children() <= before
    assert capfd.readouterr() == ("", "")


def test_a_storage_that_is_kept(ray: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A temporary one as long as somebody has it, a given one for good, without our marks."""
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "nodes", lambda: [_node("a", "10.0.0.1")])
    monkeypatch.setattr(ray, "get_runtime_context", lambda: _Context())
    with session(RayCluster()) as one:
        kept = one.kept_storage()
    assert kept is not None
    assert one.storage.is_dir()
    del kept
    gc.collect()
    assert not one.storage.exists()
    with session(RayCluster(storage=tmp_path / "run")) as one:
        assert one.kept_storage() is None
        assert one.n_shards == 4
        (tmp_path / "run" / "kept").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["kept"]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_a_storage_is_that_of_one_run(
    ray: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another is refused while it lasts; addresses are the same by name and by number."""
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "nodes", lambda: [_node("a", "127.0.0.1")])
    monkeypatch.setattr(_Context, "gcs_address", "127.0.0.1:6379")
    monkeypatch.setattr(ray, "get_runtime_context", lambda: _Context())
    cluster = RayCluster(address="localhost:6379", storage=tmp_path)
    with session(cluster):
        with pytest.raises(ClusterError, match=rf"run under way; got '{tmp_path}': wait for"):
            session(cluster).__enter__()
        with pytest.raises(ClusterError, match="got 'localhost:6380': leave it out"):
            session(RayCluster(address="localhost:6380")).__enter__()
    with session(cluster):
        pass


def test_several_hosts_need_a_storage(ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary folder of one would not be seen by the others."""
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: _Context())
    hosts = [_node("a", "10.0.0.1"), _node("b", "10.0.0.2"), {**_node("c", ""), "Alive": False}]
    monkeypatch.setattr(ray, "nodes", lambda: hosts)
    with pytest.raises(ClusterError, match="that every host sees, as there are 2; got None"):
        session(RayCluster()).__enter__()


def _node(name: str, address: str) -> dict[str, Any]:
    """A host as Ray tells of it."""
    cores = {"CPU": 4.0}
    return {"NodeID": name, "NodeManagerAddress": address, "Alive": True, "Resources": cores}


class _Context:
    gcs_address = "10.0.0.1:6379"


def test_no_cluster_at_an_address(ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ray says, in one line, and the way out; its variables are as before."""

    def refuse(**given: Any) -> None:
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
        raise ConnectionError(f"no cluster at {given['address']}\nand more")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterError, match=rf"got '{place}': no cluster at {place} \("):
            session(RayCluster(address=place)).__enter__()
        assert "RAY_USAGE_STATS_ENABLED" not in os.environ
        monkeypatch.setenv("RAY_ADDRESS", place)
        with pytest.raises(ClusterError, match=rf"got '{place}': no cluster"):
            session(RayCluster()).__enter__()
    monkeypatch.delenv("RAY_ADDRESS")
    # nobody listens there any more: Ray, which would go on trying, is not asked
    with pytest.raises(ClusterError, match=rf"got '{place}', where nothing answers \(.*\): start"):
        session(RayCluster(address=place)).__enter__()
    for wrong in ("head", "head:port", "head:70000", ":6379"):
        with pytest.raises(ValueError, match=rf"address must be 'host:port' .* got '{wrong}'"):
            session(RayCluster(address=wrong)).__enter__()


def test_a_bad_storage(ray: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file, or a place where no folder can be; folders of a run that did nothing are gone."""
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "nodes", lambda: [_node("a", "10.0.0.1")])
    monkeypatch.setattr(ray, "get_runtime_context", lambda: _Context())
    (tmp_path / "file").touch()
    for name in ("file", "file/below"):
        with pytest.raises(ClusterError, match=rf"storage must be a folder .* got '.*{name}': "):
            session(RayCluster(storage=tmp_path / name)).__enter__()
    with session(RayCluster(storage=tmp_path / "new" / "run")) as one:
        assert one.storage.is_dir()
        with pytest.raises(ClusterError, match=r"at most 8 for each core .* has 4; got 33"):
            one.workers(33)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["a.whl", "table.parquet"])
def test_wheels_are_looked_for(ray: Any, tmp_path: Path, name: str) -> None:
    """One that is missing, or is none, is refused before anything is started."""
    if not name.endswith(".whl"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=rf"py_modules must be wheels that exist; got '.*{name}'"):
        session(RayCluster(py_modules=(str(tmp_path / name),))).__enter__()
    assert not ray.is_initialized()


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence names the extra."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'install "suffuse\[cluster\]"'):
        session(RayCluster()).__enter__()


def test_temporary_storage() -> None:
    """Two of them are two folders, and removing one twice is no error."""
    one, other = TemporaryStorage(), TemporaryStorage()
    assert one.path != other.path
    one.remove()
    one.remove()
    assert other.path.is_dir()
    other.remove()
