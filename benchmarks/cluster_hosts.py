"""Several hosts on one machine, as network namespaces: what a run moves over the network.

    sudo python benchmarks/cluster_hosts.py --hosts 2    # some minutes; Linux, as root

Each host has its own address, its own Ray and its own object store, and is joined to the others by
a bridge whose ports count every byte, headers included. A world is fitted and listed (ALS with 64
factors, taste and memory) by one worker for each host. Printed is what every kind of exchange
moved: by arithmetic, as Suffuse counts arrays, and as the ports count bytes. The lists are compared
with those of one process. Prints a sentence and does nothing without root.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from cluster_run import K, keep_factors, model_of, on_one
from scale_world import Shape, make_world

from suffuse.recsys.cluster_traffic import Traffic

HERE = Path(__file__).parent
PORT = 6379
#: no token is asked for: nobody else is on this network
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "disabled",
}
#: how a stage is called before its first exchange
BEFORE = "(starting, reading, control)"


@dataclass(frozen=True)
class Hosts:
    """Namespaces, their addresses, and the ports of the bridge that they are joined to."""

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    ports: tuple[str, ...]


def ip(*words: str) -> str:
    """What `ip` answers."""
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout


@contextmanager
def joined_hosts(n: int) -> Iterator[Hosts]:
    """Namespaces on a bridge of their own; every process in them ends with the block."""
    mark = f"s{os.getpid() % 100_000}"
    bridge = f"{mark}br"
    subnet = f"10.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
    names = tuple(f"{mark}h{host}" for host in range(n))
    hosts = Hosts(names, tuple(f"{subnet}.{host + 1}" for host in range(n)), names)
    try:
        ip("link", "add", bridge, "type", "bridge")
        ip("link", "set", bridge, "up")
        for name, address in zip(names, hosts.addresses, strict=True):
            ip("netns", "add", name)
            ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", name, "master", bridge, "up")
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", name, "link", "set", device, "up")
            # Ray finds its own address by asking for the way out
            ip("-n", name, "route", "add", "default", "dev", "eth0")
        yield hosts
    finally:
        for name in names:
            end_processes(name)
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
            subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)


def end_processes(name: str) -> None:
    """Kill what runs in a namespace, and wait until it is gone."""
    for _ in range(100):
        found = subprocess.run(
            ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
        )
        pids = [int(word) for word in found.stdout.split()]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)


def start_ray(hosts: Hosts, folder: Path, store: int) -> str:
    """A Ray on every host, the first of them the head; its address."""
    head = f"{hosts.addresses[0]}:{PORT}"
    ray = str(Path(sys.executable).with_name("ray"))
    shared = ["--num-cpus", "1", "--object-store-memory", str(store)]
    for place, (name, address) in enumerate(zip(hosts.names, hosts.addresses, strict=True)):
        role = ["--address", head]
        if place == 0:
            role = ["--head", "--port", str(PORT), "--include-dashboard", "false"]
            role += ["--temp-dir", str(folder)]
        command = ["nsenter", f"--net=/run/netns/{name}", ray, "start", *role, *shared]
        done = subprocess.run(
            [*command, "--node-ip-address", address],
            env={**os.environ, **QUIET},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"ray start on {address} ended with {done.returncode}:\n{done.stdout}"
            )
    return head


class Watched(Traffic):
    """Traffic that looks at the ports whenever an exchange begins: the bytes of the one before."""

    def __init__(self, ports: list[str]) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self._ports, self._stage = ports, BEFORE
        self._last = sent_bytes(ports)

    def note(
        self, stage: str, *, rounds: int = 0, moved: int = 0, network: int = 0, expected: int = 0
    ) -> None:
        """Add to a stage."""
        if rounds:
            self.look(stage)
        super().note(stage, rounds=rounds, moved=moved, network=network, expected=expected)

    def look(self, stage: str) -> None:
        """What was sent since the last look belongs to the stage until then."""
        now = sent_bytes(self._ports)
        self.seen[self._stage] += now - self._last
        self._last, self._stage = now, stage


def sent_bytes(ports: list[str]) -> int:
    """Bytes that all hosts have sent, as the bridge has received them."""
    places = (Path(f"/sys/class/net/{port}/statistics/rx_bytes") for port in ports)
    return sum(int(place.read_text(encoding="ascii")) for place in places)


def run_inside(options: argparse.Namespace) -> None:
    """Fit and list, in the namespace of the head; print what was moved as JSON."""
    import suffuse as sf

    traffic = Watched(options.ports.split(","))
    cluster = sf.RayCluster(
        address=options.inside,
        n_shards=options.shards,
        storage=options.folder / "run",
        traffic=traffic,
        resume=False,
    )
    world, out, begin = options.folder / "world", options.folder / "ray", time.perf_counter()
    out.mkdir()
    model = model_of(options)
    model.fit(world / "interactions.parquet", social=world / "social.parquet", backend=cluster)
    traffic.look(BEFORE)
    fitted = time.perf_counter()
    model.recommend_to(out / "recs", k=K, overwrite=True, backend=cluster)
    traffic.look(BEFORE)
    end = time.perf_counter()
    keep_factors(model, out)
    rows = traffic.to_frame().to_dict("records")
    found = {"fit": fitted - begin, "lists": end - fitted, "rows": rows, "ports": traffic.seen}
    print(json.dumps(found))


def by_stage(found: dict[str, Any]) -> pd.DataFrame:
    """Megabytes of each stage: of a round by arithmetic, as counted and by the ports."""
    frame = pd.DataFrame(found["rows"])
    frame["ports"] = [found["ports"].get(stage, 0) for stage in frame["stage"]]
    frame = frame.rename(columns={"expected": "arithmetic", "network": "counted"})
    return frame[["stage", "rounds", "arithmetic", "counted", "ports"]]


def told(frame: pd.DataFrame, *, per_round: bool) -> str:
    """As text, in megabytes, with ratios to the arithmetic."""
    shown = frame.copy()
    for name in ("arithmetic", "counted", "ports"):
        shown[name] = frame[name] / 1e6 / (frame["rounds"] if per_round else 1)
    shown["counted / arithmetic"] = shown["counted"] / shown["arithmetic"]
    shown["ports / arithmetic"] = shown["ports"] / shown["arithmetic"]
    return shown.to_string(index=False, float_format=lambda value: f"{value:.3f}")


def compare(folder: Path) -> str:
    """How far lists of 10 of one process and of the hosts agree."""
    one, other = (
        pd.read_parquet(folder / name / "recs").set_index(["user_id", "rank"])
        for name in ("one", "ray")
    )
    same = float((one["item_id"] == other["item_id"].reindex(one.index)).mean())
    apart = float((one["score"] - other["score"].reindex(one.index)).abs().max())
    return f"{same:.4%} of the places of the lists as of one process; scores within {apart:.1e}"


def run_hosts(options: argparse.Namespace, folder: Path) -> None:
    """Make the world, start the hosts, run, and print."""
    shape = Shape(n_users=options.users, n_items=max(1000, options.users // 4))
    make_world(folder / "world", shape)
    (folder / "one").mkdir()
    alone = on_one(folder / "world", folder / "one", options)
    with joined_hosts(options.hosts) as hosts:
        head = start_ray(hosts, folder / "r", options.store * 2**20)
        command = ["nsenter", f"--net=/run/netns/{hosts.names[0]}", sys.executable, __file__]
        command += ["--inside", head, "--ports", ",".join(hosts.ports), "--folder", str(folder)]
        command += ["--shards", str(options.shards), "--iterations", str(options.iterations)]
        losing = threading.Timer(options.lose_after or 0.0, end_processes, (hosts.names[-1],))
        if options.lose_after is not None:
            losing.start()
        done = subprocess.run(
            command, env={**os.environ, **QUIET}, stdout=subprocess.PIPE, text=True, check=False
        )
        losing.cancel()
    if done.returncode:
        raise SystemExit(f"the run ended with {done.returncode}")
    found = json.loads(done.stdout.splitlines()[-1])
    frame = by_stage(found)
    print(f"{options.hosts} hosts, {options.shards} shards, {options.users} users")
    print(
        "\nMB per round (exchanges of ALS overlap: what the ports saw is right for all of them):\n"
    )
    print(told(frame, per_round=True))
    frame["stage"] = [stage.split(":")[0] for stage in frame["stage"]]
    print("\nMB in all:\n")
    print(told(frame.groupby("stage", sort=False).sum().reset_index(), per_round=False))
    total = sum(found["ports"].values())
    network = sum(one["network"] for one in found["rows"])
    other = found["ports"].get(BEFORE, 0)
    print(f"\nin all: {network / 1e6:.1f} MB counted, {total / 1e6:.1f} MB by the ports, of which")
    print(f"{other / 1e6:.1f} MB outside of exchanges")
    print(
        f"fit {found['fit']:.0f} s, lists {found['lists']:.0f} s; one process {alone['fit']:.0f} s"
    )
    print(compare(folder))


def main() -> None:
    """Run, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=2, choices=(2, 3, 4))
    parser.add_argument("--shards", type=int, default=None, help="one for each host by default")
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--store", type=int, default=512, help="MB of each object store")
    parser.add_argument("--lose-after", type=float, default=None, help="s until a host is lost")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--inside", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--ports", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.shards = options.shards or options.hosts
    options.factors, options.threads, options.memory = 64, None, 1.0
    if options.inside is not None:
        run_inside(options)
        return
    tools = [tool for tool in ("ip", "nsenter") if shutil.which(tool) is None]
    if sys.platform != "linux" or os.geteuid() != 0 or tools:
        print("nothing done: network namespaces need Linux, root, and the tools ip and nsenter")
        return
    with tempfile.TemporaryDirectory(prefix="hosts-", dir=options.folder) as folder:
        run_hosts(options, Path(folder))


if __name__ == "__main__":
    main()
