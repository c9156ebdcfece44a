"""A project of its own for the command line: a folder of monitors, logs in Parquet files, and a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from hindsight.cli import app
from hindsight.orchestration import runtime
from samples import write_parquet

CHURN = """\
monitor: churn
owner: team
task: binary_classification
timezone: Europe/Berlin
predictions:
  files: landing/predictions.parquet
  columns: {id: id, time: at, score: p, version: v}
ground_truth:
  files: landing/labels.parquet
  columns: {id: id, actual: y, time: known_at}
segments: [country]
maturity: {horizons: [1d, 3d], min_coverage: 0.8, wait: 6h}
reference: {start: 2024-03-01, end: 2024-03-07}
metrics: [recall, roc_auc, brier]
detectors:
  - {type: threshold, metric: recall, min: 0.99, window: 7d, at: 3d, evidence: 0}
  - {type: threshold, metric: brier, relative: 0.1, window: 7d, at: 3d}
notify:
  - {type: log}
"""
BROKEN = CHURN.replace("monitor: churn", "monitor: broken").replace("recall, roc", "recal, roc")
BROKEN = BROKEN.replace("wait: 6h", "wait: soon")


def write_logs(folder: Path) -> None:
    """Twenty days of a model of two versions and countries; nothing is known of the last label yet."""
    rng = np.random.default_rng(8)
    rows = 400
    at = pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta(rng.uniform(0, 20 * 86400, rows), unit="s")
    score = rng.random(rows)
    predictions = pd.DataFrame(
        {
            "id": [f"{i:03}" for i in range(rows)],
            "at": at,
            "p": score,
            "v": np.where(rng.random(rows) < 0.5, "v1", "=v2"),
            "country": np.where(rng.random(rows) < 0.5, "DE", "FR"),
        }
    )
    labels = pd.DataFrame(
        {
            "id": predictions["id"],
            "y": (rng.random(rows) < score).astype(int),
            "known_at": at + pd.to_timedelta(rng.uniform(0, 2 * 86400, rows), unit="s"),
        }
    )
    folder.mkdir(parents=True)
    write_parquet(predictions, folder / "predictions.parquet")
    write_parquet(labels, folder / "labels.parquet")


@contextmanager
def project(root: Path, store: str) -> Iterator[Path]:
    """A project whose only valid monitor is `churn`, on a store at this address."""
    (root / "monitors").mkdir()
    (root / "monitors" / "churn.yaml").write_text(CHURN, encoding="utf-8")
    write_logs(root / "landing")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
            patch.delenv(name)
        patch.setenv("HINDSIGHT_ROOT", str(root))
        patch.setenv("HINDSIGHT_MONITORS", "monitors")
        patch.setenv("HINDSIGHT_STORE", store)
        yield root
    runtime.close_stores()


def command(*arguments: str | Path) -> Result:
    """What `hindsight` says to these arguments, on a terminal wide enough for its tables."""
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, [str(argument) for argument in arguments])


def said(*arguments: str | Path) -> str:
    """The standard output of a command that must succeed, and must have nothing to complain of."""
    result = command(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def refused(*arguments: str | Path) -> str:
    """The standard error of a command that must be refused: a sentence, and no traceback."""
    result = command(*arguments)
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr
