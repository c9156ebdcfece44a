"""Rules tried before they go live: a replay says what live runs would have done, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from commands import CHURN, command, project, refused, said
from episodes import detection
from hindsight import config
from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Delivery, Detection
from hindsight.domain.spec import MonitorSpec, Reference
from hindsight.domain.values import NO_LABELS, Grain, Horizon, Notify, Severity, Span, Verdict
from hindsight.embedded import EmbeddedPostgres
from hindsight.errors import StoreError
from hindsight.pipeline import Runtime, run_days
from hindsight.pipeline.notify import notify
from hindsight.pipeline.trial import Outcome, told_live, trial
from hindsight.store import Store
from hindsight.windows import DayRange
from worlds import Bench, at, bench_on, monitor, odd_logs, written

FIRST, LAST = "2024-03-05", "2024-03-20"
RUNS = DayRange(date(2024, 3, 1), date(2024, 3, 20))
QUIET = CHURN.replace("min: 0.99", "min: 0.01")
ASKED = ("replay", "churn", "--start", FIRST, "--end", LAST)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedPostgres) -> Iterator[Path]:
    """A project whose monitor has run for twenty days."""
    url = postgres.ensure_database("replayed")
    with project(tmp_path_factory.mktemp("project"), url) as found:
        said("store", "upgrade")
        said("run", "churn", "--start", str(RUNS.start), "--end", str(RUNS.end))
        yield found
    postgres.drop_database("replayed")


@pytest.fixture
def store(root: Path, postgres: EmbeddedPostgres) -> Iterator[Store]:
    store = Store(postgres.ensure_database("replayed"))
    yield store
    store.dispose()


def edit(folder: Path, text: str) -> Path:
    """An edited copy of the monitor's file, outside the project."""
    path = folder / "edited.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def replayed(*more: str | Path) -> dict[str, Any]:
    found = json.loads(said(*ASKED, "--json", *more))
    assert isinstance(found, dict)
    return found


# --- the command ----------------------------------------------------------------------------------


def test_the_json_has_the_form_that_the_guide_documents(root: Path, tmp_path: Path) -> None:
    found = replayed("--with", edit(tmp_path, QUIET))
    assert list(found) == ["form", "monitor", "start", "end", "present", "edited"]
    assert (found["form"], found["monitor"], found["start"], found["end"]) == (1, "churn", FIRST, LAST)
    for side in (found["present"], found["edited"]):
        assert list(side) == ["totals", "messages", "incidents", "detectors"]
        assert list(side["totals"]) == [
            "messages",
            "critical_messages",
            "incidents_opened",
            "days_in_incident",
        ]
        assert side["totals"]["messages"] == len(side["messages"])
        assert set(side["detectors"]) == {"threshold:recall:7d@3d", "threshold:brier:7d@3d"}
    message = found["present"]["messages"][0]
    assert list(message) == ["day", "kind", "severity", "text"]
    assert message["text"].startswith("[")
    incident = found["present"]["incidents"][0]
    assert list(incident) == ["class", "severity", "since", "opened_on", "resolved_on", "headline"]
    tally = found["present"]["detectors"]["threshold:recall:7d@3d"]
    assert list(tally) == ["judged", "breaches", "watched", "insufficient"]
    assert tally["judged"] >= tally["breaches"] + tally["watched"] + tally["insufficient"]


def test_an_edit_that_allows_more_is_quieter_and_the_present_rules_stay_as_they_are(
    root: Path, tmp_path: Path
) -> None:
    alone, both = replayed(), replayed("--with", edit(tmp_path, QUIET))
    assert alone["edited"] is None
    assert both["present"] == alone["present"]
    assert both["edited"]["totals"]["messages"] < both["present"]["totals"]["messages"]
    recall = "threshold:recall:7d@3d"
    assert (
        both["edited"]["detectors"][recall]["breaches"]
        == 0
        < alone["present"]["detectors"][recall]["breaches"]
    )


def test_the_present_rules_give_the_incidents_that_are_stored(root: Path, store: Store) -> None:
    with store.transaction() as connection:
        stored = store.incidents(connection, "churn")
    assert stored
    assert [(i["class"], i["opened_on"], i["severity"]) for i in replayed()["present"]["incidents"]] == [
        (i.incident_class, str(i.opened_on), i.severity) for i in stored
    ]


def test_the_tables_put_both_rules_side_by_side(root: Path, tmp_path: Path) -> None:
    text = said(*ASKED, "--with", edit(tmp_path, QUIET))
    assert "churn, runs of 2024-03-05 to 2024-03-20: what would be sent" in text
    assert "present rules" in text
    assert "edited rules" in text
    assert "recall of v1 is" in text
    assert "days in incident" in text
    assert "Nothing was written; 16 days replayed." in text
    assert "edited rules" not in said(*ASKED)


def test_days_of_which_nothing_is_told_say_so(root: Path) -> None:
    text = said("replay", "churn", "--start", "2024-03-01")
    assert "runs of 2024-03-01 to 2024-03-01: what would be sent: nothing." in text


def test_a_build_can_fail_on_too_many_messages(root: Path, tmp_path: Path) -> None:
    quiet = edit(tmp_path, QUIET)
    many = len(replayed()["present"]["messages"])
    few = len(replayed("--with", quiet)["edited"]["messages"])
    assert few < many
    assert command(*ASKED, "--max-messages", str(many)).exit_code == 0
    assert command(*ASKED, "--max-messages", str(many - 1)).exit_code == 3
    assert command(*ASKED, "--with", quiet, "--max-messages", str(few)).exit_code == 0
    loud = command(*ASKED, "--with", quiet, "--max-messages", str(max(few - 1, 0)), "--json")
    assert loud.exit_code == (3 if few else 0)
    assert json.loads(loud.stdout)["edited"]["totals"]["messages"] == few, (
        "what it found is printed all the same"
    )


@pytest.mark.parametrize(
    "old, new, keys",
    [
        ("[1d, 3d]", "[1d, 3d, 5d]", "maturity.horizons"),
        ("segments: [country]", "segments: []", "segments"),
        ("Europe/Berlin", "Europe/London", "timezone"),
        ("end: 2024-03-07", "end: 2024-03-06", "reference"),
        ("score: p, version: v", "score: p", "predictions"),
        ("time: known_at}", "time: known_at}\n  on_conflict: first", "ground_truth"),
    ],
)
def test_an_edit_of_what_the_statistics_are_made_from_is_refused(
    root: Path, tmp_path: Path, old: str, new: str, keys: str
) -> None:
    assert old in CHURN
    words = refused(*ASKED, "--with", edit(tmp_path, CHURN.replace(old, new)))
    assert words.startswith(
        f"The edit changes {keys}, and so what the stored statistics of churn are computed"
    )
    assert "only metrics, windows, detectors, budget, coverage and notifiers can be tried" in words


def test_the_same_file_written_otherwise_can_be_tried(root: Path, tmp_path: Path) -> None:
    same = edit(tmp_path, CHURN + "grain: day\nsegment_limit: 100\n")
    assert replayed("--with", same)["edited"] == replayed()["present"]


def test_what_cannot_be_tried_is_a_sentence(root: Path, tmp_path: Path) -> None:
    other = edit(tmp_path, CHURN.replace("monitor: churn", "monitor: other"))
    assert "is the monitor 'other', and not an edit of 'churn'" in refused(*ASKED, "--with", other)
    gone = tmp_path / "gone.yaml"
    assert f"There is no file {gone}" in refused(*ASKED, "--with", gone)
    wrong = edit(tmp_path, CHURN.replace("min: 0.99", "min: high"))
    assert f"{wrong}:" in refused(*ASKED, "--with", wrong)
    assert "--end 2024-03-01 is before --start 2024-03-05" in refused(
        "replay", "churn", "--start", FIRST, "--end", "2024-03-01"
    )


def test_a_monitor_that_never_ran_has_nothing_to_replay(root: Path, tmp_path: Path) -> None:
    path = root / "monitors" / "fresh.yaml"
    path.write_text(CHURN.replace("monitor: churn", "monitor: fresh"), encoding="utf-8")
    try:
        words = refused("replay", "fresh", "--start", FIRST)
    finally:
        path.unlink()
    assert "The store holds nothing of fresh that its file as it is now has made" in words


# --- it writes nothing, and waits for nobody ------------------------------------------------------


def test_nothing_is_written(root: Path, store: Store, tmp_path: Path) -> None:
    more = CHURN.replace("metrics: [recall", "metrics: [f1, recall").replace("7d, at: 3d}", "9d, at: 1d}")
    with store.transaction() as connection:
        before = store.dump(connection, "churn")
        outbox = len(store.notifications(connection, "churn"))
    replayed("--with", edit(tmp_path, more))
    with store.transaction() as connection:
        assert store.dump(connection, "churn") == before
        assert len(store.notifications(connection, "churn")) == outbox


def test_a_live_run_and_a_replay_do_not_wait_for_each_other(root: Path, store: Store) -> None:
    spec = config.load(root / "monitors" / "churn.yaml")
    runtime = Runtime(store, sa.make_url, nobody, root)
    with store.transaction("churn") as writing:
        store.replace_incidents(writing, "churn", [])
        assert trial(spec, RUNS, runtime).present.messages, "the run that holds the lock has not ended"
        writing.rollback()


def nobody(connection_id: str) -> Any:
    raise AssertionError(connection_id)


def test_a_reading_transaction_cannot_write_and_sees_one_state(root: Path, store: Store) -> None:
    with store.reading() as reading:
        seen = store.dump(reading, "churn")
        with store.transaction("churn") as writing:
            store.replace_incidents(writing, "churn", [])
            assert store.dump(writing, "churn") != seen
            assert store.dump(reading, "churn") == seen
            writing.rollback()
    with pytest.raises(StoreError, match="read-only"), store.reading() as reading:
        store.replace_incidents(reading, "churn", [])
    with store.transaction() as writing:
        writing.execute(sa.text("create temporary table after_reading (n int)"))


# --- it says what live runs would have done -------------------------------------------------------

START = date(2024, 3, 1)
DAYS = 26
AT = Horizon(3)
RULES = (
    Threshold(metric="recall", min=0.7, window=Span(7), at=AT, evidence=0.0),
    Threshold(metric="brier", relative=0.02, window=Span(7), at=AT, severity=Severity.CRITICAL, evidence=0.0),
    Threshold(metric="coverage", min=0.9, window=Span(1), at=AT, evidence=0.0),
)
EDITED = (
    Threshold(metric="recall", min=0.7, window=Span(4), at=AT, evidence=0.0),
    Threshold(metric="f1", min=0.66, window=Span(5), at=AT, evidence=0.0, segments=("origin",)),
    Threshold(metric="mean_score", max=0.34, window=Span(3), at=Horizon(0), evidence=0.0),
    RULES[2],
)


@pytest.fixture(scope="module")
def bench(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench_on(postgres.ensure_database("lived"), tmp_path_factory.mktemp("logs")) as bench:
        yield bench
    postgres.drop_database("lived")


def lived(bench: Bench, spec: MonitorSpec, days: DayRange) -> list[tuple[date, str, Severity, str]]:
    """What live runs of this monitor, one a day and from nothing, told."""
    bench.clear(spec.monitor)
    for day in days:
        run_days(spec, DayRange(day, day), bench.runtime(), Notify.LIVE)
    with bench.store.transaction() as connection:
        rows = bench.store.notifications(connection, spec.monitor)
    told = [row for row in rows if row.state is not Delivery.SUPPRESSED]
    return [(row.day, row.kind, row.severity, json.loads(row.document)["first_line"]) for row in told]


def foreseen(outcome: Outcome | None) -> list[tuple[date, str, Severity, str]]:
    assert outcome is not None
    return [(m.day, m.kind, m.severity, m.text) for m in outcome.messages]


def test_present_and_edited_rules_tell_what_live_runs_of_them_tell(bench: Bench, tmp_path: Path) -> None:
    logs = written(odd_logs(7, START, DAYS), "parquet", tmp_path)
    days = DayRange(START, START + timedelta(days=DAYS - 1))
    kept = ("recall", "brier", "mean_score")
    reference = Reference(start=START, end=START + timedelta(days=6))
    spec = at(monitor(detectors=RULES, metrics=kept, windows=(Span(7),), reference=reference), logs)
    edited = replace(spec, detectors=EDITED, metrics=(*kept, "f1"), windows=(Span(3),))
    bench.run(spec, days.start, days.end)
    found = trial(spec, days, bench.runtime(), edited)
    for outcome, rules in ((found.present, spec), (found.edited, edited)):
        told = lived(bench, rules, days)
        assert len(told) > 3
        assert {kind for _, kind, _, _ in told} >= {"daily"}
        assert foreseen(outcome) == told
    assert foreseen(found.present) != foreseen(found.edited)


MIDNIGHT = datetime(2013, 7, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLDER = Horizon(6, "h")


def hour(number: int, bad: bool, name: str = "recall", age: Horizon = NO_LABELS, **more: Any) -> Detection:
    """The verdict of a rule on the hour with this number."""
    end = MIDNIGHT + (number + 1) * HOUR
    plain = detection(0, Verdict.BREACH if bad else Verdict.CLEAR, detector=name, monitor="odd", **more)
    window = {"window": Span(1, "h"), "window_start": end - HOUR, "window_end": end}
    return replace(plain, **window, as_of=end + age.count * HOUR, horizon=age)


def joins(number: int) -> list[Detection]:
    """One opens at three o'clock, another joins it at six, and both are well again from nine o'clock on."""
    worse = hour(number, 6 <= number < 9, "grave", severity=Severity.CRITICAL)
    return [hour(number, 3 <= number < 9), worse]


def turns(number: int) -> list[Detection]:
    """What breached is clear with labels six hours old."""
    rows = [hour(number, 3 <= number < 12)]
    return rows + ([hour(number - 6, False, age=OLDER)] if number >= 6 else [])


@pytest.mark.parametrize("story", [joins, turns])
def test_hours_are_told_in_the_hours_in_which_live_runs_tell_them(
    bench: Bench, story: Callable[[int], list[Detection]]
) -> None:
    rules = tuple(
        Threshold(metric="recall", min=0.1, window=Span(1, "h"), at=NO_LABELS, name=name)
        for name in ("recall", "grave")
    )
    spec = replace(monitor(), grain=Grain.HOUR, detectors=rules, notify=())
    bench.clear(spec.monitor)
    every: list[Detection] = []
    for number in range(60):
        rows, unit = story(number), MIDNIGHT + number * HOUR
        every += rows
        with bench.store.transaction(spec.monitor) as connection:
            partitions = [(d.detector, d.window_start, d.horizon) for d in rows]
            bench.store.replace_detections(connection, spec.monitor, partitions, rows)
        notify(spec, DayRange(unit, unit), bench.runtime(), Notify.LIVE)
    with bench.store.transaction() as connection:
        rows_of_outbox = bench.store.notifications(connection, spec.monitor)
    told = [(r.day, r.kind.partition("@")[0], r.severity, r.reason) for r in rows_of_outbox]
    tried = [(d.day, d.kind.value, d.severity, d.reason) for d in told_live(spec, date(2013, 7, 3), every)]
    assert len(told) > 1
    assert tried == told
    bench.clear(spec.monitor)
