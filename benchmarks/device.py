"""Propagation and exact lists by torch on a CUDA device, beside PyG, implicit's GPU and the CPU.

    pip install "suffuse[train]" torch_geometric
    python benchmarks/device.py                 # some minutes; writes its part of RESULTS.md
    python benchmarks/device.py --device cpu    # a rehearsal, small; writes nothing

Propagation, float32: 200,000 nodes with 20 ties each and a million with 40, 64 columns. A product
with P has its numbers on the device already; a filter (damping .3, tolerance 1e-4) counts the way
there and back, as a fit does. PyG is ``MessagePassing.propagate`` with the weights of P as edge
weights. Lists: the top 20 of 100,000 items x 64 factors (normal rows times log-normal sizes) for
65,536 users, some 50 seen items of each left out; all counts from arrays on the CPU to lists on
the CPU, our index of the items included. ``implicit.gpu`` takes the same factors on the device.

Everything is repeated in turns and the best of each counts. Lists must be those of the CPU to the
last bit, or nothing is written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from accuracy import machine, write_section
from propagation import graph
from scipy import sparse

from suffuse.diffusion import PropagationOperator
from suffuse.recsys.device_diffusion import diffused_on
from suffuse.recsys.device_lists import DeviceSearch
from suffuse.recsys.execution import BATCH_BYTES, map_batches
from suffuse.recsys.on_device import full_precision
from suffuse.recsys.pruned_topk import USERS, ItemIndex, pruned_top_k

COLUMNS, K, TURNS = 64, 20, 5
DAMPING, TOL = 0.3, 1e-4
WHOLE = {"graphs": ((200_000, 20), (1_000_000, 40)), "users": 65_536, "items": 100_000}
SMALL = {"graphs": ((20_000, 20),), "users": 2_048, "items": 10_000}


def in_turns(jobs: dict[str, Callable[[], Any]], wait: Callable[[], None]) -> dict[str, float]:
    """Seconds of each job, the best of its turns; each has one before that does not count.

    A job for which the device has no room is left out.
    """
    import torch

    best: dict[str, float] = dict.fromkeys(jobs, float("inf"))
    for turn in range(TURNS + 1):
        for name, job in jobs.items():
            if name not in best:
                continue
            wait()
            started = time.perf_counter()
            try:
                job()
            except torch.OutOfMemoryError:
                del best[name]
                continue
            wait()
            if turn:
                best[name] = min(best[name], time.perf_counter() - started)
    return best


def passing(matrix: Any, device: str) -> Callable[[Any], Any] | None:
    """A step of PyG with the weights of P; None where it is not installed."""
    if find_spec("torch_geometric") is None:
        return None
    import torch
    from torch_geometric.nn import MessagePassing

    class Step(MessagePassing):
        """``sum_v P_uv x_v``."""

        def forward(self, x: Any, edge_index: Any, weight: Any) -> Any:
            """One step."""
            return self.propagate(edge_index, x=x, weight=weight)

        def message(self, x_j: Any, weight: Any) -> Any:
            """What goes along a tie."""
            return weight[:, None] * x_j

    ties = matrix.tocoo()
    # PyG's messages go from the first row to the second
    edges = torch.tensor(np.stack([ties.col, ties.row]).astype(np.int64), device=device)
    weight, step = torch.tensor(ties.data, device=device), Step(aggr="add").to(device)
    return lambda x: step(x, edges, weight)


def products(n: int, ties: int, device: str, wait: Callable[[], None]) -> dict[str, float]:
    """Seconds of a product with P and of a whole filter."""
    import torch

    from suffuse.training.propagate import TorchOperator, csr

    operator = PropagationOperator(graph(n, ties, weighted=False), "symmetric")
    x = np.random.default_rng(1).standard_normal((n, COLUMNS)).astype(np.float32)
    matrix: Any = operator.to_sparse().astype(np.float32)
    parts = (torch.tensor(part) for part in (matrix.indptr, matrix.indices, matrix.data))
    by_torch, dense = csr(*parts, n), torch.tensor(x)
    held, there = TorchOperator(operator, device=device), torch.tensor(x, device=device)
    pyg = passing(matrix, device)
    jobs: dict[str, Callable[[], Any]] = {
        "ours, CPU": lambda: operator.apply(x),
        "torch CSR, CPU": lambda: by_torch @ dense,
        "ours, device": lambda: held.apply_step(there),
    }
    if pyg is not None:
        jobs["PyG, device"] = lambda: pyg(there)
    expected = operator.apply(x)
    for name, job in jobs.items():
        try:
            found = job()
        except torch.OutOfMemoryError:
            continue
        gap = np.abs(np.asarray(found.cpu() if hasattr(found, "cpu") else found) - expected).max()
        if not gap <= 200 * np.finfo(np.float32).eps:
            raise SystemExit(f"{name} is {gap} from the product of the CPU")
    jobs["filter, CPU"] = lambda: operator.diffuse(x, DAMPING, tol=TOL)
    jobs["filter, device"] = lambda: diffused_on(device, operator, x, DAMPING, tol=TOL)
    apart = jobs["filter, device"]() - jobs["filter, CPU"]()
    share = np.linalg.norm(apart, axis=0) / np.linalg.norm(x, axis=0)
    if not share.max() <= 2 * TOL + 1e-6:
        raise SystemExit(f"the filters differ by {share.max()} of a column, more than {2 * TOL}")
    return in_turns(jobs, wait)


def lists(n_users: int, n_items: int, device: str, wait: Callable[[], None]) -> Any:
    """Seconds of the lists, and how many users were left to pruning on the CPU."""
    rng = np.random.default_rng(0)
    items = rng.standard_normal((n_items, COLUMNS)) * rng.lognormal(0.0, 1.0, (n_items, 1))
    items = items.astype(np.float32)
    users = rng.standard_normal((n_users, COLUMNS)).astype(np.float32)
    cells = (np.repeat(np.arange(n_users), 50), rng.integers(0, n_items, 50 * n_users))
    shape = (n_users, n_items)
    seen = sparse.csr_array((np.ones(len(cells[0]), np.float32), cells), shape=shape)

    def made(top_k: Any, row_bytes: int) -> Any:
        index = ItemIndex.of(items)
        found = map_batches(
            lambda rows: top_k(users[rows], index, K, rows=rows, seen=seen),
            np.arange(n_users),
            row_bytes=row_bytes,
            n_jobs=None,
            stage="lists",
        )
        return tuple(np.concatenate(side) for side in zip(*found, strict=True))

    def on_device() -> Any:
        search = DeviceSearch(device)
        return made(search.top_k, search.row_bytes(n_items))

    jobs = {
        "ours, CPU": lambda: made(pruned_top_k, BATCH_BYTES // USERS),
        "ours, device": on_device,
        "product and torch.topk alone": lambda: bare(users, items, device),
    }
    jobs |= theirs(users, items, seen, device)
    expected, found = jobs["ours, CPU"](), on_device()
    if not all(np.array_equal(*both) for both in zip(expected, found, strict=True)):
        raise SystemExit("the lists of the device are not those of the CPU")
    apart = {
        name: int((job()[0] != expected[0]).sum())
        for name, job in jobs.items()
        if name.startswith("implicit")
    }
    return in_turns(jobs, wait), apart


def bare(users: Any, items: Any, device: str) -> Any:
    """What no exact list on the device can do without: nothing masked, nothing scored anew."""
    import torch

    found, vectors = [], torch.tensor(items, device=device)
    with full_precision():
        for start in range(0, len(users), 1024):
            part = torch.tensor(users[start : start + 1024], device=device) @ vectors.T
            found.append(torch.topk(part, K, dim=1).indices.cpu().numpy())
    return (np.concatenate(found),)


def theirs(users: Any, items: Any, seen: Any, device: str) -> dict[str, Callable[[], Any]]:
    """implicit's lists of the same factors, on its GPU, or on the CPU in the rehearsal."""
    import implicit.gpu

    rows = sparse.csr_matrix(seen)
    if device == "cpu":
        from implicit.cpu.topk import topk

        return {"implicit, CPU": lambda: topk(items, users, K, filter_query_items=rows)}
    if not implicit.gpu.HAS_CUDA:
        return {}
    from implicit.gpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=COLUMNS)
    model.user_factors, model.item_factors = implicit.gpu.Matrix(users), implicit.gpu.Matrix(items)
    who = np.arange(len(users), dtype=np.int32)
    return {"implicit, GPU": lambda: model.recommend(who, rows, N=K)}


def measure(device: str) -> str:
    """All tables, as Markdown."""
    import torch

    sizes: Any = SMALL if device == "cpu" else WHOLE
    wait = (lambda: None) if device == "cpu" else (lambda: torch.cuda.synchronize(device))
    where = "the CPU, as a rehearsal" if device == "cpu" else torch.cuda.get_device_name(device)
    lines = [
        "## Propagation and lists on a device",
        "",
        f"{machine()}, torch {torch.__version__}; device: {where}. Seconds, the best of {TURNS} "
        "turns. `python benchmarks/device.py`",
        "",
    ]
    for n, ties in sizes["graphs"]:
        took = products(n, ties, device, wait)
        lines += table(f"{n:,} nodes x {ties} ties x {COLUMNS} columns", took)
    took, apart = lists(sizes["users"], sizes["items"], device, wait)
    title = f"top {K} of {sizes['items']:,} items x {COLUMNS} for {sizes['users']:,} users"
    lines += table(title, took)
    lines += ["Our lists and scores on the device are those of the CPU to the last bit."]
    lines += [f"Places unlike {name}: {count}." for name, count in apart.items()]
    return "\n".join(lines)


def table(title: str, took: dict[str, float]) -> list[str]:
    """One table: seconds of each."""
    cells = " | ".join(f"{spent:.4f}" for spent in took.values())
    rule = "---|" * (len(took) + 1)
    return [f"| {title} | {' | '.join(took)} |", f"|{rule}", f"| seconds | {cells} |", ""]


def main() -> None:
    """Measure and write, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help='"cuda", "cuda:1", or "cpu" to rehearse')
    device = parser.parse_args().device
    try:
        import torch
    except ModuleNotFoundError:
        print('Nothing was measured: this needs torch, install "suffuse[train]".')
        return
    if device != "cpu" and not torch.cuda.is_available():
        print("Nothing was measured: torch sees no CUDA device on this machine.")
        return
    text = measure(device)
    print(text)
    if device != "cpu":
        write_section("device", text)


if __name__ == "__main__":
    main()
