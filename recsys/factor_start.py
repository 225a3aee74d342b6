"""The random factors that alternating least squares starts from, any rows of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .scoring import Floats


def start_factors(random_state: int, first: int, n_rows: int, n_factors: int) -> Floats:
    """Rows ``first`` on of the random factors that ``implicit`` starts from, and no others.

    They are ``default_rng(random_state).random(shape, float32) * 0.01``, users before items; two
    such numbers come from one step of the generator.

    Examples
    --------
    >>> whole = start_factors(0, 0, 5, 3)
    >>> bool((start_factors(0, 3, 2, 3) == whole[3:]).all())
    True
    """
    rng = np.random.default_rng(random_state)
    skipped = first * n_factors
    generator: Any = rng.bit_generator
    generator.advance(skipped // 2)
    if skipped % 2:
        rng.random(1, dtype=np.float32)
    found = rng.random((n_rows, n_factors), dtype=np.float32)
    found *= np.float32(0.01)
    return found
