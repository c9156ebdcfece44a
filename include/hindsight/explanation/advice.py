"""What to do about a breach, from which of the model's metrics moved and which held.

Each rule needs evidence (95 % to one side) that something moved by enough to matter, and for the worse; that
something held needs evidence, too.  None of them knows a cause: they tell apart what retraining can mend from
what it cannot.

1. No truth, no advice: while labels are missing, wait.
2. Logs that are not what they were come before the model: look at the data.
3. The scores are wrong on the whole (calibration).  Then either the world moved and the model did not follow
   (a prior shift: Saerens, Latinne and Decaestecker, 2002), which recalibrating mends; or the model moved and
   the world did not follow: its inputs misled it, and it has to learn them anew.
4. The ranking is lost, or scores are worse than the base rate: retrain.
5. Ranking and calibration are shown to hold, and hits were traded for misses: move the threshold.
6. All of that holds, and the share of positives moved: the world is harder or easier.  Not the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hindsight.domain.values import IncidentClass, Task
from hindsight.explanation.drifts import Drift, listed, quoted
from hindsight.explanation.levels import SURE, Change
from hindsight.wording import figure, share

OFF: Final = 1.25
"""Factor by which the calibration ratio must surely have changed to count."""

LOST: Final = 0.25
"""Share of its lead over a guess that a ranking must surely have lost to count as lost."""

OWN: Final = 1 / 3
"""Part of a gap between scores and truth that must come from the scores to be the model's own."""

TRADED: Final = 0.1
"""Part of itself by which recall or precision must surely have changed to count."""

GREW: Final = 1.1
"""Factor by which an error must surely have grown to count."""

MATERIAL: Final = 1.1
"""Factor by which the share of positives must surely have changed to count."""

TENTH: Final = 0.1
"""Part of the errors' spread by which a bias must have grown to count."""

ALIKE: Final = 0.05
"""Part of their spread that is left where scores no longer differ."""

DISTANCES: Final = frozenset(
    {"psi", "jensen_shannon", "wasserstein", "kolmogorov_smirnov", "chi_square", "mean_shift"}
)
"""Metrics of inputs that drift shows in; what else is of inputs is a matter of the logs."""

UNTOLD: Final = 0.1
"""Part of the predictions whose labels must surely be missing, against the reference at the same age."""


UNTOLD_OF: Final = frozenset({"coverage", "mean_score", "predicted_positive_rate", "mean_prediction"})
"""What is told beside advice, and is no reason for any."""

MOST: Final = 3
"""Metrics that advice to wait names."""


class Action(StrEnum):
    """What to do first."""

    RECALIBRATE = "recalibrate"
    MOVE_THRESHOLD = "move_threshold"
    RETRAIN = "retrain"
    LOOK_AT_DATA = "look_at_data"
    WAIT = "wait"
    NOTHING = "nothing"

    @property
    def words(self) -> str:
        """As it is written in a sentence."""
        return {Action.MOVE_THRESHOLD: "move the threshold", Action.LOOK_AT_DATA: "look at the data"}.get(
            self, self.value
        )


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, whether retraining is advised, and why in a sentence without its stop.

    `evidence` are the metrics that the reason rests on, `first` the segment that carries most of it, if one
    does.
    """

    action: Action
    reason: str
    evidence: tuple[Change, ...] = ()
    first: str = ""

    @property
    def retrain(self) -> bool:
        """Whether retraining is advised."""
        return self.action is Action.RETRAIN

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        where = f"; look at {quoted(self.first)} first" if self.first else ""
        if self.action is Action.WAIT:  # the reason is to wait, not one against retraining
            return f"wait, because {self.reason}{where}; retrain: not advised"
        said = "retrain: advised" if self.retrain else f"{self.action.words}; retrain: not advised"
        return f"{said}, because {self.reason}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What is known of a model beside a breach: its metrics before and after, by name.

    Beside the registered ones they may hold `labelled_score`, and of regressions `mean_actual`,
    `labelled_prediction` and `error_spread` (see `levels`).  `mature` is whether the window has the labels
    that the monitor asks for; `breached` is the metric that breached.
    `faults` say what is wrong with the logs in a good part of the window, as
    clauses; `drifts` are the features that surely drifted.  `scored` is whether the model gives chances.
    """

    task: Task
    incident_class: IncidentClass = IncidentClass.PERFORMANCE
    metrics: Mapping[str, Change] = field(default_factory=dict)
    mature: bool = True
    faults: tuple[str, ...] = ()
    drifts: tuple[Drift, ...] = ()
    scored: bool = True
    classes: int = 2
    breached: str = ""

    def __getitem__(self, name: str) -> Change | None:
        return self.metrics.get(name)


def advice(moved: Moved) -> Advice:
    """What these movements advise.

    >>> rate = Change("positive_rate", 0.23, 0.12, 0.01, 0.01)
    >>> score = Change("labelled_score", 0.21, 0.21, 0.01, 0.01)
    >>> ratio = Change("calibration_ratio", 0.91, 1.75, 0.05, 0.15)
    >>> found = advice(Moved(task=Task.BINARY, metrics={m.metric: m for m in (rate, score, ratio)}))
    >>> found.action.value, found.retrain
    ('recalibrate', False)
    """
    for rule in (_of_the_logs, _RULES[moved.task], _by_class):
        for found in rule(moved):
            return found
    sure = [change for name, change in moved.metrics.items() if name not in UNTOLD_OF and change.moved()]
    if sure:
        what = ", ".join(_told(change) for change in sure[:MOST])
        return Advice(Action.WAIT, f"what moved tells not yet what to do: {what}", tuple(sure[:MOST]))
    return Advice(Action.WAIT, "nothing that tells what to do has surely moved")


def _of_the_logs(moved: Moved) -> Iterator[Advice]:
    """What comes before the model."""
    coverage = moved["coverage"]
    if moved.incident_class is IncidentClass.LABEL_HEALTH:
        yield Advice(Action.WAIT, "what the model did is not known while labels are missing")
    if moved.incident_class is IncidentClass.DATA_QUALITY:
        yield Advice(Action.LOOK_AT_DATA, "the logs are not what they were, and a model cannot mend them")
    if moved.incident_class is IncidentClass.PIPELINE:
        yield Advice(Action.LOOK_AT_DATA, "what should have come did not come")
    if coverage is not None and coverage.moved(UNTOLD) < 0:
        yield Advice(
            Action.WAIT,
            f"only {share(coverage.after)} of the labels are in, {share(coverage.before)} were at this age",
            (coverage,),
        )
    spread = moved["score_spread"]
    if spread is not None and spread.before > 0.0 and spread.after <= ALIKE * spread.before:
        reason = f"scores hardly differ any more ({_told(spread)}): is that what the model says?"
        yield Advice(Action.LOOK_AT_DATA, reason, (spread,))
    if moved.faults:
        yield Advice(Action.LOOK_AT_DATA, moved.faults[0])
    if moved.incident_class is IncidentClass.INPUTS and not _is_distance(moved.breached):
        what = "scores are" if moved.breached == "mean_score" else "what comes in, or how fast, is"
        yield Advice(Action.LOOK_AT_DATA, f"{what} not what it was, and a model cannot mend that")
    if not moved.mature and moved.incident_class is IncidentClass.INPUTS:
        what = f"{listed(moved.drifts)} drifted" if moved.drifts else "inputs drifted"
        yield Advice(Action.WAIT, f"{what}, and whether the model suffers is known once labels are in")
    if not moved.mature:
        yield Advice(Action.WAIT, "fewer labels are in than the monitor asks for")


def _by_class(moved: Moved) -> Iterator[Advice]:
    if moved.incident_class is IncidentClass.INPUTS:
        what = f"{listed(moved.drifts)} drifted" if moved.drifts else "inputs drifted"
        yield Advice(Action.WAIT, f"{what}, and no metric of the model has surely suffered from it")


def _is_distance(metric: str) -> bool:
    return not metric or metric.partition("(")[0] in DISTANCES


def _of_binary(moved: Moved) -> Iterator[Advice]:
    skill, rate = moved["brier_skill"], moved["positive_rate"]
    ranking = moved["roc_auc"] if moved.scored else moved["balanced_accuracy"]
    if moved.scored:
        yield from _of_scores(moved, moved["calibration_ratio"], ranking)
    if ranking is not None and lost(ranking, 0.5):
        yield Advice(Action.RETRAIN, f"{_told(ranking)}: the ranking is lost{_inputs(moved)}", (ranking,))
    if moved.scored and skill is not None and skill.surely_below(0.0):
        reason = f"scores are worse than the base rate ({_told(skill)}){_inputs(moved)}"
        yield Advice(Action.RETRAIN, reason, (skill,))
    holds = _holds(ranking, 0.5)
    traded = _traded(moved)
    if traded is not None and ranking is not None and held(ranking, 0.5) and _is_calibrated(moved):
        yield Advice(Action.MOVE_THRESHOLD, f"{holds}, but {_told(traded)}", (traded,))
    if rate is not None and rate.turned(MATERIAL):
        harder = abs(rate.after - 0.5) < abs(rate.before - 0.5)
        world = "a harder world" if harder else "another world"
        yield Advice(
            Action.NOTHING,
            f"{_rates(rate)}: {world} for any model, and {holds}",
            tuple(each for each in (rate, ranking, skill) if each is not None),
        )


def _of_scores(moved: Moved, ratio: Change | None, ranking: Change | None) -> Iterator[Advice]:
    """What the level of the scores says."""
    rate, score, skill = moved["positive_rate"], moved["labelled_score"], moved["brier_skill"]
    if ratio is None or not _is_off(moved, ratio):
        return
    used = tuple(each for each in (ratio, rate, score, skill, ranking) if each is not None)
    if rate is not None and score is not None and _misled(score, rate):
        worse = (
            f", and are worse than the base rate ({_told(skill)})"
            if (skill is not None and skill.surely_below(0.0))
            else ""
        )
        yield Advice(
            Action.RETRAIN,
            f"scores went from {figure(score.before)} to {figure(score.after)} while "
            f"{_rates(rate)}{worse}: the model's inputs misled it{_inputs(moved)}",
            used,
        )
    if ranking is not None and lost(ranking, 0.5):
        return  # recalibrated scores would tell nothing either
    promise = f"they promise {figure(ratio.after)} times as many as there are"
    why = (
        f"{_rates(rate)}, and scores did not follow: {promise}"
        if rate is not None and rate.moved()
        else (f"scores are off: {promise}")
    )
    yield Advice(Action.RECALIBRATE, f"{why}; {_holds(ranking, 0.5)}", used)


def _is_off(moved: Moved, ratio: Change) -> bool:
    """Whether scores are wrong on the whole, and were less so.

    Surely by the ratio itself, or by the breach of it; or by enough, and the scores have surely moved away
    from the truth of the same rows, which is known better than the ratio of both.
    """
    if moved.breached == "calibration_ratio" or _went_off(ratio):
        return True
    rate, score = moved["positive_rate"], moved["labelled_score"]
    is_far = min(ratio.before, ratio.after) > 0.0 and _away(ratio.after) > math.log(OFF) + _away(ratio.before)
    return is_far and rate is not None and score is not None and _misled(score, rate)


def _went_off(ratio: Change) -> bool:
    """Whether a ratio has surely left 1, by a factor that matters."""
    if not ratio.turned(OFF):
        return False
    if ratio.after <= 0.0 or ratio.before <= 0.0 or ratio.before_error is None or ratio.after_error is None:
        return ratio.after <= 0.0
    error = math.hypot(ratio.before_error / ratio.before, ratio.after_error / ratio.after)
    farther = _away(ratio.after) - _away(ratio.before)
    return _away(ratio.after) > math.log(OFF) and farther > SURE * error


def _away(ratio: float) -> float:
    return abs(math.log(ratio))


def _is_calibrated(moved: Moved) -> bool:
    """Whether the scores are shown to be right on the whole, as far as there are any."""
    ratio = moved["calibration_ratio"]
    return not moved.scored or (ratio is not None and ratio.within(OFF))


def _of_regression(moved: Moved) -> Iterator[Advice]:
    bias, spread, mae, fit = moved["bias"], moved["error_spread"], moved["mae"], moved["r2"]
    said, actual = moved["labelled_prediction"], moved["mean_actual"]
    used = tuple(each for each in (bias, spread, mae, fit) if each is not None)
    if spread is not None and spread.turned(GREW) > 0:
        if moved.drifts or (fit is not None and fit.surely_below(0.0)):
            worse = f", worse than their mean would do ({_told(fit)})" if fit and fit.after < 0 else ""
            yield Advice(
                Action.RETRAIN, f"errors scatter more ({_told(spread)}){worse}{_inputs(moved)}", used
            )
        if fit is not None and fit.moved() >= 0:
            reason = f"errors scatter more ({_told(spread)}), but so does what is predicted ({_told(fit)})"
            yield Advice(Action.NOTHING, reason, used)
        yield Advice(
            Action.LOOK_AT_DATA, f"errors scatter more ({_told(spread)}), and no input tells why", used
        )
    if bias is not None and _is_worse(bias, spread):
        if moved.drifts and said is not None and actual is not None and _misled(said, actual):
            reason = (
                f"predictions moved away from the truth ({_told(bias)}): inputs misled it{_inputs(moved)}"
            )
            yield Advice(Action.RETRAIN, reason, used)
        way = "high" if bias.after > 0 else "low"
        same = ", and scatter no more than before" if spread and spread.within(OFF) else ""
        yield Advice(Action.RECALIBRATE, f"predictions run {way} ({_told(bias)}){same}", used)


def _is_worse(bias: Change, spread: Change | None) -> bool:
    """Whether a bias has surely grown, and by a part of the errors' spread that matters."""
    error, grown = bias.error, abs(bias.after) - abs(bias.before)
    if error is None or not bias.moved() or grown <= SURE * error:
        return False
    return spread is None or grown > TENTH * spread.after


def _of_classes(moved: Moved) -> Iterator[Advice]:
    recall, accuracy = moved["macro_recall"], moved["accuracy"]
    guess = 1.0 / max(moved.classes, 2)
    fell = accuracy is not None and _erred_more(accuracy)
    if recall is not None and lost(recall, guess):
        yield Advice(
            Action.RETRAIN, f"{_told(recall)}: classes are told apart less{_inputs(moved)}", (recall,)
        )
    if fell and recall is not None and accuracy is not None and held(recall, guess) and recall.moved() >= 0:
        yield Advice(
            Action.NOTHING,
            f"{_told(accuracy)}, but each class is found as often as before ({_told(recall)}): "
            "the classes come in other shares",
            (accuracy, recall),
        )
    if fell and accuracy is not None and moved.drifts:
        yield Advice(Action.RETRAIN, f"{_told(accuracy)}{_inputs(moved)}", (accuracy,))


def _erred_more(accuracy: Change) -> bool:
    return accuracy.moved() < 0 and 1.0 - accuracy.after >= GREW * (1.0 - accuracy.before)


def _of_lists(moved: Moved) -> Iterator[Advice]:
    order, clicks = moved["ndcg"], moved["ctr"]
    if order is not None and order.turned(GREW) < 0:
        yield Advice(Action.RETRAIN, f"the order got worse ({_told(order)}){_inputs(moved)}", (order,))
    if clicks is not None and clicks.turned(MATERIAL) < 0 and order is not None and order.within(OFF):
        yield Advice(
            Action.NOTHING,
            f"people click less ({_told(clicks)}), but what they click stands as high ({_told(order)})",
            (clicks, order),
        )


_RULES: Final = {
    Task.BINARY: _of_binary,
    Task.REGRESSION: _of_regression,
    Task.MULTICLASS: _of_classes,
    Task.RANKING: _of_lists,
}


def lost(ranking: Change, floor: float) -> bool:
    """Whether a ranking has surely lost a part of its lead over a guess that matters."""
    kept = ranking.kept(floor)
    return kept is not None and kept[0] + SURE * kept[1] < 1.0 - LOST


def held(ranking: Change, floor: float) -> bool:
    """Whether a ranking has surely kept its lead over a guess, but for a part that does not matter."""
    kept = ranking.kept(floor)
    return kept is not None and kept[0] - SURE * kept[1] > 1.0 - LOST


def _misled(said: Change, true: Change) -> bool:
    """Whether what the model said has surely moved away from the truth, as a good part of what parts them."""
    gap = said.by - true.by
    way = 1 if gap > 0 else -1
    return said.moved() == way and said.by * way >= OWN * gap * way


def _traded(moved: Moved) -> Change | None:
    """Recall or precision, if one of them surely changed for the worse and the other did not."""
    recall, precision = moved["recall"], moved["precision"]
    for mine, other in ((recall, precision), (precision, recall)):
        if mine is not None and mine.turned(1.0 + TRADED) < 0 and (other is None or other.moved() >= 0):
            return mine
    return None


def _told(change: Change) -> str:
    error = change.after_error
    return f"{change.metric} {figure(change.after, error)} after {figure(change.before, error)}"


def _rates(rate: Change) -> str:
    if not rate.moved() or share(rate.before) == share(rate.after):
        return f"positives stayed near {share(rate.before)}"
    return f"positives went from {share(rate.before)} to {share(rate.after)}"


def _holds(ranking: Change | None, floor: float) -> str:
    if ranking is None:
        return "the ranking is not known"
    if ranking.moved() < 0:
        return f"the ranking is weaker but works ({_told(ranking)})"
    if held(ranking, floor):
        return f"the ranking holds ({_told(ranking)})"
    return f"the ranking is not surely weaker ({_told(ranking)})"


def _inputs(moved: Moved) -> str:
    return f", and {listed(moved.drifts)} drifted" if moved.drifts else ""
