"""Exact top-20 lists: ours, implicit's topk, torch and the bare matrix product, in one run.

    python benchmarks/topk.py               # some minutes; writes its part of RESULTS.md

4,096 users, their seen items left out. Factors: implicit's ALS with 64 factors on the Gowalla split
of LightGCN, with the regularization and confidence that serve it here and with implicit's own;
and 100,000 random items x 64, normal rows times a size: log-normal(0, 1), Pareto(2) + 1, one size
for all but for the normal spread of lengths, and exactly one length, where nothing can be pruned.

"Bare" is ``np.dot`` into an array that is there already, on two BLAS threads, without any
selection; torch masks by a sparse index and sorts by ``topk``; implicit runs on two threads with
BLAS held to one, as it asks for. Ours counts the index of the items in, which a fitted model makes
once. Everything is repeated in turns and the best time of each counts.

Lists are compared with implicit's and with a full sort in double precision: places where two
scores differ by less than the rounding of single precision may be told apart by either, and are
counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from accuracy import machine, write_section
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.topk import topk as implicit_topk
from scipy import sparse
from threadpoolctl import threadpool_limits

import suffuse as sf
from suffuse.recsys import pruned_topk
from suffuse.recsys.execution import map_batches
from suffuse.recsys.pruned_topk import BLOCK, USERS, ItemIndex, pruned_top_k

HERE = Path(__file__).parent
K, N_USERS, N_ITEMS, WIDTH, THREADS = 20, 4096, 100_000, 64, 2
ALS = {"reg 30, alpha 10": (30.0, 10.0), "implicit's defaults": (0.01, 1.0)}


class Case(NamedTuple):
    """Factors and what the users have seen."""

    name: str
    users: Any
    items: Any
    seen: Any


def gowalla(data: Path) -> Iterator[Case]:
    """ALS factors of a real table; users are drawn by a seed."""
    split = sf.datasets.read_split_folder(data / "lightgcn_gowalla")
    table = sf.datasets.Interactions.from_frame(split.train)
    # implicit writes into its input
    rows = sparse.csr_matrix(table.matrix, dtype=np.float32, copy=True)
    drawn = np.sort(np.random.default_rng(0).choice(rows.shape[0], N_USERS, replace=False))
    for name, (regularization, alpha) in ALS.items():
        model = AlternatingLeastSquares(
            WIDTH, regularization=regularization, alpha=alpha, random_state=0, num_threads=THREADS
        )
        with threadpool_limits(1, "blas"):
            model.fit(rows, show_progress=False)
        users = np.ascontiguousarray(model.user_factors[drawn])
        yield Case(f"Gowalla ALS, {name}", users, np.asarray(model.item_factors), rows[drawn])


def random_factors() -> Iterator[Case]:
    """Normal rows, and the sizes that they are multiplied by."""
    rng = np.random.default_rng(0)
    seen = sparse.random(N_USERS, N_ITEMS, 5e-4, format="csr", dtype=np.float32, random_state=0)
    sizes = {
        "log-normal(0, 1)": rng.lognormal(0.0, 1.0, N_ITEMS),
        "Pareto(2) + 1": rng.pareto(2.0, N_ITEMS) + 1.0,
        "normal": np.ones(N_ITEMS),
        "equal lengths": None,
    }
    for name, size in sizes.items():
        items = rng.standard_normal((N_ITEMS, WIDTH))
        scale = 1.0 / np.linalg.norm(items, axis=1) if size is None else size
        users = rng.standard_normal((N_USERS, WIDTH)).astype(np.float32)
        yield Case(f"random, {name}", users, (items * scale[:, None]).astype(np.float32), seen)


def ours(case: Case) -> Any:
    """The index of the items and the lists, batch by batch in threads."""
    index = ItemIndex.of(case.items)
    parts = map_batches(
        lambda rows: pruned_top_k(case.users[rows], index, K, rows=rows, seen=case.seen),
        np.arange(len(case.users)),
        row_bytes=64 * 2**20 // USERS,
        n_jobs=THREADS,
        stage="lists",
    )
    return tuple(np.concatenate(one) for one in zip(*parts, strict=True))


def theirs(case: Case) -> Any:
    """implicit."""
    with threadpool_limits(1, "blas"):
        return implicit_topk(
            case.items, case.users, K, filter_query_items=case.seen, num_threads=THREADS
        )


def by_torch(case: Case) -> Any:
    """A dense product of 512 users at a time, seen scores replaced, the best selected."""
    import torch

    torch.set_num_threads(THREADS)
    items = torch.from_numpy(np.ascontiguousarray(case.items)).T
    found = []
    for start in range(0, len(case.users), 512):
        scores = torch.mm(torch.from_numpy(case.users[start : start + 512]), items)
        part = case.seen[start : start + 512].tocoo()
        scores[torch.from_numpy(part.row).long(), torch.from_numpy(part.col).long()] = -torch.inf
        found.append(torch.topk(scores, K).indices.numpy())
    return (np.concatenate(found),)


def race(runners: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Best seconds of each, in turns; the first round warms up and does not count."""
    best = dict.fromkeys(runners, float("inf"))
    for turn in range(rounds + 1):
        for name, run in runners.items():
            started = time.perf_counter()
            run()
            if turn:
                best[name] = min(best[name], time.perf_counter() - started)
    return best


def multiplied_share(case: Case) -> float:
    """Share of all pairs that the product of our blocks looks at."""
    made = 0
    index = ItemIndex.of(case.items)
    scan = pruned_topk.scan_block

    def counting(products: Any, *rest: Any) -> Any:
        nonlocal made
        made += products.size
        return scan(products, *rest)

    pruned_topk.scan_block = counting
    try:
        for start in range(0, len(case.users), USERS):
            rows = np.arange(start, min(start + USERS, len(case.users)))
            pruned_top_k(case.users[rows], index, K, rows=rows, seen=case.seen)
    finally:
        pruned_topk.scan_block = scan
    return made / (len(case.users) * len(case.items))


def differences(case: Case, lists: Any) -> tuple[int, int]:
    """Places that differ from a full sort in double precision, and those beyond rounding."""
    places = beyond = 0
    items = case.items.astype(np.float64)
    for start in range(0, len(case.users), 256):
        scores = case.users[start : start + 256].astype(np.float64) @ items.T
        seen = case.seen[start : start + 256].tocoo()
        scores[seen.row, seen.col] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        found = lists[start : start + 256]
        apart = order != found
        places += int(apart.sum())
        gap = np.take_along_axis(scores, order, 1) - np.take_along_axis(scores, found, 1)
        reach = np.linalg.norm(case.users[start : start + 256], axis=1).max()
        rounding = 2.0**-23 * reach * np.linalg.norm(items, axis=1).max()
        beyond += int((apart & (np.abs(gap) > rounding)).sum())
    return places, beyond


def measure(case: Case, rounds: int) -> str:
    """One row of the table."""
    room = np.empty((len(case.users), len(case.items)), np.float32)

    def bare() -> None:
        with threadpool_limits(THREADS, "blas"):
            np.dot(case.users, case.items.T, out=room)

    runners = {
        "bare": bare,
        "implicit": lambda: theirs(case),
        "torch": lambda: by_torch(case),
        "ours": lambda: ours(case),
    }
    seconds = race(runners, rounds)
    lists, _ = ours(case)
    places, beyond = differences(case, lists)
    apart = int((theirs(case)[0] != lists).sum())
    per_user = {name: 1e6 * spent / len(case.users) for name, spent in seconds.items()}
    cells = [f"{per_user[name]:.1f}" for name in runners]
    return (
        f"| {case.name} | {' | '.join(cells)} | {seconds['implicit'] / seconds['ours']:.1f} | "
        f"{seconds['ours'] / seconds['bare']:.2f} | {multiplied_share(case):.1%} | "
        f"{apart} | {places} ({beyond}) |"
    )


def main() -> None:
    """Measure all cases and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    lines = [
        "| factors | bare product | implicit | torch | ours | implicit / ours | ours / bare | "
        "pairs multiplied | places unlike implicit's | unlike a float64 sort (beyond rounding) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for cases in (gowalla(options.data), random_factors()):
        for case in cases:
            lines.append(measure(case, options.rounds))
            print(lines[-1], flush=True)
    words = (
        "## Exact top-20 of 4,096 users, seen items left out\n\n"
        f"Microseconds a user on {THREADS} threads, best of {options.rounds} in turns "
        "(`python benchmarks/topk.py`). Ours includes the index of the items; blocks of "
        f"{BLOCK} items, {USERS} users. A place where lists differ counts once; {K} places a "
        f"user.\n\n{machine()}\n\n"
    )
    write_section("topk", words + "\n".join(lines))


if __name__ == "__main__":
    main()
