"""Every metric, by name: one file and one line here each.

>>> METRICS["recall"].direction.value
'higher'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from hindsight.metrics.base import Argument, Metric
from hindsight.metrics.binary.accuracy import Accuracy
from hindsight.metrics.binary.average_precision import AveragePrecision
from hindsight.metrics.binary.balanced_accuracy import BalancedAccuracy
from hindsight.metrics.binary.brier import Brier
from hindsight.metrics.binary.brier_skill import BrierSkill
from hindsight.metrics.binary.calibration_error import CalibrationError
from hindsight.metrics.binary.calibration_ratio import CalibrationRatio
from hindsight.metrics.binary.confidence import Confidence
from hindsight.metrics.binary.cost import Cost
from hindsight.metrics.binary.coverage_gap import CoverageGap
from hindsight.metrics.binary.decision_entropy import DecisionEntropy
from hindsight.metrics.binary.f1 import F1
from hindsight.metrics.binary.f_beta import FBeta
from hindsight.metrics.binary.ks import KolmogorovSmirnov
from hindsight.metrics.binary.lift import Lift
from hindsight.metrics.binary.log_loss import LogLoss
from hindsight.metrics.binary.mcc import MatthewsCorrelation
from hindsight.metrics.binary.mean_score import MeanScore
from hindsight.metrics.binary.positive_rate import PositiveRate
from hindsight.metrics.binary.precision import Precision
from hindsight.metrics.binary.predicted_positive_rate import PredictedPositiveRate
from hindsight.metrics.binary.recall import Recall
from hindsight.metrics.binary.roc_auc import RocAuc
from hindsight.metrics.binary.score_coverage_gap import ScoreCoverageGap
from hindsight.metrics.binary.score_quantile import ScoreQuantile
from hindsight.metrics.binary.score_spread import ScoreSpread
from hindsight.metrics.binary.specificity import Specificity
from hindsight.metrics.binary.unlabelled_range import UnlabelledRange
from hindsight.metrics.binary.value import Value
from hindsight.metrics.inputs.chi_square import ChiSquare
from hindsight.metrics.inputs.custom import Custom
from hindsight.metrics.inputs.error_rate import ErrorRate
from hindsight.metrics.inputs.feature_invalid_share import FeatureInvalidShare
from hindsight.metrics.inputs.feature_mean import FeatureMean
from hindsight.metrics.inputs.feature_quantile import FeatureMedian, FeatureNinetieth, FeatureTenth
from hindsight.metrics.inputs.feature_spread import FeatureSpread
from hindsight.metrics.inputs.jensen_shannon import JensenShannon
from hindsight.metrics.inputs.kolmogorov_smirnov import FeatureKolmogorovSmirnov
from hindsight.metrics.inputs.latency import Latency, LatencyMedian, LatencyNinetyFifth, LatencyNinetyNinth
from hindsight.metrics.inputs.mean_latency import MeanLatency
from hindsight.metrics.inputs.mean_shift import MeanShift
from hindsight.metrics.inputs.null_share import NullShare
from hindsight.metrics.inputs.psi import PopulationStability
from hindsight.metrics.inputs.throughput import Throughput
from hindsight.metrics.inputs.unseen_share import UnseenShare
from hindsight.metrics.inputs.wasserstein import Wasserstein
from hindsight.metrics.log.contradiction_share import ContradictionShare
from hindsight.metrics.log.coverage import Coverage
from hindsight.metrics.log.default_share import DefaultShare
from hindsight.metrics.log.duplicate_share import DuplicateShare
from hindsight.metrics.log.early_label_share import EarlyLabelShare
from hindsight.metrics.log.flip_rate import FlipRate
from hindsight.metrics.log.invalid_label_share import InvalidLabelShare
from hindsight.metrics.log.invalid_share import InvalidShare
from hindsight.metrics.log.label_delay import LabelDelay
from hindsight.metrics.log.labels_learnt import LabelsLearnt
from hindsight.metrics.log.late_logged_share import LateLoggedShare
from hindsight.metrics.log.null_id_share import NullIdShare
from hindsight.metrics.log.orphan_share import OrphanShare
from hindsight.metrics.log.set_aside_share import SetAsideShare
from hindsight.metrics.log.time_to_know import TimeToKnow
from hindsight.metrics.log.volume import Volume
from hindsight.metrics.multiclass.class_auc import ClassAuc
from hindsight.metrics.multiclass.class_f1 import ClassF1
from hindsight.metrics.multiclass.class_precision import ClassPrecision
from hindsight.metrics.multiclass.class_recall import ClassRecall
from hindsight.metrics.multiclass.class_share import ClassShare
from hindsight.metrics.multiclass.confusion import Confusion
from hindsight.metrics.multiclass.macro_auc import MacroAuc
from hindsight.metrics.multiclass.macro_f1 import MacroF1
from hindsight.metrics.multiclass.macro_precision import MacroPrecision
from hindsight.metrics.multiclass.macro_recall import MacroRecall
from hindsight.metrics.multiclass.micro_f1 import MicroF1
from hindsight.metrics.multiclass.prediction_entropy import PredictionEntropy
from hindsight.metrics.multiclass.weighted_f1 import WeightedF1
from hindsight.metrics.multiclass.weighted_precision import WeightedPrecision
from hindsight.metrics.ranking.ctr import ClickThroughRate
from hindsight.metrics.ranking.hit_rate import HitRate
from hindsight.metrics.ranking.mean_feedback import MeanFeedback
from hindsight.metrics.ranking.mrr import MeanReciprocalRank
from hindsight.metrics.ranking.ndcg import Ndcg
from hindsight.metrics.ranking.queries import Queries
from hindsight.metrics.regression.absolute_error_quantile import AbsoluteErrorQuantile
from hindsight.metrics.regression.bias import Bias
from hindsight.metrics.regression.error_quantile import ErrorQuantile
from hindsight.metrics.regression.interval_coverage import IntervalCoverage
from hindsight.metrics.regression.interval_width import IntervalWidth
from hindsight.metrics.regression.mae import MeanAbsoluteError
from hindsight.metrics.regression.mape import MeanAbsolutePercentageError
from hindsight.metrics.regression.mean_prediction import MeanPrediction
from hindsight.metrics.regression.median_absolute_error import MedianAbsoluteError
from hindsight.metrics.regression.mse import MeanSquaredError
from hindsight.metrics.regression.pinball_loss import PinballLoss
from hindsight.metrics.regression.prediction_quantile import PredictionQuantile
from hindsight.metrics.regression.prediction_spread import PredictionSpread
from hindsight.metrics.regression.r2 import R2
from hindsight.metrics.regression.rmse import RootMeanSquaredError
from hindsight.metrics.regression.smape import SymmetricMeanAbsolutePercentageError

METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        AbsoluteErrorQuantile(),
        Accuracy(),
        AveragePrecision(),
        BalancedAccuracy(),
        Bias(),
        Brier(),
        BrierSkill(),
        CalibrationError(),
        CalibrationRatio(),
        ChiSquare(),
        ClassAuc(),
        ClassF1(),
        ClassPrecision(),
        ClassRecall(),
        ClassShare(),
        ClickThroughRate(),
        Confidence(),
        Confusion(),
        ContradictionShare(),
        Cost(),
        Coverage(),
        CoverageGap(),
        Custom(),
        DecisionEntropy(),
        DefaultShare(),
        DuplicateShare(),
        EarlyLabelShare(),
        ErrorQuantile(),
        ErrorRate(),
        F1(),
        FBeta(),
        FeatureInvalidShare(),
        FeatureKolmogorovSmirnov(),
        FeatureMean(),
        FeatureMedian(),
        FeatureNinetieth(),
        FeatureSpread(),
        FeatureTenth(),
        FlipRate(),
        HitRate(),
        IntervalCoverage(),
        IntervalWidth(),
        InvalidLabelShare(),
        InvalidShare(),
        JensenShannon(),
        KolmogorovSmirnov(),
        LabelDelay(),
        LabelsLearnt(),
        LateLoggedShare(),
        Latency(),
        LatencyMedian(),
        LatencyNinetyFifth(),
        LatencyNinetyNinth(),
        Lift(),
        LogLoss(),
        MacroAuc(),
        MacroF1(),
        MacroPrecision(),
        MacroRecall(),
        MatthewsCorrelation(),
        MeanAbsoluteError(),
        MeanAbsolutePercentageError(),
        MeanFeedback(),
        MeanLatency(),
        MeanPrediction(),
        MeanReciprocalRank(),
        MeanScore(),
        MeanShift(),
        MeanSquaredError(),
        MedianAbsoluteError(),
        MicroF1(),
        Ndcg(),
        NullIdShare(),
        NullShare(),
        OrphanShare(),
        PinballLoss(),
        PopulationStability(),
        PositiveRate(),
        Precision(),
        PredictedPositiveRate(),
        PredictionEntropy(),
        PredictionQuantile(),
        PredictionSpread(),
        Queries(),
        R2(),
        Recall(),
        RocAuc(),
        RootMeanSquaredError(),
        ScoreCoverageGap(),
        ScoreQuantile(),
        ScoreSpread(),
        SetAsideShare(),
        Specificity(),
        SymmetricMeanAbsolutePercentageError(),
        Throughput(),
        TimeToKnow(),
        UnlabelledRange(),
        UnseenShare(),
        Value(),
        Volume(),
        Wasserstein(),
        WeightedF1(),
        WeightedPrecision(),
    )
}

NAME: Final = re.compile(r"^(?P<name>[a-z0-9_]+)(?:\((?P<argument>.*)\))?$", re.DOTALL)


@lru_cache(maxsize=4096)
def find(name: str) -> Metric:
    """The metric of this name, with its argument if the name has one; ValueError says what is wrong.

    >>> find("recall").direction.value
    'higher'
    >>> find("recall(7)")
    Traceback (most recent call last):
    ...
    ValueError: the metric 'recall' takes no argument
    """
    match = NAME.match(name)
    if match is None or match["name"] not in METRICS:
        raise ValueError(f"there is no metric {name!r}")
    metric, argument = METRICS[match["name"]], match["argument"]
    if argument is not None:
        return metric.given(argument)
    if metric.argument in EXPANDED:
        raise ValueError(f"the metric {name!r} needs {metric.argument} in parentheses")
    return metric


def prototype(name: str) -> Metric | None:
    """The registered metric that a name begins with, whatever stands in its parentheses."""
    match = NAME.match(name)
    return METRICS.get(match["name"]) if match else None


EXPANDED: Final = frozenset({Argument.CLASS, Argument.PAIR, Argument.FEATURE, Argument.CUSTOM})
"""Arguments that a monitor's file may leave out: the metric is then kept once for each that there is."""

ALWAYS: Final = ("volume", "coverage")
"""Metrics that every monitor keeps, asked for or not."""

__all__ = ["ALWAYS", "EXPANDED", "METRICS", "Metric", "find", "prototype"]
