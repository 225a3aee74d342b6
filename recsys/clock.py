"""How long a search may take, and how much of that is over."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .progress import tell


@dataclass(frozen=True)
class Clock:
    """A number of seconds from now on, and a number of trials at most."""

    seconds: float
    n_trials: int | None = None
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds to go; negative when they are over."""
        return self.began + self.seconds - time.monotonic()

    def tell_time(self) -> None:
        """Say how much is over."""
        tell("tuning", int(min(self.seconds - self.left(), self.seconds)), int(self.seconds) + 1)

    def tell_end(self) -> None:
        """Say that the search is over, early or not."""
        tell("tuning", int(self.seconds) + 1, int(self.seconds) + 1)
