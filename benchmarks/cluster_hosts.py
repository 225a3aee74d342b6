"""Several hosts on one machine, as network namespaces: what a run moves over the network.

    sudo python benchmarks/cluster_hosts.py    # some minutes; Linux, as root

Each host has its own address, its own Ray and its own object store, and is joined to the others by
a bridge whose ports count every byte, headers included. A world is fitted and listed (ALS with 64
factors, taste and memory) by one worker for each host: two, three and four of them, and three of
which one is lost on the way. Told is what every kind of exchange moved: by arithmetic, as Suffuse
counts arrays, and as the ports count bytes. Factors and lists are compared with those of one
process. Writes its part of RESULTS.md; prints a sentence and does nothing without root.
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

import numpy as np
import pandas as pd
from accuracy import machine, write_section
from cluster_run import K, keep_factors, model_of, on_one
from scale_world import Shape, make_world

from suffuse.recsys.cluster_traffic import Traffic

HERE = Path(__file__).parent
KEPT = HERE / "cluster_hosts.json"
PORT = 6379
#: hosts of the run that loses one
LOSING = 3
#: no token is asked for: nobody else is on this network
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "disabled",
}
#: how a stage is called before its first exchange
BEFORE = "(starting, reading, control)"
#: exchanges that overlap: what one has asked for comes while the ports are read for the other
TOGETHER = {
    "fitting ALS: item factors": "ALS: item and user factors, by turns",
    "fitting ALS: user factors": "ALS: item and user factors, by turns",
    "sharing the graph: ghosts": "graph: ghosts and column sums",
    "normalising the graph: column": "graph: ghosts and column sums",
    "recommending: rows of items": "lists: counts and scale",
    "recommending: scale": "lists: counts and scale",
}


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
    """Bytes of each stage in all of its rounds: by arithmetic, as counted and by the ports."""
    frame = pd.DataFrame(found["rows"])
    frame["ports"] = [found["ports"].get(stage, 0) for stage in frame["stage"]]
    frame = frame.rename(columns={"expected": "arithmetic", "network": "counted"})
    frame["stage"] = [TOGETHER.get(stage, stage) for stage in frame["stage"]]
    kept = frame[["stage", "rounds", "arithmetic", "counted", "ports"]]
    return kept.groupby("stage", sort=False).sum().reset_index()


def compared(folder: Path) -> dict[str, Any]:
    """How far factors and lists of 10 of one process and of the hosts agree."""
    one, other = (
        pd.read_parquet(folder / name / "recs").set_index(["user_id", "rank"])
        for name in ("one", "ray")
    )
    factors = [
        np.array_equal(*(np.load(folder / place / f"{name}.npy") for place in ("one", "ray")))
        for name in ("users", "items")
    ]
    return {
        "same factors": all(factors),
        "same places": float((one["item_id"] == other["item_id"].reindex(one.index)).mean()),
        "scores apart": float((one["score"] - other["score"].reindex(one.index)).abs().max()),
    }


def run_hosts(n: int, options: argparse.Namespace, folder: Path, lose_after: float) -> Any:
    """Start hosts, fit and list on them, and compare; 0 s where none is to be lost."""
    shutil.rmtree(folder / "ray", ignore_errors=True)
    shutil.rmtree(folder / "run", ignore_errors=True)
    with joined_hosts(n) as hosts:
        head = start_ray(hosts, folder / f"r{n}{'l' if lose_after else ''}", options.store * 2**20)
        command = ["nsenter", f"--net=/run/netns/{hosts.names[0]}", sys.executable, __file__]
        command += ["--inside", head, "--ports", ",".join(hosts.ports), "--folder", str(folder)]
        command += ["--shards", str(n), "--iterations", str(options.iterations)]
        losing = threading.Timer(lose_after, end_processes, (hosts.names[-1],))
        if lose_after:
            losing.start()
        done = subprocess.run(
            command, env={**os.environ, **QUIET}, stdout=subprocess.PIPE, text=True, check=False
        )
        lost = bool(lose_after) and not losing.is_alive()
        losing.cancel()
    if done.returncode:
        raise SystemExit(f"the run ended with {done.returncode}")
    found = json.loads(done.stdout.splitlines()[-1])
    return {**found, **compared(folder), "lost": lost, "lost after": lose_after}


def run_all(options: argparse.Namespace, folder: Path, kept: dict[str, Any]) -> None:
    """Every number of hosts that was asked for, each kept as it is found."""
    shape = Shape(n_users=options.users, n_items=max(1000, options.users // 4))
    make_world(folder / "world", shape)
    (folder / "one").mkdir()
    alone = on_one(folder / "world", folder / "one", options)
    said = {"users": shape.n_users, "items": shape.n_items, "iterations": options.iterations}
    for n in options.hosts:
        kept[str(n)] = {**run_hosts(n, options, folder, 0.0), **said, "one": alone["fit"]}
        keep(kept)
    if options.lose and str(LOSING) in kept:
        middle = kept[str(LOSING)]["fit"] * options.lose
        kept["lost"] = {**run_hosts(LOSING, options, folder, middle), **said}
        keep(kept)


def keep(kept: dict[str, Any]) -> None:
    """Write down what was found."""
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def text_of(kept: dict[str, Any]) -> str:
    """The section of RESULTS.md."""
    runs = {int(name): run for name, run in kept.items() if name.isdigit()}
    first = next(iter(runs.values()))
    lines = [
        "## Several hosts",
        "",
        "`sudo python benchmarks/cluster_hosts.py`",
        "",
        machine(),
        "",
        "Hosts are network namespaces of one machine, each with an address, a Ray and an object "
        "store of its own; they show what is sent, not how fast a network is. "
        f"{first['users']:,} users, {first['items']:,} items, 50 rows and 20 ties for each user "
        f"at random; ALS with 64 factors and {first['iterations']} iterations, damping .3, memory "
        "1; one worker for each host.",
        "",
        "MB per round, all hosts together: by arithmetic, as Suffuse counts arrays that come from "
        "another host, and as the ports of the bridge count bytes (headers and Ray's own messages "
        "included). Exchanges that overlap are told together, by their mean. Arrays below 100 kB "
        "Ray sends inside of its messages, by way of the driver's host: up to 2 - 2 / hosts times "
        "arithmetic by the ports.",
        "",
        "| hosts | exchange | rounds | arithmetic | counted | ports | counted / arithmetic | "
        "ports / arithmetic |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for n in sorted(runs):
        lines += _rows(n, by_stage(runs[n]))
    lines.append("")
    lines += [_sentence(n, runs[n]) for n in sorted(runs)]
    if "lost" in kept:
        lines += ["", _lost_sentence(kept["lost"])]
    return "\n".join(lines)


def _rows(n: int, frame: pd.DataFrame) -> list[str]:
    """One line of the table for each exchange."""
    lines = []
    for _, one in frame.iterrows():
        cells = [f"{one[name] / 1e6 / one['rounds']:.3f}" for name in frame.columns[2:]]
        cells += [f"{one[name] / one['arithmetic']:.3f}" for name in ("counted", "ports")]
        lines.append(f"| {n} | {one['stage']} | {one['rounds']} | {' | '.join(cells)} |")
    return lines


def _sentence(n: int, run: dict[str, Any]) -> str:
    """Sums, times and equality of one run."""
    sums = {name: sum(row[name] for row in run["rows"]) / 1e6 for name in ("expected", "network")}
    ports, other = sum(run["ports"].values()) / 1e6, run["ports"].get(BEFORE, 0) / 1e6
    return (
        f"- {n} hosts: {sums['network']:.1f} MB counted and {ports:.1f} MB by the ports "
        f"({other:.1f} outside of exchanges), {ports / sums['expected']:.3f} times arithmetic; fit "
        f"{run['fit']:.0f} s, lists {run['lists']:.0f} s on the same two cores (a fit in one "
        f"process: {run['one']:.0f} s). {_agreement(run)}"
    )


def _agreement(run: dict[str, Any]) -> str:
    """How far one process is the same."""
    factors = "the bits" if run["same factors"] else "OTHER BITS THAN"
    return (
        f"Factors have {factors} of one process; {run['same places']:.4%} of the places of the "
        f"lists name the same item, scores within {run['scores apart']:.1e}."
    )


def _lost_sentence(run: dict[str, Any]) -> str:
    """The run that went on with one host less."""
    if not run["lost"]:
        return "No host was lost: the run was over before."
    return (
        f"One of {LOSING} hosts lost (all of its processes killed {run['lost after']:.0f} s after "
        f"the start): the run went on with {LOSING - 1} and finished, fit {run['fit']:.0f} s, "
        f"lists {run['lists']:.0f} s. {_agreement(run)}"
    )


def main() -> None:
    """Run, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, nargs="*", default=[2, 3, 4], choices=(2, 3, 4))
    parser.add_argument("--lose", type=float, default=0.6, help="share of a fit; 0: lose no host")
    parser.add_argument("--users", type=int, default=60_000)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--store", type=int, default=512, help="MB of each object store")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--shards", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--inside", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--ports", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.factors, options.threads, options.memory = 64, None, 1.0
    if options.inside is not None:
        run_inside(options)
        return
    tools = [tool for tool in ("ip", "nsenter") if shutil.which(tool) is None]
    if sys.platform != "linux" or os.geteuid() != 0 or tools:
        print("nothing done: network namespaces need Linux, root, and the tools ip and nsenter")
        return
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    with tempfile.TemporaryDirectory(prefix="hosts-", dir=options.folder) as folder:
        run_all(options, Path(folder), kept)
    text = text_of(kept)
    print(text)
    write_section("cluster-hosts", text)


if __name__ == "__main__":
    main()
