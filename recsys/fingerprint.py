"""Fingerprints: whether a model, some users or newcomers are those of another time.

A sha256 over names, types, shapes and bytes, with nothing in it that depends on the machine or on
when it is taken: a model that is saved and loaded keeps its fingerprint. Hashing runs at one to
two gigabytes a second, so fifty million interactions take about half a second.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import sparse

from .newcomers import Newcomers
from .row_parts import fitted_state
from .update_record import answers_from_memory

#: parameters that change the time and nothing else
_IDLE = ("n_jobs", "max_memory")


def model_fingerprint(model: Any) -> str:
    """The sha256 of everything in a fitted model that can change a list, in hexadecimal.

    Class, parameters and fitted arrays, those of wrapped models included; not ``n_jobs``, and not
    frames such as ``ablation_``, which report on a fit.

    Examples
    --------
    >>> import suffuse as sf
    >>> table = sf.datasets.tiny_world().interactions
    >>> first, other = sf.Popularity().fit(table), sf.EASE(regularization=1.0).fit(table)
    >>> model_fingerprint(first) == model_fingerprint(sf.Popularity(n_jobs=1).fit(table))
    True
    >>> model_fingerprint(first) == model_fingerprint(other)
    False
    """
    return _model_digest(model, {})


def ids_fingerprint(ids: npt.NDArray[Any]) -> str:
    """The sha256 of raw ids in their order.

    Examples
    --------
    >>> import numpy as np
    >>> ids_fingerprint(np.array([1, 2])) == ids_fingerprint(np.array([2, 1]))
    False
    """
    return _array_digest(np.asarray(ids))


def newcomers_fingerprint(newcomers: Newcomers) -> str:
    """The sha256 of newcomers, their items and their ties."""
    parts = [_sparse_digest(getattr(newcomers, name)) for name in _NEWCOMERS]
    return _joined([ids_fingerprint(newcomers.ids), *parts])


_NEWCOMERS = ("rows", "listens", "among", "heard")


def _model_digest(model: Any, seen: dict[int, str]) -> str:
    """``seen`` are digests by the identity of what was hashed: parts often share an array."""
    found = [type(model).__name__]
    params = model.get_params(deep=False)
    state = {**params, **fitted_state(model)}
    for name in sorted(set(state) - set(_IDLE)):
        value = state[name]
        if isinstance(value, pd.DataFrame):
            continue
        if id(value) not in seen:
            seen[id(value)] = _value_digest(value, seen)
        found.append(f"{name}={seen[id(value)]}")
    if answers_from_memory(model):
        # the same model after a save would give other last digits
        found.append("answers from memory")
    return _joined(found)


def _value_digest(value: Any, seen: dict[int, str]) -> str:
    if hasattr(value, "get_params"):
        return _model_digest(value, seen)
    if sparse.issparse(value):
        return _sparse_digest(value)
    if isinstance(value, np.ndarray):
        return _array_digest(value)
    if isinstance(value, Mapping):
        keys = sorted(value)
        return _joined([*map(repr, keys), *(_value_digest(value[key], seen) for key in keys)])
    if isinstance(value, list | tuple):
        return _joined([type(value).__name__, *(_value_digest(one, seen) for one in value)])
    if isinstance(value, np.generic):
        value = value.item()
    # what JSON does not know is refused: its repr might hide a change, or change by itself
    return _joined([json.dumps(value)])


def _sparse_digest(matrix: Any) -> str:
    """Of a matrix in rows; the width of its indices does not count."""
    rows = sparse.csr_array(matrix)
    parts = [_array_digest(np.asarray(rows.data))]
    parts += [_array_digest(_narrow(indices)) for indices in (rows.indices, rows.indptr)]
    return _joined([str(tuple(rows.shape)), *parts])


def _narrow(indices: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Indices as 32 bits where they fit."""
    fits = not len(indices) or int(indices.max()) < 2**31
    return indices.astype(np.int32, copy=False) if fits else indices.astype(np.int64, copy=False)


def _array_digest(array: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    if array.dtype != object:
        words: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        digest.update(words)
        return digest.hexdigest()
    try:
        # texts by the short way, as there may be millions
        column = pa.array(array.ravel(), type=pa.large_string())
        for buffer in column.buffers()[1:]:
            digest.update(memoryview(buffer))
    except (pa.ArrowException, TypeError):
        digest.update(repr(array.ravel().tolist()).encode())
    return digest.hexdigest()


def _joined(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
