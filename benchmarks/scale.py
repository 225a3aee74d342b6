"""A million users from parquet to parquet, beside implicit alone, and how cost grows with size.

    python benchmarks/scale.py --folder /somewhere/with/room    # about half an hour, 3 GB of files

Worlds of 10 thousand, 100 thousand and a million users, 50 rows and 20 ties each, 100,000 items
(`benchmarks/scale_world.py`); every run is a process of its own (`benchmarks/scale_run.py`), one
after another. Ours reads both tables, fits ALS (64 factors, 15 iterations), diffuses (damping .3;
once by taste alone, once with the items that friends hold), writes the top 20 of every user and
judges them. implicit fits the same and lists for everybody, from a matrix that is in memory.
Writes its part of RESULTS.md and docs/scaling.png.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import machine, write_section
from scale_world import Shape, make_world

HERE = Path(__file__).parent
KEPT = HERE / "scale.json"
SIZES = (10_000, 100_000, 1_000_000)
SIZES_HELP = "numbers of users; none: write again what the last runs found"
#: stage -> how it is called in the picture, in the order of the run
STAGES = ("read", "fit", "diffuse", "recommend and write", "evaluate")


def child(*words: object) -> dict[str, Any]:
    """What one run printed."""
    command = [sys.executable, str(HERE / "scale_run.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(folder: Path, n_users: int) -> dict[str, Any]:
    """All runs on the world of one size."""
    world = folder / f"world-{n_users}"
    if not (world / "social.parquet").exists():
        make_world(world, Shape(n_users=n_users))
    lists = folder / f"lists-{n_users}.parquet"
    found = {"taste": child("ours", world, "--out", lists)}
    found["judged"] = child("judged", world, "--out", lists)
    found["both"] = child("ours", world, "--out", lists, "--memory", 1)
    found["implicit"] = child("implicit", world)
    return found


def seconds(run: dict[str, Any], stage: str) -> float:
    """Of one stage of ours, of judging, or of implicit."""
    where = run["judged"] if stage == "evaluate" else run["taste"]
    return float(where["stages"][stage]["seconds"])


def size_of(run: dict[str, Any]) -> float:
    """Users, interactions and ties together."""
    sizes = run["taste"]["sizes"]
    return float(sizes["users"] + sizes["rows"] + sizes["ties"])


def slope(runs: list[dict[str, Any]], values: list[float]) -> float:
    """The least-squares slope of the logarithm of some values over that of the size."""
    sizes = np.log([size_of(run) for run in runs])
    return float(np.polyfit(sizes, np.log(values), 1)[0])


def slopes(runs: list[dict[str, Any]]) -> str:
    """Those of the seconds of all stages, and of the peak of memory."""
    found = {stage: slope(runs, [seconds(run, stage) for run in runs]) for stage in STAGES}
    found["peak of memory"] = slope(runs, [peak(run) for run in runs])
    return ", ".join(f"{name} {value:.2f}" for name, value in found.items())


def peak(run: dict[str, Any]) -> float:
    """The largest peak of all stages of ours, GB."""
    stages = run["taste"]["stages"].values()
    return max(stage.get("peak", 0.0) for stage in stages) / 1e9


def text_of(kept: dict[str, Any]) -> str:
    """The section of RESULTS.md."""
    runs = [kept[str(size)] for size in SIZES if str(size) in kept]
    lines = [
        "## A million users on one machine",
        "",
        "`python benchmarks/scale.py --folder FOLDER`",
        "",
        machine(),
        "",
        "Seconds of the clock; reading both tables from parquet, ALS with 64 factors and 15 "
        "iterations, damping .3 (taste alone), the 20 best of every user written to parquet, "
        "Recall@20 and NDCG@20 with their intervals. One run of each; the peak is that of reading, "
        "fitting, diffusing and writing.",
        "",
        "| users | interactions | ties | "
        + " | ".join(STAGES)
        + " | parquet to parquet | peak GB |",
        "|" + "---|" * (len(STAGES) + 5),
    ]
    for run in runs:
        sizes = run["taste"]["sizes"]
        cells = [f"{seconds(run, stage):.1f}" for stage in STAGES]
        lines.append(
            f"| {sizes['users']:,} | {sizes['rows']:,} | {sizes['ties']:,} | {' | '.join(cells)} | "
            f"{run['taste']['whole']:.0f} | {peak(run):.2f} |"
        )
    if len(runs) > 1:
        lines += [
            "",
            f"Slopes in users + interactions + ties (log-log): {slopes(runs)}; over the last "
            f"decade alone: {slopes(runs[-2:])}.",
        ]
    return "\n".join([*lines, "", *_beside(runs[-1]), ""])


def _beside(run: dict[str, Any]) -> list[str]:
    """Ours beside implicit alone at the largest size."""
    taste, both, peer = (run[name]["stages"] for name in ("taste", "both", "implicit"))
    lines = [
        f"At {run['taste']['sizes']['users']:,} users, beside implicit alone (the same "
        "factorisation; its lists stay in memory, ours are written; two threads each, and BLAS "
        "held to one, as implicit asks for):",
        "",
        "| | fit | diffuse | recommend | sum | peak GB |",
        "|---|---|---|---|---|---|",
    ]
    for name, stages in (("ours, taste", taste), ("ours, taste and memory", both)):
        three = [stages[key]["seconds"] for key in ("fit", "diffuse", "recommend and write")]
        most = max(stage.get("peak", 0.0) for stage in stages.values()) / 1e9
        lines.append(
            f"| {name} | {' | '.join(f'{x:.1f}' for x in three)} | {sum(three):.0f} | {most:.2f} |"
        )
    fit, lists = peer["fit"]["seconds"], peer["recommend"]["seconds"]
    most = max(stage["peak"] for stage in peer.values()) / 1e9
    lines.append(f"| implicit | {fit:.1f} | | {lists:.1f} | {fit + lists:.0f} | {most:.2f} |")
    return lines


def picture(kept: dict[str, Any], path: Path) -> None:
    """Seconds and peak memory over size, log-log."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    runs = [kept[str(size)] for size in SIZES if str(size) in kept]
    sizes = [size_of(run) for run in runs]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for stage in STAGES:
        values = [seconds(run, stage) for run in runs]
        left.plot(sizes, values, "o-", label=f"{stage}: slope {slope(runs, values):.2f}")
    peaks = [peak(run) for run in runs]
    label = f"peak of all stages: slope {slope(runs, peaks):.2f}"
    right.plot(sizes, peaks, "o-", color="black", label=label)
    for axes, what in ((left, "seconds"), (right, "GB of memory")):
        low, high = axes.get_ylim()
        axes.set(xscale="log", yscale="log", xlabel="users + interactions + ties", ylabel=what)
        axes.set_ylim(max(low, 1e-2), high * 1.5)
        axes.grid(True, which="major", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    right.set_ylim(0.1, 10)
    right.yaxis.set_major_formatter("{x:g}")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    """Make, run, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the worlds are kept")
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES), help=SIZES_HELP)
    options = parser.parse_args()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for n_users in options.sizes:
        kept[str(n_users)] = measured(options.folder, n_users)
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    text = text_of(kept)
    print(text)
    write_section("scale", text)
    picture(kept, HERE.parent / "docs" / "scaling.png")


if __name__ == "__main__":
    main()
