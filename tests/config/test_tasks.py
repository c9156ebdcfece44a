"""What each kind of task asks of a monitor's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindsight import config
from hindsight.errors import ConfigError

HEAD = """\
monitor: m
owner: team
ground_truth: {connection: db, table: l, columns: {id: id, actual: y, time: known_at}}
reference: {start: 2024-03-01, end: 2024-03-31}
"""

GOOD = {
    "multiclass": """\
task: multiclass_classification
predictions: {connection: db, table: p, columns: {id: id, time: at, scores: {cat: p_cat, dog: p_dog}}}
metrics: [accuracy, macro_f1, class_recall, class_auc(dog), "confusion(cat->dog)"]
""",
    "array": """\
task: multiclass_classification
predictions: {connection: db, table: p, classes: [cat, dog], columns: {id: id, time: at, scores: chances}}
metrics: [macro_auc]
""",
    "regression": """\
task: regression
predictions: {connection: db, table: p, columns: {id: id, time: at, prediction: v, lower: a, upper: b}}
metrics: [mae, interval_coverage, error_quantile(0.9)]
""",
    "ranking": """\
task: ranking
predictions: {connection: db, table: p, columns: {id: id, time: at, position: rank, query: search}}
metrics: [mrr, ndcg, ndcg(5)]
detectors: [{type: threshold, metric: ndcg(5), relative: -0.1, window: 7d, at: 7d}]
""",
}


def load(text: str, tmp_path: Path) -> object:
    path = tmp_path / "m.yaml"
    path.write_text(HEAD + text)
    return config.load(path)


def told(text: str, tmp_path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, tmp_path)
    return [problem.message for problem in caught.value.problems]


@pytest.mark.parametrize("name", GOOD)
def test_every_task_can_be_said(name: str, tmp_path: Path) -> None:
    load(GOOD[name], tmp_path)


def test_a_metric_of_classes_named_bare_is_kept_for_each(tmp_path: Path) -> None:
    spec = load(GOOD["multiclass"], tmp_path)
    assert spec.metrics == (  # type: ignore[attr-defined]
        "accuracy",
        "macro_f1",
        "class_recall(cat)",
        "class_recall(dog)",
        "class_auc(dog)",
        "confusion(cat->dog)",
    )


@pytest.mark.parametrize(
    "name, old, new, sentence",
    [
        (
            "multiclass",
            "scores: {cat: p_cat, dog: p_dog}",
            "prediction: said",
            "name them in predictions.classes, or as the keys of predictions.columns.scores",
        ),
        (
            "multiclass",
            "class_auc(dog)",
            "class_auc(dgo)",
            "'class_auc(dgo)' is not a class of the model",
        ),
        ("multiclass", "accuracy", "roc_auc", "the metric 'roc_auc' does not fit the task multiclass"),
        (
            "array",
            "columns: {id: id, time: at, scores: chances}",
            "columns: {id: id, time: at, prediction: said}",
            "the metric 'macro_auc' needs predictions.columns.scores: map it there",
        ),
        (
            "array",
            "scores: chances",
            "scores: {cat: a, cow: b}",
            "classes and the keys of columns.scores differ: cow, dog",
        ),
        (
            "array",
            "scores: chances",
            "scores: 7",
            "must be a mapping of each class to",
        ),
        (
            "regression",
            ", lower: a, upper: b",
            "",
            "the metric 'interval_coverage' needs predictions.columns.lower and upper: map them there",
        ),
        ("regression", ", upper: b", "", "an interval needs both 'lower' and 'upper': map both, or none"),
        ("regression", "(0.9)", "(9)", "error_quantile takes"),
        ("array", "[cat, dog]", '["1", "1.0"]', "a class of a number column may be 1 once"),
        ("array", "[cat, dog]", "[cat, nan]", "a class of a number column may be nan once"),
        (
            "regression",
            "task: regression",
            "segments: [a, b, c]\nsegment_limit: 10000\ntask: regression",
            "10000 values of 3 segment columns are 30000, and 20000 at most can be kept apart",
        ),
        ("ranking", "position: rank, ", "", "the task ranking needs the column 'position'"),
        ("ranking", ", query: search", "", "the task ranking needs the column 'query'"),
        ("ranking", "[mrr, ndcg, ndcg(5)]", "[ndcg]", "the detector judges 'ndcg(5)', which is not computed"),
        (
            "ranking",
            "relative: -0.1,",
            "relative: -0.1, adjust: score_mix,",
            "score_mix is for",
        ),
    ],
)
def test_a_fault_is_told(name: str, old: str, new: str, sentence: str, tmp_path: Path) -> None:
    assert old in GOOD[name]
    assert [line for line in told(GOOD[name].replace(old, new), tmp_path) if sentence in line]
