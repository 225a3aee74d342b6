"""A model folder whose users lie in shards: written by workers, read by workers.

Each worker writes its rows of every attribute (:func:`write_shard`) and tells what it wrote; the
driver puts that under one manifest (:func:`assemble`), without having seen a row. Shard ``s`` holds
users ``starts[s]`` to ``starts[s + 1]``, so that the shards one after the other are the arrays of
one machine: ``load_model`` reads such a folder as any other, rows when they are first asked for.

======================  ==============================  ======================================
attribute               one shard holds                 the worker has it in
======================  ==============================  ======================================
``user_ids_``           (n_s,)                          ``ShardIds.users``
``interactions_``       (n_s, n_items), float32         ``ShardRows.rows``
``user_factors_``       (n_s, d), float32               ``ShardFactors.users``
``social_``             (n_s, n_users), float64         ``ShardTies.adjacency``
``item_ids_``           all items; shard 0 writes them  ``ShardIds.items``
``item_factors_``       all items; shard 0 writes them  ``ShardFactors.items``
======================  ==============================  ======================================
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.shard_cuts import even_cuts
from .als import ALS
from .cluster_workers import ShardState
from .fitted import ROWS, require_fitted
from .inputs import checked_count
from .row_parts import RowReader, described_rows, set_rows
from .shard_parts import ShardFactors, ShardIds, ShardRows, ShardTies
from .sharded_folder import ShardedModel as ShardedModel
from .sharded_folder import open_sharded as open_sharded
from .social import SocialDiffusion
from .store import described_text, finish, refuse_existing, save_model
from .store_files import clean_beside, scratch_folder
from .store_manifest import MANIFEST, Description
from .store_parts import PartWriter
from .update_record import forget_updates

#: attributes with a row per user, and those of items, of a model without and with a graph
USER_NAMES = ("user_ids_", "interactions_", "user_factors_")
ITEM_NAMES = ("item_ids_", "item_factors_")
ALS_NAMES = (*USER_NAMES, *ITEM_NAMES)
SOCIAL_NAMES = (*ALS_NAMES, "social_")
#: where a worker has them
_HELD: dict[str, tuple[type[Any], str]] = {
    "user_ids_": (ShardIds, "users"),
    "item_ids_": (ShardIds, "items"),
    "interactions_": (ShardRows, "rows"),
    "user_factors_": (ShardFactors, "users"),
    "item_factors_": (ShardFactors, "items"),
    "social_": (ShardTies, "adjacency"),
}
#: those of the wrapper; the others are those of its base model
_OF_WRAPPER = ("user_ids_", "interactions_", "item_ids_", "social_")


def write_shard(state: ShardState, folder: str, names: Sequence[str]) -> dict[str, Description]:
    """Write what a worker holds of a model to a folder; what a manifest says of it, by name.

    Files are named by what they hold and appear whole, so that a call may be repeated, and workers
    do not meet. Only shard 0 writes what all shards have.
    """
    writer = PartWriter(Path(folder))
    found = {}
    for name in names:
        if name not in ITEM_NAMES or state.shard == 0:
            found[name] = described_rows(writer, name, _held(state, name))
    return found


def _held(state: ShardState, name: str) -> Any:
    """An attribute as far as a worker has it."""
    kind, part = _HELD[name]
    return getattr(state.get(kind), part)


def assemble(
    model: Any, folder: str | Path, described: Sequence[Mapping[str, Description]]
) -> None:
    """Give a model the rows that workers wrote to a folder, and the folder its manifest.

    From then on the model is fitted, and the folder is one that ``load_model`` reads. Rows of users
    are read when they are asked for, those of items now.

    Parameters
    ----------
    model : ALS, or SocialDiffusion with an ALS as its ``base_``
        With its parameters, and with its settings where it has any.
    folder : path
        Where :func:`write_shard` wrote.
    described : sequence of dict
        What it returned on each worker, in the order of shards.

    Raises
    ------
    ValueError
        Where the shards do not fit each other or the model.
    """
    place = Path(folder)
    base = _base_of(model)
    starts = _checked_starts(described, SOCIAL_NAMES if base is not model else ALS_NAMES)
    reader = RowReader(place)
    rows = {
        name: reader.rows([shard[name] for shard in described])
        for name in (*USER_NAMES, "social_")
        if name in described[0]
    }
    # one piece, which is a file of its own and needs no joining
    items = {name: reader.rows([described[0][name]]).value() for name in ITEM_NAMES}
    _refuse_misfits(rows, items, starts[-1])
    _adopt(base, rows, items, USER_NAMES + ITEM_NAMES)
    if base is not model:
        _adopt(model, rows, items, _OF_WRAPPER)
    finish(place, described_text(model, PartWriter(place)))


def _base_of(model: Any) -> ALS:
    """The ALS that a model is, or is over."""
    base = model.base_ if isinstance(model, SocialDiffusion) else model
    if not isinstance(base, ALS):
        names = " over ".join(dict.fromkeys((type(model).__name__, type(base).__name__)))
        raise TypeError(
            f"model must be ALS, or SocialDiffusion over ALS, to lie in shards; got {names}: "
            "save it whole"
        )
    return base


def _adopt(
    model: Any, rows: Mapping[str, Any], items: Mapping[str, Any], names: Sequence[str]
) -> None:
    """Set fitted names, in the place of what an earlier fit or update left."""
    forget_updates(model)
    for name in ("_prepared", "_device"):
        vars(model).pop(name, None)
    set_rows(model, {name: rows[name] for name in names if name in rows})
    vars(model).update({name: items[name] for name in names if name in items})


def _checked_starts(
    described: Sequence[Mapping[str, Description]], names: Sequence[str]
) -> tuple[int, ...]:
    """Where the shards begin, if all of them hold all of their names in one length."""
    starts = [0]
    for shard, parts in enumerate(described):
        missing = [name for name in names if name not in parts and not _of_first(name, shard)]
        if missing:
            raise ValueError(
                f"shard {shard} must have written {', '.join(names)}; got none of {missing}"
            )
        lengths = {name: parts[name]["shape"][0] for name in parts if name not in ITEM_NAMES}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"shard {shard} must have one row per user everywhere; got {lengths}")
        starts.append(starts[-1] + lengths["user_ids_"])
    return tuple(starts)


def _of_first(name: str, shard: int) -> bool:
    return name in ITEM_NAMES and shard > 0


def _refuse_misfits(rows: Mapping[str, Any], items: Mapping[str, Any], n_users: int) -> None:
    """Raise ``ValueError`` where attributes have other shapes than a fitted model's."""
    n_items, d = items["item_factors_"].shape
    wanted = {
        "user_ids_": (n_users,),
        "interactions_": (n_users, n_items),
        "user_factors_": (n_users, d),
        "social_": (n_users, n_users),
        "item_ids_": (n_items,),
    }
    for name, shape in wanted.items():
        held = rows.get(name, items.get(name))
        if held is not None and tuple(held.shape) != shape:
            raise ValueError(f"{name} must have shape {shape} over all shards; got {held.shape}")


def shard_model(
    model: Any, folder: str | Path, *, n_shards: int, overwrite: bool = False
) -> ShardedModel:
    """Save a fitted model as a folder of shards, each with about as many rows and ties.

    Parameters
    ----------
    model : ALS, or SocialDiffusion over ALS
        Fitted on one machine, or of a folder with other shards.
    folder : path
        Where to; ``load_model`` reads it as it does any other.
    n_shards : int
        As many as there will be workers.
    overwrite : bool
        Replace a model that is already there.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        Before ``fit``, for another model, and for more shards than users.
    FileExistsError
        As ``save``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import suffuse as sf
    >>> model = sf.ALS(n_factors=2, regularization=0.1).fit(sf.datasets.tiny_world().interactions)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model"
    >>> found = shard_model(model, path, n_shards=2)
    >>> found.n_shards, found.rows("user_factors_", 1).shape == (found.n_users - found.starts[1], 2)
    (2, True)
    """
    require_fitted(model)
    base = _base_of(model)
    place = Path(os.path.realpath(folder))
    refuse_existing(place, overwrite=overwrite)
    starts = even_cuts(_loads(model), checked_count("n_shards", n_shards)).tolist()
    place.parent.mkdir(parents=True, exist_ok=True)
    clean_beside(place)
    sharded = copy.copy(model)
    if base is not model:
        sharded.base_ = copy.copy(base)
    with scratch_folder(place) as staging:
        writer = PartWriter(staging)
        described = []
        for start, stop in pairwise(starts):
            cut = {
                name: described_rows(writer, name, _values(model, name)[start:stop])
                for name in (*USER_NAMES, "social_")
                if name != "social_" or base is not model
            }
            described.append(cut)
        described[0] |= {
            name: described_rows(writer, name, _values(model, name)) for name in ITEM_NAMES
        }
        assemble(sharded, staging, described)
        save_model(sharded, place, overwrite=overwrite)
    return open_sharded(place)


def _values(model: Any, name: str) -> Any:
    """A fitted attribute of a model, or of its base."""
    return getattr(model if name in _OF_WRAPPER else _base_of(model), name)


def _loads(model: Any) -> npt.NDArray[np.int64]:
    """What each user weighs: one, their items and their ties."""
    counts: npt.NDArray[np.int64] = 1 + np.diff(model.interactions_.indptr).astype(np.int64)
    if _base_of(model) is not model:
        counts += np.diff(model.social_.indptr)
    return counts


def folder_of(model: Any) -> Path | None:
    """The folder of shards that holds exactly the rows of a model, where there is one.

    What was read meanwhile counts as long as nothing has taken its place.
    """
    base = model.base_ if isinstance(model, SocialDiffusion) else model
    if not isinstance(base, ALS):
        return None
    names = [(base, name) for name in USER_NAMES]
    names += [(model, "social_")] if base is not model else []
    folders = {_folder_of_rows(one, name) for one, name in names}
    folder = folders.pop()
    return folder if not folders and folder and (folder / MANIFEST).is_file() else None


def _folder_of_rows(model: Any, name: str) -> Path | None:
    """Where an attribute came from, if it is still what it was."""
    rows = vars(model).get(ROWS, {}).get(name)
    if rows is None or not rows.pieces:
        return None
    is_same = name not in vars(model) or (rows.is_read and vars(model)[name] is rows.value())
    return rows.folder if is_same else None
