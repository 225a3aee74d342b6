"""Steps of the filters on compressed rows: one pass over the ties, no scratch space, no weights.

A panel is a contiguous block of at most 32 columns: a neighbour's row of it is one or two cache
lines. With ``P = diag(left) A diag(right) + diag(own)`` the filters work on ``y = right x``, on
which a step of ``P`` is ``left right (A y) + own y``: what is read for each tie is the position
of the neighbour and the neighbour's row, and, only where ties differ, the weight.

Every kernel computes the rows from ``first`` to before ``last``, and lets go of the interpreter
lock; see `row_threads.over_rows`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

#: columns of a panel
WIDTH = 32
# So many ties ahead a neighbour's row is asked for, about as long as memory takes to answer.
_AHEAD = 96
_LINE = 64
# Rows whose sums are kept in the first cache before they are used.
_ROWS = 32


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


def _ask(builder: Any, address: Any) -> None:
    """Emit the instruction that brings a cache line nearer."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    insert: Any = cgutils.get_or_insert_function
    call = insert(builder.module, kind, "llvm.prefetch.p0i8")
    builder.call(call, [builder.bitcast(address, byte), number(0), number(2), number(1)])


@lru_cache(maxsize=1)
def prefetch_compiles() -> bool:
    """Whether this numba and its LLVM know how to prefetch; without, kernels are only slower.

    Examples
    --------
    >>> prefetch_compiles()
    True
    """
    try:
        module = ir.Module()
        pointer = ir.FloatType().as_pointer()
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer]), "probe")
        builder = ir.IRBuilder(function.append_basic_block())
        _ask(builder, function.args[0])
        builder.ret_void()
        binding.parse_assembly(str(module)).verify()
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    return True


def _prefetching(context: Any, flat: Any, place: Any) -> Any:
    """Ask for the cache line of one entry of a flat array."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if prefetch_compiles():
            make: Any = arrayobj.make_array
            array = make(signature.args[0])(target, builder, arguments[0])
            _ask(builder, builder.gep(array.data, [arguments[1]]))
        return target.get_dummy_value()

    return types.void(flat, place), generate


_prefetch: Any = intrinsic(_prefetching)


@_jit
def _at(vector: Any, place: int, otherwise: Any) -> Any:
    """An entry of a vector that may be None. Called once for each row: calls are not free here."""
    if vector is None:
        return otherwise
    return vector[place]


@_jit
def _sums_of_one(rows: Any, ties: Any, data: Any, right: Any, panel: Any, sums: Any) -> None:
    """As `_sums`, for a single column, and with the same bits."""
    indptr, indices, _ = ties
    kind = sums.dtype.type
    flat = panel.reshape(-1)
    four = np.empty(4, sums.dtype)
    for u in range(rows[0], rows[1]):
        total = kind(0)
        e, end = indptr[u], indptr[u + 1]
        if data is None and right is None:
            while e + 4 <= end:
                i, j, k, m = indices[e], indices[e + 1], indices[e + 2], indices[e + 3]
                total += (flat[i] + flat[j]) + (flat[k] + flat[m])
                e += 4
        while e < end:
            count = 4 if e + 4 <= end else 1
            for way in range(count):
                factor = 1.0
                if data is not None:
                    factor *= data[e + way]
                if right is not None:
                    factor *= right[indices[e + way]]
                four[way] = kind(factor) * kind(flat[indices[e + way]])
            if count == 4:
                total += (four[0] + four[1]) + (four[2] + four[3])
            else:
                total += four[0]
            e += count
        sums[u - rows[0], 0] = total


@_jit
def _sums(rows: Any, ties: Any, data: Any, right: Any, panel: Any, sums: Any) -> None:
    """``sum_e a_e right[v_e] panel[v_e]`` over the ties of some rows, four at a time.

    A function of its own for a few rows at each call: so the compiler knows that no two of the
    arrays overlap, and leaves out what is None.
    """
    indptr, indices, _ = ties
    width = panel.shape[1]
    flat = panel.reshape(-1)
    per_line = _LINE // panel.itemsize
    factors = np.ones(4, sums.dtype)
    for u in range(rows[0], rows[1]):
        total = sums[u - rows[0]]
        total[:] = 0
        e, end = indptr[u], indptr[u + 1]
        while e < end:
            count = 4 if e + 4 <= end else 1
            for further in range(e + _AHEAD, min(e + _AHEAD + count, len(indices))):
                place = np.int64(indices[further]) * width
                for line in range(0, width, per_line):
                    _prefetch(flat, place + line)
            if data is not None or right is not None:
                for way in range(count):
                    factor = 1.0
                    if data is not None:
                        factor *= data[e + way]
                    if right is not None:
                        factor *= right[indices[e + way]]
                    factors[way] = factor
            a, b, c, d = factors[0], factors[1], factors[2], factors[3]
            i = indices[e]
            if count == 1:
                for x in range(width):
                    total[x] += a * panel[i, x]
            else:
                j, k, m = indices[e + 1], indices[e + 2], indices[e + 3]
                if data is None and right is None:
                    for x in range(width):
                        total[x] += (panel[i, x] + panel[j, x]) + (panel[k, x] + panel[m, x])
                else:
                    for x in range(width):
                        total[x] += (a * panel[i, x] + b * panel[j, x]) + (
                            c * panel[k, x] + d * panel[m, x]
                        )
            e += count


@_jit
def _gather(rows: Any, ties: Any, data: Any, right: Any, panel: Any, sums: Any) -> None:
    """``sums = A (right panel)`` for some rows."""
    if panel.shape[1] == 1:
        _sums_of_one(rows, ties, data, right, panel, sums)
    else:
        _sums(rows, ties, data, right, panel, sums)


@_jit
def load(rows: Any, values: Any, at: int, right: Any, now: Any) -> None:
    """``now = right values``, of the columns of ``values`` from ``at`` on."""
    kind = now.dtype.type
    for u in range(rows[0], rows[1]):
        factor = _at(right, u, kind(1))
        given, panel = values[u, at : at + now.shape[1]], now[u]
        for j in range(len(panel)):
            panel[j] = factor * kind(given[j])


@_jit
def begin(rows: Any, now: Any, before: Any, total: Any, to: int, weight: Any) -> None:
    """``before = now`` and ``total = weight now``, in the columns of ``total`` from ``to`` on."""
    for u in range(rows[0], rows[1]):
        here, old, out = now[u], before[u], total[u, to : to + now.shape[1]]
        for j in range(len(here)):
            old[j] = here[j]
            out[j] = weight * here[j]


@_jit
def settle(rows: Any, right: Any, total: Any, to: int, width: int) -> None:
    """``total /= right``, back from the frame of the steps."""
    for u in range(rows[0], rows[1]):
        out, divisor = total[u, to : to + width], right[u]
        for j in range(len(out)):
            out[j] /= divisor


@_jit
def step(rows: Any, ties: Any, scales: Any, panels: Any, to: int, weights: Any) -> None:
    """``before = alpha (scale (A now) + own now) + beta before``; ``total += weight before``.

    Of tuples: ``rows`` first and last, ``ties`` indptr, indices and data, ``scales`` scale and own,
    ``panels`` now, before and total, ``weights`` alpha, beta and weight.
    """
    scale, own = scales
    now, before, total = panels
    alpha, beta, weight = weights
    one, zero = now.dtype.type(1), now.dtype.type(0)
    sums = np.empty((_ROWS, now.shape[1]), now.dtype)
    for first in range(rows[0], rows[1], _ROWS):
        last = min(first + _ROWS, rows[1])
        _gather((first, last), ties, ties[2], None, now, sums)
        for u in range(first, last):
            factor = alpha * _at(scale, u, one)
            loop = alpha * _at(own, u, zero)
            row, here, old = sums[u - first], now[u], before[u]
            out = total[u, to : to + now.shape[1]]
            for j in range(len(here)):
                value = factor * row[j] + loop * here[j] + beta * old[j]
                old[j] = value
                out[j] += weight * value


@_jit
def product(rows: Any, ties: Any, scales: Any, now: Any, out: Any, to: int) -> None:
    """``out = left (A now) + own now``; tuples as of `step`."""
    left, own = scales
    one, zero = now.dtype.type(1), now.dtype.type(0)
    sums = np.empty((_ROWS, now.shape[1]), now.dtype)
    for first in range(rows[0], rows[1], _ROWS):
        last = min(first + _ROWS, rows[1])
        _gather((first, last), ties, ties[2], None, now, sums)
        for u in range(first, last):
            factor, loop = _at(left, u, one), _at(own, u, zero)
            row, here, line = sums[u - first], now[u], out[u, to : to + now.shape[1]]
            for j in range(len(here)):
                line[j] = factor * row[j] + loop * here[j]


@_jit
def residual(rows: Any, ties: Any, scales: Any, panels: Any, at: int, damping: float) -> None:
    """``rest = (1-a) start - now + a (left (A right now) + own now)``, by double precision.

    Tuples as of `step`; ``scales`` are left, right and own in double precision, ``panels`` now,
    start (its columns from ``at`` on) and rest.
    """
    left, right, own = scales
    now, start, rest = panels
    sums = np.empty((_ROWS, now.shape[1]), np.float64)
    for first in range(rows[0], rows[1], _ROWS):
        last = min(first + _ROWS, rows[1])
        _gather((first, last), ties, ties[2], right, now, sums)
        for u in range(first, last):
            factor, loop = damping * _at(left, u, 1.0), 1.0 - damping * _at(own, u, 0.0)
            row, here, left_over = sums[u - first], now[u], rest[u]
            given = start[u, at : at + now.shape[1]]
            for j in range(len(here)):
                value = (1.0 - damping) * given[j] - loop * here[j] + factor * row[j]
                left_over[j] = value


@_jit
def tops(groups: Any, size: int, block: Any, right: Any, found: Any) -> None:
    """The largest ``|block / right|`` of each column, for each group of ``size`` rows."""
    for group in range(groups[0], groups[1]):
        for u in range(group * size, min((group + 1) * size, block.shape[0])):
            divisor = _at(right, u, 1.0)
            for j in range(block.shape[1]):
                value = abs(np.float64(block[u, j]) / divisor)
                if value > found[group, j] or value != value:
                    found[group, j] = value


@_jit
def powers(groups: Any, size: int, block: Any, right: Any, way: Any, found: Any) -> None:
    """The sums of ``(|block / right| / unit)^p``, for each group of ``size`` rows.

    ``way`` is the tuple of ``p`` and of the units of all columns.
    """
    p, unit = way
    for group in range(groups[0], groups[1]):
        for u in range(group * size, min((group + 1) * size, block.shape[0])):
            divisor = _at(right, u, 1.0)
            for j in range(block.shape[1]):
                value = abs(np.float64(block[u, j]) / divisor) / unit[j]
                if p == 2.0:
                    found[group, j] += value * value
                elif p == 1.0:
                    found[group, j] += value
                else:
                    found[group, j] += value**p
