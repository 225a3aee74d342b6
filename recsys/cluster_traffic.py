"""What moved between the workers of a cluster, stage by stage, beside what arithmetic says."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class StageTraffic:
    """One stage: bytes in all of its rounds.

    Attributes
    ----------
    stage : str
        What it is, such as ``"diffusing: hop"``.
    rounds : int
        How often everybody was called.
    moved : int
        Bytes of arrays that a worker took from another one, counted by those who took them.
    network : int
        Those of them that came from another host; the rest went through shared memory.
    expected : int
        What arithmetic says of ``moved``.
    """

    stage: str
    rounds: int = 0
    moved: int = 0
    network: int = 0
    expected: int = 0


class Traffic:
    """The stages in the order in which they began.

    Bytes that a worker had taken when it was killed are not counted; those that are taken again
    count again.

    Examples
    --------
    >>> traffic = Traffic()
    >>> traffic.note("hop", rounds=1, moved=100, network=0, expected=96)
    >>> traffic.note("hop", rounds=1, moved=100, network=0, expected=96)
    >>> traffic.stages[0].moved, traffic.stages[0].rounds
    (200, 2)
    """

    def __init__(self) -> None:
        self._stages: dict[str, StageTraffic] = {}

    def __repr__(self) -> str:
        if not self._stages:
            return "Traffic(nothing yet)"
        return self.to_frame().to_string(index=False)

    @property
    def stages(self) -> tuple[StageTraffic, ...]:
        """One entry per stage."""
        return tuple(self._stages.values())

    def note(
        self, stage: str, *, rounds: int = 0, moved: int = 0, network: int = 0, expected: int = 0
    ) -> None:
        """Add to a stage."""
        old = self._stages.get(stage, StageTraffic(stage))
        self._stages[stage] = StageTraffic(
            stage,
            old.rounds + rounds,
            old.moved + moved,
            old.network + network,
            old.expected + expected,
        )

    def to_frame(self) -> pd.DataFrame:
        """Columns ``stage, rounds, moved, network, expected, moved_per_round``."""
        rows = [
            (one.stage, one.rounds, one.moved, one.network, one.expected, one.moved / one.rounds)
            for one in self.stages
            if one.rounds
        ]
        names = ["stage", "rounds", "moved", "network", "expected", "moved_per_round"]
        return pd.DataFrame(rows, columns=names)
