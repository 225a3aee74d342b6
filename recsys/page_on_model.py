"""One self-contained page on a fitted model: its data, its lists, its dial, and some users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from . import markup
from .data_profile import Profile
from .example_users import ExampleUser
from .explanation import Explanation
from .page import ablation_section, evaluation_sections, page_of, settings_section
from .phrases import PER_CENT, interval, judged, plain, plural, signed
from .profile_plots import plot_agreement, plot_channels, plot_degrees, plot_histories
from .report import Report
from .report_on_model import WITHOUT, ModelReport
from .report_plots import INK
from .words import leading_metric

#: headings of the columns of a profile
_COLUMNS = {
    "of": "how many",
    "p90": "nine of ten have at most",
    "none": "with nothing",
    "n_users": "number",
    "with_ties": "with ties",
    "without_ties": "without",
    "value": "as it is",
    "chance": "at random",
    "range": "95 % of these",
    "item_id": "item",
    "hit": "taken later",
}
_RANDOM_WORDS = (
    "Random graphs leave everybody their items and their number of ties; only who is tied to whom "
    "is drawn. What friends have in common beyond that is what a social graph can tell."
)
_FRONTIER_WORDS = (
    "The model was fitted again with other settings on nine tenths of each user's training rows "
    "and judged on the rest; test was not looked at. Settings that no other one beats in both "
    "respects are joined by the line."
)
_EXAMPLE_WORDS = (
    "Drawn at random among the users of their kind who have ties and test rows where there are "
    "such, and not for how well they are served. The bars take scores apart: oneself blue, other "
    "people red, what everybody likes grey."
)


def model_page(
    found: ModelReport, *, title: str = "Model", settings: Mapping[str, Any] | None = None
) -> str:
    """One HTML page that holds everything on a model, and opens offline.

    The data profile; accuracy and fairness with intervals, as in :func:`suffuse.report_page`; what
    the social graph changes; accuracy against the inequality of exposure; users with their lists
    and the reasons for them; settings and versions. Light or dark as the reader's system is, and
    everything that comes in, ids and labels included, is escaped.

    Parameters
    ----------
    found : ModelReport
        What :func:`suffuse.recsys.model_report` computed.
    title : str
        The heading.
    settings : mapping, optional
        What else a reader should know of the run, by name: files, lengths.

    Returns
    -------
    str
        A whole document.

    Examples
    --------
    >>> import suffuse as sf
    >>> from suffuse.recsys.report_on_model import model_report
    >>> world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    >>> train, test = sf.datasets.split_random(world.interactions, rng=0)
    >>> found = model_report(sf.EASE(regularization=5.0).fit(train), test, frontier=False)
    >>> model_page(found, title="<my model>").count("&lt;my model&gt;")
    2
    """
    judgement = evaluation_sections(
        found.report,
        recs=found.recs,
        train=found.train,
        baseline_recs=found.baseline_recs,
        baseline=WITHOUT,
    )
    sections = {
        "At a glance": _glance(found),
        "The data": _data(found.profile),
        "Who is served how": _served(found, judgement),
        "The social graph": _graph(found, judgement["Changes"]),
        "Accuracy against fairness": _frontier(found),
        "Example users": "".join(_example(one, place) for place, one in enumerate(found.examples)),
        "All values": _values(judgement, found.report),
        "Settings": settings_section(found.model, dict(settings or {})),
    }
    if found.examples:
        words = markup.paragraph(_EXAMPLE_WORDS, "soft")
        sections["Example users"] = words + sections["Example users"]
    lead = f"{_name(found.model)}: what it was fitted on, whom its lists serve, and why."
    notes = [note for note in found.report.notes if not _is_small(note)]
    return page_of(title, lead, sections, notes=notes)


def _glance(found: ModelReport) -> str:
    """Sizes, the leading metric, and what the graph is worth."""
    profile, report = found.profile, found.report
    pairs = [
        ("users", f"{len(profile.user_counts):,}"),
        ("items", f"{len(profile.item_counts):,}"),
        ("rows", f"{profile.n_rows:,}"),
    ]
    if profile.tie_counts is not None:
        pairs.append(("pairs of friends", f"{profile.n_ties:,}"))
    metric = leading_metric(report)
    if metric is None:
        return markup.facts(pairs)
    row = _row(report.to_frame(), metric)
    pairs.append((metric, plain(float(row["value"]))))
    made = markup.facts(pairs)
    said = f"{metric} of the {len(report.user_ids):,} users of test is {plain(float(row['value']))}"
    lines = [f"{said} on average ({interval(row, report.ci, plain)})."]
    if report.differences is not None:
        lines.append(_worth(report, metric))
    return made + markup.items(lines)


def _worth(report: Report, metric: str) -> str:
    """What the social graph changes in one metric."""
    row = _row(report.difference_frame(), metric)
    return (
        f"The social graph changes it by {signed(float(row['value']))} "
        f"({interval(row, report.ci, signed)}): "
        f"{judged(float(row['low']), float(row['high']))}."
    )


def _data(profile: Profile) -> str:
    """The profile in words, pictures and tables."""
    drawn = [
        markup.picture(
            plot_degrees(profile),
            "degrees",
            "The share of users and items that have at least so many, on log axes: a long tail "
            "to the right is few who have very much.",
        ),
        markup.picture(
            plot_histories(profile),
            "histories",
            "Users by how many items they have in training. Those without items can be served "
            "by friends or by popularity alone.",
        ),
    ]
    made = markup.items(profile.sentences())
    levels = profile.agreement_frame()
    tables = markup.table(profile.degrees(), names=_COLUMNS)
    tables += markup.table(profile.histories(), names=_COLUMNS)
    beside = ""
    if len(levels):
        caption = (
            "Agreement of friends (dots) beside random graphs with the same degrees (bars hold "
            f"95{PER_CENT} of them)."
        )
        drawn.append(markup.picture(plot_agreement(profile), "agreement", caption))
        ends = [
            f"{markup.number(low, digits=3)} to {markup.number(high, digits=3)}"
            for low, high in levels[["low", "high"]].itertuples(index=False, name=None)
        ]
        shown = levels[["measure", "value", "chance"]].assign(range=ends)
        shown["times"] = [markup.number(times, digits=1) for times in levels["times"]]
        beside = markup.paragraph(_RANDOM_WORDS, "soft") + markup.table(shown, names=_COLUMNS)
        beside = f'<div class="cell">{beside}</div>'
    plots = f'<div class="plots">{"".join(drawn)}{beside}</div>'
    return made + plots + markup.folded("as tables", tables)


def _served(found: ModelReport, judgement: Mapping[str, str]) -> str:
    """The words and pictures of the evaluation."""
    words = {
        "users": "users are grouped by how many items they have in training",
        "items": "items by whether they are among the most popular fifth",
    }
    own = [words[kind] for kind in found.own_groups]
    said = markup.paragraph(_sentence(" and ".join(own)), "soft") if own else ""
    return said + judgement["In words"] + judgement["Pictures"]


def _graph(found: ModelReport, changes: str) -> str:
    """What the graph changes on test, and on the hold-out on which settings were chosen."""
    if found.baseline_recs is None:
        return ""
    made = markup.heading("On test", 3) + changes
    chosen = ablation_section(found.model)
    if chosen:
        return made + markup.heading("On the hold-out of the fit", 3) + chosen
    said = "The settings were given and not chosen on a hold-out, so there is no ablation of it."
    return made + markup.paragraph(said, "soft")


def _frontier(found: ModelReport) -> str:
    """The frontier as a picture and a table."""
    frontier = found.frontier
    if frontier is None:
        return ""
    direction = "more" if frontier.higher_is_fairer else "less"
    caption = (
        f"{frontier.accuracy} against {frontier.fairness}, of which {direction} is fairer: how "
        "unequally often items are recommended."
    )
    frame = frontier.to_frame()
    axes = frontier.plot()
    axes.set_title("")
    for _, row in frame[~frame["pareto"]].iterrows():
        # the front has its names already; of the rest the fitted setting is worth one
        if str(row.get("setting", "")).endswith("as fitted"):
            place = (row["fairness"], row["accuracy"])
            axes.annotate(
                "as fitted",
                place,
                (-6, -12),
                textcoords="offset points",
                fontsize=8,
                ha="right",
                color=INK,
            )
    drawn = markup.picture(axes, "frontier", caption)
    values = frame[[*frontier.settings[0], "accuracy", "fairness", "pareto"]]
    values = values.assign(pareto=["yes" if on else "" for on in frame["pareto"]])
    names = {
        "accuracy": frontier.accuracy,
        "fairness": frontier.fairness,
        "pareto": "on the front",
        "setting": "kind and damping",
    }
    table = markup.table(values, names=names)
    said = markup.paragraph(_FRONTIER_WORDS, "soft")
    return f'{said}<div class="beside"><div>{drawn}</div><div>{table}</div></div>'


def _example(one: ExampleUser, place: int) -> str:
    """A user: what is known, the list, and why the first items are on it."""
    known = f"{one.n_items:,} {plural(one.n_items, 'item')}"
    ties = f"{one.n_ties:,} {plural(one.n_ties, 'tie')}"
    made = markup.heading(f"User {one.user}: {known}, {ties}", 3)
    hits = int(one.recs["hit"].sum())
    said = f"{one.n_taken:,} {plural(one.n_taken, 'item')} in test"
    if one.n_taken:
        said += f", {hits} of them among the {len(one.recs)} recommended"
    made += markup.paragraph(f"{said}.", "soft")
    shown = one.recs.assign(hit=["yes" if hit else "" for hit in one.recs["hit"]])
    table = markup.table(shown, names=_COLUMNS)
    if not one.explanations:
        return made + table
    caption = f"Where the scores of the first {len(one.explanations)} items come from."
    drawn = markup.picture(plot_channels(one.explanations), f"why{place}", caption)
    made += f'<div class="beside"><div>{drawn}</div><div>{table}</div></div>'
    made += markup.paragraph(one.explanations[0].sentence())
    trees = "".join(_tree(why) for why in one.explanations)
    return made + markup.folded("every part of these scores", trees)


def _tree(why: Explanation) -> str:
    return f"<pre>{markup.text(why.tree())}</pre>"


def _values(judgement: Mapping[str, str], report: Report) -> str:
    """The tables of the evaluation, the first open."""
    made = judgement["Values"]
    for name in ("Groups of users", "Groups of items", "Fairness", "What was counted"):
        if judgement[name]:
            made += markup.folded(name.lower(), judgement[name])
    small = [note for note in report.notes if _is_small(note)]
    return made + (markup.folded("too few to tell", markup.items(small)) if small else "")


def _is_small(note: str) -> bool:
    """Whether a note says that a group is too small, which is no mistake in the tables."""
    return ", fewer than " in note


def _name(model: Any) -> str:
    """A model and what it wraps."""
    base = getattr(model, "base_", None)
    name = type(model).__name__
    return name if base is None else f"{name} over {type(base).__name__}"


def _row(frame: pd.DataFrame, metric: str) -> pd.Series[Any]:
    return frame[frame["metric"] == metric].iloc[0]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
