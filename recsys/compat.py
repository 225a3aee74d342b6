"""What other packages mean by the same names, so that any paper's number can be computed again.

Textbook definitions are the default of ``evaluate``. A preset changes the variants of metrics and
which users are judged, nothing else; what a package gets wrong without a definition (repeated
items that count twice, a list of hits divided by zero) is not imitated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .lists import Gaps

Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Compat:
    """Variants of metrics and rules about tables that belong together.

    Parameters
    ----------
    name : str
        What it is called in reports.
    options : mapping from metric name to its options
        For example ``{"ndcg": {"gain": "exp"}}``; options written with the metric go before.
    uncut : mapping from metric name to its options
        Instead of ``options`` where a metric is asked for without ``@k``.
    gaps : {"close", "miss"}
        What a gap between ranks is: nothing, or places at which the user was shown a miss.
    users : {"test", "listed"}
        Who is judged: users with a test row, of whom those without a list score 0; or only
        those who have a list too.

    Examples
    --------
    >>> Compat("mine", {"map": {"denominator": "n"}}).users
    'test'
    """

    name: str
    options: Options = field(default_factory=dict)
    uncut: Options = field(default_factory=dict)
    gaps: Gaps = "close"
    users: Literal["test", "listed"] = "test"

    def options_of(self, metric: str, *, cut: bool) -> dict[str, Any]:
        """The options of a metric, asked for with ``@k`` or without.

        Examples
        --------
        >>> compat_of("lenskit").options_of("recall", cut=True)
        {'denominator': 'min'}
        >>> compat_of("lenskit").options_of("recall", cut=False)
        {}
        """
        chosen = self.options
        if not cut and metric in self.uncut:
            chosen = self.uncut
        return dict(chosen.get(metric, {}))


TEXTBOOK = Compat("textbook")

#: RecBole: the textbook's accuracy metrics; its entropy is divided by the items that are listed
RECBOLE = Compat("recbole", {"entropy": {"base": math.e, "divide": "listed"}})

#: RecTools 0.19: the ideal list of NDCG has k hits, MAP divides by n, ranks are taken as given
RECTOOLS = Compat(
    "rectools",
    {"ndcg": {"denominator": "k"}, "map": {"denominator": "n"}, "r_precision": {"cut": "k"}},
    gaps="miss",
)

#: LensKit 2025: lists divide by their own length, recall by what k can hold, ranks 1 and 2 alike
LENSKIT = Compat(
    "lenskit",
    {
        "precision": {"denominator": "list"},
        "recall": {"denominator": "min"},
        "map": {"denominator": "list"},
        "ndcg": {"discount": "log2max2"},
        "dcg": {"discount": "log2max2"},
        "rbp": {"p": 0.85},
    },
    uncut={
        "recall": {},
        "ndcg": {"discount": "log2max2", "denominator": "n"},
    },
)

#: RePlay: the textbook's accuracy metrics; its RocAuc is ``auc_within``, its Novelty ``unseen``,
#: and its Surprisal what novelty is here
REPLAY = Compat("replay", {"novelty": {"normalize": True, "denominator": "k"}})

#: ranx 0.3: grades count in NDCG, MAP divides by n; without a cut lists divide by their length
RANX = Compat(
    "ranx",
    {"ndcg": {"gain": "linear"}, "dcg": {"gain": "linear"}, "map": {"denominator": "n"}},
    uncut={
        "precision": {"denominator": "list", "empty": 0.0},
        "f1": {"denominator": "list"},
        "ndcg": {"gain": "linear", "denominator": "n"},
    },
)

#: Elliot: grades count as powers of two in NDCG, and only users with a list are judged. Its
#: MAP is the mean of the precisions at 1 to k, and its Gini index 1 where exposure is equal
ELLIOT = Compat(
    "elliot",
    {
        "ndcg": {"gain": "exp", "shift": 1.0},
        "map": {"denominator": "precisions"},
        "gini": {"unbiased": True, "equality": True},
    },
    users="listed",
)

_PRESETS = {
    preset.name: preset for preset in (RECBOLE, RECTOOLS, LENSKIT, REPLAY, RANX, ELLIOT, TEXTBOOK)
}


def compat_of(given: str | Compat | None) -> Compat:
    """The preset of a name, or the one given; None is the textbook.

    Parameters
    ----------
    given : {"recbole", "rectools", "lenskit", "replay", "ranx", "elliot", "textbook"} or Compat
        A name, or variants of your own.

    Returns
    -------
    Compat

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> compat_of("ranx").options["map"]
    {'denominator': 'n'}
    """
    if given is None:
        return TEXTBOOK
    if isinstance(given, Compat):
        return given
    if not isinstance(given, str) or given not in _PRESETS:
        raise ValueError(f"compat must be one of {sorted(_PRESETS)} or a Compat; got {given!r}")
    return _PRESETS[given]
