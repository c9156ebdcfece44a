"""Logs as they are: each fault through the real pipeline, on real files or tables, into a real store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hindsight.domain.records import Snapshot, StatisticRow, WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, Maturity, OnConflict, Span, Status, Task
from hindsight.errors import HindsightError
from worlds import (
    LABEL_TYPES,
    MORE_TYPES,
    PREDICTION_TYPES,
    Bench,
    Logs,
    Row,
    at,
    label,
    local,
    monitor,
    prediction,
    written,
)

DAY = date(2013, 3, 12)
NEXT = DAY + timedelta(days=1)
NAN, INFINITY = float("nan"), float("inf")


class Seen:
    """What the store holds of DAY one day after it."""

    def __init__(self, bench: Bench, day: date = DAY) -> None:
        with bench.store.transaction() as connection:
            start, end = local(day, 0), local(day, 1)
            found = bench.store.snapshots(connection, "odd", window=Span(1), start=start, end=end)
            states = bench.store.window_states(connection, "odd", start, end)
            self.statistics: list[StatisticRow] = bench.store.statistics(connection, "odd", start, end)
        self.all: list[Snapshot] = found
        self.states: dict[Horizon, WindowState] = {state.horizon: state for state in states}

    def snapshot(self, metric: str, segment: str = "ALL", version: str = "v1") -> Snapshot:
        (found,) = [
            s
            for s in self.all
            if (s.metric, s.segment, s.version) == (metric, segment, version) and s.horizon < Horizon(3)
        ]
        return found

    def value(self, metric: str, segment: str = "ALL", version: str = "v1") -> float | None:
        return self.snapshot(metric, segment, version).value

    def quality(self, days: int = 0) -> dict[str, int]:
        return dict(self.states[Horizon(days)].quality)

    def counts(self, days: int = 1) -> tuple[int, int]:
        state = self.states[Horizon(days)]
        return state.predictions, state.labelled


def seen(
    bench: Bench,
    rows: Sequence[Row],
    labels: Sequence[Row] = (),
    spec: MonitorSpec | None = None,
    kind: str = "parquet",
    types: dict[str, str] | None = None,
    label_types: dict[str, str] | None = None,
) -> Seen:
    """Run DAY and the day after on these logs."""
    logs = Logs(list(rows), list(labels), types or PREDICTION_TYPES, label_types or LABEL_TYPES)
    spec = at(spec or monitor(segments=()), written(logs, kind, bench.folder, bench.url))
    bench.run(spec, DAY, NEXT)
    return Seen(bench)


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_null_ids_are_set_aside_and_counted(bench: Bench, kind: str) -> None:
    found = seen(bench, [prediction("a", DAY), prediction(None, DAY), prediction(None, DAY)], kind=kind)
    assert (found.counts(), found.quality()) == ((1, 0), {"null_id": 2})


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_of_duplicates_the_first_that_was_logged_counts(bench: Bench, kind: str) -> None:
    rows = [
        prediction("a", DAY, 0.9, logged_at=local(DAY, 15)),
        prediction("a", DAY, 0.2, logged_at=local(DAY, 14)),
        prediction("a", DAY, 0.7, logged_at=local(NEXT, 2)),
        prediction("a", DAY, 0.4, version="v2"),
    ]
    found = seen(bench, rows, kind=kind)
    assert found.value("mean_score") == pytest.approx(0.2)
    assert found.value("mean_score", version="v2") == pytest.approx(0.4)
    # The third was not known when the day ended.
    assert (found.quality(0), found.quality(1)) == ({"duplicate": 1}, {"duplicate": 2})


def test_a_log_declared_unique_is_verified_and_the_repeated_id_is_named(bench: Bench) -> None:
    rows = [prediction("once", DAY), prediction("twice", DAY), prediction("twice", DAY, 0.1)]
    spec = at(monitor(), written(Logs(rows, []), "parquet", bench.folder), unique=True)
    with pytest.raises(
        HindsightError, match="declared unique, but id 'twice' occurs 2 times in a day: remove"
    ):
        bench.run(spec, DAY)
    assert bench.dump().count("\n") == 5, "nothing is written"


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_labels_declared_unique_are_verified_and_never_count_twice(bench: Bench, kind: str) -> None:
    spec = monitor(segments=())
    spec = replace(spec, ground_truth=replace(spec.ground_truth, unique=True))
    rows, labels = (
        [prediction("a", DAY)],
        [label("a", NEXT, 1.0, 2), label("b", NEXT, 1.0, 2), label("a", NEXT, NAN)],
    )
    assert seen(bench, rows, labels, spec, kind).counts() == (1, 1)
    with pytest.raises(HindsightError, match="declared unique, but id 'a' has 2 labels: remove"):
        seen(bench, rows, [*labels, label("a", NEXT, 1.0, 3)], spec, kind)


@pytest.mark.parametrize("kind", ["parquet", "table"])
@pytest.mark.parametrize("threshold, positive", [(0.5, 2), (0.3, 3), (0.31, 2), (1.0, 1)])
def test_a_score_at_the_threshold_says_yes(bench: Bench, kind: str, threshold: float, positive: int) -> None:
    spec = monitor(segments=())
    spec = replace(spec, predictions=replace(spec.predictions, threshold=threshold))
    rows = [prediction(f"r{i}", DAY, score) for i, score in enumerate([0.0, 0.3, 0.5, 1.0])]
    assert seen(bench, rows, spec=spec, kind=kind).value("predicted_positive_rate") == positive / 4


@pytest.mark.parametrize("kind", ["parquet", "table"])
@pytest.mark.parametrize("answer", ["boolean", "smallint", "double precision"])
@pytest.mark.parametrize("score", ["score", None])
def test_a_logged_decision_is_taken_as_it_is(bench: Bench, kind: str, answer: str, score: str | None) -> None:
    spec = monitor(segments=(), metrics=("recall", "predicted_positive_rate"))
    columns = replace(spec.predictions.columns, score=score, prediction="said")
    spec = replace(spec, predictions=replace(spec.predictions, columns=columns))
    said = [True, False, True, None] if answer == "boolean" else [1, 0, 1, None, 2]
    rows = [prediction(f"r{i}", DAY, 0.4) | {"said": value} for i, value in enumerate(said)]
    labels = [label("r0", NEXT), label("r1", NEXT)]
    found = seen(bench, rows, labels, spec, kind, PREDICTION_TYPES | {"said": answer})
    assert (found.counts(), found.value("recall")) == ((3, 2), 0.5)
    assert found.value("predicted_positive_rate") == pytest.approx(2 / 3)
    assert found.quality() == {"invalid_prediction": len(said) - 3}


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_scores_that_are_no_probabilities_are_set_aside_and_counted(bench: Bench, kind: str) -> None:
    bad = [NAN, INFINITY, -INFINITY, 1.0000001, -1e-9, None]
    rows = [prediction(f"bad{i}", DAY, score) for i, score in enumerate(bad)]
    rows += [prediction("zero", DAY, 0.0), prediction("one", DAY, 1.0)]
    found = seen(bench, rows, [label("bad0", NEXT), label("zero", NEXT)], kind=kind)
    assert (found.counts(), found.quality()) == ((2, 1), {"invalid_score": 6})
    assert found.value("mean_score") == 0.5


def test_surely_wrong_scores_have_a_finite_log_loss(bench: Bench) -> None:
    found = seen(bench, [prediction("a", DAY, 0.0)], [label("a", NEXT, 1.0)])
    assert found.value("log_loss") == pytest.approx(34.538776394910684)


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_odd_labels_are_counted_on_the_day_they_were_learnt(bench: Bench, kind: str) -> None:
    labels = [
        label("a", NEXT),
        label("unheard of", NEXT),
        label(None, NEXT),
        label("b", NEXT, NAN),
        label("b", NEXT, 2.0),
        label("b", NEXT, None),
        label("old", NEXT),
        label("not yet", NEXT),
    ]
    old = prediction("old", DAY - timedelta(days=7))
    after = prediction("not yet", NEXT + timedelta(days=1))
    found = seen(bench, [prediction("a", DAY), prediction("b", DAY), old, after], labels, kind=kind)
    assert found.counts() == (2, 1)
    expected = {
        "label": 1,
        "orphan_label": 2,
        "null_label_id": 1,
        "invalid_label": 3,
        "after_last_horizon": 1,
    }
    assert Seen(bench, NEXT).quality() == expected


@pytest.mark.parametrize("kind", ["parquet", "table"])
@pytest.mark.parametrize(
    "policy, positive_rate, labelled",
    [(OnConflict.LAST, 0.0, 2), (OnConflict.FIRST, 1.0, 2), (OnConflict.ERROR, 1.0, 1)],
)
def test_contradicting_labels_are_settled_as_the_monitor_says_and_counted(
    bench: Bench, kind: str, policy: OnConflict, positive_rate: float, labelled: int
) -> None:
    spec = monitor(segments=())
    spec = replace(spec, ground_truth=replace(spec.ground_truth, on_conflict=policy))
    labels = [label("a", NEXT, 1.0, 2), label("a", NEXT, 0.0, 3)]
    labels += [label("b", NEXT, value, hour) for value, hour in ((1.0, 2), (1.0, 3))]
    labels[2:] = [row | {"actual": positive_rate} for row in labels[2:]]
    found = seen(bench, [prediction("a", DAY), prediction("b", DAY)], labels, spec, kind)
    assert (found.counts(), found.value("positive_rate")) == ((2, labelled), positive_rate)
    assert found.quality(1) == {"contradicting_label": 1}


def test_labels_of_one_instant_have_an_order_too(bench: Bench) -> None:
    labels = [label("a", NEXT, 1.0), label("a", NEXT, 0.0)]
    first = seen(bench, [prediction("a", DAY)], labels).value("positive_rate")
    assert first == seen(bench, [prediction("a", DAY)], labels[::-1]).value("positive_rate") == 1.0


def test_a_label_before_its_prediction_counts_and_is_remarked_on(bench: Bench) -> None:
    found = seen(bench, [prediction("a", DAY)], [label("a", DAY, 1.0, 3)])
    assert (found.counts(0), found.counts(1)) == ((1, 1), (1, 1))
    assert found.quality(1) == {"label_before_prediction": 1}


@pytest.mark.parametrize("task", list(Task))
def test_an_empty_day_has_a_row_that_says_so(bench: Bench, task: Task) -> None:
    more = MORE_TYPES.get(task, {})
    long_ago = prediction("long ago", DAY - timedelta(days=40)) | dict.fromkeys(more)
    found = seen(bench, [long_ago], spec=monitor(task), types=PREDICTION_TYPES | more)
    assert {s.status for s in found.all} == {Status.EMPTY}
    assert {(s.version, s.segment) for s in found.all} == {("(none)", "ALL")}
    volume = found.snapshot("volume", version="(none)")
    assert (volume.value, volume.n, volume.reason) == (0.0, 0, "there is no prediction in the window")
    assert all(s.value is None for s in found.all if s.metric != "volume")
    assert found.statistics == []


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_a_log_without_a_row_is_a_quiet_day_and_no_crash(bench: Bench, kind: str) -> None:
    found = seen(bench, [], kind=kind)
    assert found.value("volume", version="(none)") == 0.0


@pytest.mark.parametrize("actual", [0.0, 1.0])
def test_a_one_class_day_has_no_auc_and_says_why(bench: Bench, actual: float) -> None:
    rows = [prediction(f"r{i}", DAY, i / 10) for i in range(10)]
    found = seen(bench, rows, [label(f"r{i}", NEXT, actual) for i in range(10)])
    auc = found.snapshot("roc_auc")
    assert (auc.value, auc.standard_error, auc.bound, auc.status) == (None, None, None, Status.UNDEFINED)
    assert (auc.reason, auc.n) == ("the labelled rows are all of one class", 10)
    assert (found.value("recall") is None) == (actual == 0.0)


def test_a_day_without_labels_is_provisional_and_undefined(bench: Bench) -> None:
    found = seen(bench, [prediction(f"r{i}", DAY) for i in range(4)])
    labelled = [s for s in found.all if s.horizon == Horizon(1) and s.metric != "coverage"]
    assert {(s.status, s.maturity, s.value) for s in labelled} == {
        (Status.UNDEFINED, Maturity.PROVISIONAL, None)
    }
    coverage = found.snapshot("coverage")
    assert (coverage.value, coverage.maturity, coverage.n) == (0.0, Maturity.PROVISIONAL, 4)


def wall_clock(rows: Sequence[Row], zone: str) -> list[Row]:
    where = ZoneInfo(zone)
    return [
        {
            k: v.astimezone(where).replace(tzinfo=None) if isinstance(v, datetime) else v
            for k, v in row.items()
        }
        for row in rows
    ]


@pytest.mark.parametrize(
    "kind, zone",
    [
        *((kind, "America/New_York") for kind in ("parquet", "table", "csv", "jsonl")),
        ("jsonl", "UTC"),
        ("table", "UTC"),
        ("parquet", "Asia/Tokyo"),
    ],
)
def test_naive_times_in_a_declared_zone_are_the_same_instants(bench: Bench, kind: str, zone: str) -> None:
    hours = [0, 0.5, 12, 23.5]
    rows = [
        prediction(f"{day.day}-{h}", day, 0.1 + h / 30, h)
        for day in (DAY - timedelta(days=1), DAY, NEXT)
        for h in hours
    ]
    labels = [label(row["request_id"], NEXT, 1.0, 23.75) for row in rows]
    zoned = seen(bench, rows, labels)
    types = {k: "timestamp" if v == "timestamptz" else v for k, v in PREDICTION_TYPES.items()}
    spec = monitor(segments=())
    spec = replace(
        spec,
        predictions=replace(spec.predictions, timezone=zone),
        ground_truth=replace(spec.ground_truth, timezone=zone),
    )
    naive = seen(
        bench,
        wall_clock(rows, zone),
        wall_clock(labels, zone),
        spec,
        kind,
        types,
        LABEL_TYPES | {"label_at": "timestamp"},
    )
    assert zoned.counts() == (4, 4)
    assert naive.all == zoned.all
    assert naive.statistics == zoned.statistics


@pytest.mark.parametrize("kind", ["parquet", "table"])
@pytest.mark.parametrize("day, hours", [(date(2013, 3, 10), 23), (date(2013, 11, 3), 25), (DAY, 24)])
def test_a_day_has_as_many_hours_as_it_has(bench: Bench, kind: str, day: date, hours: int) -> None:
    begins = local(day, 0)
    rows = [prediction(f"r{h}", day) | {"predicted_at": begins + timedelta(hours=h)} for h in range(-3, 30)]
    rows = [row | {"logged_at": row["predicted_at"]} for row in rows]
    spec = at(monitor(segments=()), written(Logs(rows, []), kind, bench.folder, bench.url))
    bench.run(spec, day)
    found = Seen(bench, day)
    state = found.states[Horizon(0)]
    assert found.value("volume") == hours
    assert state.window_end - state.window_start == timedelta(hours=hours)


def test_a_day_that_is_not_over_is_refused(bench: Bench) -> None:
    spec = at(monitor(), written(Logs([prediction("a", DAY)], []), "parquet", bench.folder))
    from hindsight.pipeline import run_days
    from hindsight.windows import DayRange

    # One second before midnight in New York is four hours into the next day in UTC.
    moment = datetime(2013, 3, 13, 3, 59, 59, tzinfo=UTC)
    with pytest.raises(
        HindsightError, match="2013-03-12 is not over yet in America/New_York: run odd for it after"
    ):
        run_days(spec, DayRange(DAY, DAY), bench.runtime(clock=lambda: moment))
    assert run_days(spec, DayRange(DAY, DAY), bench.runtime(clock=lambda: moment + timedelta(seconds=1)))


HOSTILE = [
    "it's",
    '"; drop table hindsight.snapshot; --',
    "'); drop table hindsight.snapshot; --",
    "two\nlines\tand a tab",
    "back\\slash \\N \\.",
    "%s %(x)s {y} $1 :z",
    "Zürich 東京 🛩",
    "bell \x07 and escape \x1b",
    "ALL",
    "",
    " ",
]


@pytest.mark.parametrize("kind", ["parquet", "table", "csv", "jsonl"])
def test_hostile_text_in_versions_segments_and_ids_is_only_text(bench: Bench, kind: str) -> None:
    rows = [prediction(f"{text}{i}", DAY, version=text, origin=text) for i, text in enumerate(HOSTILE)]
    labels = [label(row["request_id"], NEXT) for row in rows]
    found = seen(bench, rows, labels, monitor(segments=("origin",)), kind)
    # An empty field of a CSV file is no value.
    texts = [text for text in HOSTILE if text or kind != "csv"]
    groups = {(s.version, s.segment): s.value for s in found.all if s.metric == "coverage"}
    expected = {(text, segment): 1.0 for text in texts for segment in ("ALL", f"origin={text}")}
    nobody = {("(none)", "ALL"): 1.0, ("(none)", "origin=(null)"): 1.0} if kind == "csv" else {}
    assert groups == expected | nobody


def test_a_hostile_value_of_where_selects_nothing_else(bench: Bench) -> None:
    for kind in ("table", "parquet"):
        spec = monitor(segments=())
        spec = replace(spec, predictions=replace(spec.predictions, where={"carrier": "x' or '1'='1"}))
        assert (
            seen(bench, [prediction("a", DAY)], spec=spec, kind=kind).value("volume", version="(none)") == 0.0
        )


@pytest.mark.parametrize("kind", ["parquet", "table", "csv", "jsonl"])
def test_a_null_segment_and_a_null_version_have_names(bench: Bench, kind: str) -> None:
    rows = [prediction("a", DAY, origin=None), prediction("b", DAY, version=None), prediction("c", DAY)]
    found = seen(bench, rows, [label("a", NEXT)], monitor(segments=("origin",)), kind)
    assert found.value("volume", "origin=(null)") == 1.0
    assert found.value("volume", version="(none)") == 1.0
    assert found.value("volume") == 2.0


@pytest.mark.parametrize("kind", ["parquet", "table", "csv"])
def test_versions_and_ids_that_look_like_numbers_stay_text(bench: Bench, kind: str) -> None:
    rows = [prediction("007", DAY, version="1.10"), prediction("7", DAY, version="1.1")]
    found = seen(bench, rows, [label("007", NEXT, 1.0)], kind=kind)
    assert (found.value("coverage", version="1.10"), found.value("coverage", version="1.1")) == (1.0, 0.0)


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_numbers_too_large_to_sum_exactly_are_set_aside(bench: Bench, kind: str) -> None:
    huge = [1e300, -1e300, 1e6 + 1, INFINITY, NAN, None]
    rows = [prediction(f"r{i}", DAY, value) for i, value in enumerate(huge)] + [prediction("edge", DAY, 1e6)]
    labels = [label("edge", NEXT, -1e6, 2), label("edge", NEXT, 1e200, 3)]
    found = seen(bench, rows, labels, monitor(Task.REGRESSION, segments=()), kind)
    assert (found.counts(), found.quality()) == ((1, 1), {"invalid_prediction": 6})
    assert (found.value("mae"), found.value("bias")) == (2e6, 2e6)


def test_the_unit_says_what_is_large(bench: Bench) -> None:
    spec = monitor(Task.REGRESSION, segments=())
    spec = replace(spec, ground_truth=replace(spec.ground_truth, unit=1e6))
    rows = [prediction("a", DAY, 5e9), prediction("b", DAY, 7e9)]
    found = seen(bench, rows, [label("a", NEXT, 4e9), label("b", NEXT, 9e9)], spec)
    assert (found.value("mae"), found.value("bias")) == pytest.approx((1.5e9, -0.5e9), rel=1e-9)


def test_constant_actuals_leave_no_r2_to_speak_of(bench: Bench) -> None:
    rows = [prediction(f"r{i}", DAY, 7.0 + i) for i in range(5)]
    found = seen(
        bench, rows, [label(f"r{i}", NEXT, 7.3) for i in range(5)], monitor(Task.REGRESSION, segments=())
    )
    r2 = found.snapshot("r2")
    assert (r2.value, r2.status, r2.reason) == (None, Status.UNDEFINED, "the labelled rows have no spread")
    assert found.value("rmse") is not None


def test_exact_integers_hold_a_day_of_the_largest_values(bench: Bench) -> None:
    rows = [prediction(f"r{i}", DAY, 1e6) for i in range(3000)]
    labels = [label(f"r{i}", NEXT, -1e6) for i in range(3000)]
    for kind in ("parquet", "table"):
        found: Any = seen(bench, rows, labels, monitor(Task.REGRESSION, segments=()), kind)
        assert found.value("rmse") == 2e6
