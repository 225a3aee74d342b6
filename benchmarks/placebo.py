"""A placebo: the real tables with a graph in which nobody's friends are their own.

    python benchmarks/placebo.py --data ../shared/data            # some ten minutes

Every tie keeps one end and gets the other end of another tie, drawn at random, so everybody keeps
their number of ties while friendship says nothing about taste. "auto" must find nothing then; and
the dials that the true graph earned, applied to the placebo, must not gain either. Judged on test,
by the paired difference of NDCG@20 to the base. The table goes to ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accuracy import KEPT, machine, write_section

import suffuse as sf

HERE = Path(__file__).parent
SPLITS = ("lightgcn_lastfm", "gbsr_yelp", "gbsr_douban_book")


def rewired(social: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The ties with one end shuffled; degrees stay, up to repeated ties and self ties.

    The tables list a tie once for each end. Both rows shuffled apart would be two new ties.
    """
    rng = np.random.default_rng(seed)
    ends = np.unique(np.sort(social[["source_id", "target_id"]].to_numpy(), axis=1), axis=0)
    # which end is kept is drawn as well, for the smaller id is no random one of the two
    ends = rng.permuted(ends, axis=1)
    return pd.DataFrame({"source_id": ends[:, 0], "target_id": rng.permutation(ends[:, 1])})


def gain(model: Any, base_recs: pd.DataFrame, data: Any) -> list[float]:
    """Mean paired difference of NDCG@20 on test, with its 95 % interval."""
    users = np.intersect1d(data.test["user_id"].unique(), data.train["user_id"].unique())
    report = sf.evaluate(
        model.recommend(users, 20), data.test, metrics=["ndcg@20"], baseline=base_recs
    )
    return report.difference_frame()[["value", "low", "high"]].iloc[0].tolist()


def measure(data: Any, base: Any, seeds: range) -> list[dict[str, Any]]:
    """The true graph, then a placebo per seed: "auto", and the dials of the true graph."""
    true = sf.SocialDiffusion(base).fit(data.train, social=data.social)
    users = np.intersect1d(data.test["user_id"].unique(), data.train["user_id"].unique())
    base_recs = true.base_.recommend(users, 20)
    rows = [_row("the true graph, auto", true, gain(true, base_recs, data))]
    for seed in seeds:
        placebo = rewired(data.social, seed)
        auto = sf.SocialDiffusion(base).fit(data.train, social=placebo)
        rows.append(_row(f"placebo {seed}, auto", auto, gain(auto, base_recs, data)))
        forced = sf.SocialDiffusion(base, settings=true.settings_)
        forced.fit(data.train, social=placebo)
        words = f"placebo {seed}, dials of the true graph"
        rows.append(_row(words, forced, gain(forced, base_recs, data)))
    return rows


def _row(graph: str, model: Any, change: list[float]) -> dict[str, Any]:
    return {
        "graph": graph,
        "damping": model.damping_,
        "memory": model.memory_,
        "few_damping": model.few_damping_,
        "few_memory": model.few_memory_,
        "gain": "{:+.4f} ({:+.4f} to {:+.4f})".format(*change),
    }


def main() -> None:
    """Run the splits that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), choices=SPLITS)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    settings = json.loads(KEPT.read_text(encoding="utf-8"))
    lines = [
        "## A placebo: random ties with the true numbers of ties",
        "",
        "`python benchmarks/placebo.py --data ../shared/data`",
        "",
        "Base: ALS with the settings of accuracy.json. Gain: paired difference of NDCG@20 to the "
        "base on test, with its 95 % interval. (Few: users with one to five items.)",
        "",
        machine(),
        "",
        "| split | graph | damping, memory | few: damping, memory | gain in NDCG@20 |",
        "|---|---|---|---|---|",
    ]
    for split in options.splits:
        data = sf.datasets.read_split_folder(options.data / split)
        base = sf.ALS(**settings[f"{split}/ALS"]["params"])
        for row in measure(data, base, range(options.seeds)):
            lines.append(
                f"| {split} | {row['graph']} | {row['damping']:g}, {row['memory']:g} "
                f"| {row['few_damping']:g}, {row['few_memory']:g} | {row['gain']} |"
            )
            print(lines[-1], flush=True)
    if set(options.splits) == set(SPLITS):
        write_section("placebo", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
