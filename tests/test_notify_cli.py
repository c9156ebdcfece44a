"""`hindsight notify`: the outbox shown, sent, sent again, and the channels tried, with real receivers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from commands import command, refused, said
from episodes import run, story
from hindsight.cli import app
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Severity
from hindsight.orchestration.runtime import command_line_runtime
from receivers import FAILS, Answer, Mailbox, Receiver, mail_server, refuses, slack_like
from watched import FLIGHTS, live, watching

TEXT = FLIGHTS.replace(
    "  - {type: log}",
    """\
  - {type: slack, connection: slack_ml, channel: "#ml-incidents"}
  - {type: email, connection: mail_ml, to: [ann@example.com, bo@example.com]}""",
)


@pytest.fixture
def slack() -> Iterator[Receiver]:
    with slack_like() as receiver:
        yield receiver


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mail_server(Mailbox()) as box:
        yield box


@pytest.fixture
def spec(
    database: str, tmp_path: Path, slack: Receiver, mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MonitorSpec]:
    """A monitor with a Slack channel and two mail addresses, whose connections are there."""
    with watching(tmp_path, database, TEXT) as spec:
        bot = {
            "conn_type": "slack",
            "password": "xoxb-secret",
            "extra": {"base_url": f"{slack.address}/api/"},
        }
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "hindsight@example.com"}
        post = {"conn_type": "smtp", "host": "127.0.0.1", "port": mail.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_ML", json.dumps(bot))
        monkeypatch.setenv("AIRFLOW_CONN_MAIL_ML", json.dumps(post))
        yield spec


def outbox(*more: str) -> list[dict[str, Any]]:
    found = json.loads(said("notify", "list", "flight_delay", "--json", *more))
    assert isinstance(found, list)
    return found


def states() -> list[tuple[str, str]]:
    return sorted((row["channel"], row["state"]) for row in outbox())


def opened(spec: MonitorSpec) -> str:
    (incident,) = live(spec, story("B", severity=Severity.CRITICAL), range(1))
    return incident.id


EVERYBODY = ["email ann@example.com", "email bo@example.com", "slack #ml-incidents"]


def test_the_outbox_says_who_was_told_what(spec: MonitorSpec, slack: Receiver, mail: Mailbox) -> None:
    assert said("notify", "list", "flight_delay") == "Nobody was told anything yet.\n"
    identity = opened(spec)
    assert states() == [(channel, "sent") for channel in EVERYBODY]
    assert {(row["day"], row["kind"], tuple(row["incidents"])) for row in outbox()} == {
        (str(run(0)), "daily", (identity,))
    }
    shown = said("notify", "list", "flight_delay")
    for word in (*EVERYBODY, "sent", str(run(0))):
        assert word in shown
    assert outbox("--waiting") == []
    assert said("notify", "list", "flight_delay", "--waiting") == "Nothing waits.\n"
    assert len(outbox("--limit", "1")) == 1
    assert (len(slack.messages), len(mail.mails)) == (1, 2)


def test_a_message_is_sent_again_only_on_request_and_only_that_one(
    spec: MonitorSpec, slack: Receiver, mail: Mailbox
) -> None:
    identity = opened(spec)
    assert "sent 0" in said("notify", "send", "flight_delay")
    assert (len(slack.accepted), len(mail.mails)) == (1, 2)
    (number,) = [row["number"] for row in outbox() if row["channel"].startswith("slack")]
    assert said("notify", "resend", "flight_delay", str(number)) == (
        f"To be sent again: {number}.\nMessage number {number}: sent.\n"
    )
    assert (len(slack.accepted), len(mail.mails)) == (2, 2)
    said("notify", "resend", "flight_delay", "--incident", identity[:9])
    assert (len(slack.accepted), len(mail.mails)) == (3, 4)
    assert states() == [(channel, "sent") for channel in EVERYBODY]


def test_what_was_not_delivered_ends_with_1_and_waits(
    spec: MonitorSpec, slack: Receiver, mail: Mailbox
) -> None:
    opened(spec)
    (number,) = [row["number"] for row in outbox() if row["channel"].startswith("slack")]
    slack.script.append(FAILS)
    again = command("notify", "resend", "flight_delay", number)
    assert again.exit_code == 1
    assert f"Message number {number}: waits to be sent." in again.stdout
    assert again.stderr.endswith("The sweeper sends what waits.\n")
    assert "1 notifications of flight_delay were not delivered" in again.stderr
    assert "xoxb-secret" not in again.output
    (waiting,) = outbox("--waiting")
    assert (waiting["number"], waiting["state"]) == (number, "pending")
    assert command("notify", "send", "flight_delay").exit_code == 1


def test_without_the_connections_nothing_is_sent_from_here_and_nothing_is_lost(
    spec: MonitorSpec, slack: Receiver, mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = opened(spec)
    monkeypatch.delenv("AIRFLOW_CONN_SLACK_ML")
    done = said("resolve", "flight_delay", identity, "--as", "fixed", "--by", "Ann")
    assert done.splitlines()[0] == f"{identity} is resolved as fixed."
    assert "Nothing is sent from here: Connection 'slack_ml' is not defined" in done
    assert done.endswith("The sweeper sends what waits.\n")
    assert {row["state"] for row in outbox("--waiting")} == {"pending"}
    assert "Connection 'slack_ml' is not defined" in refused("notify", "send", "flight_delay")
    assert (len(slack.accepted), len(mail.mails)) == (1, 2)


def test_a_connection_that_airflow_stores_is_found_where_the_environment_names_its_database(
    spec: MonitorSpec,
    slack: Receiver,
    mail: Mailbox,
    airflow_metadata: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As docs/deploy.md adds one, by `airflow connections add`."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    stored = json.loads(os.environ["AIRFLOW_CONN_SLACK_ML"])
    made = Connection(
        conn_id="slack_ml", conn_type="slack", password=stored["password"], extra=json.dumps(stored["extra"])
    )
    monkeypatch.delenv("AIRFLOW_CONN_SLACK_ML")
    tried = command("notify", "test", "flight_delay", "--channel", "slack")
    assert tried.exit_code == 1
    assert "AIRFLOW_CONN_SLACK_ML is not set here, and Airflow, which was asked, gave none" in tried.stdout
    with create_session() as session:
        session.add(made)
    try:
        assert "took it." in said("notify", "test", "flight_delay", "--channel", "slack")
        assert len(slack.accepted) == 1
    finally:
        with create_session() as session:
            session.execute(sa.delete(Connection).where(Connection.conn_id == "slack_ml"))


def test_without_an_airflow_the_error_says_what_is_read(
    spec: MonitorSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW_CONN_SLACK_ML", "AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        monkeypatch.delenv(name)
    tried = command("notify", "test", "flight_delay", "--channel", "slack").stdout
    assert "Connection 'slack_ml' is not defined: set the environment variable AIRFLOW_CONN_SLACK_ML" in tried
    assert "what Airflow stores is read in its tasks, and here only where" in tried
    assert "postgresql" not in tried


def test_an_incident_that_was_told_long_ago_is_still_sent_again(spec: MonitorSpec, slack: Receiver) -> None:
    identity = opened(spec)
    with command_line_runtime().store.transaction() as connection:
        connection.execute(sa.text(OTHERS))
    said("notify", "resend", "flight_delay", "--incident", identity)
    assert len(slack.accepted) == 2


OTHERS = """
insert into hindsight.notification
  (monitor, day, kind, notifier, incidents, severity, document, state, reason, attempts)
select 'flight_delay', date '2013-03-02', 'other:' || n, 'log:0', '{}', 'ok', '{}', 'logged', 'test', 1
from generate_series(1, 1100) n
"""
"""More messages about something else than any list shows."""


def test_what_follows_of_an_act_is_delivered_at_once_where_that_can_be(
    spec: MonitorSpec, slack: Receiver, mail: Mailbox
) -> None:
    identity = opened(spec)
    done = said("resolve", "flight_delay", identity, "--as", "fixed", "--by", "Ann")
    assert done == f"{identity} is resolved as fixed.\n"
    assert (len(slack.accepted), len(mail.mails)) == (2, 4)
    assert outbox("--waiting") == []


def test_each_channel_is_tried_with_a_harmless_message_past_the_outbox(
    spec: MonitorSpec, slack: Receiver, mail: Mailbox
) -> None:
    shown = said("notify", "test", "flight_delay")
    assert shown.count("took it.") == len(shown.splitlines()) == 3
    (message,) = slack.accepted
    assert "Nothing is wrong" in message["text"]
    assert sorted(to for tos, _ in mail.mails for to in tos) == ["ann@example.com", "bo@example.com"]
    assert "Test of Hindsight" in mail.mails[0][1]["Subject"]
    assert outbox() == []


def test_a_channel_that_does_not_take_it_is_named_and_the_others_are_tried_all_the_same(
    spec: MonitorSpec, slack: Receiver, mail: Mailbox
) -> None:
    slack.script.append(refuses("channel_not_found"))
    mail.refuses["ann@example.com"] = 550
    tried = command("notify", "test", "flight_delay")
    assert tried.exit_code == 1
    outcomes = dict(line.split(" (", 1) for line in tried.stdout.splitlines())
    assert "channel_not_found" in outcomes["slack #ml-incidents"]
    assert "550" in outcomes["email ann@example.com"]
    assert outcomes["email bo@example.com"].endswith("took it.")
    assert "xoxb-secret" not in tried.output


def test_only_some_channels_are_tried_where_asked(spec: MonitorSpec, slack: Receiver, mail: Mailbox) -> None:
    assert len(said("notify", "test", "flight_delay", "--channel", "slack").splitlines()) == 1
    assert (len(slack.accepted), len(mail.mails)) == (1, 0)
    message = refused("notify", "test", "flight_delay", "--channel", "pigeon")
    assert message.startswith("flight_delay has no channel 'pigeon': it has slack:")


def test_pagerduty_is_tried_by_the_end_of_an_incident_that_never_was(
    spec: MonitorSpec, slack: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TEXT + "  - {type: pagerduty, connection: pager}\n"
    (tmp_path / "monitors" / "flight_delay.yaml").write_text(text, encoding="utf-8")
    pager = {"conn_type": "pagerduty", "password": "routing-secret", "extra": {"base_url": slack.address}}
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", json.dumps(pager))
    slack.script.append(Answer(202, "{}", accepts=True))
    tried = said("notify", "test", "flight_delay", "--channel", "pagerduty")
    assert tried.startswith("pagerduty pager (pagerduty:")
    assert tried.endswith("took it.\n")
    (event,) = slack.accepted
    assert event["event_action"] == "resolve"
    slack.script.append(Answer(400, '{"message": "no such routing key"}'))
    assert command("notify", "test", "flight_delay", "--channel", "pagerduty").exit_code == 1


def test_a_missing_connection_is_a_channel_that_did_not_take_it(
    spec: MonitorSpec, slack: Receiver, mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SLACK_ML")
    tried = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["notify", "test", "flight_delay"])
    assert tried.exit_code == 1
    assert "Connection 'slack_ml' is not defined" in tried.stdout
    assert len(mail.mails) == 2


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ((), "Name a message by its number, or an incident with --incident: one of the two."),
        (("1", "--incident", "inc_1"), "Name a message by its number, or an incident with --incident: one"),
        (("99",), "The outbox holds no message number 99: `hindsight notify list` shows the numbers."),
        (("--incident", "inc_0000"), "There is no incident inc_0000."),
        ((str(10**20),), "Usage: "),
        (("0",), "Usage: "),
    ],
)
def test_what_cannot_be_sent_again_is_refused(
    spec: MonitorSpec, slack: Receiver, arguments: tuple[str, ...], sentence: str
) -> None:
    opened(spec)
    assert refused("notify", "resend", "flight_delay", *arguments).startswith(sentence)
    assert len(slack.accepted) == 1


def test_the_message_of_another_monitor_is_refused(
    spec: MonitorSpec, slack: Receiver, tmp_path: Path
) -> None:
    opened(spec)
    other = tmp_path / "monitors" / "other.yaml"
    other.write_text(TEXT.replace("monitor: flight_delay", "monitor: other"), encoding="utf-8")
    number = outbox()[0]["number"]
    message = refused("notify", "resend", "other", str(number))
    assert message == f"Message number {number} is not one of other, but of flight_delay.\n"
