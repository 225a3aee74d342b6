"""The whole way of a user: ``sf.tune`` on the training rows, a fit, and the test rows once.

    python benchmarks/tuning.py --data ../shared/data                 # some 20 minutes
    python benchmarks/tuning.py --data ../shared/data --budget 300 --splits lightgcn_lastfm

Nothing but the training rows and the graph enters the search. The table goes to
``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from accuracy import machine, write_section

import suffuse as sf

HERE = Path(__file__).parent
SPLITS = ("lightgcn_lastfm", "gbsr_yelp", "gbsr_douban_book")


def measure(split: str, folder: Path, budget: float) -> str:
    """One row of the table."""
    data = sf.datasets.read_split_folder(folder)
    started = time.perf_counter()
    found = sf.tune(data.train, data.social, time_budget=budget)
    searched = time.perf_counter() - started
    print(split, found, sep="\n", flush=True)
    started = time.perf_counter()
    model = found.model.fit(data.train, social=data.social)
    fitted = time.perf_counter() - started
    users = np.intersect1d(data.test["user_id"].unique(), model.user_ids_)
    report = sf.evaluate(
        model.recommend(users, 20),
        data.test,
        train=data.train,
        metrics=["recall@20", "ndcg@20"],
        baseline=model.base_.recommend(users, 20),
    )
    values = report.to_frame()["value"]
    gain = report.difference_frame().iloc[1]
    dials = {
        name: value
        for name, value in found.base.get_params(deep=False).items()
        if isinstance(value, int | float) and name not in ("n_jobs", "random_state", "max_iter")
    }
    words = ", ".join(f"{name} {value:.3g}" for name, value in dials.items() if value is not False)
    warm = found.settings["warm"] if found.settings else {}
    return (
        f"| {split} | {searched:.0f} | {len(found.trials)} | {type(found.base).__name__}: {words} "
        f"| {warm.get('damping', 0):g}, {warm.get('memory', 0):g} | {fitted:.0f} "
        f"| {values[0]:.4f} | {values[1]:.4f} "
        f"| {gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f}) |"
    )


def main() -> None:
    """Tune the splits that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), choices=SPLITS)
    parser.add_argument("--budget", type=float, default=300.0)
    options = parser.parse_args()
    lines = [
        "## The whole way: tune, fit, recommend",
        "",
        "`python benchmarks/tuning.py --data ../shared/data`",
        "",
        f"`sf.tune(train, social, time_budget={options.budget:g})`, then one fit with the settings "
        "that it found, then test once. Gain: paired difference of NDCG@20 to the base alone.",
        "",
        machine(),
        "",
        "| split | search s | trials | base | damping, memory (warm users) | fit s | Recall@20 "
        "| NDCG@20 | graph's gain (95 %) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for split in options.splits:
        lines.append(measure(split, options.data / split, options.budget))
        print(lines[-1], flush=True)
    if set(options.splits) == set(SPLITS):
        write_section("tuning", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
