"""Users of whom little is known: with no interactions, and with one, two or five.

    python benchmarks/cold.py --data ../shared/data               # some 25 minutes
    python benchmarks/cold.py --data ../shared/data --draws 2 --splits lightgcn_lastfm

In each draw a tenth of the users who have ties lose all their training rows (or, in a second fit,
all but one, two or five), and what they lost is the truth. Test rows are not read. ALS has the
settings of ``benchmarks/accuracy.json`` (found on hold-outs of train); everything else is "auto",
chosen anew in every draw without the users who are judged. Newcomers are the users without
interactions once more, left out of table and graph, and given by their ties at recommend time.
The table goes to ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accuracy import KEPT, machine, write_section
from scipy import stats

import suffuse as sf

HERE = Path(__file__).parent
SPLITS = ("lightgcn_lastfm", "gbsr_yelp", "gbsr_douban_book")
#: Recall@20 of users without interactions that issue 4 asks for
MARKS = {
    "lightgcn_lastfm": ".145",
    "gbsr_yelp": ".098",
    "gbsr_douban_book": "popularity",
}
SHARE, KEPT_ITEMS, LENGTH = 0.1, (1, 2, 5), 20


def measure_cold(train: pd.DataFrame, social: pd.DataFrame, base: Any, seed: int) -> list[dict]:
    """One draw of users without interactions: Recall and NDCG under every model."""
    rest, cold = sf.datasets.split_cold_users(train, fraction=SHARE, social=social, rng=seed)
    users = cold["user_id"].unique()
    model = sf.SocialDiffusion(base).fit(rest, social=social)
    popular = sf.Popularity().fit(rest)
    lists = {
        "popularity": popular.recommend(users, LENGTH, unknown_users="popular"),
        "with the graph": model.recommend(users, LENGTH),
    }
    rows = [_row("0", name, recs, cold, seed) for name, recs in lists.items()]
    ends = social[["source_id", "target_id"]].isin(set(users)).to_numpy()
    stayed = social[~ends.any(axis=1)]
    without = sf.SocialDiffusion(base, settings=model.settings_).fit(rest, social=stayed)
    # friends who are newcomers themselves know nothing; their ties count all the same
    ties = social[ends.any(axis=1)]
    recs = without.recommend(users, LENGTH, social=ties)
    rows.append(_row("0", "as newcomers", recs, cold, seed))
    return rows


def measure_few(train: pd.DataFrame, social: pd.DataFrame, base: Any, seed: int) -> list[dict]:
    """One draw of users with one, two or five interactions."""
    rest, held, kept = keep_few(train, social, seed)
    model = sf.SocialDiffusion(base).fit(rest, social=social)
    popular = sf.Popularity().fit(rest)
    rows = []
    for count in KEPT_ITEMS:
        users = kept.index[kept == count].to_numpy()
        truth = held[held["user_id"].isin(set(users))]
        lists = {
            "popularity": popular.recommend(users, LENGTH),
            "base": model.base_.recommend(users, LENGTH),
            "with the graph": model.recommend(users, LENGTH),
        }
        rows += [_row(str(count), name, recs, truth, seed) for name, recs in lists.items()]
    return rows


def keep_few(
    train: pd.DataFrame, social: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """What is left, what is hidden, and how many rows each chosen user keeps."""
    rng = np.random.default_rng(seed)
    shuffled = train.iloc[rng.permutation(len(train))]
    tied = np.unique(social[["source_id", "target_id"]].to_numpy())
    counts = shuffled["user_id"].value_counts()
    able = np.sort(counts.index[counts > max(KEPT_ITEMS)])
    candidates = rng.permutation(able[np.isin(able, tied)])
    chosen = candidates[: round(SHARE * len(candidates))]
    kept = pd.Series(np.resize(KEPT_ITEMS, len(chosen)), index=chosen)
    place = shuffled.groupby("user_id").cumcount()
    hidden = place >= shuffled["user_id"].map(kept).fillna(np.inf)
    return shuffled[~hidden], shuffled[hidden], kept


def _row(items: str, model: str, recs: pd.DataFrame, truth: pd.DataFrame, seed: int) -> dict:
    names = [f"recall@{LENGTH}", f"ndcg@{LENGTH}"]
    values = sf.evaluate(recs, truth, metrics=names).to_frame().set_index("metric")["value"]
    return {"items": items, "model": model, "draw": seed} | dict(
        zip(("recall", "ndcg"), values[names], strict=True)
    )


def interval(values: pd.Series) -> str:
    """Mean over draws with the 95 % interval of Student's t."""
    mean = values.mean()
    if len(values) < 2:
        return f"{mean:.4f}"
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{mean:.4f} ({mean - half:.4f} to {mean + half:.4f})"


def table(found: dict[str, pd.DataFrame]) -> str:
    """The results as Markdown."""
    lines = [
        "## Users of whom little is known",
        "",
        "`python benchmarks/cold.py --data ../shared/data`",
        "",
        "A tenth of the users with ties lose all their training rows, or all but 1, 2 or 5; the "
        "lost rows are the truth. Means over draws with 95 % intervals of Student's t; base: ALS "
        "with the settings of accuracy.json; everything else chosen in each draw.",
        "",
        machine(),
        "",
    ]
    for split, rows in found.items():
        lines += [
            f"### {split} (mark for Recall@20 without items: {MARKS[split]})",
            "",
            "| items left | model | draws | Recall@20 | NDCG@20 |",
            "|---|---|---|---|---|",
        ]
        for (items, model), part in rows.groupby(["items", "model"], sort=False):
            lines.append(
                f"| {items} | {model} | {len(part)} | {interval(part['recall'])} "
                f"| {interval(part['ndcg'])} |"
            )
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run the draws of the splits that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), choices=SPLITS)
    parser.add_argument("--draws", type=int, default=10, help="of users without interactions")
    parser.add_argument("--few-draws", type=int, default=3, help="of users with few")
    options = parser.parse_args()
    settings = json.loads(KEPT.read_text(encoding="utf-8"))
    found = {}
    for split in options.splits:
        data = sf.datasets.read_split_folder(options.data / split)
        base = sf.ALS(**settings[f"{split}/ALS"]["params"])
        rows: list[dict] = []
        for seed in range(options.draws):
            started = time.perf_counter()
            rows += measure_cold(data.train, data.social, base, seed)
            if seed < options.few_draws:
                rows += measure_few(data.train, data.social, base, seed)
            print(f"{split} draw {seed}: {time.perf_counter() - started:.0f} s", flush=True)
        found[split] = pd.DataFrame(rows)
        means = found[split].groupby(["items", "model"], sort=False)[["recall", "ndcg"]].mean()
        print(means.round(4).to_string(), flush=True)
    if set(options.splits) == set(SPLITS):
        write_section("cold", table(found))


if __name__ == "__main__":
    main()
