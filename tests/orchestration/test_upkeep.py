"""The upkeep serves every monitor, whatever becomes of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from commands import BROKEN, CHURN, command, project, refused, said
from hindsight.config import load
from hindsight.domain.records import Delivery, Notification, Silence
from hindsight.domain.values import Severity
from hindsight.errors import HindsightError, NotDelivered
from hindsight.message import Document, Tone, to_json
from hindsight.notifiers import FALLBACK, channel_key
from hindsight.orchestration import factory
from hindsight.orchestration.places import last_day
from hindsight.orchestration.runtime import command_line_runtime
from hindsight.orchestration.steps import SweepStep, UpkeepStep
from hindsight.orchestration.upkeep import CONCERNS, REMOVE, monitors, sweep, tend
from hindsight.store import Store

SECOND = CHURN.replace("monitor: churn", "monitor: second") + "retention: {statistics: 21d, snapshots: 21d}\n"
SECOND = SECOND.replace("segments:", "windows: [7d]\nsegments:").replace("Europe/Berlin", "UTC")


DOCUMENT = Document(
    "daily", "churn", date(2024, 3, 17), Severity.WARNING, Tone.WARNING, "title", "subject", "line"
)


@pytest.fixture
def root(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of two monitors that have run until 17 March, and of one whose file is wrong."""
    with project(tmp_path, database) as root:
        said("store", "upgrade")
        (root / "monitors" / "second.yaml").write_text(SECOND)
        for name, start in (("churn", "2024-03-10"), ("second", "2024-02-20")):
            said("run", name, "--start", start, "--end", "2024-03-17")
        (root / "monitors" / "broken.yaml").write_text(BROKEN)
        monkeypatch.setenv("HINDSIGHT_LAST_DAY", "2024-03-17")
        yield root


def enqueue(monitor: str, notifier: str) -> None:
    """Lay an unsent message into the outbox."""
    store = command_line_runtime().store
    row = Notification(
        monitor=monitor,
        day=date(2024, 3, 17),
        kind="daily",
        notifier=notifier,
        incidents=(),
        severity=Severity.WARNING,
        document=to_json(DOCUMENT),
        state=Delivery.PENDING,
        reason="test",
    )
    with store.transaction() as connection:
        store.enqueue(connection, [row])


def state_of(monitor: str) -> Delivery:
    store = command_line_runtime().store
    with store.transaction() as connection:
        (row,) = (each for each in store.notifications(connection, monitor) if each.reason == "test")
    return row.state


def test_when_all_is_well_only_the_broken_file_is_complained_of(root: Path) -> None:
    runtime = command_line_runtime()
    found = {concern: tend(concern, monitors(), runtime) for concern in CONCERNS}
    for concern, (done, failed) in found.items():
        assert set(done) == {"churn", "second"}
        assert len(failed) == (concern == "find_missing")
    done, (told,) = found["find_missing"]
    assert told.startswith("broken does not run, for its file has errors:\n")
    assert "broken.yaml:" in told
    assert done == {"churn": {"missing": 0}, "second": {"missing": 0}}
    assert found["stale_silences"][0] == {name: {"silences": 0, "stale": 0} for name in done}


def test_one_monitor_that_fails_holds_back_no_other(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINDSIGHT_LAST_DAY", "2024-03-18")
    said("run", "second", "--start", "2024-03-18")
    with pytest.raises(HindsightError) as red:
        UpkeepStep(task_id="find_missing").execute({})  # type: ignore[typeddict-item]
    report = str(red.value)
    assert "churn lacks 1 day: 2024-03-18." in report
    assert "broken does not run" in report
    assert "second" not in report


def test_what_lies_unsent_is_sent_and_a_receiver_that_is_away_holds_back_no_other(root: Path) -> None:
    enqueue("churn", "slack:nobody-names-it")
    enqueue("second", channel_key(FALLBACK))
    done, failed = tend("send_unsent", monitors(), command_line_runtime())
    assert state_of("second") is Delivery.LOGGED
    assert done["second"]["logged"] == 1
    assert state_of("churn") is Delivery.DEAD
    sentence, given_up = failed
    assert "churn were not delivered" in sentence
    assert "no longer names this notifier" in sentence
    assert given_up == (
        "1 notifications of churn were given up within the last day; `hindsight notify resend` sends one "
        "again: slack: the monitor no longer names this notifier"
    )


def test_the_sweeper_sends_what_is_due_and_reads_no_other_monitor(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    find = factory.monitors
    monkeypatch.setattr(factory, "monitors", lambda folder, only: read.append(only) or find(folder, only))
    assert sweep(command_line_runtime()) == ({}, [])
    assert read == []
    enqueue("second", channel_key(FALLBACK))
    enqueue("gone", channel_key(FALLBACK))
    enqueue("broken", channel_key(FALLBACK))
    done, failed = sweep(command_line_runtime())
    assert (done["second"]["logged"], failed) == (1, [])
    assert read == ["broken", "gone", "second"], "churn had nothing to send"
    assert state_of("second") is Delivery.LOGGED
    assert state_of("gone") is Delivery.PENDING


def test_the_sweepers_task_fails_with_what_it_could_not_send(root: Path) -> None:
    enqueue("churn", "slack:nobody-names-it")
    with pytest.raises(NotDelivered, match="the monitor no longer names this notifier") as red:
        SweepStep(task_id="send_unsent").execute({})  # type: ignore[typeddict-item]
    assert red.value.given_up == 1
    assert SweepStep(task_id="send_unsent").execute({}) == {}  # type: ignore[typeddict-item]


def test_what_waits_to_be_tried_again_does_not_fail_the_sweeper(root: Path) -> None:
    """It comes every ten minutes, and whoever hears of broken tasks would hear of the same one each time."""
    text = CHURN.replace("- {type: log}", '- {type: slack, connection: slack_ml, channel: "#ml"}')
    (root / "monitors" / "churn.yaml").write_text(text)
    away = {"conn_type": "slack", "password": "xoxb-secret", "extra": {"base_url": "http://127.0.0.1:1/api/"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_SLACK_ML", json.dumps(away))
        (slack,) = load(root / "monitors" / "churn.yaml").notify
        enqueue("churn", channel_key(slack))
        done, failed = sweep(command_line_runtime())
    assert failed == []
    assert "(0 given up, 1 to be tried again)" in done["churn"]["waiting"]
    assert state_of("churn") is Delivery.PENDING


def test_what_a_monitor_without_a_sound_file_left_unsent_is_told_of(root: Path) -> None:
    enqueue("broken", channel_key(FALLBACK))
    enqueue("gone", channel_key(FALLBACK))
    done, failed = tend("send_unsent", monitors(), command_line_runtime())
    assert set(done) == {"churn", "second"}
    assert failed == [
        f"1 notifications of {name} were not delivered, for {why}"
        for name, why in (
            ("broken", "broken.yaml has errors: mend it, and they are sent."),
            (
                "gone",
                f"it has no file any more: put it back, or give them up by {REMOVE.format(name='gone')}",
            ),
        )
    ]
    assert "broken" not in said("upkeep", "churn"), "who names a monitor hears of that one"
    store = command_line_runtime().store
    with store.transaction() as connection:
        connection.execute(sa.text(REMOVE.format(name="gone")))
    assert len(tend("send_unsent", monitors(), command_line_runtime())[1]) == 1
    (root / "monitors" / "broken.yaml").write_text(CHURN.replace("monitor: churn", "monitor: broken"))
    assert tend("send_unsent", monitors(), command_line_runtime())[1] == []
    assert state_of("broken") is Delivery.LOGGED


def test_old_results_are_removed_where_a_monitor_says_so(root: Path) -> None:
    done, failed = tend("remove_old", monitors(), command_line_runtime())
    assert not failed
    assert done["churn"] == {"statistics": 0, "snapshots": 0, "detections": 0}
    assert all(done["second"].values())
    store: Store = command_line_runtime().store
    with store.transaction() as connection:
        starts = {state.window_start for state in store.window_states(connection, "second")}
    assert min(starts) == datetime(2024, 2, 26, tzinfo=UTC)


def test_the_command_does_the_same_for_one_or_all(root: Path) -> None:
    assert said("upkeep", "churn").splitlines() == [
        "remove_old of churn: statistics 0, snapshots 0, detections 0",
        "send_unsent of churn: sent 0, logged 0, failed 0, repeated 0, waiting 0",
        "find_missing of churn: missing 0",
        "stale_silences of churn: silences 0, stale 0",
    ]
    result = command("upkeep")
    assert result.exit_code == 2
    assert "find_missing of second: missing 0" in result.stdout
    assert "broken does not run" in result.stderr
    assert "there is no monitor 'chrun' (did you mean 'churn'?)" in refused("upkeep", "chrun")


def test_a_silence_that_is_stale_is_told_of_and_holds_back_no_other(root: Path) -> None:
    runtime = command_line_runtime()
    first, last = date(2024, 2, 1), date(2024, 4, 1)
    silence = Silence("sil_1", "churn", first, last, "Ann", "new terms", datetime(2024, 2, 1, tzinfo=UTC))
    with runtime.store.transaction() as connection:
        runtime.store.keep_silence(connection, silence)
    done, (told,) = tend("stale_silences", monitors(), runtime)
    assert done == {"second": {"silences": 0, "stale": 0}}
    assert told.startswith("1 silence seems stale at churn:\n- ")
    assert "sil_1" in told
    assert "Ann (new terms)" in told


def test_a_last_day_that_is_none_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert last_day() == date(2024, 3, 17)
    monkeypatch.setenv("HINDSIGHT_LAST_DAY", "")
    assert last_day() is None
    monkeypatch.setenv("HINDSIGHT_LAST_DAY", "the end")
    with pytest.raises(HindsightError, match="HINDSIGHT_LAST_DAY='the end' is not a day such as"):
        last_day()
