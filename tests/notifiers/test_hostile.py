"""Hostile text in every place of a message: what arrives at each channel is inert."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hindsight.message import Document, Link
from hindsight.notifiers import (
    BaseNotifier,
    ConnectionInfo,
    Email,
    Log,
    PagerDuty,
    Parcel,
    Slack,
    SlackWebhook,
    Teams,
    Webhook,
)
from letters import PICTURE, charted, opened
from receivers import Mailbox, Receiver, mail_server, refuses, slack_like

HOSTILE = (
    "<!channel> <!here> <@U012ABCDEF> <http://evil.example|bank>",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200b",
    "a\r\nBcc: all@example.com\r\n\r\n<b>body</b>",
    "</td></table><script>alert(1)</script><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "[bank](http://evil.example) **bold** `code` ![x](http://evil.example/x.png)",
    "$x^2$ ${env:SECRET} {{DATE(2013-01-01T00:00:00Z, SHORT)}} #{x}",
    '=HYPERLINK("http://evil.example") +1 -1 @SUM(A1)',
    "\x1b[31mred\x1b[0m \x00 \x07 \x85 \u2028 \u2029",
    "<at>everyone</at> @channel @here @everyone :fire:",
    "&lt;!channel&gt; &amp;#60;script&#62;",
    "=?utf-8?q?=0D=0ABcc=3A_all=40example.com?=",
)
URLS = (
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "http://evil.example/|bank>",
    'https://evil.example/"onmouseover="alert(1)',
    "https://evil.example/\r\nX: y",
)
SAFE = "https://wiki.example.com/flight-delay?a=1&b=2"


def hostile(text: str) -> Document:
    """A whole message with this text wherever there is text."""
    return _with(text, charted(opened()))


def _with(text: str, value: Any) -> Any:
    if is_dataclass(value):
        names = [field.name for field in fields(value) if field.name not in ("kind", "changes")]
        return replace(value, **{name: _with(text, getattr(value, name)) for name in names})
    if isinstance(value, tuple):
        return tuple(_with(text, each) for each in value)
    return text if type(value) is str else value


DOCUMENTS = [hostile(text) for text in HOSTILE]
LINKED = [replace(opened(), links=(Link("a", url), Link("Runbook", SAFE))) for url in URLS]
EACH = pytest.mark.parametrize("document", [*DOCUMENTS, *LINKED])


def connection(port: int = 0, receiver: Receiver | None = None) -> ConnectionInfo:
    address = receiver.address if receiver else ""
    mail = {"disable_ssl": "true", "disable_tls": "true", "from_email": "hindsight@ml.example.com"}
    extra = {"base_url": f"{address}/api/", "timeout": 5, **mail}
    return ConnectionInfo(host="127.0.0.1" if port else address, port=port or None, password="x", extra=extra)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with slack_like() as running:
        yield running


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with mail_server(Mailbox()) as running:
        yield running


def arrived(
    notifier: BaseNotifier, document: Document, receiver: Receiver, **info: Any
) -> list[dict[str, Any]]:
    """The messages that the receiver took."""
    receiver.accepted.clear()
    there = replace(connection(receiver=receiver), **info)
    notifier.send(
        Parcel(document, "key-1", pictures=(replace(PICTURE, alt=document.title),)), lambda _: there
    )
    return list(receiver.accepted)


def is_visible(text: str) -> bool:
    """Whether text holds nothing that a reader cannot see."""
    return not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in text)


def texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every piece of text in what was posted, with the key it stands under."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from texts(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each, key)
    elif isinstance(value, str):
        yield key, value


# --- Slack --------------------------------------------------------------------------------------

LIVE = re.compile(r"<(?P<link>https?://[^<>|\s]+)\|[^<>|]+>")


def assert_inert_in_slack(message: dict[str, Any], *, called: str = "") -> None:
    """No `<` but of links that we made, to addresses that are some."""
    assert "<" not in message["text"].removeprefix(called)
    for block in message.get("blocks") or ():
        objects = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        for each in filter(None, objects):
            assert is_visible(each["text"].replace("\n", " "))
            if each["type"] == "mrkdwn" and each["text"] != called:
                assert each["verbatim"] is True
                left = LIVE.sub("", each["text"])
                assert not set("<>") & set(left)
        assert is_visible(block.get("alt_text", ""))


@EACH
def test_slack_calls_nobody_and_links_nowhere(receiver, document) -> None:
    bot = Slack("c", "#a", ("here",))
    (message,) = arrived(bot, document, receiver)
    assert_inert_in_slack(message, called="<!here>")
    assert str(message["blocks"]).count("<!here>") - str(document).count("<!here>") <= 1
    (message,) = arrived(SlackWebhook("c"), document, receiver, password=f"{receiver.address}/hook")
    assert_inert_in_slack(message)


@EACH
def test_slacks_plain_form_is_as_inert(receiver, document) -> None:
    receiver.script.extend([refuses("invalid_blocks")] * 3)
    (message,) = arrived(Slack("c", "#a"), document, receiver)
    assert not message.get("blocks")
    assert_inert_in_slack(message)
    assert (message["parse"], message["link_names"]) == ("none", False)


# --- Mail ---------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The elements of a page, as a mail program reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


OURS = {
    *("html", "head", "meta", "title", "body", "div", "h1", "h2", "p", "table", "tr", "td", "ul", "li"),
    *("a", "br", "img", "span", "b", "strong"),
}


@EACH
def test_mail_gains_no_header_and_no_element(mailbox, document) -> None:
    mailbox.mails.clear()
    info = connection(mailbox.port)
    info = replace(info, password=None)
    parcel = Parcel(document, "key-1", pictures=(replace(PICTURE, name=document.title, alt=document.title),))
    Email("c", ("kim@example.com",)).send(parcel, lambda _: info)
    ((recipients, mail),) = mailbox.mails
    assert recipients == ["kim@example.com"]
    known = {
        *("Subject", "From", "To", "Date", "Message-ID", "In-Reply-To", "References", "X-Hindsight-Incident"),
        *("List-Id", "Auto-Submitted", "MIME-Version", "Content-Type", "X-Peer", "X-MailFrom", "X-RcptTo"),
    }
    assert set(mail.keys()) <= known
    assert all(is_visible(str(value)) for name, value in mail.items() if name != "Content-Type")
    parts = {part.get_content_type(): part for part in mail.walk()}
    assert is_visible(parts["text/plain"].get_content().replace("\r", "").replace("\n", ""))
    page = Page()
    page.feed(parts["text/html"].get_content())
    assert {tag for tag, _ in page.elements} <= OURS
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        if tag == "img":
            assert str(attributes["src"]).startswith("cid:")
        if tag == "a":
            assert str(attributes["href"]).startswith(("http://", "https://"))
    file = parts["image/png"].get_filename()
    assert file is None or re.fullmatch(r"[A-Za-z0-9_.-]+", file)


# --- PagerDuty, Teams, the webhook, the log -----------------------------------------------------


@EACH
def test_pagerduty_reads_lines_and_links_of_the_web_alone(receiver, document) -> None:
    for body in arrived(PagerDuty("c"), document, receiver, extra={"base_url": receiver.address}):
        assert all(is_visible(text) for _, text in texts(body["payload"]))
        assert all(link["href"].startswith(("http://", "https://")) for link in body["links"])
        assert all(is_visible(link["href"]) and is_visible(link["text"]) for link in body["links"])


@EACH
def test_teams_finds_no_markdown_no_mention_and_nothing_to_work_out(receiver, document) -> None:
    (body,) = arrived(Teams("c"), document, receiver, password=f"{receiver.address}/hook")
    (attachment,) = body["attachments"]
    card = attachment["content"]
    kinds = {text for key, text in texts(card) if key == "type"}
    assert kinds <= {"AdaptiveCard", "Container", "RichTextBlock", "TextRun", "Action.OpenUrl"}
    assert all(is_visible(text) for _, text in texts(card))
    assert not any("{{" in text or "${" in text for _, text in texts(card))
    assert "entities" not in str(card.get("msteams"))
    assert all(action["url"].startswith(("http://", "https://")) for action in card.get("actions", ()))


@EACH
def test_the_webhooks_text_holds_nothing_unseen(receiver, document) -> None:
    (body,) = arrived(Webhook("c"), document, receiver)
    assert is_visible(body["text"].replace("\n", ""))


@EACH
def test_the_log_gains_no_line_of_its_own(document, caplog) -> None:
    def never(_: str) -> ConnectionInfo:
        raise AssertionError

    with caplog.at_level(logging.INFO, logger="hindsight.notifications"):
        Log().send(Parcel(document, "key-1"), never)
    (record,) = caplog.records
    assert is_visible(record.getMessage().replace("\n", ""))
    assert not re.search(r"^Bcc", record.getMessage(), re.MULTILINE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("<>!@|&*_`[](){}$=\r\n\u202e"))
)
def test_whatever_a_name_is_no_channel_is_moved_by_it(receiver, text) -> None:
    document = hostile(text)
    (message,) = arrived(Slack("c", "#a"), document, receiver)
    assert_inert_in_slack(message)
    (body,) = arrived(Teams("c"), document, receiver, password=f"{receiver.address}/hook")
    assert all(is_visible(each) for _, each in texts(body))
    for body in arrived(PagerDuty("c"), document, receiver, extra={"base_url": receiver.address}):
        assert all(is_visible(each) for _, each in texts(body["payload"]))
