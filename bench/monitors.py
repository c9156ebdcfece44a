"""The monitors to measure, written as files: what a user would write for these logs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TEXT = """
monitor: {name}
owner: bench
task: binary_classification
schedule: "07:00"
predictions:
  {predictions}
  unique: {unique}
  columns: {{id: id, time: ts, score: score, version: version{more}}}
{features}
ground_truth:
  {labels}
  unique: {unique}
  columns: {{id: id, actual: actual, time: learnt}}
segments: [segment]
maturity: {{horizons: [1d, 7d, 30d]}}
reference: {{start: 2026-01-01, end: 2026-01-31}}
metrics: [accuracy, precision, recall, f1, roc_auc, brier, log_loss, positive_rate, mean_score,
  predicted_positive_rate]
detectors:
  - {{type: threshold, metric: coverage, min: 0.5, window: 7d, at: 7d, severity: warning}}
  - {{type: threshold, metric: coverage, min: 0.5, window: 28d, at: 7d, severity: warning}}
notify:
  - {{type: slack, connection: slack_ml, channel: "#bench"}}
"""


def written(
    folder: Path, name: str, logs: Mapping[str, str], *, unique: bool = True, inputs: bool = False
) -> str:
    """The path of a monitor's file; `logs` says where `predictions` and `labels` lie."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    text = TEXT.format(
        name=name,
        **logs,
        unique=str(unique).lower(),
        more=", latency_ms: latency_ms" if inputs else "",
        features="  features: [f1, f2, f3]" if inputs else "",
    )
    path.write_text(text, encoding="utf-8")
    return str(path)
