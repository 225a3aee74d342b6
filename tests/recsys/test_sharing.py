"""What is kept, for how long, and for whom."""

import weakref
from functools import partial

import pytest

from suffuse.recsys.sharing import is_sharing, shared, sharing


class Table:
    """Something that has an identity and nothing else."""


class Counting:
    """A computation that counts how often it is asked for, and gives that number."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


def test_nothing_is_kept_outside_of_a_block() -> None:
    """Every call computes, before and after a block as well."""
    table, compute = Table(), Counting()
    assert [shared("sum", table, compute) for _ in range(2)] == [1, 2]
    with sharing():
        assert shared("sum", table, compute) == 3
    assert shared("sum", table, compute) == 4
    assert not is_sharing()


def test_one_computation_per_name_and_table() -> None:
    """The same again is remembered; another table or another name is not the same."""
    table, other, compute = Table(), Table(), Counting()
    with sharing():
        assert is_sharing()
        assert [shared("sum", table, compute) for _ in range(3)] == [1, 1, 1]
        assert shared("sum", other, compute) == 2
        assert shared("product", table, compute) == 3
        assert shared("sum", table, compute) == 1


def test_what_is_not_enough_is_computed_again_and_replaced() -> None:
    """A larger result takes the place of a smaller one."""
    table, compute = Table(), Counting()
    with sharing():
        shared("sum", table, compute)
        assert shared("sum", table, compute, enough=lambda kept: kept >= 2) == 2
        assert shared("sum", table, compute) == 2


def test_a_new_table_never_meets_the_result_of_a_dead_one() -> None:
    """Identities are reused by Python; a table is kept alive for as long as its result."""
    with sharing():
        found = [shared("number", Table(), partial(int, number)) for number in range(50)]
    assert found == list(range(50))


def test_blocks_nest_and_end_with_an_error() -> None:
    """An inner block starts afresh; the outer one goes on; an exception ends both."""
    table, compute = Table(), Counting()

    def interrupted() -> None:
        with sharing():
            shared("sum", table, compute)
            with sharing():
                assert shared("sum", table, compute) == 2
            assert shared("sum", table, compute) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not is_sharing()


def test_a_failure_is_not_kept() -> None:
    """The next call tries again."""

    def fail() -> int:
        raise MemoryError

    table = Table()
    with sharing():
        with pytest.raises(MemoryError):
            shared("sum", table, fail)
        assert shared("sum", table, Counting()) == 1


def test_what_is_replaced_is_gone_before_its_successor_is_computed() -> None:
    """Two large results of one name never live at the same time."""
    table = Table()

    def successor() -> bool:
        return first() is None

    with sharing():
        first = weakref.ref(shared("matrix", table, Table))
        assert shared("matrix", table, successor, enough=lambda kept: False)
