"""Explanations from the store: against rows counted once more, bounded, and never in the way of a message."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec, Reference
from hindsight.domain.values import ALL, NO_LABELS, Horizon, IncidentClass, Notify, Span, Task, Verdict
from hindsight.errors import HindsightError
from hindsight.explanation import Action, Explanation, as_json, facts, lines
from hindsight.message import from_json, plain
from hindsight.notifiers.log import Log
from hindsight.pipeline import explain as module
from hindsight.pipeline import run_days
from hindsight.pipeline.breach import MOST_ROWS
from hindsight.pipeline.explain import breach_of, explain
from hindsight.windows import DayRange
from worlds import Bench, Logs, Row, at, label, monitor, odd_logs, prediction, watched, written

FIRST = date(2013, 3, 5)
REFERENCE, DAYS = 21, 49
AGE = Horizon(1)
ORIGINS = {"JFK": 0.5, "LGA": 0.3, "EWR": 0.2}


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


def steady(
    seed: int = 5, *, broken: str = "", since: int = 30, v2: int | None = None, rows: int = 60
) -> Logs:
    """A good model of calibrated scores; from a day on one origin's scores say nothing."""
    draw = random.Random(seed)
    predictions: list[Row] = []
    labels: list[Row] = []
    for count in range(DAYS):
        day = on(count)
        for i in range(rows):
            origin = draw.choices(list(ORIGINS), list(ORIGINS.values()))[0]
            chance = draw.choice([0.1, 0.2, 0.75, 0.9])
            actual = float(draw.random() < chance)
            score = 1.0 - chance if origin == broken and count >= since else chance
            version = "v2" if v2 is not None and count >= v2 and i % 3 == 0 else "v1"
            request_id = f"r{count}-{i}"
            more = {"origin": origin, "carrier": draw.choice(["UA", "B6"]), "version": version}
            predictions.append(prediction(request_id, day, score, **more))
            labels.append(label(request_id, day + timedelta(days=1), actual))
    return Logs(predictions, labels)


def number(row: Row) -> int:
    """The day of a prediction."""
    return int(row["request_id"][1:].split("-")[0])


def rule(metric: str = "accuracy", **more: Any) -> Threshold:
    """At most a fiftieth below the reference over two weeks, or what is said instead."""
    made: dict[str, Any] = {"relative": -0.02, "window": Span(14), "at": AGE}
    return Threshold(**made | {"metric": metric, "name": metric} | more)


def asked(bench: Bench, logs: Logs, *rules: Threshold, **changes: Any) -> MonitorSpec:
    """A monitor of these logs with these rules and a reference of three weeks."""
    spec = monitor(metrics=("accuracy",), windows=(Span(14),), detectors=rules or (rule(),), notify=(Log(),))
    reference = Reference(start=FIRST, end=on(REFERENCE - 1))
    spec = replace(spec, maturity=replace(spec.maturity, horizons=(AGE,)), reference=reference)
    return at(replace(spec, **changes), written(logs, "parquet", bench.folder))


def explained(
    bench: Bench, spec: MonitorSpec, day: date | None = None, detector: str | None = None
) -> Explanation:
    with bench.store.transaction() as connection:
        runtime = bench.runtime()
        return explain(spec, breach_of(spec, connection, runtime, day, detector), connection, runtime)


def right(rows: Iterable[Row], labels: dict[str, float]) -> list[bool]:
    return [(row["score"] >= 0.5) == bool(labels[row["request_id"]]) for row in rows]


# --- what it says -------------------------------------------------------------------------------


def test_the_broken_segment_is_found_with_its_day_and_its_part(bench: Bench) -> None:
    logs = steady(broken="LGA")
    spec = asked(bench, logs)
    bench.run(spec, FIRST, on(DAYS))
    found = explained(bench, spec)
    assert (found.metric, found.version, found.last) == ("accuracy", "v1", on(DAYS - 1))
    assert [part.segment for _, part in found.outstanding] == ["origin=LGA"]
    assert found.since is not None
    assert abs((found.since.day - on(30)).days) <= 2
    assert found.against == f"the reference, {FIRST} to {on(REFERENCE - 1)}"
    told = dict(facts(found))
    assert told["Likely where"].startswith("origin=LGA explains ")
    assert found.volume is None or not found.volume.notable
    assert lines(found)[0].startswith("Breach: ")
    text = json.dumps(as_json(found), allow_nan=False)
    assert json.loads(text)["window"] == "14d"
    assert json.loads(text)["advice"]["retrain"] in ("advised", "not advised")


def test_the_parts_are_what_the_rows_say(bench: Bench) -> None:
    """Accuracy by origin of window and reference, from the rows, by the definition."""
    logs = steady(broken="LGA")
    spec = asked(bench, logs)
    bench.run(spec, FIRST, on(DAYS))
    found = explained(bench, spec)
    labels = {row["request_id"]: row["actual"] for row in logs.labels}
    spans = (0, REFERENCE - 1), (DAYS - 14, DAYS - 1)
    sides: list[dict[str, list[bool]]] = []
    for first, last in spans:
        rows = [row for row in logs.predictions if first <= number(row) <= last]
        by_origin = {o: right([r for r in rows if r["origin"] == o], labels) for o in ORIGINS}
        sides.append(by_origin | {ALL: right(rows, labels)})

    def mean(hits: list[bool]) -> float:
        return sum(hits) / len(hits)

    before, after = sides
    whole = mean(before[ALL]), mean(after[ALL])
    (split,) = [split for split in found.splits if split.column == "origin"]
    assert split.change == pytest.approx(whole[1] - whole[0], abs=1e-12)
    assert {part.segment.partition("=")[2] for part in split.parts} == set(ORIGINS)
    for part in split.parts:
        origin = part.segment.partition("=")[2]
        was, now = len(before[origin]) / len(before[ALL]), len(after[origin]) / len(after[ALL])
        assert (part.share_before, part.share_after) == pytest.approx((was, now))
        assert (part.before, part.after) == pytest.approx((mean(before[origin]), mean(after[origin])))
        assert part.within == pytest.approx((was + now) / 2 * (mean(after[origin]) - mean(before[origin])))
        level = (mean(before[origin]) + mean(after[origin]) - sum(whole)) / 2
        assert part.mix == pytest.approx((now - was) * level, abs=1e-12)
    assert split.rest is None
    assert found.change is not None
    assert (found.change.before, found.change.after) == pytest.approx(whole)


def test_a_version_that_came_within_the_window_is_told(bench: Bench) -> None:
    spec = asked(bench, steady(broken="LGA", v2=40))
    bench.run(spec, FIRST, on(DAYS))
    found = explained(bench, spec)
    assert [(each.version, each.appeared, each.on) for each in found.versions] == [("v2", True, on(40))]
    assert found.volume is not None
    assert found.volume.notable, "a third of v1's predictions are v2's now"
    assert found.volume.by < -0.1


def test_a_version_without_a_reference_is_compared_with_the_days_before(bench: Bench) -> None:
    logs = steady(broken="LGA", since=34)
    least = rule(relative=None, min=0.8, window=Span(7))
    spec = asked(bench, logs, least, reference=Reference(), windows=(Span(7),))
    bench.run(spec, FIRST, on(DAYS))
    found = explained(bench, spec)
    assert found.against.startswith("the 28 days before it began, ")
    assert [part.segment for _, part in found.outstanding] == ["origin=LGA"]


def test_a_breach_of_a_segment_is_explained_within_it(bench: Bench) -> None:
    spec = asked(bench, steady(broken="LGA"), rule(segments=("origin",)))
    bench.run(spec, FIRST, on(DAYS))
    with bench.store.transaction() as connection:
        rows = bench.store.detections(connection, "odd", verdict=Verdict.BREACH, segment="origin=LGA")
        found = explain(spec, rows[-1], connection, bench.runtime())
    assert (found.segment, found.splits, "Likely where" in dict(facts(found))) == ("origin=LGA", (), False)
    assert found.change is not None
    assert found.change.after < 0.4


def test_everything_that_is_kept_can_be_explained_in_every_task(bench: Bench) -> None:
    """All detections of odd worlds, whatever their verdict: an explanation, and no fault."""
    for task in Task:
        place = written(odd_logs(7, FIRST, 12, task), "parquet", bench.folder)
        spec = at(watched(monitor(task, segments=("origin",)), FIRST, 4), place)
        bench.run(spec, FIRST, on(13))
        with bench.store.transaction() as connection:
            every = bench.store.detections(connection, "odd")
            chosen = {(d.detector, d.verdict): d for d in every}
            for detection in chosen.values():
                found = explain(spec, detection, connection, bench.runtime())
                json.dumps(as_json(found), allow_nan=False)
                assert all(text for _, text in facts(found))
                for split in found.splits:
                    parts = [*split.parts, *([split.rest] if split.rest else [])]
                    if split.adds_up:
                        assert sum(part.total for part in parts) == pytest.approx(split.change, abs=1e-9)
        assert len(chosen) >= 6
        bench.clear()


def test_labels_that_stay_away_are_told_where_and_ask_to_wait(bench: Bench) -> None:
    logs = steady()
    lost = {r["request_id"] for r in logs.predictions if r["origin"] == "EWR" and number(r) >= 35}
    logs = replace(logs, labels=[row for row in logs.labels if row["request_id"] not in lost])
    spec = asked(bench, logs, rule("coverage", relative=None, min=0.95))
    bench.run(spec, FIRST, on(DAYS))
    found = explained(bench, spec)
    assert found.advice.action is Action.WAIT
    assert [part.segment for _, part in found.outstanding] == ["origin=EWR"]
    assert found.since is not None
    assert abs((found.since.day - on(35)).days) <= 1


def test_fewer_predictions_are_shared_out_by_the_day(bench: Bench) -> None:
    logs = steady()
    kept = [r for r in logs.predictions if r["origin"] != "JFK" or number(r) < 40]
    volume = rule("volume", relative=None, min=45, window=Span(1), at=NO_LABELS)
    spec = asked(bench, replace(logs, predictions=kept), volume)
    bench.run(spec, FIRST, on(DAYS - 1))
    found = explained(bench, spec)
    (split,) = [split for split in found.splits if split.column == "origin"]
    assert split.parts[0].segment == "origin=JFK"
    assert split.parts[0].total == pytest.approx(-30.0, abs=3.0)
    assert found.volume is not None
    assert found.volume.notable


def test_breaches_of_data_quality_on_the_same_days_come_before_the_model(bench: Bench) -> None:
    spec = asked(bench, steady(broken="LGA"))
    bench.run(spec, FIRST, on(DAYS))
    with bench.store.transaction() as connection:
        worst = breach_of(spec, connection, bench.runtime(), None, None)

        def breached(days: int) -> list[Detection]:
            ends = [worst.window_end - timedelta(days=i) for i in range(days)]
            quality = replace(
                worst,
                detector="nulls",
                metric="null_share(temp)",
                incident_class=IncidentClass.DATA_QUALITY,
                window=Span(1),
            )
            return [replace(quality, window_start=end - timedelta(days=1), window_end=end) for end in ends]

        for days, action in ((2, None), (7, Action.LOOK_AT_DATA)):
            rows = breached(days)
            places = [("nulls", row.window_start, row.horizon) for row in rows]
            bench.store.replace_detections(connection, "odd", places, rows)
            found = explain(spec, worst, connection, bench.runtime())
            said = f"null_share(temp) breached on {days} of 14 days [nulls]"
            assert said in dict(facts(found))["What changed"]
            assert (found.advice.action is Action.LOOK_AT_DATA) == (action is not None)


def test_data_quality_of_another_version_or_segment_is_no_fault_of_this_one(bench: Bench) -> None:
    spec = asked(bench, steady(broken="LGA"))
    bench.run(spec, FIRST, on(DAYS))
    with bench.store.transaction() as connection:
        worst = breach_of(spec, connection, bench.runtime(), None, None)
        quality = replace(worst, detector="nulls", incident_class=IncidentClass.DATA_QUALITY)
        for place in ({"version": "canary"}, {"segment": "carrier=B6"}):
            row = replace(quality, **place)
            bench.store.replace_detections(
                connection, "odd", [("nulls", row.window_start, row.horizon)], [row]
            )
            found = explain(spec, worst, connection, bench.runtime())
            assert (found.faults, found.notes) == ((), ()), place


def test_without_a_reference_the_days_before_it_began_are_usual(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weeks after the break the window before is as broken as this one."""
    monkeypatch.setitem(globals(), "DAYS", 75)
    least = rule(relative=None, min=0.8, window=Span(7))
    logs = steady(broken="LGA", since=30)
    spec = asked(bench, logs, least, reference=Reference(), windows=(Span(7),))
    bench.run(spec, FIRST, on(75))
    found = explained(bench, spec, on(74))
    assert found.change is not None
    assert found.change.by < -0.1
    assert [part.segment for _, part in found.outstanding] == ["origin=LGA"]
    assert "look at origin=LGA first" in found.advice.sentence


def test_fixed_values_are_what_is_usual(bench: Bench) -> None:
    fixed = Reference(values={"accuracy": 0.85})
    spec = asked(bench, steady(broken="LGA", since=0), reference=fixed)
    bench.run(spec, FIRST, on(DAYS))
    found = explained(bench, spec)
    assert found.change is not None
    assert found.change.before == 0.85
    assert found.since is not None
    assert found.since.steps == 0


def test_a_version_is_not_compared_with_the_days_before_it_was_born(bench: Bench) -> None:
    logs = steady(broken="LGA", v2=25)
    spec = asked(bench, logs, rule(relative=None, min=0.95), reference=Reference())
    bench.run(spec, FIRST, on(DAYS))
    with bench.store.transaction() as connection:
        rows = bench.store.detections(connection, "odd", version="v2", verdict=Verdict.BREACH)
        found = explain(spec, rows[-1], connection, bench.runtime())
    assert found.volume is None or not found.volume.notable


# --- which breach -------------------------------------------------------------------------------


def test_a_given_day_is_explained_whether_it_breached_or_not(bench: Bench) -> None:
    spec = asked(bench, steady(broken="LGA"))
    bench.run(spec, FIRST, on(DAYS))
    early = explained(bench, spec, on(36))
    assert early.last == on(36)
    assert early.since is None or early.since.day > on(25)
    assert explained(bench, spec, None, "accuracy").last == on(DAYS - 1)


@pytest.mark.parametrize(
    "day, detector, sentence",
    [
        (None, "recall", "'odd' has no detector 'recall'; it has 'accuracy'."),
        (
            on(500),
            None,
            f"holds no judgement of 'odd' of a window that ends on {on(500)}: nothing to explain.",
        ),
        (on(500), "accuracy", r"ends on .* by 'accuracy': nothing to explain."),
    ],
)
def test_what_there_is_not_is_refused(bench: Bench, day: Any, detector: Any, sentence: str) -> None:
    spec = asked(bench, steady())
    with pytest.raises(HindsightError, match=sentence):
        explained(bench, spec, day, detector)
    with pytest.raises(HindsightError, match="The store holds no breach of 'odd': nothing to explain"):
        explained(bench, spec)


# --- in the message -----------------------------------------------------------------------------


def message(bench: Bench, spec: MonitorSpec) -> str:
    """Run all days in silence, and the last one live; what it tells."""
    bench.run(spec, FIRST, on(DAYS - 1))
    run_days(spec, DayRange(on(DAYS), on(DAYS)), bench.runtime(), Notify.LIVE)
    with bench.store.transaction() as connection:
        rows = bench.store.notifications(connection, "odd")
    (live,) = [row for row in rows if row.day == on(DAYS)]
    return plain(from_json(live.document))


def test_a_message_says_where_with_what_and_what_to_do(bench: Bench) -> None:
    text = message(bench, asked(bench, steady(broken="LGA")))
    assert "  Likely where:  origin=LGA explains " in text
    assert "  Likely action: " in text
    assert "  What changed:  " in text
    assert "the level changed about " in text


def test_what_cannot_be_explained_is_told_and_logged_and_holds_nothing_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(spec: MonitorSpec, detection: Detection, connection: sa.Connection, runtime: Any) -> Any:
        connection.execute(sa.text("select 1 from no_such_table"))

    monkeypatch.setattr(module, "explain", broken)
    with caplog.at_level(logging.ERROR):
        text = message(bench, asked(bench, steady(broken="LGA")))
    assert "could not be explained; the run's log says why" in text
    assert "[WARNING] odd: accuracy of v1" in text or "[CRITICAL] odd: accuracy of v1" in text
    assert "The breach of odd by accuracy could not be explained" in caplog.text


def test_what_cannot_be_worded_holds_nothing_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Explanation) -> Any:
        raise ValueError("a fault of the wording")

    monkeypatch.setattr(module, "facts", broken)
    assert "could not be explained" in message(bench, asked(bench, steady(broken="LGA")))


def test_an_explanation_that_takes_too_long_ends_no_more_than_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(spec: MonitorSpec, detection: Detection, connection: sa.Connection, runtime: Any) -> Any:
        connection.execute(sa.text("select pg_sleep(20)"))

    monkeypatch.setattr(module, "explain", slow)
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    assert "could not be explained" in message(bench, asked(bench, steady(broken="LGA")))
    with bench.store.transaction() as connection:
        before = connection.scalar(sa.text("show statement_timeout"))
        with bench.store.apart(connection, 5.0):
            assert connection.scalar(sa.text("show statement_timeout")) == "5s"
        assert connection.scalar(sa.text("show statement_timeout")) == before


def test_silence_costs_no_explanation(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("nobody hears it")

    monkeypatch.setattr(module, "explain", never)
    spec = asked(bench, steady(broken="LGA"))
    bench.run(spec, FIRST, on(DAYS))


# --- its bounds ---------------------------------------------------------------------------------


def test_many_segments_are_read_as_far_as_they_matter(bench: Bench) -> None:
    """Five hundred carriers: the largest are looked at, the others are a rest, and all adds up."""
    draw = random.Random(3)
    logs = steady(broken="LGA", rows=300)
    weights = [1.0 / (1 + i) for i in range(500)]
    carriers = draw.choices(range(500), weights, k=len(logs.predictions))
    rows = [row | {"carrier": f"C{i:03}"} for row, i in zip(logs.predictions, carriers, strict=True)]
    spec = asked(bench, replace(logs, predictions=rows), segment_limit=500)
    bench.run(spec, FIRST, on(DAYS))
    explained(bench, spec)
    started = time.perf_counter()
    found = explained(bench, spec)
    took = time.perf_counter() - started
    (split,) = [split for split in found.splits if split.column == "carrier"]
    read = sum(len(each.parts) for each in found.splits)
    assert split.rest is not None
    assert read * (REFERENCE + 14) <= MOST_ROWS
    total = sum(part.total for part in (*split.parts, split.rest))
    assert total == pytest.approx(split.change, abs=1e-9)
    assert [part.segment for _, part in found.outstanding] == ["origin=LGA"]
    assert took < 3.0, took  # a third of that on a quiet machine
