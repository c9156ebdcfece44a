"""Which metrics say the same thing in other words."""

from __future__ import annotations

import pytest

from hindsight.domain.values import Direction
from hindsight.metrics import METRICS, Metric
from hindsight.metrics.base import Family, Part


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_whatever_says_how_good_outcomes_are_has_a_family(metric: Metric) -> None:
    of_outcomes = metric.labelled and metric.part is Part.OUTCOMES and not metric.of_labels
    if of_outcomes and metric.direction is not Direction.NEITHER:
        assert metric.family is not Family.NONE
    if not metric.labelled or metric.of_labels:
        assert metric.family in (Family.NONE, Family.CHANCES), "an interval's width is part of its promise"


def test_algebra_of_one_table_is_one_family() -> None:
    counts = ("accuracy", "precision", "recall", "f1", "f_beta", "specificity", "mcc", "balanced_accuracy")
    assert {METRICS[name].family for name in (*counts, "macro_f1", "class_recall")} == {Family.DECISIONS}
    assert {METRICS[name].family for name in ("roc_auc", "average_precision", "ks", "lift")} == {Family.ORDER}
    assert {METRICS[name].family for name in ("mae", "mse", "rmse", "r2", "mape")} == {Family.ERRORS}
    assert {METRICS[name].family for name in ("bias", "error_quantile")} == {Family.BIAS}
    assert {METRICS[name].family for name in ("brier", "log_loss", "calibration_ratio")} == {Family.CHANCES}


def test_the_base_rate_says_nothing_of_the_model() -> None:
    assert METRICS["positive_rate"].family is Family.NONE
