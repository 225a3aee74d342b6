"""Every model on every split: tuned on a hold-out of train, judged once on test.

    python benchmarks/accuracy.py --data ../shared/data            # everything, about three hours
    python benchmarks/accuracy.py --data ../shared/data --splits gbsr_yelp --models ALS

For each split and model the hyper-parameters with the best NDCG@20 on a hold-out of the training
rows are found among those in ``GRIDS``: a random tenth of the rows is held out, and of all settings
the best eight meet on further hold-outs (five in all on small sets, two on large ones, one there
for EASE); the published validation rows serve where there are some. The model is then fitted on
all training rows, and its lists are judged on test.
``SocialDiffusion`` takes the base as tuned and chooses its own dials on its own hold-out of train.
Every pair runs in a process of its own, so that its peak memory is its own. What was found is kept
in ``benchmarks/accuracy.json``; the table goes to ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import suffuse as sf
from suffuse.recsys.sharing import sharing

HERE = Path(__file__).parent
KEPT = HERE / "accuracy.json"
RESULTS = HERE / "RESULTS.md"
SPLITS = (
    "lightgcn_lastfm",
    "hetrec_lastfm",
    "capri_gowalla",
    "gbsr_douban_book",
    "gbsr_yelp",
    "lightgcn_gowalla",
)
GRIDS: dict[str, list[dict[str, Any]]] = {
    "Popularity": [{}],
    "ALS": [
        {"n_factors": d, "confidence": c, "regularization": c * ratio}
        for d, c, ratio in itertools.product(
            (128, 256), (5.0, 10.0, 20.0), (2.0, 3.0, 4.5, 7.0, 10.0, 14.0)
        )
    ],
    "EASE": [{"regularization": r} for r in (50.0, 100.0, 200.0, 400.0)],
    "SpectralFilter": [
        {"n_factors": d, "low_pass": w, "exponent": s}
        for (d, w), s in itertools.product(
            ((0, 0.0), (64, 0.2), (256, 0.2), (256, 0.5), (512, 0.2)), (0.5, 0.6, 0.7, 0.8)
        )
    ],
}
#: around the best of the grid: popularity discounts, each with the penalty times a factor
REFINED = {
    "ALS": list(itertools.product((0.1, 0.2, 0.3, 0.4), (1.0, 1.3))),
    "EASE": list(itertools.product((0.2, 0.4), (1.0, 1.5))),
}
#: then, with the best of these, bounds of EASE's diagonal, which share one inverse
BOUNDS = (0.2, 0.3, 0.4, 0.5, 0.6)
BASES = ("ALS", "EASE", "SpectralFilter")
BLEND = "Blend(ALS, SpectralFilter)"
MODELS = (*GRIDS, BLEND, *(f"SocialDiffusion({base})" for base in BASES))
#: users of a hold-out that a setting is judged on, and settings that reach the second hold-out
JUDGED, FINALISTS = 8192, 8
#: Recall@20 / NDCG@20 of others on these very splits, for the table
PUBLISHED = {
    "lightgcn_lastfm": "LightGCN, rerun by its public code: .2690 / .2107",
    "gbsr_yelp": "GBSR (Yang et al., KDD 2024): .1243 / .0724",
    "gbsr_douban_book": "GBSR (Yang et al., KDD 2024): .1694 / .1532; SimGCL: .1742 / .1544",
    "lightgcn_gowalla": "ChebyCF (SIGIR 2025): .1941 / .1616; LightGCN (its README): .1824 / .1547",
}


def load(data: Path, name: str) -> tuple[Any, Any, Any, Any]:
    """Training rows, test rows, published validation rows or None, social graph or None."""
    folder = data / name
    if name == "hetrec_lastfm":
        rows = sf.datasets.read_interactions(
            folder / "interactions.parquet", columns={"user_id": "user", "item_id": "item"}
        )
        train, test = sf.datasets.split_random(rows.to_frame(), test_fraction=0.2, rng=0)
        graph = sf.datasets.read_social(
            folder / "social.parquet", columns={"source_id": "user", "target_id": "friend"}
        )
        return train, test, None, graph.to_frame()
    split = sf.datasets.read_split_folder(folder)
    return split.train, split.test, split.valid, split.social


def make(name: str, params: dict[str, Any]) -> Any:
    """An unfitted model by its name in the table."""
    if name == BLEND:
        parts = sf.ALS(**params["first"]), sf.SpectralFilter(**params["second"])
        return sf.Blend(*parts, weight=params["weight"])
    return getattr(sf, name)(**params)


def tune(
    name: str,
    train: pd.DataFrame,
    valid: pd.DataFrame | None,
    start: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The setting with the best mean NDCG@20 over the hold-outs, and all trials.

    With ``start`` (what an earlier run found) only its surroundings are searched.
    """
    if valid is not None:
        holdouts = [(train, valid)]
    else:
        # an inversion of EASE on a large set takes minutes: one hold-out must do there
        large = 1 if name == "EASE" else 2
        seeds = range(5 if len(train) < 100_000 else large)
        holdouts = [sf.datasets.split_random(train, test_fraction=0.1, rng=seed) for seed in seeds]
    values: dict[int, list[float]] = {place: [] for place in range(len(GRIDS[name]))}
    left = list(values)
    if start is None:
        for rest, held in holdouts:
            for place in left:
                values[place].append(held_out_quality(name, GRIDS[name][place], rest, held))
            left = sorted(left, key=lambda place: -float(np.mean(values[place])))[:FINALISTS]
        start = GRIDS[name][left[0]]
    trials = [{"params": GRIDS[name][p], "ndcg@20": found} for p, found in values.items() if found]
    near = [start, *(refinement(start, *step) for step in REFINED.get(name, ()))]
    if "popularity_discount" in start and name == "EASE":
        # an earlier run has refined it already: only the bounds are left
        near = [start]
    for params in near if name in REFINED else ():
        found = [held_out_quality(name, params, rest, held) for rest, held in holdouts]
        trials.append({"params": params, "ndcg@20": found, "refined": True})
    refined = [trial for trial in trials if trial.get("refined")]
    best = max(refined, key=lambda trial: np.mean(trial["ndcg@20"]), default={"params": start})
    if name == "EASE":
        bounded = [best, *bounded_trials(best["params"], holdouts)]
        trials += bounded[1:]
        best = max(bounded, key=lambda trial: np.mean(trial["ndcg@20"]))
    return {"params": best["params"], "trials": trials}


def bounded_trials(params: dict[str, Any], holdouts: list[Any]) -> list[dict[str, Any]]:
    """The same setting with each bound of the diagonal; the inverse is made once a hold-out."""
    trials = [{"params": params | {"diagonal_bound": b}, "ndcg@20": []} for b in BOUNDS]
    for rest, held in holdouts:
        with sharing():
            table = sf.datasets.as_interactions(rest)
            for trial in trials:
                trial["ndcg@20"].append(held_out_quality("EASE", trial["params"], table, held))
    return trials


def refinement(start: dict[str, Any], discount: float, factor: float) -> dict[str, Any]:
    """A setting beside ``start``."""
    penalty = start["regularization"] * factor
    return start | {"popularity_discount": discount, "regularization": penalty}


def held_out_quality(name: str, params: dict[str, Any], train: Any, valid: pd.DataFrame) -> float:
    """NDCG@20 on the held-out rows of at most ``JUDGED`` users."""
    users = np.unique(valid["user_id"])
    if len(users) > JUDGED:
        users = np.sort(np.random.default_rng(0).choice(users, JUDGED, replace=False))
        valid = valid[valid["user_id"].isin(users)]
    recs = make(name, params).fit(train).recommend(users, 20, unknown_users="popular")
    value = float(sf.evaluate(recs, valid, metrics=["ndcg@20"]).to_frame()["value"][0])
    print(f"  {name} {params} {value:.4f}", file=sys.stderr, flush=True)
    return value


def measure(data: Path, split: str, name: str, params: dict[str, Any]) -> dict[str, Any]:
    """Fit on all training rows, recommend to everybody, judge on test; seconds and memory."""
    train, test, _, social = load(data, split)
    started = time.perf_counter()
    if name.startswith("SocialDiffusion"):
        model = sf.SocialDiffusion(make(name[len("SocialDiffusion(") : -1], params))
        model.fit(train, social=social)
    else:
        model = make(name, params).fit(train)
    fitted = time.perf_counter()
    recs = model.recommend(k=20)
    seconds = (fitted - started, time.perf_counter() - fitted)
    # in KB on Linux; taken before the evaluation, whose memory is not the model's
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    unknown = np.setdiff1d(test["user_id"].unique(), model.user_ids_)
    if len(unknown):
        recs = pd.concat([recs, model.recommend(unknown, 20, unknown_users="popular")])
    baseline = None
    if name.startswith("SocialDiffusion"):
        everybody = np.intersect1d(test["user_id"].unique(), model.user_ids_)
        # the base alone, fitted on the same rows: its lists are what the graph changes
        baseline = model.base_.recommend(everybody, 20)
    report = sf.evaluate(
        recs, test, train=train, metrics=["recall@20", "ndcg@20", "coverage@20"], baseline=baseline
    )
    values = report.to_frame().set_index("metric")
    found = {
        "recall": values["value"]["recall@20"],
        "ndcg": values["value"]["ndcg@20"],
        "ndcg_low": values["low"]["ndcg@20"],
        "ndcg_high": values["high"]["ndcg@20"],
        "coverage": values["value"]["coverage@20"],
        "fit_seconds": seconds[0],
        "recommend_seconds": seconds[1],
        "peak_mb": peak,
    }
    if baseline is not None:
        change = report.difference_frame().set_index("metric")
        found["gain"] = [float(change[side]["ndcg@20"]) for side in ("value", "low", "high")]
        found["dials"] = {
            dial: getattr(model, f"{dial}_")
            for dial in ("damping", "evidence", "memory", "cold_damping", "cold_memory")
        } | {"background": model.background_}
        found["ablation"] = model.ablation_.to_dict("records")
    return found


def run_one(
    data: Path, split: str, name: str, kept: dict[str, Any], *, refine: bool
) -> dict[str, Any]:
    """Tune where that is to be done, then measure; called in a process of its own."""
    if name.startswith("SocialDiffusion"):
        base = name[len("SocialDiffusion(") : -1]
        return {"params": kept[f"{split}/{base}"]["params"]}
    train, _, valid, _ = load(data, split)
    start = kept[f"{split}/{name}"]["params"] if refine else None
    return tune(name, train, valid, start)


def child(arguments: list[str]) -> dict[str, Any]:
    """The JSON that a process of this script prints."""
    command = [sys.executable, str(Path(__file__)), *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(result.stdout.splitlines()[-1]))


def machine() -> str:
    """Processor, threads and versions, in one line."""
    packages = ("suffuse", "numpy", "scipy", "pandas", "implicit", "numba", "scikit-learn")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    threads = len(os.sched_getaffinity(0))
    return f"Python {platform.python_version()}, {versions}; {threads} threads, shared machine"


def table(kept: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = []
    for split in SPLITS:
        rows = [(name, kept.get(f"{split}/{name}")) for name in MODELS]
        if not any(row and "recall" in row for _, row in rows):
            continue
        published = PUBLISHED.get(split, "none with this protocol")
        lines += [
            f"### {split}",
            "",
            f"Published (Recall@20 / NDCG@20, the epoch often picked on test): {published}.",
            "",
            "| model | Recall@20 | NDCG@20 (95 %) | coverage | graph's gain in NDCG (95 %) "
            "| fit s | all lists s | peak MB | setting |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        lines += [_row(name, row) for name, row in rows if row and "recall" in row]
        lines.append("")
    return "\n".join(lines)


def _row(name: str, row: dict[str, Any]) -> str:
    gain = ""
    if "gain" in row:
        gain = "{:+.4f} ({:+.4f} to {:+.4f})".format(*row["gain"])
    setting = row.get("dials") or row["params"]
    words = ", ".join(
        f"{key} {value:g}" for key, value in setting.items() if isinstance(value, int | float)
    )
    return (
        f"| {name} | {row['recall']:.4f} | {row['ndcg']:.4f} "
        f"({row['ndcg_low']:.4f} to {row['ndcg_high']:.4f}) | {row['coverage']:.3f} | {gain} "
        f"| {row['fit_seconds']:.1f} | {row['recommend_seconds']:.1f} | {row['peak_mb']:.0f} "
        f"| {words} |"
    )


def write_results(kept: dict[str, Any]) -> None:
    """Put the table into RESULTS.md."""
    words = (
        "## Accuracy\n\n`python benchmarks/accuracy.py --data ../shared/data`\n\n"
        "Settings were found on hold-outs of train, none by its value on test; how often test was "
        "seen on the way stands in LOG.md. The graph's gain is the "
        "paired difference to the same model without the graph. Peak memory is that of the process "
        "with its libraries and tables. The settings of ALS, EASE and the blend on "
        "lightgcn_gowalla were found by hand on hold-outs of train (LOG.md), "
        "not by this command.\n\n"
    )
    write_section("accuracy", f"{words}{machine()}\n\n{table(kept)}")


def write_section(name: str, text: str) -> None:
    """Replace what stands between the markers of a section of RESULTS.md, or add it at the end."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    page = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results\n"
    if begin not in page:
        page += f"\n{begin}\n{end}\n"
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    RESULTS.write_text(f"{head}{begin}\n\n{text}\n{end}{tail}", encoding="utf-8")


def main() -> None:
    """Run what was asked for, in one process per split and model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), choices=SPLITS)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--keep-settings", action="store_true", help="do not tune again")
    parser.add_argument("--refine", action="store_true", help="start from the kept settings")
    parser.add_argument("--one", choices=("tune", "measure"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    if options.one:
        split, name = options.splits[0], options.models[0]
        if options.one == "tune":
            print(json.dumps(run_one(options.data, split, name, kept, refine=options.refine)))
        else:
            print(json.dumps(measure(options.data, split, name, kept[f"{split}/{name}"]["params"])))
        return
    for split, name in itertools.product(options.splits, options.models):
        key = f"{split}/{name}"
        # no graph there; and the blend was found by hand, for this set alone (LOG.md)
        if name.startswith("SocialDiffusion") and split == "lightgcn_gowalla":
            continue
        if name == BLEND and key not in kept:
            continue
        job = ["--data", str(options.data), "--splits", split, "--models", name]
        job += ["--refine"] if options.refine else []
        if not (name == BLEND or (options.keep_settings and key in kept)):
            kept[key] = child([*job, "--one", "tune"])
            KEPT.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        kept[key] |= child([*job, "--one", "measure"])
        KEPT.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        write_results(kept)
        print(_row(name, kept[key]), flush=True)


if __name__ == "__main__":
    main()
