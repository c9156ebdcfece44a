"""`hindsight incidents`, `acknowledge`, `resolve`, `silence`, `silences` and `unsilence`, on a real store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from commands import command, refused, said
from episodes import run, story
from hindsight.cli import app
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import IncidentClass, IncidentState, Severity
from watched import live, watching


@pytest.fixture
def spec(database: str, tmp_path: Path) -> Iterator[MonitorSpec]:
    """A monitor of which nothing is known."""
    with watching(tmp_path, database) as spec:
        yield spec


@pytest.fixture
def told(spec: MonitorSpec, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of its incident, which was told on the first of three days."""
    (incident,) = live(spec, story("BBB", severity=Severity.CRITICAL), range(3))
    assert incident.told_on == run(0)
    monkeypatch.setenv("LOGNAME", "kim")
    return incident.id


def rows(*arguments: str) -> list[dict[str, Any]]:
    found = json.loads(said(*arguments, "--json"))
    assert isinstance(found, list)
    return found


def test_nothing_is_listed_of_what_never_happened(spec: MonitorSpec) -> None:
    assert rows("incidents", "flight_delay") == rows("silences") == []
    assert said("incidents").startswith("Incidents: none. Run `hindsight run MONITOR")
    assert said("silences", "flight_delay") == "Nothing is silenced.\n"


def test_an_open_incident_is_listed_with_all_that_is_known_of_it(told: str) -> None:
    (row,) = rows("incidents")
    assert rows("incidents", "flight_delay") == [row]
    assert (row["id"], row["state"], row["severity"]) == (told, "open", "critical")
    assert (row["incident_class"], row["is_open"], row["resolution"]) == ("performance", True, None)
    assert (row["opened_on"], row["told_on"]) == (str(run(0)), str(run(0)))
    assert date.fromisoformat(row["since"]) < run(0)
    table = said("incidents", "flight_delay")
    for word in (told[:10], "critical", "open", str(run(0)), "recall of v1 is 0.412, below 0.531"):
        assert word in table
    assert told not in table, "a table shows the short form"


def test_a_narrow_terminal_gets_lines_instead_of_a_table(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from hindsight import cli_base

    monkeypatch.setattr(cli_base.out, "_width", 72)
    narrow = CliRunner().invoke(app, ["incidents"]).stdout.splitlines()
    assert narrow[0] == f"{told[:10]} flight_delay critical, performance, open"
    assert max(map(len, narrow)) <= 72
    assert not set("".join(narrow)) & set("│┃─")


def test_who_acknowledges_stands_beside_it_until_then(told: str) -> None:
    day, last = run(3), run(3) + timedelta(days=4)
    done = said("acknowledge", "flight_delay", told[:8], "--for", "5d", "--by", "Ann", "--reason", "looking")
    assert done == f"{told} is acknowledged by Ann until {last}.\n"
    (row,) = rows("incidents")
    assert (row["state"], row["acknowledged_by"]) == (IncidentState.ACKNOWLEDGED, "Ann")
    assert row["acknowledged_until"] == str(last)
    assert f"acknowledged by Ann until {last}" in said("incidents")
    assert day < last


def test_the_login_name_is_the_author_unless_one_is_given(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "bo")
    assert "acknowledged by bo until" in said("acknowledge", "flight_delay", told)


def test_the_login_of_a_container_is_nobodys_name(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for login in ("root", "airflow"):
        monkeypatch.setenv("LOGNAME", login)
        message = refused("acknowledge", "flight_delay", told)
        assert message == f"Everybody is {login!r} here: say who you are with --by NAME.\n"
    assert rows("incidents")[0]["state"] == "open"
    assert "acknowledged by root until" in said("acknowledge", "flight_delay", told, "--by", "root")


def test_who_acts_must_write_more_of_an_id_than_who_looks(told: str) -> None:
    message = refused("acknowledge", "flight_delay", told[:7], "--by", "Ann")
    assert message == f"{told[:7]} is too little of an id to act on: write more of {told}.\n"
    said("silence", "flight_delay", "--for", "2d", "--reason", "x", "--by", "Ann")
    assert "is too little of an id to act on" in refused("unsilence", "flight_delay", "sil_", "--by", "Ann")


@pytest.mark.parametrize("why", ["fixed", "expected", "no_action", "false_positive"])
def test_what_is_resolved_is_over_and_is_only_listed_on_request(told: str, why: str) -> None:
    said_so = said("resolve", "flight_delay", told, "--as", why, "--reason", "we know", "--by", "Ann")
    assert said_so == f"{told} is resolved as {why.replace('_', ' ')}.\n"
    assert rows("incidents") == []
    assert said("incidents") == "No incident is open; --all shows those that are over.\n"
    (row,) = rows("incidents", "--all")
    assert (row["state"], row["resolution"], row["is_open"]) == ("resolved", why, False)


def test_what_nobody_was_told_of_yet_is_listed_on_request(spec: MonitorSpec) -> None:
    from dataclasses import replace

    slow = replace(spec, incidents=replace(spec.incidents, confirm=2))
    live(slow, story("B"), range(1))
    assert rows("incidents", "flight_delay") == []
    (row,) = rows("incidents", "flight_delay", "--pending")
    assert (row["state"], row["is_open"], row["told_on"]) == ("pending", False, None)


def test_a_silence_is_listed_until_somebody_ends_it(told: str) -> None:
    made = said(
        "silence", "flight_delay", "--for", "7d", "--reason", "rollout", "--by", "Ann", "--version", "v1"
    )
    identity, _, words = made.partition(": ")
    assert words == f"version v1 of flight_delay is silent from {run(3)} to {run(9)}.\n"
    (row,) = rows("silences")
    assert (row["id"], row["author"], row["reason"], row["version"]) == (identity, "Ann", "rollout", "v1")
    assert (row["start"], row["until"], row["ended_on"]) == (str(run(3)), str(run(9)), None)
    assert "rollout" in said("silences", "flight_delay")
    assert said("unsilence", "flight_delay", identity[:8]) == f"{identity} is over from {run(3)} on.\n"
    assert rows("silences") == []
    assert [each["id"] for each in rows("silences", "--all")] == [identity]


def test_a_silence_holds_until_the_run_of_its_last_day_and_not_until_the_clock_says_so(
    told: str, monkeypatch: pytest.MonkeyPatch, spec: MonitorSpec
) -> None:
    """The run of a day comes on the next one, or later: the clock is years ahead of these logs."""
    monkeypatch.delenv("HINDSIGHT_LAST_DAY")
    made = said("silence", "flight_delay", "--for", "1d", "--reason", "rollout", "--by", "Ann")
    assert made.endswith(f"is silent from {run(3)} to {run(3)}.\n")
    assert [row["until"] for row in rows("silences")] == [str(run(3))]
    assert [row["until"] for row in rows("silences", "flight_delay")] == [str(run(3))]
    live(spec, story("BBBB", severity=Severity.CRITICAL), range(3, 4))
    assert rows("silences") == rows("silences", "flight_delay") == [], "its last day was judged"
    assert [row["until"] for row in rows("silences", "--all")] == [str(run(3))]


def test_what_is_open_can_be_read_while_the_file_has_an_error_or_is_gone(
    told: str, spec: MonitorSpec
) -> None:
    said("silence", "flight_delay", "--for", "2d", "--reason", "rollout", "--by", "Ann")
    path = Path(os.environ["HINDSIGHT_ROOT"]) / "monitors" / "flight_delay.yaml"
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace("metrics: [recall", "metrics: [recal"), encoding="utf-8")
    for _ in range(2):
        for words in (("incidents",), ("silences",), ("notify", "list")):
            result = command(*words, "flight_delay", "--json")
            assert (result.exit_code, len(json.loads(result.stdout))) == (0, 2 if words[0] == "notify" else 1)
            assert result.stderr == (
                "flight_delay has no sound file (`hindsight validate`): this can be read, but not changed.\n"
            )
        assert command("acknowledge", "flight_delay", told, "--by", "Ann").exit_code == 2
        path.unlink(missing_ok=True)
    assert "there is no monitor 'flight_dely'" in refused("incidents", "flight_dely")


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("acknowledge", "flight_delay", "inc_0000"), "There is no incident inc_0000."),
        (("acknowledge", "flight_delay", "../../etc"), "There is no incident ../../etc."),
        (
            ("resolve", "flight_delay", "inc_", "--as", "bored"),
            "--as 'bored' is none of fixed,",
        ),
        (("resolve", "flight_delay", "inc_", "--as", "recovered"), "--as 'recovered' is none of fixed,"),
        (
            ("silence", "flight_delay", "--reason", "x"),
            "How long? A silence needs an end: --for 7d,",
        ),
        (
            ("silence", "flight_delay", "--reason", "x", "--for", "soon"),
            "'soon' is not a number of days such as '7d'.",
        ),
        (
            ("silence", "flight_delay", "--reason", "x", "--for", "6h"),
            "'6h' is not a number of days such as '7d'.",
        ),
        (
            ("silence", "flight_delay", "--reason", "x", "--for", "7d", "--until", "2013-04-01"),
            "--until and --for say the same in two ways: give one.",
        ),
        (
            ("silence", "flight_delay", "--reason", "x", "--for", "7d", "--class", "weather"),
            "--class 'weather' is none of performance, label_health,",
        ),
        (("unsilence", "flight_delay", "sil_1"), "There is no silence sil_1."),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_changes_nothing(
    told: str, arguments: tuple[str, ...], sentence: str
) -> None:
    before = rows("incidents", "--all")
    assert refused(*arguments).startswith(sentence)
    assert (rows("incidents", "--all"), rows("silences", "--all")) == (before, [])


def test_a_beginning_that_several_ids_have_is_refused_with_all_of_them(spec: MonitorSpec) -> None:
    ids = sorted(each.id for each in live(spec, story("BCCCCCCCBB"), range(10)))
    assert len(ids) == 2
    message = refused("acknowledge", "flight_delay", "inc")
    assert message == f"inc begins the ids of 2 incidents: {', '.join(ids)}; write more of it.\n"


def test_an_incident_that_is_over_is_not_acknowledged(told: str) -> None:
    said("resolve", "flight_delay", told, "--as", "fixed", "--by", "Ann")
    message = refused("acknowledge", "flight_delay", told, "--by", "Ann")
    assert told in message
    assert message.endswith(".\n")


def test_hostile_names_do_nothing_to_a_terminal(spec: MonitorSpec) -> None:
    nasty = "\x1b[31mv1\x1b]0;owned\x07\u202e\r\nX"
    live(spec, story("B", severity=Severity.CRITICAL, version=nasty), range(1))
    (row,) = rows("incidents")
    shown = said("incidents") + said("acknowledge", "flight_delay", row["id"], "--by", nasty)
    shown += said("silence", "flight_delay", "--for", "2d", "--reason", f"because {nasty}", "--by", nasty)
    shown += said("silences") + said("notify", "list", "flight_delay") + said("incidents")
    assert not [char for char in shown if (ord(char) < 32 and char != "\n") or char in "\x7f\u202e\u009b"]
    assert "owned" in shown, "it is shown, as text"


def test_the_commands_tell_what_they_do() -> None:
    for name in ("incidents", "acknowledge", "resolve", "silence", "silences", "unsilence"):
        assert command(name, "--help").exit_code == 0
    shown = " ".join(command("silence", "--help").stdout.split())
    for words in (*IncidentClass, "such as 2013-04-12", "It must have an end", "from the next run's on"):
        assert words in shown
    assert command("silence", "flight_delay", "--for", "7d").exit_code == 2, "a reason must be given"
