"""A Ray cluster beside one machine: the same model, its overhead, its memory, and killed workers.

    python benchmarks/cluster.py --folder /somewhere/with/room    # about forty minutes

Every run is a process of its own (`benchmarks/cluster_run.py`), one after another, each with its
own local Ray, from two parquet files to a folder of lists of 10, with ALS (64 factors, 15
iterations), taste and memory. Hosts of their own are in `benchmarks/cluster_hosts.py`. Writes its
part of RESULTS.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accuracy import load, machine, write_section
from scale_world import Shape, make_world

from suffuse.datasets import as_interactions, as_social_graph

HERE = Path(__file__).parent
KEPT = HERE / "cluster.json"
STEPS = ("equality", "kills", "crossover", "overhead")
#: sizes at which one worker with one core is compared to two of them
CROSSOVER = (2_000, 10_000, 50_000, 200_000)
#: scores closer than this, relative to the largest, are ties
TIE = 1e-5


def child(what: str, world: Path, out: Path, **options: object) -> dict[str, Any]:
    """What one run printed."""
    shutil.rmtree(out, ignore_errors=True)
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, str(HERE / "cluster_run.py"), what, str(world), "--out", str(out)]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    shutil.rmtree(out / "run", ignore_errors=True)
    return found


def world_of(folder: Path, n_users: int) -> Path:
    """A world with 50 rows and 20 ties for each user."""
    place = folder / f"world-{n_users}"
    if not (place / "social.parquet").exists():
        n_items = 100_000 if n_users >= 200_000 else max(1_000, n_users // 2)
        make_world(place, Shape(n_users=n_users, n_items=n_items))
    return place


def yelp_of(folder: Path, data: Path) -> Path | None:
    """The published training table and ties of gbsr_yelp as parquet; None where it is absent."""
    if not (data / "gbsr_yelp").is_dir():
        return None
    place = folder / "yelp"
    place.mkdir(parents=True, exist_ok=True)
    train, _, _, social = load(data, "gbsr_yelp")
    as_interactions(train).to_frame().to_parquet(place / "interactions.parquet")
    as_social_graph(social).to_frame().to_parquet(place / "social.parquet")
    return place


def digest(out: Path) -> str:
    """Of factors and lists, byte by byte."""
    found = hashlib.sha256()
    for name in ("users.npy", "items.npy"):
        found.update((out / name).read_bytes())
    lists = pd.read_parquet(out / "recs")
    for column in ("user_id", "item_id", "score", "rank"):
        found.update(np.ascontiguousarray(lists[column].to_numpy()).tobytes())
    return found.hexdigest()


def differences(one: Path, other: Path) -> dict[str, float]:
    """Largest difference of factors, and of lists where it is no tie."""
    found = {}
    for name in ("users", "items"):
        mine, theirs = (np.load(out / f"{name}.npy", mmap_mode="r") for out in (one, other))
        found[name] = float(np.abs(mine - theirs).max() / np.abs(mine).max())
    mine, theirs = (pd.read_parquet(out / "recs") for out in (one, other))
    same_shape = len(mine) == len(theirs) and bool((mine["user_id"] == theirs["user_id"]).all())
    if not same_shape:
        return {**found, "lists": 1.0, "moved": 1.0, "scores": 1.0}
    moved = (mine["item_id"] != theirs["item_id"]).to_numpy()
    others = float((mine["score"] != theirs["score"]).mean())
    gap = np.abs(mine["score"].to_numpy() - theirs["score"].to_numpy())
    near = gap <= TIE * float(np.abs(mine["score"]).max())
    users = mine["user_id"].to_numpy()
    n_users = mine["user_id"].nunique()
    return {
        **found,
        "moved": len(np.unique(users[moved])) / n_users,
        "scores": others,
        "lists": len(np.unique(users[moved & ~near])) / n_users,
    }


def equality(folder: Path, data: Path) -> list[dict[str, Any]]:
    """One machine against 1, 2 and 4 shards, and 2 shards against themselves."""
    rows = []
    for name, world in (("gbsr_yelp", yelp_of(folder, data)), ("200 k users", None)):
        place = world_of(folder, 200_000) if name == "200 k users" else world
        if place is None:
            continue
        one = folder / "one"
        child("one", place, one)
        for shards in (1, 2, 4):
            out = folder / f"ray-{shards}"
            child("ray", place, out, shards=shards)
            rows.append({"world": name, "shards": shards, **differences(one, out)})
            print(rows[-1], flush=True)
        again = folder / "again"
        child("ray", place, again, shards=2)
        rows.append(
            {"world": name, "shards": 2, "same bits": digest(again) == digest(folder / "ray-2")}
        )
        print(rows[-1], flush=True)
    return rows


def kills(folder: Path) -> list[dict[str, Any]]:
    """Five runs with four killed workers each, against one that nobody disturbed."""
    world = world_of(folder, 20_000)
    calm = folder / "calm"
    seconds = child("ray", world, calm)["whole"]
    rows = []
    for seed in range(5):
        out = folder / "killed"
        run = child("ray", world, out, kills=4, every=seconds / 12, seed=seed)
        rows.append(
            {
                "kills": run["kills"],
                "seconds": run["whole"],
                "undisturbed": seconds,
                "same bits": digest(out) == digest(calm),
            }
        )
        print(rows[-1], flush=True)
    return rows


def crossover(folder: Path) -> list[dict[str, Any]]:
    """One process with one thread against two workers with one thread each."""
    rows = []
    for n_users in CROSSOVER:
        world = world_of(folder, n_users)
        one = child("one", world, folder / "one", threads=1)
        ray = child("ray", world, folder / "two")
        rows.append({"users": n_users, "one": one["whole"], "two": ray["whole"]})
        print(rows[-1], flush=True)
    return rows


def overhead(folder: Path) -> dict[str, Any]:
    """A million users: one process with two threads, and two workers with one each."""
    world = world_of(folder, 1_000_000)
    one = child("one", world, folder / "one")
    print(one, flush=True)
    two = child("ray", world, folder / "two")
    print(two, flush=True)
    return {"one": one, "two": two, **differences(folder / "one", folder / "two")}


def text_of(kept: dict[str, Any]) -> str:
    """The section of RESULTS.md."""
    lines = [
        "## A cluster beside one machine",
        "",
        "`python benchmarks/cluster.py --folder FOLDER`",
        "",
        machine(),
        "",
        "ALS with 64 factors and 15 iterations, damping .3, memory 1; lists of 10. Workers are "
        "processes of a local Ray on the same two cores.",
        "",
    ]
    if "equality" in kept:
        lines += _equality_lines(kept["equality"])
    if "kills" in kept:
        lines += _kill_lines(kept["kills"])
    if "crossover" in kept:
        lines += _crossover_lines(kept["crossover"])
    if "overhead" in kept:
        lines += _overhead_lines(kept["overhead"])
    return "\n".join(lines)


def _equality_lines(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "Largest difference of factors, relative to the largest factor; users whose list of 10 "
        f"names other items, and those among them where it is no tie (scores within {TIE:g}):",
        "",
        "| world | shards | user factors | item factors | other items | no tie |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if "same bits" in row:
            said = "the same bits" if row["same bits"] else "OTHER BITS"
            lines.append(f"| {row['world']} | {row['shards']}, twice | {said} | | | |")
        else:
            lines.append(
                f"| {row['world']} | {row['shards']} | {row['users']:.1e} | {row['items']:.1e} | "
                f"{row['moved']:.2%} | {row['lists']:.3%} |"
            )
    return [*lines, ""]


def _kill_lines(rows: list[dict[str, Any]]) -> list[str]:
    total = sum(row["kills"] for row in rows)
    same = sum(row["same bits"] for row in rows)
    took = ", ".join(f"{row['seconds']:.0f}" for row in rows)
    return [
        f"{total} workers killed (SIGKILL, at random) in {len(rows)} runs with two workers on "
        f"20,000 users: {len(rows)} finished, {same} with the bits of the run that nobody "
        f"disturbed; {took} seconds against {rows[0]['undisturbed']:.0f}.",
        "",
    ]


def _crossover_lines(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "One process with one thread against two workers with one thread each, seconds from "
        "parquet to parquet (Ray's start included):",
        "",
        "| users | one core, one process | two cores, two workers | times as fast |",
        "|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['users']:,} | {row['one']:.0f} | {row['two']:.0f} | "
            f"{row['one'] / row['two']:.2f} |"
        )
    return [*lines, ""]


def _overhead_lines(found: dict[str, Any]) -> list[str]:
    one, two = found["one"], found["two"]
    workers = ", ".join(f"{count / 1e9:.2f}" for count in two["private"])
    shares = ", ".join(f"{count / 1e9:.2f}" for count in two["proportional"])
    stages = ", ".join(f"{name} {value:.0f}" for name, value in two["stages"].items())
    lines = [
        "A million users, one process with two threads against two workers with one each:",
        "",
        "| | read and fit | lists | parquet to parquet | peak memory, GB |",
        "|---|---|---|---|---|",
        f"| one process | {one['read'] + one['fit']:.0f} | {one['lists']:.0f} | "
        f"{one['whole']:.0f} | {one['peak'] / 1e9:.2f} |",
        f"| two workers | {two['fit']:.0f} | {two['lists']:.0f} | {two['whole']:.0f} | private "
        f"{workers} each; with their share of what they have in common {shares}; the driver "
        f"{two['driver'] / 1e9:.2f} |",
        "",
        f"{two['whole'] / one['whole']:.2f} times the single process. Stages of the workers, in "
        f"seconds: {stages}.",
        "",
        "| moved between the two workers | rounds | MB per round | by arithmetic |",
        "|---|---|---|---|",
    ]
    for row in two["traffic"]:
        per, wanted = row["moved"] / row["rounds"], row["expected"] / row["rounds"]
        lines.append(f"| {row['stage']} | {row['rounds']} | {per / 1e6:.1f} | {wanted / 1e6:.1f} |")
    return [*lines, ""]


def main() -> None:
    """Run what was asked for, one after another, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the worlds are kept")
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--steps", nargs="*", choices=STEPS, default=list(STEPS))
    options = parser.parse_args()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    runs = {
        "equality": lambda: equality(options.folder, options.data),
        "kills": lambda: kills(options.folder),
        "crossover": lambda: crossover(options.folder),
        "overhead": lambda: overhead(options.folder),
    }
    for step in options.steps:
        kept[step] = runs[step]()
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    text = text_of(kept)
    print(text)
    write_section("cluster", text)


if __name__ == "__main__":
    main()
