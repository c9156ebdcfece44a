"""What did not come: predictions, labels, or the runs that should have looked at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Any, ClassVar, Final

from hindsight.detectors.base import FOUR_WEEKS, BaseDetector, Finding, Point, Series, insufficient
from hindsight.detectors.methods.robust import phase
from hindsight.domain.values import NO_LABELS, Horizon, IncidentClass, Severity, Span, Verdict
from hindsight.wording import counted

WHAT: Final = {"volume": "prediction", "labels_learnt": "label", "coverage": "labelled prediction"}
"""What there is none of, by the metric that tells it."""

OF_LABELS: Final = Span(2)
"""How many windows may bring no label before it is told: publishers pause for a day."""

SHOWN: Final = 5
"""Days that a sentence names at most."""


@dataclass(frozen=True, kw_only=True)
class Missing(BaseDetector):
    """Breaches when nothing comes any more, or when days were not looked at.

    By itself it is about predictions: a window without any, of all versions together, breaches; so does
    one that follows on days that were never computed, for `past`, unless they are run after all.  With
    `metric: labels_learnt` it is about labels: none was learnt for `silence` (2d), of whatever
    prediction, which is seen on the very day; with `metric: coverage` and a later `at` none of the
    predictions of `silence` has a label at that age.  `silence` is how long nothing may come, for
    predictions by default the window.  A weekday (at an hourly grain an hour of the week) on which
    usually nothing comes does not count.

    A version without predictions while others have some may have been retired: the judgement says so as
    long as `past` remembers it, and with `versions: true` it is a breach.  A monitor whose runs stopped
    cannot say so; that does the DAG `hindsight_upkeep`, in its task `find_missing`, and the first run
    afterwards says it here.  It takes what there is as it is, so chance has no part in it.

    False breaches: 0.0 % of windows with nothing wrong, of 20 predictions a day and none at weekends.

    >>> Missing().sentence
    'some prediction within every 1d, and every 1d of the 28d before looked at'
    >>> Missing(metric="labels_learnt").sentence
    'some label within every 2d'
    """

    kind: ClassVar[str] = "missing"
    judges_days: ClassVar[bool] = True
    judges_whole: ClassVar[bool] = True

    metric: str = "volume"
    at: Horizon = NO_LABELS
    silence: Span | None = None
    past: Span = FOUR_WEEKS
    versions: bool = False

    @property
    def reach(self) -> Span:
        return self.past

    @property
    def incident_class(self) -> IncidentClass:
        return IncidentClass.PIPELINE if self.metric == "volume" else IncidentClass.LABEL_HEALTH

    @property
    def allowed(self) -> Span:
        """How long nothing may come."""
        if self.silence is not None:
            return self.silence
        if self.metric == "volume":
            return self.window
        return OF_LABELS.in_hours() if self.window.unit == "h" else OF_LABELS

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        if self.metric not in WHAT:
            yield f"what is missing is told by {', '.join(WHAT)}, not by {self.metric!r}"
            return
        if self.allowed.calendar or self.allowed < self.window:
            yield f"`silence` must be as long as the window of {self.window} or longer, not {self.allowed}"
        if self.past.calendar or self.past.hours < 2 * self.allowed.hours:
            yield f"`past` must be at least twice as long as a silence of {self.allowed}, not {self.past}"
        if self.versions and self.metric == "labels_learnt":
            yield "labels are learnt for all versions together, so `versions` does not go with labels_learnt"

    @property
    def sentence(self) -> str:
        what = f"some {WHAT.get(self.metric, self.metric)} within every {self.allowed}"
        if self.metric != "volume":
            return what + (f" at {self.at}" if self.metric == "coverage" else "")
        return f"{what}, and every 1{self.window.unit} of the {self.past} before looked at"

    def examine(self, series: Series) -> Finding:
        latest = series.latest
        days = tuple(day for day in series.days if day.end <= latest.end)
        known = {day.end: day.value for day in days if day.value is not None and isfinite(day.value)}
        if not known:
            return insufficient(f"no day of the {self.past} up to the window was looked at.")
        word = "hours" if isinstance(latest.end, datetime) else "days"
        silent = self._silent(known, latest.end)
        what = WHAT[self.metric]
        observed = None if latest.value is None or not isfinite(latest.value) else latest.value
        gaps = [] if self.metric != "volume" else gaps_in(days)
        gone = gone_versions(series.versions, latest) if self.metric != "labels_learnt" else {}
        details: dict[str, Any] = {}
        if gaps:
            details["not_looked_at"] = [each.isoformat() for each in gaps[-SHOWN:]]
        if gone:
            details["silent_versions"] = gone
        numbers: dict[str, Any] = {"observed": observed, "details": details}
        if not any(known.values()) and (self.metric != "volume" or not silent):
            return insufficient(f"there was no {what} in the {self.past} up to the window.", observed)
        if len(silent) >= self.allowed.count:
            details["since"] = min(silent).isoformat()
            ever = max((day for day, value in known.items() if value), default=None)
            last = f"the last came on {told(ever)}" if ever else f"nor in the {self.past} before"
            usually = "that usually has some" if len(silent) == 1 else "that usually have some"
            reason = f"there is no {what} in {counted(len(silent), word[:-1])} {usually}: {last}."
            severity = Severity.CRITICAL if self.metric == "volume" else Severity.WARNING
            return Finding(Verdict.BREACH, reason, severity=severity, **numbers)
        if gaps:
            some = f"{counted(len(gaps), word[:-1])} {'were' if len(gaps) > 1 else 'was'}"
            reason = (
                f"{some} not looked at, of the {self.past} up to the window: {listed(gaps)}.  "
                "Run them, or nobody knows how the model did then."
            )
            return Finding(Verdict.BREACH, reason, severity=Severity.WARNING, **numbers)
        if gone:
            names = ", ".join(gone)
            reason = f"no {what} of {names} any more, while other versions have some; "
            reason += "see to it." if self.versions else "it may have been retired."
            if self.versions:
                return Finding(Verdict.BREACH, reason, severity=Severity.WARNING, **numbers)
            return Finding(Verdict.CLEAR, reason, **numbers)
        if silent:
            quiet_for = counted(len(silent), word[:-1])
            reason = f"there is no {what} in {quiet_for}, of {self.allowed} that may have none."
            return Finding(Verdict.CLEAR, reason, severity=Severity.WATCH, **numbers)
        return Finding(Verdict.CLEAR, f"there is some {what}, and no {word[:-1]} was left out.", **numbers)

    def _silent(self, known: dict[date, float], end: date) -> list[date]:
        """The days up to the end, without a break, that have nothing although they usually do."""
        found: list[date] = []
        for day in sorted(known, reverse=True):
            if day > end:
                continue
            if known[day]:
                break
            if not quiet(known, day):
                found.append(day)
        return found


def quiet(known: dict[date, float], day: date) -> bool:
    """Whether nothing is what comes on such days: in most of two or more earlier ones of the same weekday.

    Days of the silence itself say nothing of what is usual.
    """
    spoke = max((each for each, value in known.items() if value and each < day), default=None)
    if spoke is None:
        return False
    same = [value for each, value in known.items() if each <= spoke and phase(each) == phase(day)]
    return len(same) >= 2 and 2 * sum(not value for value in same) > len(same)


def gaps_in(days: Sequence[Point]) -> list[date]:
    """The days between the first and the last that are not there, or were not computed."""
    there = {day.end for day in days if day.value is not None}
    if not there:
        return []
    first, last = min(there), max(day.end for day in days)
    unit = timedelta(hours=1) if isinstance(first, datetime) else timedelta(days=1)
    count = round((last - first) / unit)
    return [day for i in range(count + 1) if (day := first + i * unit) not in there]


def gone_versions(versions: dict[str, Series] | Any, latest: Point) -> dict[str, str]:
    """The versions that have nothing in the window, with the day of their last predictions."""
    gone: dict[str, str] = {}
    if not latest.n:
        return gone
    for name, series in versions.items():
        spoke = [day.end for day in series.days if day.n and day.end <= latest.end]
        if spoke and not series.latest.n:
            gone[name] = told(max(spoke))
    return gone


def listed(days: Sequence[date]) -> str:
    """The first of some days, and how many more there are."""
    shown = ", ".join(told(day) for day in days[:SHOWN])
    return shown + (f" and {len(days) - SHOWN} more" if len(days) > SHOWN else "")


def told(day: date) -> str:
    """A day, or an hour, as a text."""
    return f"{day:%Y-%m-%d %H:%M} UTC" if isinstance(day, datetime) else day.isoformat()
