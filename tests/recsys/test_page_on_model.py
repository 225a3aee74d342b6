"""The page on a model: whole, closed, escaped, without an address, and it says what it should."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.page_on_model import model_page
from suffuse.recsys.report_on_model import ModelReport, model_report

EVIL = "<script>alert('x')</script>\" onerror=\"y"
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Tags, attributes and texts; complains where a tag is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag has."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Take the innermost tag away."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


@pytest.fixture(scope="module")
def found() -> ModelReport:
    """A model over ids that would break a page."""
    world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    rows = world.interactions.assign(item_id=world.interactions["item_id"] + EVIL)
    rows["user_id"] += EVIL
    ties = world.social.assign(
        source_id=world.social["source_id"] + EVIL, target_id=world.social["target_id"] + EVIL
    )
    train, test = sf.datasets.split_random(rows, rng=0)
    base = sf.SpectralFilter(n_factors=4)
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    model.fit(train, social=ties)
    groups = {user: EVIL if place % 2 else "b" for place, user in enumerate(model.user_ids_)}
    return model_report(model, test, k=5, user_groups=groups)


@pytest.fixture(scope="module")
def full(found: ModelReport) -> str:
    """Its page."""
    return model_page(found, title=EVIL, settings={EVIL: EVIL})


def test_the_page_is_closed_and_its_ids_are_single(full: str) -> None:
    """Every tag in its place, every id once, every link to an id."""
    page = Page(full)
    assert not page.open
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [str(value) for name, value in page.attributes if name in {"href", "src", "srcset"}]
    assert links
    for address in [*links, *re.findall(r"url\(([^)]*)\)", full)]:
        assert address.startswith("#")
        assert address[1:] in ids
    assert "http" not in full
    assert "@import" not in full


def test_everything_is_escaped(full: str) -> None:
    """Ids, labels and titles stand there as text; in pictures too."""
    page = Page(full)
    assert not {"script", "iframe", "object", "embed", "link", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert sum("<script>alert('x')</script>" in text for text in page.texts) > 20


def test_what_the_page_says(full: str, found: ModelReport) -> None:
    """All sections, the sentences of the profile, of the explanations, the names of settings."""
    page = Page(full)
    texts = " ".join(page.texts)
    for words in (
        "At a glance", "The data", "Who is served how", "The social graph", "Example users",
        "Accuracy against fairness", "All values", "Settings",
        "SocialDiffusion over SpectralFilter",
        "no graph", "as fitted", "most popular fifth", "settings were given",
        *found.profile.sentences(),
        *(one.explanations[0].sentence() for one in found.examples),
    ):  # fmt: skip
        assert words in texts, words
    assert page.tags.count("svg") == 3 + 4 + 1 + len(found.examples)
    assert page.tags.count("h1") == 1
    assert "prefers-color-scheme: dark" in full
    assert len(full) < 400_000


def test_the_page_is_the_same_twice(found: ModelReport, full: str) -> None:
    """No date and no random id."""
    assert model_page(found, title=EVIL, settings={EVIL: EVIL}) == full


def test_a_model_without_a_graph() -> None:
    """Sections on the graph and the frontier are not there."""
    world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    train, test = sf.datasets.split_random(world.interactions, rng=0)
    plain = model_page(model_report(sf.Popularity().fit(train), test, k=5))
    for words in ("The social graph", "Accuracy against fairness", "tied at random"):
        assert words not in plain
    assert "Example users" in plain


def test_an_ablation_stands_where_there_is_one(found: ModelReport) -> None:
    """As the fit wrote it down; what is not there has no section."""
    model = copy.copy(found.model)
    model.ablation_ = pd.DataFrame(
        {"users": ["warm"], "metric": ["ndcg@20"], "difference": [0.0123], "n_users": [7]}
    )
    page = model_page(replace(found, model=model, frontier=None, examples=()))
    assert "On the hold-out of the fit" in page
    assert "+0.0123" in page
    assert "Example users" not in page


def test_the_settings_stand_in_the_table(full: str) -> None:
    """Parameters of the model and what was given besides."""
    texts = Page(full).texts
    for name in ("normalization", "damping_ (chosen)", "few_memory_ (chosen)"):
        assert name in texts, name
