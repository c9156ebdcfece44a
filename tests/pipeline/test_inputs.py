"""What came in, from files and PostgreSQL, against pandas; and cuts that stay where they are."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Snapshot
from hindsight.domain.spec import CustomSum, MonitorSpec, Reference
from hindsight.domain.values import ALL, NO_LABELS, Horizon, Maturity, Span, Status, Verdict
from hindsight.errors import SourceError
from hindsight.metrics import find
from hindsight.pipeline import inputs as pipeline_inputs
from inputs_world import FEATURES, input_logs, input_monitor, with_reference
from warehouses import in_sqlite, sqlite_url
from worlds import Bench, Logs, at, local, prediction, written

FIRST, DAYS, REFERENCE = date(2013, 3, 5), 12, 5
LAST = FIRST + timedelta(days=DAYS - 1)
AFTER = FIRST + timedelta(days=REFERENCE)


@pytest.fixture(scope="module")
def logs() -> Logs:
    return input_logs(3, FIRST, DAYS)


@pytest.fixture(scope="module")
def spec() -> MonitorSpec:
    return with_reference(input_monitor(), FIRST, REFERENCE)


def snapshots(bench: Bench, **what: Any) -> list[Snapshot]:
    with bench.store.transaction() as connection:
        return bench.store.snapshots(connection, "odd", **what)


def payloads(bench: Bench) -> dict[tuple[date, str, str], Any]:
    """What is kept of horizon 0, by day, version and segment."""
    with bench.store.transaction() as connection:
        far = datetime(2100, 1, 1, tzinfo=UTC)
        rows = bench.store.statistics(
            connection, "odd", datetime(2000, 1, 1, tzinfo=UTC), far, horizons=[NO_LABELS]
        )
    zone = "America/New_York"
    return {
        (pd.Timestamp(row.window_start).tz_convert(zone).date(), row.version, row.segment): json.loads(
            row.payload
        )["inputs"]
        for row in rows
    }


def cut_rows(bench: Bench) -> dict[str, str]:
    with bench.store.transaction() as connection:
        found = connection.execute(sa.text("select name, payload from hindsight.cut order by name"))
        return {name: payload for name, payload in found if name.startswith("input:")}


def frame(logs: Logs) -> pd.DataFrame:
    """The log as pandas sees it, with what the monitor makes of each row: its day, and why it does not
    count.
    """
    log = pd.DataFrame(logs.predictions)
    local_time = pd.to_datetime(log.predicted_at, utc=True).dt.tz_convert("America/New_York")
    log["day"] = local_time.dt.date
    logged = pd.to_datetime(log.logged_at, utc=True).dt.tz_convert("America/New_York").dt.date
    log["known"] = logged <= log.day
    score = pd.to_numeric(log.score)
    log["usable"] = log.request_id.notna() & score.between(0, 1)
    # Among rows that are usable, known or not, the first in the order of the design counts.
    order = ["logged_at", "predicted_at", "origin", "carrier", "score"]
    usable = log[log.usable].sort_values(order, na_position="last", kind="stable")
    usable = usable.assign(origin=usable.origin.fillna("(null)"))
    usable = usable.sort_values(order, kind="stable")
    again = usable.duplicated(["day", "request_id", "version"])
    log["duplicate"] = False
    log.loc[usable.index[again], "duplicate"] = True
    return log


def number(value: Any) -> float:
    return math.nan if value is None else float(value)


@pytest.fixture(scope="module", params=["parquet", "table"])
def ran(
    request: pytest.FixtureRequest, session_bench: Bench, logs: Logs, spec: MonitorSpec, tmp_path_factory: Any
) -> dict[str, Any]:
    """What a run over all days keeps, with cuts and snapshots."""
    bench = session_bench
    bench.clear()
    place = written(logs, request.param, tmp_path_factory.mktemp("inputs"), bench.url)
    bench.run(at(spec, place), FIRST, LAST)
    found = {"payloads": payloads(bench), "cuts": cut_rows(bench), "snapshots": snapshots(bench)}
    bench.clear()
    return found


def test_calls_are_all_known_rows_but_duplicates(ran: dict[str, Any], logs: Logs) -> None:
    log = frame(logs)
    calls = log[log.known & ~log.duplicate]
    assert (~calls.usable).sum() > 10
    assert (~log.known).sum() > 10
    segments: Sequence[tuple[str, Any]] = [
        (ALL, None),
        ("carrier", "UA"),
        ("origin", None),
        ("origin", "EWR"),
    ]
    checked = 0
    for (day, version), rows in calls.groupby(["day", "version"]):
        for column, value in segments:
            mine = (
                rows
                if column == ALL
                else rows[rows[column].isna() if value is None else rows[column] == value]
            )
            key = day, version, column if column == ALL else f"{column}={value or '(null)'}"
            if not len(mine):
                assert key not in ran["payloads"]
                continue
            kept = ran["payloads"][key]
            hours = 23 if day == date(2013, 3, 10) else 24
            assert (kept["calls"], kept["seconds"]) == (len(mine), 3600 * hours)
            assert kept["failed"] == mine.error.isin(["timeout", "5"]).sum()
            took = np.array([number(value) for value in mine.took])
            good = (took >= 0) & (took <= 1e8)
            assert kept["latency"]["invalid"] == (~good).sum()
            assert sum(kept["latency"]["n"]) == good.sum()
            assert kept["latency"]["sums"][0] / 1e6 == pytest.approx(took[good].sum(), rel=1e-6)
            blocked = np.nan_to_num(np.array([number(value) for value in mine.blocked]))
            amount = np.nan_to_num(np.array([number(value) for value in mine.amount]))
            x, y, xx, xy, yy, bad = kept["custom"]["blocked_amount"]
            over = np.where(blocked == 1, amount, 0.0)
            sums = [over.sum(), amount.sum(), (over**2).sum(), (over * amount).sum(), (amount**2).sum()]
            assert [value / 1e9 for value in (x, y, xx, xy, yy)] == pytest.approx(sums, abs=1e-6)
            assert bad == 0
            assert kept["custom"]["block_rate"][:2] == [int(blocked.sum()) * 10**9, len(mine) * 10**9]
            checked += 1
    assert checked > 40


def test_features_are_counted_over_the_predictions_that_count(ran: dict[str, Any], logs: Logs) -> None:
    log = frame(logs)
    counted = log[log.known & log.usable & ~log.duplicate]
    cuts = {name.removeprefix("input:"): json.loads(text) for name, text in ran["cuts"].items()}
    assert set(cuts) == set(FEATURES)
    for (day, version), rows in counted.groupby(["day", "version"]):
        kept = ran["payloads"][day, version, ALL]["features"]
        assert {name: told["rows"] for name, told in kept.items()} == dict.fromkeys(FEATURES, len(rows))
        for name in ("hour", "distance"):
            values = np.array([number(v) for v in [r[name] for r in logs_rows(logs, rows)]])
            missing = np.array([r[name] is None for r in logs_rows(logs, rows)])
            finite = np.isfinite(values)
            assert kept[name]["null"] == missing.sum()
            assert kept[name]["invalid"] == (~missing & ~finite).sum()
            if day < AFTER:
                assert "bin" not in kept[name]
                continue
            edges = np.array(cuts[name]["edges"])
            place, count = np.unique(np.searchsorted(edges, values[finite], side="right"), return_counts=True)
            assert kept[name]["bin"] == place.tolist()
            assert kept[name]["n"] == count.tolist()
            z = (values[finite] - cuts[name]["centre"]) / cuts[name]["scale"]
            z = z[np.abs(z) <= 1e5]
            summed, total, squares, *_ = kept[name]["sums"]
            assert summed == len(z)
            assert total / 1e9 == pytest.approx(z.sum(), abs=1e-6)
            assert squares / 1e9 == pytest.approx((z * z).sum(), rel=1e-9, abs=1e-6)
        for name in ("weather", "rainy"):
            words = [told(r[name]) for r in logs_rows(logs, rows)]
            assert kept[name]["null"] == words.count(None)
            if day >= AFTER:
                known = cuts[name]["values"]
                place = [known.index(w) if w in known else len(known) + 1 for w in words if w is not None]
                found, count = np.unique(np.array(place, dtype=int), return_counts=True)
                assert (kept[name]["bin"], kept[name]["n"]) == (found.tolist(), count.tolist())


def logs_rows(logs: Logs, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The plain rows, in which NaN and null are two things."""
    return [logs.predictions[i] for i in rows.index]


def told(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value).lower()


def test_cuts_are_quantiles_and_lists_of_the_reference(ran: dict[str, Any], logs: Logs) -> None:
    log = frame(logs)
    rows = log[log.known & log.usable & ~log.duplicate & (log.day < AFTER)]
    cuts = {name: json.loads(text) for name, text in ran["cuts"].items()}
    distance = np.array([number(r["distance"]) for r in logs_rows(logs, rows)])
    distance = np.sort(distance[np.isfinite(distance)])
    cut = cuts["input:distance"]
    edges = cut["edges"]
    assert edges[0] == distance[0]
    assert edges[-1] == math.nextafter(distance[-1], math.inf)
    assert 48 <= len(edges) <= 51
    assert sum(map(sum, cut["counts"])) == len(distance)
    assert np.median(np.array(cut["counts"]).sum(axis=0)) <= math.ceil(len(distance) / 50)
    assert cut["centre"] == pytest.approx(np.median(distance), rel=0.05)
    assert cut["scale"] == pytest.approx(np.quantile(distance, 0.9) - np.quantile(distance, 0.1), rel=0.1)
    assert len(cut["counts"]) == REFERENCE
    words = pd.Series([r["weather"] for r in logs_rows(logs, rows)]).dropna().value_counts()
    frequent = sorted(words.index, key=lambda word: (-words[word], word.encode()))
    assert cuts["input:weather"]["values"] == frequent
    assert set(cuts["input:rainy"]["values"]) == {"true", "false"}
    assert cuts["input:rainy"]["complete"] is True


def test_windows_are_binned_only_after_the_reference(ran: dict[str, Any]) -> None:
    found = {
        (row.window.count, row.window_start, row.metric): row
        for row in ran["snapshots"]
        if row.version == "v1" and row.segment == ALL
    }
    over = local(AFTER, 0)
    for metric in ("psi(hour)", "feature_mean(distance)", "unseen_share(weather)"):
        before = found[1, local(FIRST, 0), metric]
        assert (before.value, before.status) == (None, Status.UNDEFINED)
        assert (before.reason or "").startswith(
            "a day of the window has no bins: it is not after the reference"
        )
        after = found[1, over, metric]
        assert (after.status, after.maturity, after.reason) == (Status.OK, Maturity.MATURE, None)
        assert after.value is not None
        mixed = found[7, local(AFTER - timedelta(days=1), 0), metric]
        assert mixed.status is Status.UNDEFINED
        assert found[7, over, metric].status is Status.OK
    for metric in ("null_share(hour)", "latency_p99", "error_rate", "custom(block_rate)", "throughput"):
        assert found[1, local(FIRST, 0), metric].status is Status.OK


def test_metrics_say_what_pandas_says(ran: dict[str, Any], logs: Logs) -> None:
    log = frame(logs)
    rows = log[log.known & log.usable & ~log.duplicate & (log.version == "v1")]
    calls = log[log.known & ~log.duplicate & (log.version == "v1")]
    days = [AFTER + timedelta(days=i) for i in range(7)]
    rows, calls = rows[rows.day.isin(days)], calls[calls.day.isin(days)]
    found = {
        row.metric: row
        for row in ran["snapshots"]
        if (row.version, row.segment, row.window) == ("v1", ALL, Span(7))
        and row.window_start == local(AFTER, 0)
    }
    hours = np.array([number(r["hour"]) for r in logs_rows(logs, rows)])
    hours = hours[np.isfinite(hours)]
    assert found["feature_mean(hour)"].value == pytest.approx(hours.mean(), rel=1e-9)
    assert found["feature_mean(hour)"].n == len(hours)
    assert found["feature_spread(hour)"].value == pytest.approx(hours.std(), rel=1e-6)
    for name, share in (("feature_p10", 0.1), ("feature_median", 0.5), ("feature_p90", 0.9)):
        told = found[f"{name}(hour)"]
        assert told.value is not None
        assert told.bound is not None
        exact = np.quantile(hours, share, method="inverted_cdf")
        assert abs(told.value - exact) <= told.bound + 1e-9
    took = np.array([number(value) for value in calls.took])
    took = took[(took >= 0) & (took <= 1e8)]
    assert found["mean_latency"].value == pytest.approx(took.mean(), rel=1e-7)
    for name, share in (("latency_p50", 0.5), ("latency_p95", 0.95), ("latency(0.9)", 0.9)):
        told = found[name]
        assert told.value is not None
        assert told.bound is not None
        assert abs(told.value - np.quantile(took, share, method="inverted_cdf")) <= told.bound + 1e-9
    assert found["error_rate"].value == pytest.approx(calls.error.isin(["timeout", "5"]).mean(), rel=1e-12)
    assert found["error_rate"].n == len(calls)
    hours_of_days = 7 * 24 - (date(2013, 3, 10) in days)
    assert found["throughput"].value == pytest.approx(len(calls) / hours_of_days, rel=1e-12)
    blocked = np.nan_to_num(np.array([number(value) for value in calls.blocked]))
    assert found["custom(block_rate)"].value == pytest.approx(blocked.mean(), rel=1e-12)
    seen = pd.Series([r["weather"] for r in logs_rows(logs, rows)]).dropna()
    assert found["unseen_share(weather)"].value == pytest.approx((seen == "hail").mean(), rel=1e-12)


def test_features_are_kept_for_all_segments_together_and_calls_for_each(ran: dict[str, Any]) -> None:
    by_segment: dict[str, set[str]] = {}
    for row in ran["snapshots"]:
        if row.horizon == NO_LABELS:
            by_segment.setdefault(row.segment.partition("=")[0], set()).add(row.metric)
    assert "psi(hour)" in by_segment[ALL]
    assert by_segment["origin"] == {m for m in by_segment[ALL] if not any(f"({f})" in m for f in FEATURES)}
    assert {"latency_p99", "custom(block_rate)", "volume"} <= by_segment["carrier"]
    assert not [row for row in ran["snapshots"] if row.horizon > NO_LABELS and row.metric.startswith("psi")]


def test_both_engines_keep_the_same(bench: Bench, tmp_path: Path) -> None:
    found = []
    logs, last = input_logs(5, FIRST, 5), FIRST + timedelta(days=4)
    spec = replace(with_reference(input_monitor(), FIRST, 3), metrics=("error_rate",))
    for kind in ("table", "parquet", "csv"):
        plain = logs
        if kind == "csv":  # a CSV file has one empty value: it knows no difference of null and ''
            plain = replace(
                logs, predictions=[r | {"weather": r["weather"] or None} for r in logs.predictions]
            )
        bench.run(at(spec, written(plain, kind, tmp_path, bench.url)), FIRST, last)
        kept = payloads(bench)
        for told in kept.values():  # cuts know where they were taken from
            for feature in told.get("features", {}).values():
                feature.pop("basis", None)
        found.append((kept, cut_rows(bench)))
        bench.clear()
    assert found[0] == found[1]
    assert found[2][0].keys() == found[0][0].keys()
    for key, told in found[2][0].items():
        other = found[0][0][key]
        assert {k: v for k, v in told.items() if k != "features"} == {
            k: v for k, v in other.items() if k != "features"
        }
        for name in ("hour", "distance"):
            assert told.get("features", {}).get(name) == other.get("features", {}).get(name)


def test_sqlite_keeps_the_same_of_what_it_can_hold(bench: Bench, tmp_path: Path) -> None:
    """It has no NaN and no booleans."""
    logs = input_logs(5, FIRST, 5)
    rows = [
        {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}
        | {"rainy": None if row["rainy"] is None else str(row["rainy"]).lower()}
        for row in logs.predictions
    ]
    labels = [row for row in logs.labels if row["actual"] == row["actual"]]
    logs = Logs(rows, labels, logs.prediction_types | {"rainy": "text"}, logs.label_types)
    spec = replace(with_reference(input_monitor(), FIRST, 3), metrics=("error_rate",))
    found = []
    for place, url in (
        (written(logs, "parquet", tmp_path), bench.url),
        (in_sqlite(logs, tmp_path / "logs.db"), sqlite_url(tmp_path / "logs.db").render_as_string()),
    ):
        replace(bench, url=url).run(at(spec, place), FIRST, FIRST + timedelta(days=4))
        kept = payloads(bench)
        for told in kept.values():
            for feature in told.get("features", {}).values():
                feature.pop("basis", None)
        found.append((kept, cut_rows(bench)))
        bench.clear()
    assert found[0] == found[1]


SOME = (
    "psi(weather)",
    "wasserstein(distance)",
    "kolmogorov_smirnov(hour)",
    "feature_mean(hour)",
    "feature_spread(distance)",
    "feature_p90(distance)",
    "unseen_share(weather)",
    "mean_shift(distance)",
    "latency_p99",
    "error_rate",
    "custom(blocked_amount)",
)


def test_live_runs_a_backfill_in_reverse_and_a_window_run_leave_the_same_bytes(bench: Bench) -> None:
    """Also of the cuts, and of what rests on them."""
    last, logs = FIRST + timedelta(days=5), input_logs(4, FIRST, 6)
    spec = replace(
        with_reference(input_monitor(), FIRST, 3),
        segments=("carrier",),
        metrics=SOME,
        maturity=replace(input_monitor().maturity, horizons=(Horizon(1),)),
        detectors=(
            Threshold(metric="psi(weather)", max=0.05, window=Span(3), at=NO_LABELS),
            Threshold(metric="error_rate", relative=0.1, window=Span(3), at=NO_LABELS, evidence=0.0),
            Threshold(metric="feature_mean(hour)", relative=0.1, window=Span(3), at=NO_LABELS),
        ),
    )
    days = [FIRST + timedelta(days=i) for i in range(6)]
    for day in days:
        known = logs.known_before(local(day + timedelta(days=1), 0))
        bench.run(at(spec, written(known, "parquet", bench.folder)), day)
    live, cuts = bench.dump(), cut_rows(bench)
    assert '"inputs"' in live.replace('\\"', '"')
    assert len(cuts) == len(FEATURES)
    place = at(spec, written(logs, "parquet", bench.folder))
    bench.clear()
    for day in days[::-1]:
        bench.run(place, day)
    assert (bench.dump(), cut_rows(bench)) == (live, cuts)
    bench.clear()
    bench.run(place, FIRST, last)
    assert (bench.dump(), cut_rows(bench)) == (live, cuts)


def test_cuts_stay_whatever_becomes_of_the_rows_they_came_from(
    bench: Bench, logs: Logs, spec: MonitorSpec
) -> None:
    spec = replace(spec, metrics=SOME)
    bench.run(at(spec, written(logs, "parquet", bench.folder)), AFTER)
    cuts = cut_rows(bench)
    assert len(cuts) == len(FEATURES)
    changed = [row | {"distance": 1.0, "weather": "fog"} for row in logs.predictions]
    place = at(spec, written(replace(logs, predictions=changed), "parquet", bench.folder))
    bench.run(place, AFTER + timedelta(days=1))
    assert cut_rows(bench) == cuts
    kept = payloads(bench)[AFTER + timedelta(days=1), "v1", ALL]["features"]["weather"]
    assert kept["bin"] == [len(json.loads(cuts["input:weather"])["values"]) + 1]
    # One more feature is cut anew; the others stay as they were.
    more = replace(place, hash="two", predictions=replace(place.predictions, features=(*FEATURES, "carrier")))
    bench.run(more, AFTER + timedelta(days=2))
    after = cut_rows(bench)
    assert {name: after[name] for name in cuts} == cuts
    assert json.loads(after["input:carrier"])["kind"] == "category"


def test_another_reference_makes_other_cuts(bench: Bench, logs: Logs, spec: MonitorSpec) -> None:
    place = at(replace(spec, metrics=SOME), written(logs, "parquet", bench.folder))
    bench.run(place, AFTER)
    shorter = replace(with_reference(place, FIRST, 2), hash="two")
    bench.run(shorter, AFTER)
    with bench.store.transaction() as connection:
        assert set(pipeline_inputs.cuts_of(shorter, connection, bench.store)) == set(FEATURES)
        bases = connection.execute(sa.text("select basis from hindsight.cut where name = 'input:hour'"))
        assert len(set(bases.scalars())) == 2


def test_a_reference_without_a_row_is_not_frozen(bench: Bench, spec: MonitorSpec) -> None:
    row = extended(prediction("a", AFTER))
    bench.run(at(spec, written(world([row]), "parquet", bench.folder)), AFTER)
    assert cut_rows(bench) == {}
    (told,) = snapshots(bench, metric="psi(hour)", window=Span(1), segment=ALL, start=local(AFTER, 0))
    assert told.status is Status.UNDEFINED
    assert (told.reason or "").endswith("or the reference has no prediction")


def extended(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"hour": 3, "distance": 1.5, "weather": "sun", "rainy": True, "took": 20.0, "error": None}
    return row | given | {"blocked": 0, "amount": 1.0} | more


def world(rows: list[dict[str, Any]]) -> Logs:
    labels = input_logs(0, FIRST, 1)
    return replace(labels, predictions=rows, labels=[])


def reference_rows(**more: Any) -> list[dict[str, Any]]:
    return [
        extended(prediction(f"r{i}-{j}", FIRST + timedelta(days=i)), **more)
        for i in range(3)
        for j in range(5)
    ]


def test_a_feature_without_a_value_in_the_reference_says_so(bench: Bench, spec: MonitorSpec) -> None:
    rows = [*reference_rows(distance=None), extended(prediction("now", AFTER))]
    bench.run(at(spec, written(world(rows), "table", bench.folder, bench.url)), AFTER)
    (told,) = snapshots(
        bench, metric="wasserstein(distance)", window=Span(1), segment=ALL, start=local(AFTER, 0)
    )
    assert (told.status, told.reason) == (Status.UNDEFINED, "the reference has no value of this feature")
    (told,) = snapshots(bench, metric="psi(hour)", window=Span(1), segment=ALL, start=local(AFTER, 0))
    assert (told.status, told.value) == (Status.OK, 0.0)


def test_a_day_without_a_row_is_empty_and_one_of_failures_alone_is_not(
    bench: Bench, spec: MonitorSpec
) -> None:
    failed = extended(prediction("x", AFTER, None), error="timeout", took=None)
    rows = [*reference_rows(), failed]
    bench.run(at(spec, written(world(rows), "parquet", bench.folder)), FIRST, AFTER + timedelta(days=1))
    found = {(r.window_start, r.metric): r for r in snapshots(bench, window=Span(1), segment=ALL)}
    now, later = local(AFTER, 0), local(AFTER + timedelta(days=1), 0)
    for metric in ("error_rate", "psi(hour)", "volume"):
        assert found[later, metric].status is Status.EMPTY
    assert (found[now, "error_rate"].value, found[now, "error_rate"].n) == (1.0, 1)
    assert found[now, "volume"].value == 0.0
    assert found[now, "psi(hour)"].reason == "the feature has no value in the window"
    assert found[now, "latency_p99"].reason == "no call has a latency"


def test_numbers_that_turn_into_words_are_invalid(bench: Bench, spec: MonitorSpec) -> None:
    rows = reference_rows()
    bench.run(at(spec, written(world(rows), "parquet", bench.folder)), AFTER)
    types = input_logs(0, FIRST, 1).prediction_types | {"hour": "text", "weather": "integer"}
    changed = [row | {"hour": "three", "weather": 7} for row in [*rows, extended(prediction("now", AFTER))]]
    later = replace(world(changed), prediction_types=types)
    bench.run(at(spec, written(later, "parquet", bench.folder)), AFTER)
    found = {r.metric: r for r in snapshots(bench, window=Span(1), segment=ALL)}
    assert found["feature_invalid_share(hour)"].value == 1.0
    assert found["unseen_share(weather)"].value == 1.0


def test_a_drift_opens_a_breach_against_the_reference(bench: Bench, spec: MonitorSpec) -> None:
    after = FIRST + timedelta(days=8)
    rows = [
        extended(
            prediction(f"r{i}-{j}", FIRST + timedelta(days=i)), hour=j % 24, error="e" if j < 3 else None
        )
        for i in range(9)
        for j in range(100)
    ]
    now = [
        extended(
            prediction(f"n{j}", after + timedelta(days=1)), hour=20 + j % 4, error="e" if j < 40 else None
        )
        for j in range(200)
    ]
    watched = replace(
        with_reference(spec, FIRST, 8),
        detectors=(
            Threshold(metric="psi(hour)", max=0.25, window=Span(1), at=NO_LABELS),
            Threshold(metric="error_rate", relative=0.5, window=Span(1), at=NO_LABELS),
            Threshold(metric="feature_mean(hour)", relative=0.2, window=Span(1), at=NO_LABELS),
        ),
    )
    place = at(watched, written(world(rows + now), "parquet", bench.folder))
    bench.run(place, FIRST, after + timedelta(days=1))
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, "odd")
    by_day = {(d.metric, d.window_start): d for d in found}
    quiet, loud = local(after, 0), local(after + timedelta(days=1), 0)
    for metric in ("psi(hour)", "error_rate", "feature_mean(hour)"):
        assert by_day[metric, quiet].verdict is Verdict.CLEAR, by_day[metric, quiet].reason
        assert by_day[metric, loud].verdict is Verdict.BREACH, by_day[metric, loud].reason
    assert by_day["error_rate", loud].expected == pytest.approx(0.03)


BAD_INPUT = [
    pytest.param({"x": CustomSum("nothing_like_it")}, "The custom sum 'x' cannot be computed", id="column"),
    pytest.param({"x": CustomSum("sum(blocked)")}, "The custom sum 'x' cannot be computed", id="aggregate"),
    pytest.param({"x": CustomSum("weather")}, "The custom sum 'x' cannot be computed", id="text"),
    pytest.param(
        {"good": CustomSum("blocked"), "x": CustomSum("1", "select 1")},
        "The custom sum 'x' cannot be computed as (1) / (select 1)",
        id="select",
    ),
]


@pytest.mark.parametrize("kind", ["parquet", "table"])
@pytest.mark.parametrize("custom, sentence", BAD_INPUT)
def test_an_expression_that_the_engine_refuses_is_named(
    bench: Bench, spec: MonitorSpec, kind: str, custom: dict[str, CustomSum], sentence: str
) -> None:
    rows = reference_rows(weather="it is text")
    bad = replace(spec, custom=custom, metrics=("custom(x)",))
    place = at(bad, written(world(rows), kind, bench.folder, bench.url))
    if sentence.endswith("(select 1)"):
        bench.run(place, FIRST)  # a scalar subquery is an expression
        return
    with pytest.raises(SourceError) as caught:
        bench.run(place, FIRST)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_an_expression_cannot_write(bench: Bench, spec: MonitorSpec, kind: str) -> None:
    rows = reference_rows()
    place = written(world(rows), kind, bench.folder, bench.url)
    table = place["predictions"].get("table", "predictions")
    bad = replace(spec, custom={"x": CustomSum(f"1) from {table}; drop table {table}; select (1")})
    with pytest.raises(SourceError):
        bench.run(at(replace(bad, metrics=("custom(x)",)), place), FIRST)
    bench.run(at(replace(spec, metrics=("error_rate",)), place), FIRST)


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_signs_in_an_expression_are_taken_as_they_are(bench: Bench, spec: MonitorSpec, kind: str) -> None:
    """Colons, percent signs and quotes; a number too large makes the metric undefined, and says so."""
    rows = reference_rows(weather="a:b%")
    custom = {
        "odd": CustomSum("case when weather like 'a:b%' and '%(x)s' <> ':y' then 1.5::float8 else 0 end"),
        "large": CustomSum("amount * 1e7"),
        "nobody": CustomSum("blocked", "amount - amount"),
    }
    metrics = ("custom(odd)", "custom(large)", "custom(nobody)")
    place = written(world(rows), kind, bench.folder, bench.url)
    bench.run(at(replace(spec, custom=custom, metrics=metrics), place), FIRST)
    found = {r.metric: r for r in snapshots(bench, window=Span(1), segment=ALL)}
    assert found["custom(odd)"].value == 1.5
    assert found["custom(odd)"].standard_error == 0.0
    assert found["custom(large)"].reason == (
        "in a row of the window an expression gave no number between -1e6 and 1e6"
    )
    assert found["custom(nobody)"].reason == "the denominator adds up to 0"


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"features": ("nowhere",)}, "has no column 'nowhere' (features); it has"),
        ({"features": ("predicted_at",)}, "'predicted_at' of "),
        ({"latency": "weather"}, "(latency_ms) is text, not number."),
    ],
)
def test_columns_are_held_to_their_kinds(
    bench: Bench, spec: MonitorSpec, change: dict[str, Any], sentence: str
) -> None:
    log = spec.predictions
    columns = replace(log.columns, latency_ms=change.get("latency", "took"))
    bad = replace(spec, predictions=replace(log, columns=columns, features=change.get("features", ())))
    bad = replace(bad, metrics=("mean_latency",))
    with pytest.raises(SourceError) as caught:
        bench.run(at(bad, written(world(reference_rows()), "parquet", bench.folder)), FIRST)
    assert sentence in str(caught.value)


def test_duplicates_count_once_with_the_first_ones_inputs(bench: Bench, spec: MonitorSpec) -> None:
    first = extended(prediction("a", FIRST), hour=1, took=10.0)
    later = first | {"logged_at": first["logged_at"] + timedelta(minutes=1), "hour": 23, "took": 90.0}
    rows = [later, first]
    bench.run(at(spec, written(world(rows), "table", bench.folder, bench.url)), FIRST)
    kept = payloads(bench)[FIRST, "v1", ALL]
    assert kept["calls"] == 1
    assert kept["latency"]["sums"][0] == 10_000_000
    assert kept["features"]["hour"]["rows"] == 1


def test_what_was_logged_late_stays_out(bench: Bench, spec: MonitorSpec) -> None:
    row = extended(prediction("a", FIRST))
    late = extended(prediction("b", FIRST)) | {"logged_at": local(FIRST + timedelta(days=1), 1)}
    bench.run(at(spec, written(world([row, late]), "parquet", bench.folder)), FIRST)
    assert payloads(bench)[FIRST, "v1", ALL]["calls"] == 1


def test_fixed_reference_values_serve_what_needs_no_bins(bench: Bench, spec: MonitorSpec) -> None:
    fixed = replace(
        spec,
        reference=Reference(values={"error_rate": 0.1}),
        metrics=("error_rate", "null_share(hour)"),
        detectors=(Threshold(metric="error_rate", relative=0.5, window=Span(1), at=NO_LABELS),),
    )
    rows = [extended(prediction(f"a{i}", FIRST), error="e") for i in range(50)]
    bench.run(at(fixed, written(world(rows), "parquet", bench.folder)), FIRST)
    with bench.store.transaction() as connection:
        (found,) = bench.store.detections(connection, "odd")
    assert found.verdict is Verdict.BREACH
    assert cut_rows(bench) == {}


def test_every_input_metric_is_found_by_its_name() -> None:
    for name in input_monitor().metrics:
        assert find(name).name == name
