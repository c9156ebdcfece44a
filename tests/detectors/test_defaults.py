"""The rules of a file that names none: made for every kind of monitor, and never a fault in its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from commands import CHURN
from hindsight import config
from hindsight.config import keeping
from hindsight.config.checks import check
from hindsight.detectors import BaseDetector
from hindsight.detectors.defaults import default_rules, primary
from hindsight.detectors.threshold import Threshold
from hindsight.domain.spec import MonitorSpec, Reference, Retention
from hindsight.domain.values import Convention, Direction, Grain, Horizon, Length, Severity, Span, Task
from hindsight.metrics import METRICS, find
from hindsight.metrics.base import Argument

MONITORS = Path(__file__).parents[2] / "include" / "monitors"
HEAD = CHURN.partition("detectors:")[0]

TASKS = {
    "binary": HEAD,
    "chances": HEAD.replace("roc_auc, brier", "brier_skill, calibration_ratio, volume"),
    "decided": HEAD.replace("score: p", "prediction: p").replace(", roc_auc, brier", ""),
    "features": HEAD.replace("version: v}", "version: v}\n  features: [temp, carrier]").replace(
        "brier]", "brier, psi, null_share, unseen_share, mean_score]"
    ),
    "one feature": HEAD.replace("version: v}", "version: v}\n  features: [temp, carrier]").replace(
        "brier]", "brier, wasserstein(temp)]"
    ),
    "logs": HEAD.replace("brier]", "brier, labels_learnt, duplicate_share, contradiction_share, flip_rate]"),
    "fixed": HEAD.replace("{start: 2024-03-01, end: 2024-03-07}", "{recall: 0.5}"),
    "fixed otherwise": HEAD.replace("{start: 2024-03-01, end: 2024-03-07}", "{brier: 0.2}"),
    "fixed with logs": HEAD.replace("{start: 2024-03-01, end: 2024-03-07}", "{recall: 0.5}").replace(
        "brier]", "brier, duplicate_share, labels_learnt]"
    ),
    "silent": HEAD.replace("time: known_at}", "time: known_at}\n  convention: default_negative"),
    "hours": HEAD.replace("maturity: {horizons: [1d, 3d], min_coverage: 0.8, wait: 6h}", "grain: hour"),
    "no outcome": HEAD.replace("[recall, roc_auc, brier]", "[mean_score, positive_rate]"),
    "short": HEAD + "windows: [7d]\nretention: {statistics: 25d, snapshots: 25d}\n",
    "single": HEAD + "windows: []\nretention: {statistics: 20d}\n",
    "regression": HEAD.replace("binary_classification", "regression")
    .replace("score: p", "prediction: p")
    .replace("recall, roc_auc, brier", "bias, mae, r2"),
    "classes": HEAD.replace("binary_classification", "multiclass_classification")
    .replace("score: p", "scores: {cat: p1, dog: p2}")
    .replace("recall, roc_auc, brier", "class_recall, macro_f1, class_share"),
    "ranking": HEAD.replace("binary_classification", "ranking")
    .replace("score: p", "position: p, query: q")
    .replace("recall, roc_auc, brier", "queries, ndcg, ctr"),
}


def loaded(folder: Path, text: str) -> MonitorSpec:
    path = folder / "churn.yaml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def by_kind(spec: MonitorSpec) -> dict[str, list[BaseDetector]]:
    found: dict[str, list[BaseDetector]] = {}
    for rule in spec.detectors:
        found.setdefault(rule.kind, []).append(rule)
    return found


@pytest.mark.parametrize("name", TASKS)
def test_default_rules_pass_the_checks_that_written_ones_must_pass(tmp_path: Path, name: str) -> None:
    spec = loaded(tmp_path, TASKS[name])
    assert spec.detectors == default_rules(spec)
    assert spec.detectors
    assert [(found.path, found.message) for found in check(spec, holes=False)] == []
    lengths = [v for rule in spec.detectors for v in vars(rule).values() if isinstance(v, Length) and v.count]
    assert {length.unit for length in lengths} == {"h" if spec.grain is Grain.HOUR else "d"}


def test_a_file_with_an_empty_list_has_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, HEAD + "detectors: []\n").detectors == ()


def test_defaults_of_a_folder_count_as_written(tmp_path: Path) -> None:
    (tmp_path / "_defaults.yaml").write_text("detectors: []\n", encoding="utf-8")
    assert loaded(tmp_path, HEAD).detectors == ()


@pytest.mark.parametrize(
    "name, metric, relative, adjust",
    [
        ("binary", "recall", -0.05, "score_mix"),
        ("decided", "recall", -0.05, "none"),
        ("fixed", "recall", -0.05, "none"),
        ("regression", "mae", 0.05, "none"),
        ("classes", "class_recall(cat)", -0.05, "none"),
        ("ranking", "ndcg", -0.05, "none"),
    ],
)
def test_the_first_metric_with_a_good_direction_is_watched_by_its_level_and_its_steps(
    tmp_path: Path, name: str, metric: str, relative: float, adjust: str
) -> None:
    spec = loaded(tmp_path, TASKS[name])
    first, *rest = spec.detectors
    assert isinstance(first, Threshold)
    assert (first.metric, first.relative, first.adjust) == (metric, relative, adjust)
    assert (first.window, first.at, first.severity) == (Span(28), Horizon(3), None)
    charts = [rule for rule in rest if rule.kind == "cusum"]
    if name == "fixed":
        assert charts == [], "a number has no days that say how much a day differs"
    else:
        (chart,) = charts
        assert (chart.metric, chart.window, chart.severity) == (metric, Span(1), Severity.WARNING)
        assert getattr(chart, "adjust", None) == adjust


@pytest.mark.parametrize("name", ["no outcome", "fixed otherwise"])
def test_without_a_metric_to_compare_only_the_logs_are_watched(tmp_path: Path, name: str) -> None:
    assert set(by_kind(loaded(tmp_path, TASKS[name]))) == {"missing", "volume"}


def test_labels_are_judged_a_week_old_or_as_old_as_they_get(tmp_path: Path) -> None:
    three = "maturity: {horizons: [1d, 3d], min_coverage: 0.8, wait: 6h}"
    for horizons, at in (("1d, 7d, 30d", 7), ("1d, 10d, 30d", 10), ("1d", 1)):
        text = HEAD.replace(three, f"maturity: {{horizons: [{horizons}]}}")
        assert default_rules(loaded(tmp_path, text))[0].at == Horizon(at)
    silent = loaded(tmp_path, TASKS["silent"].replace("[1d, 3d]", "[1d, 7d, 30d]"))
    assert silent.ground_truth.convention is Convention.DEFAULT_NEGATIVE
    assert default_rules(silent)[0].at == Horizon(30), "before that, silence says nothing"


def test_chances_are_held_to_what_they_promise(tmp_path: Path) -> None:
    rules = {rule.metric: rule for rule in by_kind(loaded(tmp_path, TASKS["chances"]))["threshold"]}
    skill, ratio = rules["brier_skill"], rules["calibration_ratio"]
    assert isinstance(skill, Threshold)
    assert isinstance(ratio, Threshold)
    assert (skill.min, skill.max, skill.severity) == (0.0, None, Severity.CRITICAL)
    assert (ratio.min, ratio.max, ratio.severity) == (0.8, 1.25, Severity.WARNING)


def test_what_comes_in_is_watched_where_it_is_kept(tmp_path: Path) -> None:
    plain = by_kind(loaded(tmp_path, TASKS["binary"]))
    assert set(plain) == {"threshold", "cusum", "missing", "volume"}
    assert [rule.metric for rule in plain["missing"]] == ["volume", "coverage"]
    rich = by_kind(loaded(tmp_path, TASKS["features"]))
    assert [rule.metric for rule in rich["drift"]] == ["psi"]
    assert len(rich["quality"]) == 1
    assert [rule.metric for rule in by_kind(loaded(tmp_path, TASKS["one feature"]))["drift"]] == [
        "wasserstein(temp)"
    ]
    logs = by_kind(loaded(tmp_path, TASKS["logs"]))
    assert [rule.metric for rule in logs["missing"]] == ["volume", "labels_learnt"]
    assert [(rule.metric, rule.at) for rule in logs["quality"]] == [
        ("volume", Horizon(0)),
        ("coverage", Horizon(3)),
    ]


@pytest.mark.parametrize("days", [61, 75, 90, 100, 160])
def test_no_default_rule_looks_back_further_than_is_kept(tmp_path: Path, days: int) -> None:
    spec = loaded(tmp_path, HEAD + f"retention: {{statistics: {days}d}}\n")
    assert list(keeping.faults(spec)) == []
    assert all(list(rule.problems()) == [] for rule in spec.detectors)
    free = loaded(tmp_path, HEAD)
    longest = max(rule.reach for rule in free.detectors)
    assert (max(rule.reach for rule in spec.detectors) < longest) == (days < longest.count + 14)
    assert [rule.name for rule in spec.detectors] == [rule.name for rule in free.detectors]


def test_windows_fit_what_is_kept(tmp_path: Path) -> None:
    assert loaded(tmp_path, TASKS["short"]).detectors[0].window == Span(7)
    assert loaded(tmp_path, TASKS["single"]).detectors[0].window == Span(1)
    spec = replace(loaded(tmp_path, TASKS["single"]), retention=Retention())
    assert default_rules(spec)[0].window == Span(28)
    hourly = loaded(tmp_path, TASKS["hours"])
    assert hourly.detectors[0].window == Span(168, "h")
    assert {rule.window for rule in hourly.detectors if rule.kind == "cusum"} == {Span(1, "h")}


@pytest.mark.parametrize("name", [name for name, m in METRICS.items() if m.argument is Argument.NONE])
def test_only_what_says_whether_outcomes_are_good_can_be_primary(name: str) -> None:
    spec = config.load(MONITORS / "flight_delay.yaml")
    chosen = primary(replace(spec, metrics=(name,)))
    metric = find(name)
    assert chosen in (None, name)
    if chosen is not None:
        assert metric.labelled
        assert metric.direction is not Direction.NEITHER
        assert not metric.of_labels
        assert not metric.extensive
    if Task.REGRESSION in metric.tasks and name in ("mae", "rmse", "r2"):
        assert chosen == name


def test_an_odd_reference_leaves_no_half_rules() -> None:
    spec = config.load(MONITORS / "flight_delay.yaml")
    fixed = replace(spec, reference=Reference(values={"recall": 0.4}))
    assert {rule.kind for rule in default_rules(fixed)} == {"threshold", "missing", "volume"}
