"""Documents in which every text is hostile, and what no rendering of any of them may do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from typing import Any

from hypothesis import strategies as st

from hindsight.domain.values import IncidentClass, IncidentState, Resolution, Severity
from hindsight.message import (
    About,
    Document,
    Fact,
    Link,
    Section,
    Tone,
    card,
    event,
    html,
    plain,
    slack_blocks,
    slack_text,
)
from hindsight.message.as_slack import BUDGET, FIELD, FIELDS, HEADER, MAX_BLOCKS, SECTION

HOSTILE = [
    "<!channel>",
    "<@U1>",
    "<http://evil|x>",
    "\u202egnp.exe\u2066",
    "a\r\nBcc: all@example.com",
    "</script><img src=x onerror=alert(1)>",
    "&amp;&&lt;",
    "`*_~:fire:",
    "\x00\ud800\ufeff",
    "$x^2$ {0} %s",
    "[bank](http://evil) <at>all</at> {{DATE(2013-01-01T00:00:00Z)}} ${x}",
    "=cmd|' /C calc'!A1",
]

LIVE_SLACK = re.compile(r"<(?!https?://[^<>|\s]+\|[^<>|]*>)")
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
ALLOWED_TAGS = frozenset("html head meta title body div h1 h2 p table tr td ul li a br img".split())  # noqa: SIM905
ALLOWED_ATTRIBUTES = frozenset(
    "style href lang dir charset name content role cellpadding cellspacing src alt width".split()  # noqa: SIM905
)
TEAMS, PAGERDUTY, SUMMARY, MAIL = 28 * 1024, 512 * 1024, 1_024, 100_000
IMAGE = ("F0123456789", "<!channel> recall is 0.412\u202e" * 200)


def texts(block: Any) -> list[dict[str, Any]]:
    """All text objects of a block."""
    if isinstance(block, dict):
        own = [block] if block.get("type") in ("plain_text", "mrkdwn") else []
        return own + [found for value in block.values() for found in texts(value)]
    return [found for value in block for found in texts(value)] if isinstance(block, list) else []


def strings(value: Any) -> list[str]:
    """Every string in a JSON value, keys included."""
    if isinstance(value, dict):
        return [*value, *(each for one in value.values() for each in strings(one))]
    if isinstance(value, list):
        return [each for one in value for each in strings(one)]
    return [value] if isinstance(value, str) else []


def elements(value: Any) -> list[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(value, dict):
        return [value, *(each for one in value.values() for each in elements(one))]
    return [each for one in value for each in elements(one)] if isinstance(value, list) else []


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_harmless(document: Document) -> None:
    """Every rendering is within its receiver's limits, and inert."""
    for image, mention in ((None, ""), (IMAGE, "<!subteam^S0123ABCD> <!everyone> <http://evil|x> <@U1>")):
        assert_slack(slack_blocks(document, image=image, mention=mention), called=mention != "")
    assert not set("<>") & set(slack_text(document))
    assert 1 <= len(slack_text(document)) <= 500
    for page in (html(document), html(document, image=('chart"><script>@x', IMAGE[1]))):
        assert_page(page)
    assert not UNSEEN.search(plain(document))
    plain(document).encode()
    assert "\r" not in plain(document)
    assert_card(card(document))
    for about in document.about:
        assert_event(event(document, about))


def assert_slack(blocks: list[dict[str, Any]], *, called: bool = False) -> None:
    assert 2 <= len(blocks) <= MAX_BLOCKS
    alts = [block["alt_text"] for block in blocks if block["type"] == "image"]
    assert sum(len(text["text"]) for text in texts(blocks)) + sum(map(len, alts)) <= BUDGET
    assert all(1 <= len(alt) <= 2_000 and not UNSEEN.search(alt) for alt in alts)
    for block in blocks:
        assert len(block.get("fields", ())) <= FIELDS
        assert 1 <= len(block.get("elements", "x")) <= 10
        assert block["type"] != "section" or block.keys() & {"text", "fields"}
        limit = HEADER if block["type"] == "header" else SECTION
        assert all(1 <= len(text["text"]) <= limit for text in texts(block))
        assert all(len(text["text"]) <= FIELD for text in block.get("fields", ()))
    for text in texts(blocks):
        assert not UNSEEN.search(text["text"])
        if text["type"] == "mrkdwn":
            live = text["text"].removeprefix("<!subteam^S0123ABCD> <@U1>") if called else text["text"]
            assert not LIVE_SLACK.search(live), text["text"]
            assert re.sub(r"&(amp|lt|gt);", "", text["text"]).count("&") == 0, "an entity is cut"
            assert text["verbatim"] is True
        else:
            assert text["emoji"] is False


def assert_page(page: str) -> None:
    for tag, attributes in Tags(page).found:
        assert tag in ALLOWED_TAGS
        assert set(attributes) <= ALLOWED_ATTRIBUTES
        assert re.match(r"https?://", attributes.get("href") or "https://")
        assert re.fullmatch(r"cid:[A-Za-z0-9@._%-]+", attributes.get("src") or "cid:x")
    assert not UNSEEN.search(page)
    page.encode()


def assert_card(made: dict[str, Any]) -> None:
    assert len(json.dumps(made)) <= TEAMS - 2_000, "what is around it needs room, too"
    for element in elements(made["body"]):
        assert element["type"] in {"RichTextBlock", "TextRun", "Container"}, "all else reads Markdown"
        assert element["type"] != "TextRun" or element["text"]
    for text in strings(made):
        assert not UNSEEN.search(text)
        assert "{{" not in text
        assert "${" not in text
    for action in made.get("actions", ()):
        assert action["type"] == "Action.OpenUrl"
        assert re.match(r"https?://", action["url"])


def assert_event(made: dict[str, Any]) -> None:
    assert len(json.dumps(made)) <= PAGERDUTY
    payload = made["payload"]
    assert 1 <= len(payload["summary"]) <= SUMMARY
    assert payload["source"]
    assert payload["severity"] in {"critical", "warning"}
    assert not any(UNSEEN.search(text) for text in strings(made))
    assert all(re.match(r"https?://", link["href"]) for link in made["links"])


NASTY = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), max_size=5).map("".join)
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
IDS = st.sampled_from(["inc_a", "inc_b", "inc_c"])
SECTIONS = st.builds(
    Section,
    heading=NASTY,
    lead=NASTY,
    facts=st.lists(st.builds(Fact, label=NASTY, value=NASTY), max_size=4).map(tuple),
    items=st.lists(NASTY, max_size=4).map(tuple),
    tone=st.sampled_from(Tone),
    incident=st.just("") | IDS,
)
ABOUTS = st.builds(
    About,
    incident=IDS,
    incident_class=st.sampled_from(IncidentClass),
    severity=st.sampled_from([Severity.WARNING, Severity.CRITICAL]),
    state=st.sampled_from(IncidentState),
    headline=NASTY,
    since=DAYS,
    opened_on=DAYS,
    resolved_on=st.none() | DAYS,
    resolution=st.none() | st.sampled_from(Resolution),
    acknowledged_by=st.none() | NASTY,
    acknowledged_until=st.none() | DAYS,
    changes=st.lists(st.sampled_from(["opened", "joined", "resolved"]), max_size=3, unique=True).map(tuple),
    news=st.booleans(),
)
DOCUMENTS = st.builds(
    Document,
    kind=st.just("daily"),
    monitor=NASTY,
    day=DAYS,
    severity=st.sampled_from(Severity),
    tone=st.sampled_from(Tone),
    title=NASTY,
    subject=NASTY,
    first_line=NASTY,
    sections=st.lists(SECTIONS, max_size=4).map(tuple),
    context=st.lists(NASTY, max_size=4).map(tuple),
    links=st.lists(
        st.builds(Link, label=NASTY, url=NASTY | NASTY.map("https://example.com/".__add__)), max_size=4
    ).map(tuple),
    thread=NASTY,
    about=st.lists(ABOUTS, max_size=3, unique_by=lambda about: about.incident).map(tuple),
)


def stretched(document: Document, times: int) -> Document:
    """The document with every text and every list that many times as long."""
    return replace(
        document,
        monitor=document.monitor * times,
        title=document.title * times,
        first_line=document.first_line * times,
        context=tuple(line * times for line in document.context) * times,
        links=tuple(Link(link.label * times, link.url * times) for link in document.links) * times,
        about=tuple(replace(about, headline=about.headline * times) for about in document.about),
        sections=tuple(
            replace(
                section,
                heading=section.heading * times,
                lead=section.lead * times,
                facts=tuple(Fact(fact.label * times, fact.value * times) for fact in section.facts) * times,
                items=tuple(item * times for item in section.items) * times,
            )
            for section in document.sections
        )
        * times,
    )
