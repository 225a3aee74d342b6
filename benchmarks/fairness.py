"""Who is served worse, and what social diffusion changes about it, on two public data sets.

    python benchmarks/fairness.py --data ../shared/data       # some minutes; its part of RESULTS.md
    python benchmarks/fairness.py --data ../shared/data --pages pages/   # and a page for each set

Douban-Book with the locations of users, Gowalla (CAPRI) with its groups of active users; items in
two groups, the most popular fifth by training rows and the rest. The base is ALS with the settings
of accuracy.json; the graph comes in by ``SocialDiffusion`` with everything "auto", and by a fixed
damping beside it, so that one sees what it would do where the hold-out leaves it out. All words
are those of ``suffuse evaluate``; nothing is chosen on test. Then the dial: the exponent of
``SpectralFilter``, judged on a hold-out of train, and FA*IR on the lists of the base.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import suffuse as sf
from suffuse.recsys import (
    adjusted_significance,
    group_table,
    minimum_protected,
    summary,
)

HERE = Path(__file__).parent
RESULTS, KEPT = HERE / "RESULTS.md", HERE / "accuracy.json"
BEGIN, END = "<!-- fairness: begin -->", "<!-- fairness: end -->"
K = 20
METRICS = [f"ndcg@{K}", f"recall@{K}", f"coverage@{K}", f"gini@{K}", f"long_tail@{K}"]
#: a damping that is much, to show what it does
FIXED = {"damping": 0.5, "memory": 0.0, "background": 0.03}
EXPONENTS = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
#: locations of fewer users are noise; activity groups are large
SMALLEST = {"gbsr_douban_book": 50, "capri_gowalla": 10}
TITLES = {
    "gbsr_douban_book": "Douban-Book, users by location",
    "capri_gowalla": "Gowalla (CAPRI), active users and others",
}


@dataclass(frozen=True)
class World:
    """One data set with its groups."""

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    social: pd.DataFrame
    users: pd.Series
    items: pd.Series

    def histories(self) -> pd.Series:
        """How many training rows each user of test has, in words."""
        counts = self.train.groupby("user_id").size()
        counts = counts.reindex(self.test["user_id"].unique()).fillna(0)
        words = ["no history", "1 to 5", "6 to 20", "21 to 100", "more than 100"]
        return pd.cut(counts, [-1, 0, 5, 20, 100, np.inf], labels=words).astype(str)

    def judge(
        self,
        recs: pd.DataFrame,
        baseline: pd.DataFrame | None = None,
        users: pd.Series | None = None,
    ) -> sf.Report:
        """Judge lists on test, by groups and along ties."""
        return sf.evaluate(
            recs,
            self.test,
            train=self.train,
            metrics=METRICS,
            user_groups=self.users if users is None else users,
            item_groups=self.items,
            social=self.social,
            baseline=baseline,
            min_group_size=SMALLEST[self.name],
        )


def load(data: Path, name: str) -> World:
    """Tables, the label of each user, and the popular fifth of the items."""
    split = sf.datasets.read_split_folder(data / name)
    if split.users is None or split.social is None:
        raise SystemExit(f"{name} must have users and social; look for another --data")
    users = split.users.set_index("user_id")
    if name == "capri_gowalla":
        labels = users["active_top20pct"].map({True: "active fifth", False: "others"})
    else:
        labels = users["location"].dropna().map(lambda code: f"location {int(code)}")
    counts = split.train["item_id"].value_counts()
    head = np.arange(len(counts)) < len(counts) / 5
    items = pd.Series(np.where(head, "popular fifth", "rest"), index=counts.index)
    return World(name, split.train, split.test, split.social, labels, items)


def lists(model: Any, world: World) -> pd.DataFrame:
    """Lists for everybody in test; popular ones for whom the model does not know."""
    asked = world.test["user_id"].unique()
    return model.recommend(asked, K, unknown_users="popular")


def measure(world: World, pages: Path | None) -> list[str]:
    """The section of one data set."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))[f"{world.name}/ALS"]["params"]
    auto = sf.SocialDiffusion(sf.ALS(**kept)).fit(world.train, social=world.social)
    fixed = sf.SocialDiffusion(sf.ALS(**kept), **FIXED).fit(world.train, social=world.social)
    base = lists(auto.base_, world)
    found = {"everything auto": lists(auto, world), "damping 0.5 for all": lists(fixed, world)}
    reports = {name: world.judge(recs, base) for name, recs in found.items()}
    alone = world.judge(base)
    lines = [f"### {TITLES[world.name]}", "", _size(world), "", "Without the graph:", ""]
    lines += _words(alone, "")
    for name, report in reports.items():
        dials = f"; chosen: damping {auto.damping_:g}, memory {auto.memory_:g}"
        lines += ["", f"With the graph, {name}{dials if name == 'everything auto' else ''}:", ""]
        lines += _words(report, "the same model without the graph", only="change")
    history = world.judge(found["everything auto"], base, world.histories())
    lines += ["", "The same users by their history in train, graph auto against no graph:", ""]
    for about in ("users", "change"):
        lines += _words(history, "the same model without the graph", only=about)
    lines += ["", *_measures({"without the graph": alone, **reports})]
    lines += ["", *_groups(reports["everything auto"], reports["damping 0.5 for all"])]
    lines += ["", *_dial(world), "", *_rerank(world, auto.base_, alone)]
    if pages is not None:
        pages.mkdir(parents=True, exist_ok=True)
        made = sf.report_page(
            reports["everything auto"],
            title=f"{TITLES[world.name]}: SocialDiffusion(ALS)",
            recs=found["everything auto"],
            train=world.train,
            baseline_recs=base,
            baseline="the same model without the graph",
            model=auto,
        )
        (pages / f"{world.name}.html").write_text(made, encoding="utf-8")
    return lines


def _size(world: World) -> str:
    labelled = world.users.reindex(world.test["user_id"].unique()).notna().mean()
    return (
        f"{len(world.train):,} training rows, {len(world.social):,} ties as listed, "
        f"{world.test['user_id'].nunique():,} users judged, {100 * labelled:.0f} % of them with a "
        f"label; groups of fewer than {SMALLEST[world.name]} users are not compared."
    )


def _words(report: sf.Report, baseline: str, only: str | None = None) -> list[str]:
    """The sentences of the evaluation, as a list."""
    said = summary(report, baseline=baseline)
    chosen = said if only is None else {only: said.get(only, ())}
    return [f"- {sentence}" for sentences in chosen.values() for sentence in sentences]


def _measures(reports: dict[str, sf.Report]) -> list[str]:
    """Accuracy and fairness of the lists side by side."""
    lines = ["| measure | " + " | ".join(reports) + " |", "|---" * (len(reports) + 1) + "|"]
    frames = {name: report.to_frame().set_index("metric") for name, report in reports.items()}
    for metric in METRICS:
        cells = [_cell(frame.loc[metric]) for frame in frames.values()]
        lines.append(f"| {metric} | {' | '.join(cells)} |")
    rows = {
        name: report.fairness_frame().set_index(["metric", "of"])
        for name, report in reports.items()
    }
    for metric in (
        "user_gap",
        "user_worst",
        "user_gini",
        "social_gap",
        "stranger_gap",
        "isolated_gap",
    ):
        key = (metric, METRICS[0])
        if all(key in frame.index for frame in rows.values()):
            cells = [_cell(frame.loc[key]) for frame in rows.values()]
            lines.append(f"| {metric} of {METRICS[0]} | {' | '.join(cells)} |")
    shares = [report.exposure.set_index("group")["exposure"]["rest"] for report in reports.values()]
    cells = [f"{share:.4f}" for share in shares]
    lines.append(f"| places of the less popular four fifths | {' | '.join(cells)} |")
    return lines


def _cell(row: pd.Series) -> str:
    if not np.isfinite(row["low"]):
        return "" if np.isnan(row["value"]) else f"{row['value']:.4f}"
    return f"{row['value']:.4f} ({row['low']:.4f} to {row['high']:.4f})"


def _groups(auto: sf.Report, fixed: sf.Report) -> list[str]:
    """The groups that are served worst and best, and what the graph does to them."""
    frame, other = group_table(auto, METRICS[0]), group_table(fixed, METRICS[0])
    frame = frame[frame["p_holm"].notna()]
    moved = other.set_index("group")
    shown = frame if len(frame) <= 8 else pd.concat([frame.head(5), frame.tail(3)])
    lines = [
        f"| group | users | {METRICS[0]} | against the others (95 %) | p (Holm) "
        "| graph, auto | graph, damping 0.5 (95 %) |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in shown.itertuples():
        there = moved.loc[row.group]
        p = "< 0.001" if row.p_holm < 0.001 else f"{row.p_holm:.3f}"
        lines.append(
            f"| {row.group} | {row.n_users:,} | {row.value:.4f} "
            f"| {row.difference:+.4f} ({row.low:+.4f} to {row.high:+.4f}) | {p} "
            f"| {row.change:+.4f} | {there['change']:+.4f} "
            f"({there['change_low']:+.4f} to {there['change_high']:+.4f}) |"
        )
    return lines


def _dial(world: World) -> list[str]:
    """The exponent of the spectral filter, on a hold-out of train."""
    model = sf.SpectralFilter(n_factors=0, low_pass=0.0)
    frontier = sf.fairness_frontier(
        model,
        {"exponent": EXPONENTS},
        world.train,
        accuracy=METRICS[0],
        fairness=f"gini@{K}",
        item_groups=world.items,
    )
    lines = [
        f"The dial, on a hold-out of train: the exponent of `SpectralFilter` (0 to niche items, 1 "
        f"to popular ones). `choose()`, which keeps 99 % of the best accuracy, takes "
        f"{frontier.choose()['exponent']:g}, and with 95 % "
        f"{frontier.choose(0.95)['exponent']:g}.",
        "",
        f"| exponent | {METRICS[0]} (95 %) | gini@{K} | places of the less popular four fifths "
        "| on the front |",
        "|---|---|---|---|---|",
    ]
    table = frontier.to_frame()
    for row, report in zip(table.itertuples(), frontier.reports, strict=True):
        share = report.exposure.set_index("group")["exposure"].get("rest", np.nan)
        lines.append(
            f"| {row.exponent:g} | {row.accuracy:.4f} ({row.accuracy_low:.4f} to "
            f"{row.accuracy_high:.4f}) | {row.fairness:.4f} | {share:.4f} "
            f"| {'yes' if row.pareto else 'no'} |"
        )
    return lines


def _rerank(world: World, base: Any, alone: sf.Report) -> list[str]:
    """FA*IR on longer lists of the base, with the rest of the items protected."""
    asked = world.test["user_id"].unique()
    long = base.recommend(asked, 200, unknown_users="popular")
    before = alone.exposure.set_index("group")["exposure"]["rest"]
    lines = [
        f"FA*IR on 200 candidates of the base: the less popular four fifths are protected, the "
        f"share of each list may fall below what is asked only as fair coins would "
        f"(significance .1, corrected). Before, they have {100 * before:.1f} % of the places.",
        "",
        f"| share asked | their places | {METRICS[0]} (95 %) | change (95 %) | users whose "
        "candidates hold too few | seconds |",
        "|---|---|---|---|---|---|",
    ]
    short = long[long["rank"] <= K]
    for share in (0.3, 0.5, 0.7):
        started = time.perf_counter()
        with warnings.catch_warnings():
            # how many users that is stands in the table
            warnings.filterwarnings("ignore", message="the candidates of", category=UserWarning)
            fair = sf.fair_top_k(
                long, world.items, protected="rest", share=share, k=K, shortage="warn"
            )
        seconds = time.perf_counter() - started
        least = minimum_protected(K, share, significance=adjusted_significance(K, share))[-1]
        held = fair["item_id"].map(world.items).eq("rest").groupby(fair["user_id"]).sum()
        report = world.judge(fair, short)
        value = report.to_frame().set_index("metric").loc[METRICS[0]]
        change = report.difference_frame().set_index("metric").loc[METRICS[0]]
        places = report.exposure.set_index("group")["exposure"]["rest"]
        lines.append(
            f"| {share:g} | {places:.4f} | {_cell(value)} | {change['value']:+.4f} "
            f"({change['low']:+.4f} to {change['high']:+.4f}) | {int((held < least).sum()):,} "
            f"| {seconds:.2f} |"
        )
    return lines


def machine() -> str:
    """Python and the packages, in one line."""
    packages = ("suffuse", "numpy", "scipy", "pandas", "implicit", "numba")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Python {platform.python_version()}, {versions}"


def write_results(sections: list[list[str]]) -> None:
    """Replace the part between the markers of RESULTS.md."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n".lstrip()
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    words = [
        "## Who is served worse, and what diffusion changes",
        "",
        f"`python benchmarks/fairness.py --data ../shared/data`. {machine()}. ALS with the "
        "settings of accuracy.json; intervals are over users. Sentences are those of "
        "`suffuse evaluate`.",
        "",
    ]
    body = "\n".join([*words, *("\n".join(section) + "\n" for section in sections)])
    RESULTS.write_text(f"{head}{BEGIN}\n\n{body}\n{END}{tail}", encoding="utf-8")


def main() -> None:
    """Measure every data set and write the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--sets", nargs="+", default=list(TITLES), choices=TITLES)
    parser.add_argument("--pages", type=Path, help="also write a page for each set to this folder")
    options = parser.parse_args()
    sections = []
    for name in options.sets:
        started = time.perf_counter()
        sections.append(measure(load(options.data, name), options.pages))
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    if set(options.sets) == set(TITLES):
        write_results(sections)
    else:
        print("\n".join("\n".join(section) for section in sections))


if __name__ == "__main__":
    main()
