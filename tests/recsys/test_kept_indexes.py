"""Results that are kept as long as the arrays they were made of."""

import gc
import threading
import time

import numpy as np
import pytest

from suffuse.recsys.kept_indexes import Kept


def test_a_result_is_made_once_for_an_array_and_its_views() -> None:
    """The same memory in the same form is the same array; another form or key is another."""
    kept, made = Kept(), []
    array = np.arange(6.0)

    def make() -> int:
        made.append(1)
        return len(made)

    assert kept.get("a", [array], make) == 1
    assert kept.get("a", [array[:]], make) == 1
    assert kept.get("a", [array[:, None]], make) == 2
    assert kept.get("b", [array], make) == 3
    assert kept.get("a", [array.copy()], make) == 4


def test_results_go_with_their_arrays() -> None:
    """When one of them is gone; a view keeps them."""
    kept = Kept()
    first, second = np.zeros(4), np.ones(4)
    kept.get("sum", [first, second[:, None]], lambda: 4.0)
    view = first[1:]
    del first
    gc.collect()
    assert len(kept) == 1
    del view
    gc.collect()
    assert len(kept) == 0
    assert kept.get("sum", [np.zeros(4), second[:, None]], lambda: 5.0) == 5.0


def test_threads_make_a_result_once() -> None:
    """Those who come while it is made wait for it."""
    kept, made, array = Kept(), [], np.zeros(3)

    def make() -> str:
        made.append(threading.get_ident())
        time.sleep(0.02)
        return "made"

    found = []
    threads = [
        threading.Thread(target=lambda: found.append(kept.get("x", [array], make)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == ["made"] * 8
    assert len(made) == 1


def test_a_failure_is_not_kept() -> None:
    """The next one tries again."""
    kept, array = Kept(), np.zeros(3)
    with pytest.raises(ZeroDivisionError):
        kept.get("x", [array], lambda: 1 // 0)
    assert kept.get("x", [array], lambda: 7) == 7
