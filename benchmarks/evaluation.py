"""Judging a million users, side by side with RecTools and ranx, each in a process of its own.

    pip install ranx                        # beside suffuse
    python -m venv peers && peers/bin/pip install rectools   # wants pandas below 3
    SUFFUSE_RECTOOLS_PYTHON=peers/bin/python python benchmarks/evaluation.py

1 000 000 users, lists of 20 of 100 000 items, 10 000 000 test rows, 10 000 000 training rows, all
drawn from one distribution of popularity, as frames of whole numbers that lie ready in memory.
Every process is held to one core and one thread. Wall and processor seconds are those of the call
alone, after a call on a small table, so that nothing is compiled in them; the memory is the peak
during the call above what was in use before. ranx takes dictionaries; it is asked for a tenth of
the users, and the time that its own objects take to build is given apart. A peer that is not
installed is named and left out. Writes its part of RESULTS.md; about two minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "RESULTS.md"
BEGIN, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"
N_USERS, LENGTH, N_ITEMS, PER_USER = 1_000_000, 20, 100_000, 10
SIX = ("precision", "recall", "ndcg", "map", "mrr", "hit_rate")
RANX_SHARE = 10


def draw(folder: Path) -> None:
    """The three tables, as arrays on disk; lists repeat no item."""
    rng = np.random.default_rng(0)
    weights = 1.0 / (np.arange(N_ITEMS) + 10.0) ** 0.8
    edges = np.cumsum(weights / weights.sum())

    def items(n: int) -> np.ndarray:
        return np.minimum(np.searchsorted(edges, rng.random(n)), N_ITEMS - 1)

    users = np.repeat(np.arange(N_USERS), LENGTH)
    listed = items(len(users))
    for _ in range(30):
        # Draw again whatever a list holds already.
        order = np.lexsort((listed, users))
        same = (np.diff(users[order]) == 0) & (np.diff(listed[order]) == 0)
        again = order[1:][same]
        if not len(again):
            break
        listed[again] = items(len(again))
    np.save(folder / "listed.npy", listed)
    for name in ("test", "train"):
        np.save(folder / f"{name}.npy", items(N_USERS * PER_USER))


def frames(folder: Path, n_users: int = N_USERS) -> tuple[Any, Any, Any]:
    """Recommendations, test rows and training rows of the first users."""
    import pandas as pd

    users = np.arange(n_users)
    recs = pd.DataFrame(
        {
            "user_id": np.repeat(users, LENGTH),
            "item_id": np.load(folder / "listed.npy")[: n_users * LENGTH],
            "rank": np.tile(np.arange(1, LENGTH + 1), n_users),
        }
    )
    test, train = (
        pd.DataFrame(
            {
                "user_id": np.repeat(users, PER_USER),
                "item_id": np.load(folder / f"{name}.npy")[: n_users * PER_USER],
            }
        )
        for name in ("test", "train")
    )
    return recs, test.drop_duplicates(ignore_index=True), train


def memory(field: str) -> float:
    """A line of the status of this process, in GB."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1e6
    return float("nan")


def timed(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What a call returns, its seconds, and its peak memory above what was in use."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = memory("VmRSS")
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    seconds = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - processor,
        "gb": memory("VmHWM") - before,
    }
    return result, seconds


def suffuse_default(folder: Path) -> dict[str, Any]:
    """The default set, training rows included."""
    import suffuse as sf

    recs, test, train = frames(folder)
    sf.evaluate(recs.head(200), test.head(100), train=train.head(100))
    report, seconds = timed(lambda: sf.evaluate(recs, test, train=train))
    return seconds | {"n_metrics": len(report.metrics)}


def suffuse_six(folder: Path) -> dict[str, Any]:
    """Six accuracy metrics, then bootstraps of their means."""
    import suffuse as sf
    from suffuse.recsys import bootstrap_interval

    recs, test, _ = frames(folder)
    names = [f"{name}@{LENGTH}" for name in SIX]
    sf.evaluate(recs.head(200), test.head(100), metrics=names)
    report, seconds = timed(lambda: sf.evaluate(recs, test, metrics=names))
    found, one = timed(lambda: bootstrap_interval(report.per_user[f"ndcg@{LENGTH}"]))
    _, six = timed(lambda: [bootstrap_interval(values) for values in report.per_user.values()])
    plain = report.to_frame().set_index("metric").loc[f"ndcg@{LENGTH}"]
    return seconds | {
        "values": dict(zip(SIX, report.to_frame()["value"].tolist(), strict=True)),
        "bootstrap": one,
        "bootstraps": six,
        "apart": max(abs(found.low - plain["low"]), abs(found.high - plain["high"])),
        "half": (plain["high"] - plain["low"]) / 2,
    }


def suffuse_share(folder: Path) -> dict[str, Any]:
    """Six accuracy metrics of the users that ranx is asked for."""
    import suffuse as sf

    recs, test, _ = frames(folder, N_USERS // RANX_SHARE)
    names = [f"{name}@{LENGTH}" for name in SIX]
    sf.evaluate(recs.head(200), test.head(100), metrics=names)
    report, seconds = timed(lambda: sf.evaluate(recs, test, metrics=names))
    return seconds | {"values": dict(zip(SIX, report.to_frame()["value"].tolist(), strict=True))}


def rectools_six(folder: Path) -> dict[str, Any]:
    """``calc_metrics`` with our definitions; its MAP divides by n, which no user has above k."""
    from rectools import metrics as m

    recs, test, _ = frames(folder)
    chosen = {
        "precision": m.Precision(LENGTH),
        "recall": m.Recall(LENGTH),
        "ndcg": m.NDCG(LENGTH, divide_by_achievable=True),
        "map": m.MAP(LENGTH),
        "mrr": m.MRR(LENGTH),
        "hit_rate": m.HitRate(LENGTH),
    }
    m.calc_metrics(chosen, reco=recs.head(200), interactions=test.head(100))
    values, seconds = timed(lambda: m.calc_metrics(chosen, reco=recs, interactions=test))
    return seconds | {"values": values, "version": version("rectools")}


def ranx_six(folder: Path) -> dict[str, Any]:
    """Its own objects from dictionaries, then the metrics, a second time without compilation."""
    import warnings

    warnings.simplefilter("ignore")
    from ranx import Qrels, Run, evaluate

    recs, test, _ = frames(folder, N_USERS // RANX_SHARE)
    truth: dict[str, dict[str, int]] = {}
    for user, item in zip(test["user_id"], test["item_id"], strict=True):
        truth.setdefault(str(user), {})[str(item)] = 1
    lists: dict[str, dict[str, float]] = {}
    for user, item, rank in zip(recs["user_id"], recs["item_id"], recs["rank"], strict=True):
        lists.setdefault(str(user), {})[str(item)] = float(LENGTH - rank)
    Qrels({"1": {"1": 1}}), Run({"1": {"1": 1.0}})
    (qrels, run), build = timed(lambda: (Qrels(truth), Run(lists)))
    names = [f"{name}@{LENGTH}" for name in SIX]
    evaluate(qrels, run, names)
    values, seconds = timed(lambda: evaluate(qrels, run, names))
    return seconds | {
        "values": {name.partition("@")[0]: float(value) for name, value in values.items()},
        "build": build,
        "version": version("ranx"),
    }


JOBS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "suffuse_default": suffuse_default,
    "suffuse_six": suffuse_six,
    "suffuse_share": suffuse_share,
    "rectools_six": rectools_six,
    "ranx_six": ranx_six,
}


def child(job: str, folder: Path, python: str = sys.executable) -> dict[str, Any] | None:
    """The numbers of one job in a process of its own on one core; None where it cannot run."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    done = subprocess.run(
        [python, "-W", "ignore", __file__, "--job", job, "--folder", str(folder)],
        env=os.environ | dict.fromkeys(threads, "1"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        if "No module named" in last:
            return None
        raise RuntimeError(f"{job}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def row(who: str, what: str, numbers: dict[str, Any]) -> str:
    """A line of the table."""
    return (
        f"| {who} | {what} | {numbers['wall']:.1f} | {numbers['cpu']:.1f} | {numbers['gb']:.1f} |"
    )


def agreement(ours: dict[str, float], theirs: dict[str, float], name: str) -> str:
    """How far the values of a peer are from ours."""
    worst = max(SIX, key=lambda metric: abs(ours[metric] - theirs[metric]))
    apart = abs(ours[worst] - theirs[worst])
    return f"The six values of {name} differ from ours by {apart:.0e} at most."


def run(folder: Path) -> str:
    """Everything, as Markdown."""
    draw(folder)
    default, six, share = (
        child(job, folder) for job in ("suffuse_default", "suffuse_six", "suffuse_share")
    )
    if default is None or six is None or share is None:
        raise RuntimeError("suffuse must be installed")
    rectools = child(
        "rectools_six", folder, os.environ.get("SUFFUSE_RECTOOLS_PYTHON", sys.executable)
    )
    ranx = child("ranx_six", folder)
    part = f"{N_USERS // RANX_SHARE:,} users".replace(",", " ")
    lines = [
        "| program | what | wall s | cpu s | more GB |",
        "|---|---|---|---|---|",
        row("suffuse", f"the default set, {default['n_metrics']} metrics with intervals", default),
        row("suffuse", "six accuracy metrics", six),
    ]
    notes = []
    if rectools is None:
        notes.append("RecTools was not installed.")
    else:
        name = f"RecTools {rectools['version']}"
        lines.append(row(name, "six accuracy metrics", rectools))
        notes.append(agreement(six["values"], rectools["values"], name))
    lines.append(row("suffuse", f"six accuracy metrics, {part}", share))
    if ranx is None:
        notes.append("ranx was not installed.")
    else:
        name = f"ranx {ranx['version']}"
        lines.append(row(name, f"building its objects, {part}", ranx["build"]))
        lines.append(row(name, f"six accuracy metrics, {part}, second call", ranx))
        notes.append(agreement(share["values"], ranx["values"], name))
    lines += [
        row("suffuse", "1000 bootstrap replicates of mean NDCG", six["bootstrap"]),
        row("suffuse", "1000 bootstrap replicates of each of the six", six["bootstraps"]),
    ]
    notes.append(
        f"The ends of the bootstrap interval of NDCG lie {six['apart']:.0e} from those of the "
        f"normal one, whose half width is {six['half']:.0e}."
    )
    head = (
        f"Python {platform.python_version()}, numpy {version('numpy')}, pandas "
        f"{version('pandas')}; one core of a machine that others use too. 1 000 000 users, lists "
        "of 20 of 100 000 items, 10 000 000 test rows and as many training rows, as frames. "
        "`python benchmarks/evaluation.py`"
    )
    return "\n".join(["## Judging a million users", "", head, "", *lines, "", " ".join(notes)])


def write_results(section: str) -> None:
    """Replace the part between the markers of RESULTS.md."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n".lstrip()
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    RESULTS.write_text(f"{head}{BEGIN}\n\n{section}\n\n{END}{tail}", encoding="utf-8")


def main() -> None:
    """Run one job in a child, everything otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--job", choices=list(JOBS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(json.dumps(JOBS[options.job](options.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_results(run(Path(folder)))


if __name__ == "__main__":
    main()
