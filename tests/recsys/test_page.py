"""The page: whole, closed, escaped, without an address, and the same in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.page import report_page, versions
from suffuse.recsys.report import Report

EVIL = "<script>alert('x')</script>\" onerror=\"y"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Tags, ids, links and texts of a page; complains where a tag is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.names: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to."""
        self.tags.append(tag)
        for name, value in attrs:
            self.names.add(name)
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src", "xlink:href", "action", "srcset"):
                self.addresses.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        """Take the innermost tag away."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


@pytest.fixture(scope="module")
def full() -> str:
    """A page with everything on it, and ids, labels and titles that would break it."""
    world = sf.datasets.make_social_world(n_users=200, n_items=80, rng=0)
    rows = world.interactions.assign(item_id=world.interactions["item_id"] + EVIL)
    train, test = sf.datasets.split_random(rows, rng=0)
    model = sf.SocialDiffusion(sf.ALS(n_factors=4)).fit(train, social=world.social)
    recs = model.recommend(k=5)
    other = model.base_.recommend(k=5)
    users = {user: EVIL if place % 2 else "b" for place, user in enumerate(model.user_ids_)}
    items = {item: EVIL if place % 3 else "b" for place, item in enumerate(model.item_ids_)}
    report = sf.evaluate(
        recs,
        test,
        train=train,
        metrics=["ndcg@5", "recall@50", "coverage@5"],
        user_groups=users,
        item_groups=items,
        social=world.social,
        baseline=other,
    )
    return report_page(
        report,
        title=EVIL,
        recs=recs,
        train=train,
        baseline_recs=other,
        baseline=EVIL,
        model=model,
        settings={EVIL: EVIL, "test": Path("test.parquet")},
    )


def test_every_tag_is_closed_in_its_place(full: str) -> None:
    """And no id is there twice."""
    page = Page(full)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_fetched(full: str) -> None:
    """Links lead into the page itself, to ids that are there; no address stands anywhere."""
    page = Page(full)
    assert page.addresses
    for address in page.addresses:
        assert address.startswith("#")
        assert address[1:] in page.ids
    for found in re.findall(r"url\(([^)]*)\)", full):
        assert found.startswith("#")
        assert found[1:] in page.ids
    assert "http" not in full
    assert "@import" not in full


def test_everything_is_escaped(full: str) -> None:
    """No script, no handler; the labels stand there as text."""
    page = Page(full)
    assert not {"script", "iframe", "object", "embed", "link", "img"} & set(page.tags)
    assert not [name for name in page.names if name.startswith("on")]
    assert sum("<script>alert('x')</script>" in text for text in page.texts) > 10


def test_what_the_page_says(full: str) -> None:
    """Words, pictures, tables, the ablation, settings and versions, notes."""
    page = Page(full)
    texts = " ".join(page.texts)
    for title in (
        "In words", "Who is served worse", "Which items are shown", "Pictures", "Values",
        "Changes", "Groups of users", "Groups of items", "Without the graph",
        "What was counted", "Settings", "test.parquet", "SocialDiffusion", "effect size",
    ):  # fmt: skip
        assert title in texts, title
    assert versions() in texts
    assert "looks further" in texts
    assert page.tags.count("svg") == 4
    assert page.tags.count("figcaption") == 4
    assert page.tags.count("table") >= 7
    assert page.tags.count("h1") == 1
    assert "prefers-color-scheme: dark" in full


def test_the_page_is_the_same_twice(full: str) -> None:
    """No date, no random id: what is equal can be seen to be equal."""
    report = Report(("m",), {"m": np.array([0.1, 0.2])}, {}, np.arange(2), {})
    assert report_page(report) == report_page(report)
    assert len(full) < 200_000


def test_many_groups_stay_a_page() -> None:
    """Two thousand groups, and the file is still smaller than half a megabyte."""
    labels = np.repeat(np.array([f"group {place}" for place in range(2000)], dtype=object), 10)
    values = np.random.default_rng(0).random(len(labels))
    users = np.arange(len(labels))
    report = Report(
        ("ndcg@5", "recall@5"),
        {"ndcg@5": values, "recall@5": values},
        {},
        users,
        {},
        user_groups=labels,
        min_group_size=10,
    )
    made = report_page(report)
    assert len(made) < 500_000
    assert "1500 further ones are left out here" in made
    assert not Page(made).open


def test_many_notes_are_folded() -> None:
    """Hundreds of small groups do not push the words out of sight; nothing is left out."""
    values = {"ndcg@5": np.array([0.1, 0.2])}
    notes = tuple(f"group {place} is small" for place in range(400))
    page = Page(report_page(Report(("ndcg@5",), values, {}, np.arange(2), {}, notes=notes)))
    assert "397 more notes" in page.texts
    assert all(any(note in text for text in page.texts) for note in notes)


def test_a_bare_report_is_a_page() -> None:
    """Nobody judged, nothing given: still a page, without empty sections."""
    nobody = np.array([])
    made = report_page(Report(("ndcg@5",), {"ndcg@5": nobody}, {}, nobody, {}))
    page = Page(made)
    assert not page.open
    assert page.tags.count("section") == 3
    assert "textbook" in page.texts
    exposure = pd.DataFrame({"group": [], "exposure": [], "catalogue": []})
    empty = Report((), {}, {}, nobody, {}, exposure=exposure)
    assert "Groups of items" not in report_page(empty)


def test_a_real_browser_reads_the_same(full: str, tmp_path: Path) -> None:
    """Chromium, offline: the same headings, tables and pictures as the parser finds."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium is installed: the page was read by html.parser alone")
    file = tmp_path / "report.html"
    file.write_text(full, encoding="utf-8")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        f"--user-data-dir={tmp_path / 'profile'} --dump-dom"
    ).split()
    done = subprocess.run(
        [browser, *flags, "--host-resolver-rules=MAP * ~NOTFOUND", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"Chromium does not start here: {done.stderr.strip()[-200:]}")
    seen, meant = Page(done.stdout), Page(full)
    for tag in ("section", "h2", "h3", "table", "tr", "td", "svg", "figure", "text", "path", "use"):
        assert seen.tags.count(tag) == meant.tags.count(tag), tag
    assert sorted(seen.ids) == sorted(meant.ids)
