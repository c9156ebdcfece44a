"""A second project adds a metric by following docs/extend.md to the letter: one file and one line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindsight.metrics import METRICS
from samples import write_parquet

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
START = pd.Timestamp("2026-03-02", tz="UTC")

MONITOR = """\
monitor: errors
owner: team
task: binary_classification
predictions:
  files: landing/predictions.parquet
  columns: {id: id, time: at, score: p, version: v}
ground_truth:
  files: landing/labels.parquet
  columns: {id: id, actual: y, time: known_at}
segments: [country]
maturity: {horizons: [1d], min_coverage: 0.5}
reference: {balanced_error: 0.01}
metrics: [recall, balanced_error]
detectors:
  - {type: threshold, metric: balanced_error, relative: 0.1, window: 1d, at: 1d}
"""


@dataclass(frozen=True)
class Metric:
    """What the page says about adding one: where the file goes, what is in it, and how it is registered."""

    path: Path
    code: str
    imported: str
    line: str

    @classmethod
    def of_page(cls) -> Metric:
        section = PAGE[PAGE.index("## A metric") : PAGE.index("## A kind of task")]
        (path,) = re.findall(r"^Write `(include/\S+\.py)`", section, re.MULTILINE)
        code, registration = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
        imported, line = registration.split("\n\n")
        return cls(Path(path), code, imported + "\n", line)

    @property
    def name(self) -> str:
        return self.path.stem


@pytest.fixture(scope="module")
def metric() -> Metric:
    return Metric.of_page()


@pytest.fixture(scope="module")
def project(metric: Metric, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, the laws and their samples, with the metric added as the page says."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(
        ROOT / "include" / "hindsight",
        folder / "include" / "hindsight",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for file in ("pyproject.toml", "tests/samples.py", "tests/statistics/test_statistics_laws.py"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    assert not (folder / metric.path).exists()
    (folder / metric.path).write_text(metric.code, encoding="utf-8")
    registry = folder / "include" / "hindsight" / "metrics" / "__init__.py"
    text = registry.read_text(encoding="utf-8")
    first = "from hindsight.metrics.binary.accuracy import Accuracy\n"
    entry = "        Accuracy(),\n"
    assert text.count(first) == text.count(entry) == 1
    text = text.replace(first, first + metric.imported).replace(entry, entry + metric.line)
    registry.write_text(text, encoding="utf-8")
    return folder


def python(project: Path, *arguments: str, **environment: str) -> str:
    """What a fresh process of the project prints; it must end well."""
    clean = {name: os.environ[name] for name in os.environ if not name.startswith(("HINDSIGHT", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=project,
        env=clean | {"PYTHONPATH": "include", "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def rows_of(seed: int = 4, count: int = 600) -> pd.DataFrame:
    """Two days of predictions with what became of them; one in six has no label."""
    rng = np.random.default_rng(seed)
    score = rng.random(count)
    frame = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(count)],
            "at": START + pd.to_timedelta(np.arange(count) * 2 * 86_400 // count, unit="s"),
            "p": score,
            "v": "v1",
            "country": rng.choice(["DE", "FR"], count),
            "y": (rng.random(count) < score).astype(float),
            "told": rng.random(count) > 1 / 6,
        }
    )
    return frame.assign(known_at=frame["at"] + pd.Timedelta(hours=20))


def balanced_error(rows: pd.DataFrame) -> float:
    said = rows.p >= 0.5
    return float(0.5 * ((~said[rows.y == 1]).mean() + said[rows.y == 0].mean()))


def test_the_metric_is_new(metric: Metric) -> None:
    assert metric.name not in METRICS, "the page must show something that is not there yet"


def test_the_laws_hold_it_to_account(project: Path, metric: Metric) -> None:
    command = re.search(r"^python -m (pytest tests/\S+ -k \S+)$", PAGE, re.MULTILINE)
    assert command is not None
    said = python(project, "-m", *command[1].split(), "-q", "-p", "no:cacheprovider")
    assert metric.name in command[1]
    passed = re.search(r"(\d+) passed, \d+ deselected", said)
    assert passed is not None
    assert int(passed[1]) >= 8, "every law about metrics is asked"
    assert "failed" not in said


def test_it_is_known_to_the_schema_the_page_of_keys_and_the_checks(project: Path, metric: Metric) -> None:
    page = python(project, "-m", "hindsight", "schema", "--markdown")
    assert f"| `{metric.name}` | binary_classification | lower | yes | (share of positives missed" in page
    assert f'"{metric.name}"' in python(project, "-m", "hindsight", "schema")
    where = python(project, "-c", "import hindsight; print(hindsight.__file__)")
    assert Path(where.strip()).is_relative_to(project), "the copy is what runs"


def test_a_monitor_names_it_and_its_snapshots_are_true(project: Path, metric: Metric, database: str) -> None:
    monitors, landing = project / "include" / "monitors", project / "landing"
    monitors.mkdir()
    landing.mkdir()
    (monitors / "errors.yaml").write_text(MONITOR, encoding="utf-8")
    rows = rows_of()
    write_parquet(rows[["id", "at", "p", "v", "country"]], landing / "predictions.parquet")
    write_parquet(rows[rows.told][["id", "y", "known_at"]], landing / "labels.parquet")
    environment = {"HINDSIGHT_STORE": database}

    def hindsight(*arguments: str) -> str:
        return python(project, "-m", "hindsight", *arguments, **environment)

    hindsight("store", "upgrade")
    assert "is valid" in hindsight("validate")
    hindsight("run", "errors", "--start", "2026-03-03", "--end", "2026-03-04")
    told_of = hindsight("snapshots", "errors", "--metric", metric.name, "--json")
    found: list[dict[str, Any]] = json.loads(told_of)
    days = {(s["window_start"][:10], s["segment"]): s for s in found if s["window"] == "1d"}
    assert len(days) == 2 * 3
    told = rows[rows.told]
    for (day, segment), snapshot in days.items():
        mine = told[told["at"].dt.strftime("%Y-%m-%d") == day]
        if segment != "ALL":
            mine = mine[mine.country == segment.removeprefix("country=")]
        assert snapshot["value"] == pytest.approx(balanced_error(mine), rel=1e-12)
        assert snapshot["n"] == len(mine)
        assert 0 < snapshot["standard_error"] < 0.1
    judged = json.loads(hindsight("detections", "errors", "--json"))
    assert {d["verdict"] for d in judged} == {"BREACH"}
    assert {d["incident_class"] for d in judged} == {"performance"}
