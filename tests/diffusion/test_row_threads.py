"""Rows shared out among threads."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion.row_threads import limit_threads, over_rows, row_ranges, thread_count

BIG = 10**9  # columns that make any work worth threads


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 20))
def test_ranges_cover_every_row_once(ties, n_ranges):
    """They follow each other without a gap, none is empty, and there are not too many."""
    ranges = row_ranges(np.cumsum([0, *ties]), n_ranges)
    assert [row for first, last in ranges for row in range(first, last)] == list(range(len(ties)))
    assert all(first < last for first, last in ranges)
    assert len(ranges) <= n_ranges


def test_ranges_are_of_about_equal_work():
    """No range costs more than its share and one row; empty rows cost something too."""
    rng = np.random.default_rng(0)
    ties = rng.integers(0, 100, 1000)
    ties[300:600] = 0
    for first, last in row_ranges(np.cumsum([0, *ties]), 8):
        assert (ties[first:last] + 1).sum() <= (ties + 1).sum() / 8 + 101


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_every_row_is_computed_once(threads):
    """However many threads there are."""
    pointers = np.arange(0, 3003, 3, dtype=np.int32)
    seen = np.zeros(1000, dtype=int)

    def count(first, last):
        seen[first:last] += 1

    with limit_threads(threads):
        over_rows(count, pointers, columns=BIG)
    assert (seen == 1).all()


def test_small_work_stays_in_the_calling_thread():
    """And so does all work where one thread is allowed."""
    pointers, where = np.arange(101), []

    def kernel(first, last):
        where.append((first, last, threading.get_ident()))

    with limit_threads(4):
        over_rows(kernel, pointers)
    with limit_threads(1):
        over_rows(kernel, pointers, columns=BIG)
    assert where == [(0, 100, threading.get_ident())] * 2


def test_large_work_leaves_the_calling_thread():
    """Two threads work at the same time: each waits for the other."""
    meeting = threading.Barrier(2, timeout=20)
    met = []

    def kernel(first, last):
        if len(met) < 2:
            met.append(threading.get_ident())
            meeting.wait()

    with limit_threads(2):
        over_rows(kernel, np.arange(1001), columns=BIG)
    assert len(set(met)) == 2


def test_no_rows():
    """Nothing is run."""
    over_rows(lambda first, last: pytest.fail("run"), np.array([0]))
    assert row_ranges(np.array([0]), 4) == []


def test_what_a_kernel_raises_comes_out():
    """From the calling thread and from others."""

    def kernel(first, last):
        raise ArithmeticError(f"row {first}")

    with pytest.raises(ArithmeticError, match="row 0"):
        over_rows(kernel, np.arange(101))
    with limit_threads(2), pytest.raises(ArithmeticError, match="row 0"):
        over_rows(kernel, np.arange(101), columns=BIG)


def test_the_limit_ends_with_its_block():
    """Also after an error, and inside another one; threads have limits of their own."""
    free = thread_count()
    with limit_threads(3):
        assert thread_count() == 3
        with limit_threads(-1):
            assert thread_count() == 3
        with limit_threads(4):
            assert thread_count() == 3
        with pytest.raises(KeyError), limit_threads(2):
            raise KeyError
        assert thread_count() == 3
        elsewhere = []
        other = threading.Thread(target=lambda: elsewhere.append(thread_count()))
        other.start()
        other.join()
        assert elsewhere == [free]
    assert thread_count() == free
    with limit_threads(None):
        assert thread_count() == free


@pytest.mark.parametrize("wrong", [0, -2])
def test_a_wrong_number(wrong):
    """The value is quoted."""
    with (
        pytest.raises(ValueError, match=f"n_jobs must be a whole number from 1.*; got {wrong}"),
        limit_threads(wrong),
    ):
        pass


@pytest.mark.parametrize("wrong", [True, 2.0, "2"])
def test_a_wrong_type(wrong):
    """A truth value is no number of threads."""
    with pytest.raises(TypeError, match="n_jobs must be a whole number"), limit_threads(wrong):
        pass


FORK = """
import os
import numpy as np
from suffuse.diffusion.row_threads import limit_threads, over_rows

def work():
    seen = np.zeros(100, dtype=int)
    def count(first, last):
        seen[first:last] += 1
    with limit_threads(2):
        over_rows(count, np.arange(101), columns=10**9)
    return bool((seen == 1).all())

assert work()
child = os.fork()
if child == 0:
    os._exit(0 if work() else 1)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_has_threads_of_its_own():
    """It does not wait for those of its parent, which it does not have."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], check=True, timeout=60)
