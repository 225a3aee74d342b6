"""The story that `suffuse glass` tells: a drop, what becomes of it, and how even it gets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..diffusion.blocks import check_number
from ..diffusion.circle import Circle
from ..diffusion.glass import Glass

Floats = npt.NDArray[np.float64]

# How much of a story passes before the spoon goes in, and how much of its time in all: the slowest
# mode of the glass to this many of its own lengths, when 99 % and more is even.
_STILL, _LENGTHS = 0.06, 2.6
_STRENGTH = 0.7
_EVEN = 0.99
#: red, green and blue of somebody who does not know of it yet
PERSON = (203, 213, 220)


@dataclass(frozen=True)
class Panel:
    """One of the two things that are watched.

    Attributes
    ----------
    title
        For people.
    mixture
        A glass or a circle; it changes as the story goes on.
    stirred
        Whether someone stirs it.
    places
        Where each person is drawn, shape (n, 2) in [0, 1]; None for a glass.
    ties
        Pairs of persons, shape (m, 2).
    """

    title: str
    mixture: Glass | Circle
    stirred: bool = False
    places: Floats | None = None
    ties: npt.NDArray[np.intp] | None = None


@dataclass(frozen=True)
class Moment:
    """What is to be seen at one moment.

    Attributes
    ----------
    share
        How much of the story is over, from 0 to 1.
    clock
        Time in the glass, for people.
    caption
        What happens.
    relative
        For each panel the concentration over its mean.
    curves
        For each panel the mixedness from the beginning until now.
    """

    share: float
    clock: str
    caption: str
    relative: tuple[Floats, ...]
    curves: tuple[tuple[float, ...], ...]


@dataclass
class Story:
    """Panels, and the moments through which they go.

    Attributes
    ----------
    heading
        What is watched.
    panels
        Two of them.
    seconds
        How long it lasts in the glass.
    n_moments
        In how many pictures it is told.
    even_after
        When each panel was 99 % mixed, by its title; filled as the story goes on.
    n_stirs
        How often someone stirred until then.
    """

    heading: str
    panels: tuple[Panel, ...]
    seconds: float
    n_moments: int
    even_after: dict[str, float] = field(default_factory=dict)
    n_stirs: int = 0

    def moments(self) -> Iterator[Moment]:
        """Go through the story; once, as the mixtures change on the way.

        Examples
        --------
        >>> story = tell(celsius=20.0, centimetres=10.0, cells=16, n_moments=8)
        >>> [moment.clock for moment in story.moments()][-1]
        'day 71'
        """
        curves: tuple[list[float], ...] = tuple([] for _ in self.panels)
        before = 0.0
        for number in range(self.n_moments):
            share = number / max(self.n_moments - 1, 1)
            # the clock runs faster and faster, as unevenness fades slower and slower
            now = self.seconds * share**2
            for panel, curve in zip(self.panels, curves, strict=True):
                self._age(panel, now - before, stir=share > _STILL)
                curve.append(float(panel.mixture.mixedness))
                if curve[-1] >= _EVEN:
                    self.even_after.setdefault(panel.title, now)
            before = now
            yield Moment(
                share,
                clock(now),
                self._caption(share, curves[-1][-1]),
                tuple(panel.mixture.relative for panel in self.panels),
                tuple(tuple(curve) for curve in curves),
            )

    def _age(self, panel: Panel, seconds: float, *, stir: bool) -> None:
        """One moment of a panel; a circle's pace gives its slowest mode that of the glass."""
        if isinstance(panel.mixture, Circle):
            pace = self.panels[0].mixture.spectral_gap / panel.mixture.spectral_gap
            panel.mixture.wait(seconds * pace)
            return
        panel.mixture.wait(seconds)
        if panel.stirred and stir and panel.mixture.mixedness < _EVEN:
            panel.mixture.stir(strength=_STRENGTH)
            self.n_stirs += 1

    def _caption(self, share: float, mixed: float) -> str:
        """What happens at a moment, and whether the right panel is even by then."""
        if share == 0.0:
            return "a drop falls" + (", and a liking begins" if self._is_social else "")
        if share >= 1.0:
            return "even, and it stays even: stable diffusion"
        if self._is_social:
            return "by itself, the same way: here through water, there along friendships"
        if mixed >= _EVEN:
            return "the stirred one is even, the other still on its way"
        return "a spoon stirs the right glass" if share > _STILL else "it spreads by itself"

    @property
    def _is_social(self) -> bool:
        return any(isinstance(panel.mixture, Circle) for panel in self.panels)

    def words(self) -> list[str]:
        """What was seen, in sentences; after the moments.

        Examples
        --------
        >>> story = tell(celsius=20.0, centimetres=10.0, cells=16, n_moments=12)
        >>> _ = list(story.moments())
        >>> story.words()[0]
        'left alone: 99 % mixed after 38 days'
        """
        glass = self.panels[0].mixture
        slowest = 1.0 / glass.spectral_gap
        lines = []
        for panel in self.panels:
            after = self.even_after.get(panel.title)
            lines.append(
                f"{panel.title}: 99 % mixed after {duration(after)}"
                if after is not None
                else f"{panel.title}: {percent(panel.mixture.mixedness)} mixed at the end"
            )
        if self._is_social:
            lines.append(
                "the same calls did both: drop, wait, mixedness; "
                "the friends' clock is set so that both have the same slowest mode"
            )
        else:
            lines.append(
                f"slowest mode of a glass that nobody stirs: {duration(slowest)}; {self.n_stirs} "
                "turns of the spoon mixed nothing, they stretched the dye to threads for diffusion"
            )
        return lines


def tell(
    *,
    celsius: float,
    centimetres: float,
    cells: int,
    n_moments: int,
    social: pd.DataFrame | None = None,
    seed: int = 0,
) -> Story:
    """Prepare a story: two glasses, one of which is stirred, or a glass and a circle of friends.

    Parameters
    ----------
    celsius
        Temperature of the water.
    centimetres
        Width of the glass.
    cells
        Along each side.
    n_moments
        Pictures.
    social : DataFrame, optional
        Ties (``source_id, target_id``); its largest connected circle takes the second place.
    seed
        Of the places at which people are drawn.

    Raises
    ------
    ValueError
        For a temperature, width or number out of range.

    Examples
    --------
    >>> [panel.title for panel in tell(celsius=20, centimetres=10, cells=8, n_moments=4).panels]
    ['left alone', 'stirred']
    """
    check_number("temperature", celsius, "from 0 to 100 C", lambda c: 0.0 <= c <= 100.0)
    check_number("width", centimetres, "positive, in cm", lambda c: 0.0 < c < 1e6)
    check_number("moments", n_moments, "2 or more", lambda n: n >= 2)
    kelvin, spacing = celsius + 273.15, 0.01 * centimetres / cells
    glasses = [Glass((cells, cells), spacing, temperature=kelvin) for _ in range(2)]
    for glass in glasses:
        at = (round(0.28 * cells), round(0.36 * cells))
        glass.drop(at, 1.0, radius=0.0014 * centimetres)
    seconds = _LENGTHS / glasses[0].spectral_gap
    heading = f"a drop of dye in water, {centimetres:g} cm wide, {celsius:g} °C"
    if social is None:
        panels = (Panel("left alone", glasses[0]), Panel("stirred", glasses[1], stirred=True))
    else:
        panels = (Panel("dye in water", glasses[0]), _people(social, seed))
    return Story(heading, panels, seconds, n_moments)


def _people(social: pd.DataFrame, seed: int) -> Panel:
    """The largest circle of a graph, with a preference on its best connected member."""
    graph = nx.from_pandas_edgelist(social, "source_id", "target_id")
    graph.remove_edges_from(nx.selfloop_edges(graph))
    circle = nx.Graph(graph.subgraph(max(nx.connected_components(graph), key=len)))
    people = Circle(circle)
    ids: list[Any] = people.operator.ids.tolist()
    people.drop(max(ids, key=circle.degree), 1.0)
    laid = nx.spring_layout(circle, pos=nx.kamada_kawai_layout(circle), seed=seed, iterations=8)
    places = np.array([laid[who] for who in ids])
    places -= places.min(axis=0)
    places /= np.maximum(places.max(axis=0), 1e-12)
    index = {who: position for position, who in enumerate(ids)}
    ties = np.array([(index[u], index[v]) for u, v in circle.edges], dtype=np.intp)
    return Panel(f"a liking among {len(ids)} friends", people, places=places, ties=ties)


def clock(seconds: float) -> str:
    """A moment in the unit that suits a glass: minutes, hours, then days.

    Examples
    --------
    >>> clock(90.0), clock(7200.0), clock(86400.0 * 27)
    ('minute 2', 'hour 2', 'day 27')
    """
    if seconds < 3600.0:
        return f"minute {seconds / 60.0:.0f}"
    if seconds < 172800.0:
        return f"hour {seconds / 3600.0:.0f}"
    return f"day {seconds / 86400.0:.0f}"


def percent(mixed: float) -> str:
    """How mixed, for people; never rounded up to what is not reached.

    Examples
    --------
    >>> percent(0.736), percent(0.9968), percent(1.0)
    ('73 %', '99.6 %', '100 %')
    """
    if mixed >= 0.9995:
        return "100 %"
    return f"{math.floor(100 * mixed)} %" if mixed < _EVEN else f"{math.floor(1000 * mixed) / 10} %"


def duration(seconds: float) -> str:
    """A length of time for people.

    Examples
    --------
    >>> duration(40.0), duration(5400.0), duration(86400.0 * 27.3)
    ('40 s', '90 min', '27 days')
    """
    steps = ((120.0, "s", 1.0), (7200.0, "min", 60.0), (172800.0, "hours", 3600.0))
    for below, name, unit in steps:
        if seconds < below:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86400.0:.0f} days"
