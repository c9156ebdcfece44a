"""Entries of `notify` in a monitor's file: what makes sense in one, and beside another."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindsight.config import load
from hindsight.domain.values import Severity, When
from hindsight.errors import ConfigError
from hindsight.notifiers import NOTIFIERS, Email, Slack
from hindsight.notifiers.slack_forms import MENTION_WORDS

MONITOR = """\
monitor: flights
owner: team
task: binary_classification
predictions: {files: p.parquet, columns: {id: id, time: at, score: p}}
ground_truth: {files: l.parquet, columns: {id: id, actual: y, time: known}}
segments: [origin, carrier]
maturity: {horizons: [7d]}
reference: {recall: 0.6}
metrics: [recall]
detectors: [{type: threshold, metric: recall, relative: -0.1, window: 7d, at: 7d}]
notify:
"""


def read(tmp_path: Path, *entries: str) -> tuple[object, ...]:
    file = tmp_path / "flights.yaml"
    file.write_text(MONITOR + "".join(f"  - {entry}\n" for entry in entries), encoding="utf-8")
    return load(file).notify


def problems(tmp_path: Path, *entries: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, *entries)
    return [problem.message for problem in caught.value.problems]


EVERY = {
    "slack": "{type: slack, connection: c, channel: a, mention: [U012ABCDEF, here], when: each}",
    "slack_webhook": "{type: slack_webhook, connection: c}",
    "email": "{type: email, connection: c, to: [kim@example.com, ops@example.com]}",
    "pagerduty": "{type: pagerduty, connection: c, min_severity: critical}",
    "teams": "{type: teams, connection: c, when: weekly}",
    "webhook": '{type: webhook, connection: c, segments: [origin=EWR, carrier, ALL], quiet: "22:00-07:00"}',
    "log": "{type: log}",
}


def test_every_kind_can_be_named_beside_every_other(tmp_path) -> None:
    assert set(EVERY) == set(NOTIFIERS)
    found = read(tmp_path, *EVERY.values())
    assert [type(each) for each in found] == [NOTIFIERS[kind] for kind in EVERY]
    slack = found[0]
    assert isinstance(slack, Slack)
    assert (slack.mention, slack.mention_severity) == (("U012ABCDEF", "here"), Severity.CRITICAL)


SLACK = 'type: slack, connection: slack_ml, channel: "#a"'


@pytest.mark.parametrize(
    "first, second, where",
    [
        (f"{{{SLACK}}}", f"{{{SLACK}, min_severity: critical}}", "slack_ml, #a"),
        (f"{{{SLACK}}}", f"{{{SLACK}, mention: [here]}}", "slack_ml, #a"),
        (f"{{{SLACK}, when: weekly}}", f"{{{SLACK}, when: weekly}}", "slack_ml, #a"),
        (EVERY["email"], "{type: email, connection: c, to: [OPS@example.com]}", "c, ops@example.com"),
        (EVERY["pagerduty"], "{type: pagerduty, connection: c}", "c"),
        ("{type: log}", "{type: log, classes: [inputs]}", "log"),
    ],
)
def test_two_entries_that_lead_to_one_place_are_refused(tmp_path, first, second, where) -> None:
    assert problems(tmp_path, first, second) == [
        f"notify[0] leads to {where} already: make it one entry, or give them another `when` each"
    ]


def test_a_summary_may_go_where_the_messages_go(tmp_path) -> None:
    one, other = read(tmp_path, f"{{{SLACK}}}", f"{{{SLACK}, when: daily}}")
    assert isinstance(one, Slack)
    assert isinstance(other, Slack)
    assert (one.when, other.when) == (When.EACH, When.DAILY)


def test_one_address_named_twice_in_one_entry_is_written_to_once(tmp_path) -> None:
    (mail,) = read(tmp_path, "{type: email, connection: c, to: [kim@example.com, kim@example.com]}")
    assert isinstance(mail, Email)
    assert len(mail.channels()) == 1


@pytest.mark.parametrize(
    "entry, message",
    [
        (
            f"{{{SLACK}, segments: [dest=EWR]}}",
            "'dest' of dest=EWR is not one of the monitor's segments, which are origin, carrier",
        ),
        (
            f"{{{SLACK}, segments: [origin, carier]}}",
            "'carier' is not one of the monitor's segments, which are origin, carrier",
        ),
        (
            f'{{{SLACK}, quiet: "07:00-07:00"}}',
            "quiet hours 07:00-07:00 end when they begin: name a stretch of the day such as",
        ),
        (
            f"{{{SLACK}, mention: [kim]}}",
            f"notify[0].mention[0] must be {MENTION_WORDS}, but is 'kim'",
        ),
        (
            "{type: pagerduty, connection: c, when: weekly}",
            "PagerDuty keeps incidents and takes no summaries: leave out `when`",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_cure(tmp_path, entry, message) -> None:
    (found,) = problems(tmp_path, entry)
    assert message in found


def test_a_fault_in_one_entry_hides_none_in_the_next(tmp_path) -> None:
    found = problems(
        tmp_path, f"{{{SLACK}, segments: 7}}", '{type: log, quiet: "1:00"}', *[EVERY["teams"]] * 2
    )
    assert len(found) == 3
    assert any("notify[2] leads to c already" in each for each in found)
