"""Finding factors by gradients: a hold-out says for how long, then all rows are used.

What needs torch is imported when a model is fitted; a fitted model, also one read from a folder,
is plain arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..datasets.interactions import Interactions
from .execution import Rows, map_batches
from .holdout import Holdout, hide_cells
from .inputs import checked_count, checked_number, preference_rows
from .matrices import Csr
from .progress import tell
from .scoring import Floats
from .search import list_quality
from .starts import STARTS, Start

if TYPE_CHECKING:
    from ..training.factor_modules import FactorModule, GraphModule
    from ..training.loop import LoopRecord

Build = Callable[[Csr], "FactorModule | GraphModule"]
Loss = Literal["softmax", "bpr"]

LOSSES: Final = ("softmax", "bpr")
#: random items that a step compares with where nothing else is said
NEGATIVES: Final = {"softmax": 512, "bpr": 1}
#: steps of an epoch where no batch size is given, and the bounds of the batches
STEPS, BATCHES = 40, (256, 8192)
#: the last entry of a user's signal, by which the biases of items come into a product
ALIKE = 0.1
#: users whom the hold-out judges at most
JUDGED = 4096
#: looks at the hold-out in a whole training, at most some more
VALIDATIONS = 20
#: strength of the penalty on the map from held items to signals, relative to its mean eigenvalue
_RIDGE = 0.01


@dataclass(frozen=True)
class TrainingPlan:
    """The numbers of a fit by gradients; the words are those of the two models."""

    name: str
    loss: Loss
    temperature: float
    learning_rate: float
    weight_decay: float
    batch_size: int | None
    n_negatives: int | None
    max_epochs: int
    patience: int | None
    start: Start
    random_state: int
    n_jobs: int | None
    device: str
    contrastive: float = 0.0

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {list(LOSSES)}; got {self.loss!r}")
        if self.start not in STARTS:
            raise ValueError(f"start must be one of {list(STARTS)}; got {self.start!r}")
        checked_number("temperature", self.temperature, above=True)
        checked_number("learning_rate", self.learning_rate, above=True)
        checked_number("weight_decay", self.weight_decay)
        checked_number("contrastive", self.contrastive)
        checked_count("max_epochs", self.max_epochs)
        for name in ("batch_size", "n_negatives", "patience"):
            if getattr(self, name) is not None:
                checked_count(name, getattr(self, name))
        checked_count("random_state", self.random_state, low=0)

    @classmethod
    def of(cls, model: Any) -> TrainingPlan:
        """The plan that a model's parameters make."""
        given = model.get_params(deep=False)
        names = set(cls.__dataclass_fields__) & set(given)
        return cls(name=type(model).__name__, **{name: given[name] for name in names})


@dataclass(frozen=True, eq=False)
class Found:
    """Factors, and how they were found.

    ``users`` and ``items`` have shapes (n_users, d + 1) and (n_items, d + 1), see `factor_rows`;
    ``lengths`` are what the first d columns, users first, were divided by. ``history`` has a row
    for each epoch, see ``MatrixFactorization.history_``.
    """

    users: Floats
    items: Floats
    lengths: Floats
    history: pd.DataFrame
    n_epochs: int


def find_factors(table: Interactions, build: Build, plan: TrainingPlan) -> Found:
    """Train the module that ``build`` makes of preference rows.

    With ``plan.patience`` a first training on nine tenths of the cells finds the epoch with the
    best NDCG@20 on the others, and a second one, from a fresh start and with the same schedule,
    goes as far on all rows.
    """
    needs_torch(plan.name)
    _check_device(plan.device)
    parts = []
    n_epochs = plan.max_epochs
    held = None if plan.patience is None else hide_cells(table, random_state=plan.random_state)
    if held is not None and len(held.warm):
        judged = held.at_most(JUDGED, random_state=plan.random_state)
        first = _trained(judged.train, build, plan, held=judged)
        n_epochs = first.n_epochs
        parts.append(first.history.assign(rows="hold-out"))
    last = _trained(table, build, plan, n_epochs=n_epochs)
    history = pd.concat([*parts, last.history.assign(rows="all")], ignore_index=True)
    return replace(last, history=history)


def needs_torch(name: str) -> None:
    """Say what to install where torch is missing.

    Raises
    ------
    ImportError
        Without torch or safetensors.
    """
    try:
        from ..training import loop  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "safetensors"}:
            raise
        raise ImportError(f'{name} needs {error.name}: install "suffuse[train]"') from error


def _check_device(device: str) -> None:
    """Refuse a device that this torch does not know or this machine does not have."""
    import torch

    try:
        torch.zeros(1, device=device)
    except (AssertionError, RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device must be one that torch can use here; got {device!r} ({reason}): "
            'take device="cpu"'
        ) from error


def batch_size(n_rows: int) -> int:
    """Rows in a step, where the model does not say."""
    return int(np.clip(n_rows // STEPS, *BATCHES))


def pairs_in_a_step(model: Any, n_rows: int) -> int:
    """Users times items that a step of the training of a model scores."""
    return (model.batch_size or batch_size(n_rows)) * (model.n_negatives or NEGATIVES[model.loss])


def _trained(
    table: Interactions,
    build: Build,
    plan: TrainingPlan,
    *,
    held: Holdout | None = None,
    n_epochs: int | None = None,
) -> Found:
    """One training: to the best epoch on a hold-out, or for so many epochs of the schedule."""
    rows = preference_rows(table, use_weights=False)
    module = build(rows).to(plan.device)
    history = _history(_records(module, rows, plan, held=held, n_epochs=n_epochs))
    if held is not None:
        n_epochs = _best_epoch(history) + 1
    users, items, lengths = _arrays(module, plan)
    return Found(users, items, lengths, history, n_epochs or plan.max_epochs)


def _records(
    module: Any, rows: Csr, plan: TrainingPlan, *, held: Holdout | None, n_epochs: int | None
) -> Iterator[LoopRecord]:
    """The records of a training, up to the end of epoch ``n_epochs`` where one is given."""
    import torch

    from ..training.factor_modules import PairLoss
    from ..training.loop import fit_loop
    from ..training.sampler import PairSampler
    from ..training.stable import Stable

    sampler = PairSampler(
        rows,
        batch_size=plan.batch_size or batch_size(rows.nnz),
        n_negatives=plan.n_negatives or NEGATIVES[plan.loss],
        shared=plan.loss == "softmax",
        random_state=plan.random_state,
    )
    adam = torch.optim.Adam(module.parameters(), lr=plan.learning_rate, betas=(0.9, 0.99))
    optimizer = Stable(adam, weight_decay=plan.weight_decay, names=module.named_parameters())
    stage = f"fitting {plan.name}" if held is None else f"fitting {plan.name}, hold-out"
    records = fit_loop(
        module,
        PairLoss(plan.loss, temperature=plan.temperature, contrast=plan.contrastive),
        sampler,
        optimizer,
        n_epochs=plan.max_epochs,
        validate=None if held is None else _judge(held, rows, plan),
        validate_every=max(1, plan.max_epochs // VALIDATIONS),
        patience=None if held is None else plan.patience,
        random_state=plan.random_state,
    )
    total = (n_epochs or plan.max_epochs) * sampler.n_steps
    tell(stage, 0, total)
    for done, record in enumerate(records, start=1):
        tell(stage, done, total)
        yield record
        if done == total:
            # the schedule may be made for more epochs: the weights stay as they are now
            break
    if held is None:
        optimizer.settle()


def _judge(held: Holdout, rows: Csr, plan: TrainingPlan) -> Callable[[Any], float]:
    """Mean NDCG@20 of a module over the users of a hold-out."""

    def judge(module: Any) -> float:
        users, items, _ = _arrays(module, plan)
        if not (np.isfinite(users).all() and np.isfinite(items).all()):
            return float("nan")

        def batch_quality(batch: Rows) -> npt.NDArray[np.float64]:
            scores = users[batch] @ items.T
            seen = rows[batch]
            scores[np.repeat(np.arange(len(batch)), np.diff(seen.indptr)), seen.indices] = -np.inf
            wanted = np.asarray(held.truth[batch].toarray() > 0)
            return np.asarray(list_quality(scores, wanted)[1])

        parts = map_batches(
            batch_quality,
            held.warm,
            row_bytes=8 * len(items),
            n_jobs=plan.n_jobs,
            stage=f"judging {plan.name}",
        )
        return float(np.concatenate(parts).mean())

    return judge


def _history(records: Iterator[LoopRecord]) -> pd.DataFrame:
    """One row for each epoch."""
    frame = pd.DataFrame(
        {
            "epoch": record.epoch,
            "loss": record.loss,
            "ndcg": math.nan if record.metric is None else record.metric,
            "rate": record.lr,
            "held_back": record.status not in {"ok", "clipped"},
            "clipped": record.status == "clipped",
            "seconds": record.seconds,
        }
        for record in records
    )
    rules = {"loss": "mean", "ndcg": "last", "rate": "last", "held_back": "sum", "clipped": "sum"}
    return frame.groupby("epoch", as_index=False).agg(rules | {"seconds": "sum"})


def _best_epoch(history: pd.DataFrame) -> int:
    """The epoch with the best judgement; the last where none is a number."""
    quality = history["ndcg"].to_numpy(np.float64)
    place = np.nanargmax(quality) if np.isfinite(quality).any() else len(quality) - 1
    return int(history["epoch"].to_numpy()[place])


def _arrays(module: Any, plan: TrainingPlan) -> tuple[Floats, Floats, Floats]:
    """Factors with their last column, and the lengths that the others were divided by."""
    import torch

    with torch.no_grad():
        users, items = (np.array(part.cpu().numpy(), np.float32) for part in module.factors())
        bias = module.bias.weight.detach().cpu().numpy()
    lengths = np.linalg.norm(np.concatenate([users, items]), axis=1)
    if plan.loss == "bpr":
        lengths = np.ones_like(lengths)
    else:
        bias = bias * np.float32(plan.temperature)
    last = np.asarray(bias / ALIKE, np.float32)
    return factor_rows(users, plan.loss), np.hstack([_sized(items, plan.loss), last]), lengths


def factor_rows(users: npt.NDArray[Any], loss: Loss) -> Floats:
    """Signals of users: rows, of length 1 for "softmax", and a last column.

    The last column is 0.1 for everybody who has a signal at all, and ten times the bias of the item
    (times the temperature for "softmax") for items, so that one product gives the score. It is
    small so that the signals of two users are about as alike as their rows.
    """
    last = ALIKE * users.any(axis=1, keepdims=True)
    return np.hstack([_sized(users, loss), np.asarray(last, np.float32)])


def _sized(rows: npt.NDArray[Any], loss: Loss) -> Floats:
    return unit_rows(rows) if loss == "softmax" else np.asarray(rows, np.float32)


def unit_rows(rows: npt.NDArray[Any]) -> Floats:
    """Rows divided by their lengths; zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def fold_map(rows: Csr, users: npt.NDArray[Any], items: Floats) -> Floats:
    """The linear map from what a user holds to their factors, shape (d, d).

    With ``m_u = sum_i x_ui y_i / sqrt(n_u)``, the map ``W`` that minimises ``sum_u |m_u W - x_u|^2
    + r |W|^2`` over the users of the fit, with ``r`` a hundredth of the mean eigenvalue of
    ``sum_u m_u^T m_u``.
    """
    active = np.diff(rows.indptr) > 0
    means = held_means(rows[active], items).astype(np.float64)
    gram = means.T @ means
    ridge = max(_RIDGE * float(np.trace(gram)) / len(gram), float(np.finfo(np.float64).tiny))
    right = means.T @ users[active].astype(np.float64)
    return np.asarray(np.linalg.solve(gram + ridge * np.eye(len(gram)), right), np.float32)


def held_means(rows: Csr, items: Floats) -> Floats:
    """``sum_i x_ui y_i / sqrt(n_u)`` for rows of items, zero for users without any."""
    counts = np.maximum(np.diff(rows.indptr), 1)
    return np.asarray((rows @ items) / np.sqrt(counts)[:, None], np.float32)
