"""The page of a DAG: it says what the monitor does, and nothing from a file comes alive in a browser."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from hindsight.config import load
from hindsight.domain.spec import MonitorSpec
from hindsight.notifiers import Log, Slack
from hindsight.orchestration.describe import block, code, error_page, monitor_page, prose

MONITORS = Path(__file__).parents[2] / "include" / "monitors"
PATH = "include/monitors/flight_delay.yaml"
LIVE = {"link_open", "image", "html_inline", "html_block"}

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "<https://evil.example>",
    "https://evil.example/?q=1",
    "www.evil.example",
    "mail me@evil.example",
    "`code` ``more`` ```fence```",
    "a | b | c",
    "| a |\n|---|\n| <b>x</b> |",
    "# heading",
    "&lt;script&gt; &#60;",
    "[ref]: https://evil.example",
    "---",
    "\\`<b>",
    "$x$ ~~gone~~ *bold* _it_ ^up^",
    "`",
    "``",
]


def live(markdown: str) -> set[str]:
    """The tokens of a rendered page that do something, read as GitHub's dialect with HTML let through."""
    tokens = MarkdownIt("gfm-like", {"html": True}).parse(markdown)
    flat = [token for outer in tokens for token in (outer, *(outer.children or ()))]
    return {token.type for token in flat} & LIVE


def shown(markdown: str) -> str:
    """What a reader sees of inline text."""
    (paragraph,) = (token for token in MarkdownIt("gfm-like").parse(markdown) if token.type == "inline")
    return "".join(token.content for token in paragraph.children or ())


def test_unescaped_the_hostile_texts_would_all_be_alive() -> None:
    assert live("\n\n".join(HOSTILE)) == LIVE


@pytest.fixture(scope="module")
def spec() -> MonitorSpec:
    return load(MONITORS / "flight_delay.yaml")


def test_the_page_says_what_is_watched_and_judged_and_whom_it_tells(spec: MonitorSpec) -> None:
    page = monitor_page(spec, PATH)
    for said in (
        "`serving.predictions` on connection `serving_db` where `model_name = flight_delay`",
        "`2013-03-01` to `2013-03-31`, frozen",
        "`1d`, `7d`, `30d` after a day's end",
        "`07:00` on the day after, and then up to `6h` for labels to land",
        *(prose(rule.sentence) for rule in spec.detectors),
        "* `slack`, connection `slack_ml`, channel `#ml-monitoring`; from severity `warning`",
        "* `email`, connection `smtp_default`, to `ops-ml@example.com`; from severity `warning`",
        f"`{PATH}`",
    ):
        assert said in page
    assert not live(page)


def test_a_monitor_without_rules_or_notifiers_says_so(spec: MonitorSpec) -> None:
    page = monitor_page(replace(spec, detectors=(), notify=(), segments=(), description=""), PATH)
    assert "None: snapshots only." in page
    assert "Nobody: messages go to the log" in page


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_monitor_comes_alive(spec: MonitorSpec, text: str) -> None:
    hostile = replace(
        spec,
        monitor=text,
        owner=text,
        description=text,
        runbook=text,
        timezone=text,
        segments=(text,),
        metrics=(text,),
        predictions=replace(spec.predictions, table=text, connection=text, where={text: text}),
        ground_truth=replace(spec.ground_truth, table=text),
        detectors=tuple(
            replace(rule, metric=text) if rule.kind == "threshold" else rule for rule in spec.detectors
        ),
        notify=(Slack(connection=text, channel=text), Log()),
    )
    assert not live(monitor_page(hostile, text))


@given(st.text())
def test_no_prose_comes_alive_and_all_of_it_is_shown(text: str) -> None:
    assert not live(prose(text))


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1).filter(str.strip))
def test_a_code_span_shows_its_text_as_it_is(text: str) -> None:
    assert shown(code(text)).strip() == " ".join(text.split())
    assert not live(code(text))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"])))
def test_a_block_holds_any_text(text: str) -> None:
    tokens = MarkdownIt("gfm-like", {"html": True}).parse(block(text))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == f"{text}\n"


def test_the_page_of_a_broken_file_holds_the_report(spec: MonitorSpec) -> None:
    report = "a.yaml:1:1: unknown key '```\n<script>alert(1)</script>'"
    page = error_page(report, "a.yaml")
    assert report in page
    assert not live(page)
