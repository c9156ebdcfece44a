"""A monitor with incidents in its store: what the command line, the HTTP interface and the page show."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from episodes import ZONE, run
from hindsight.config import load
from hindsight.domain.records import Detection, Incident
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Notify
from hindsight.orchestration import runtime
from hindsight.orchestration.runtime import command_line_runtime
from hindsight.pipeline.notify import notify
from hindsight.store import Store
from hindsight.windows import DayRange, run_day

FLIGHTS = """\
monitor: flight_delay
owner: ops-ml
task: binary_classification
timezone: America/New_York
predictions: {files: nowhere/p.parquet, columns: {id: id, time: at, score: p, version: v}}
ground_truth: {files: nowhere/l.parquet, columns: {id: id, actual: y, time: at}}
segments: [origin]
maturity: {horizons: [1d, 7d]}
reference: {start: 2013-02-01, end: 2013-02-07}
metrics: [recall, brier]
detectors:
  - {type: threshold, name: recall threshold, metric: recall, min: 0.531, window: 28d, at: 7d}
  - {type: threshold, name: brier threshold, metric: brier, max: 0.2, window: 28d, at: 7d}
notify:
  - {type: log}
"""


@contextmanager
def watching(root: Path, store: str, text: str = FLIGHTS) -> Iterator[MonitorSpec]:
    """A project with this one monitor and an empty store, as the environment names them."""
    (root / "monitors").mkdir()
    path = root / "monitors" / "flight_delay.yaml"
    path.write_text(text, encoding="utf-8")
    made = Store(store)
    made.upgrade()
    made.dispose()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
            patch.delenv(name)
        patch.setenv("HINDSIGHT_ROOT", str(root))
        patch.setenv("HINDSIGHT_MONITORS", "monitors")
        patch.setenv("HINDSIGHT_STORE", store)
        patch.setenv("HINDSIGHT_LAST_DAY", "2013-03-03")
        yield load(path)
    runtime.close_stores()


def live(spec: MonitorSpec, detections: Sequence[Detection], days: range) -> list[Incident]:
    """Runs of these days, one by one, each with its own judgements; returns the incidents."""
    now = command_line_runtime()
    for day in days:
        with now.store.transaction(spec.monitor) as connection:
            rows = [each for each in detections if run_day(each.as_of, ZONE) == run(day)]
            partitions = [(each.detector, each.window_start, each.horizon) for each in rows]
            now.store.replace_detections(connection, spec.monitor, partitions, rows)
        notify(spec, DayRange(run(day), run(day)), now, Notify.LIVE)
    with now.store.reading() as connection:
        return now.store.incidents(connection, spec.monitor)
