"""Products of float32 vectors in double precision, in one order on every machine.

The order of a sum decides its last bits, and a compiler that is free to choose it takes another one
on another processor. Here it is written down: sixteen sums side by side, which all processors have
some way to add at once, then folded in halves; what is left of the vectors comes last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

#: sums side by side
LANES = 16


def _folded_lanes(context: Any, left: Any, row: Any, right: Any, other: Any, blocks: Any) -> Any:
    """``sum_l sum_b left[row, 16 b + l] right[other, 16 b + l]``, the sums over l in halves."""
    # rows are found by their distance in memory: of another layout the compiler hears no signature
    if any(side.layout != "C" or side.dtype != types.float32 for side in (left, right)):
        return None

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.VectorType(ir.DoubleType(), LANES)
        emit: Any = cgutils
        total = emit.alloca_once_value(builder, ir.Constant(wide, [0.0] * LANES))
        starts = []
        for place in (0, 2):
            view: Any = arrayobj
            matrix = view.make_array(signature.args[place])(target, builder, arguments[place])
            width = emit.unpack_tuple(builder, matrix.shape, 2)[1]
            starts.append(builder.gep(matrix.data, [builder.mul(arguments[place + 1], width)]))
        with emit.for_range(builder, arguments[4]) as loop:
            place = builder.mul(loop.index, ir.Constant(loop.index.type, LANES))
            factors = [_loaded(builder, builder.gep(start, [place])) for start in starts]
            builder.store(builder.fadd(builder.load(total), builder.fmul(*factors)), total)
        return _folded(builder, builder.load(total))

    numbers = types.intp, types.intp, types.intp
    return types.float64(left, numbers[0], right, numbers[1], numbers[2]), generate


#: the function above, as compiled code calls it
_sum_of_lanes: Any = intrinsic(_folded_lanes)


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


def _loaded(builder: Any, address: Any) -> Any:
    """Sixteen float32 from memory, as float64."""
    kind = ir.VectorType(ir.FloatType(), LANES)
    found = builder.load(builder.bitcast(address, kind.as_pointer()))
    found.align = 4
    return builder.fpext(found, ir.VectorType(ir.DoubleType(), LANES))


def _folded(builder: Any, lanes: Any) -> Any:
    """The upper half added to the lower, until one number is left."""
    half = LANES // 2
    while half:
        parts = [
            builder.shuffle_vector(
                lanes, lanes, ir.Constant(ir.VectorType(ir.IntType(32), half), list(places))
            )
            for places in (range(half), range(half, 2 * half))
        ]
        lanes = builder.fadd(*parts)
        half //= 2
    return builder.extract_element(lanes, ir.Constant(ir.IntType(32), 0))


@_jit
def exact_product(left: Any, row: int, right: Any, other: int) -> float:
    """``left[row] . right[other]`` for contiguous float32 matrices of one width.

    A product of two float32 numbers is exact in float64, so that only the order of the sum counts.
    Rows are given by their numbers, as slices would be counted, which takes longer than a product.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    >>> float(exact_product(rows, 0, rows, 1))
    14.0
    """
    size = left.shape[1]
    blocks = size // LANES
    total = _sum_of_lanes(left, row, right, other, blocks)
    for j in range(blocks * LANES, size):
        total += np.float64(left[row, j]) * np.float64(right[other, j])
    return float(total)
