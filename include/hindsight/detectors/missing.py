"""What did not come: predictions, labels, or the runs that should have looked at them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from math import ceil, exp, isfinite
from typing import Any, ClassVar, Final, Self

from hindsight.detectors.base import FOUR_WEEKS, BaseDetector, Finding, Point, Series, insufficient
from hindsight.detectors.methods.robust import phase
from hindsight.domain.values import NO_LABELS, Horizon, IncidentClass, Severity, Span, Verdict
from hindsight.wording import counted

WHAT: Final = {"volume": "prediction", "labels_learnt": "label", "coverage": "labelled prediction"}
"""What there is none of, by the metric that tells it."""

OF_LABELS: Final = Span(2)
"""How many windows may bring no label before it is told: publishers pause for a day."""

CHANCE: Final = 1e-4
"""A silence that is at least so likely by chance is none: of a day with three predictions, say."""

FARTHEST: Final = 700.0
"""No exponent is larger."""

A_WEEK: Final = 7
"""In days."""

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
    predictions by default the window; at an hourly grain, `window: 1h` tells of a single hour.  A weekday
    (at an hourly grain a local hour of the week) on which usually nothing comes does not count, nor does
    one that is known by less than two weeks, unless it had some; what chance does in more than one of
    10,000 silences, as many as usual being Poisson, is something to watch, and so sparse traffic takes
    longer.  When nothing came for all of `past`, nobody knows that labels ever did: that is INSUFFICIENT,
    which closes nothing.

    A version without predictions while others have some may have been retired: the judgement says so for a
    week, and with `versions: true` it is a breach for as long; its own quiet days do not count.  A monitor
    whose runs stopped cannot say so; that does the DAG `hindsight_upkeep`, in its task `find_missing`, and
    the first run afterwards says it here.  It takes what there is as it is, so chance has no part in it.

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
        of_rows = self.metric == "coverage"
        known = {
            day.end: max(day.value * day.n if of_rows else day.value, 0.0)
            for day in days
            if day.value is not None and isfinite(day.value)
        }
        if not known:
            return insufficient(f"no day of the {self.past} up to the window was looked at.")
        word = "hour" if isinstance(latest.end, datetime) else "day"
        silence = Silence.up_to(latest.end, known, series.zone)
        what = WHAT[self.metric]
        gaps = [] if self.metric != "volume" else gaps_in(days)
        gone = gone_versions(series, self.silence) if self.metric != "labels_learnt" else {}
        details: dict[str, Any] = {}
        if gaps:
            details["not_looked_at"] = [each.isoformat() for each in gaps[-SHOWN:]]
        if gone:
            details["silent_versions"] = gone
        if silence.spoke is None and (self.metric != "volume" or not silence.days):
            return insufficient(f"there was no {what} in the {self.past} up to the window.")
        if silence.lacks(self._due(silence, word), at_all=self.metric == "volume"):
            details["since"] = min(silence.days).isoformat()
            last = (
                f"the last came on {told(silence.spoke)}"
                if silence.spoke
                else f"nor in the {self.past} before"
            )
            reason = f"there is no {what} in {silence.words(word)}: {last}."
            severity = Severity.CRITICAL if self.metric == "volume" else Severity.WARNING
            return Finding(Verdict.BREACH, reason, severity=severity, details=details)
        if gaps:
            some = f"{counted(len(gaps), word)} {'were' if len(gaps) > 1 else 'was'}"
            reason = (
                f"{some} not looked at, of the {self.past} up to the window: {listed(gaps)}.  "
                "Run them, or nobody knows how the model did then."
            )
            return Finding(Verdict.BREACH, reason, severity=Severity.WARNING, details=details)
        if gone:
            names = ", ".join(gone)
            reason = f"no {what} of {names} any more, while other versions have some; "
            reason += "see to it." if self.versions else "it may have been retired."
            if self.versions:
                return Finding(Verdict.BREACH, reason, severity=Severity.WARNING, details=details)
            return Finding(Verdict.CLEAR, reason, details=details)
        if silence.days:
            why = f"of {self.allowed} that may have none"
            if len(silence.days) >= self._due(silence, word):
                why = (
                    "which may be chance"
                    if silence.sure
                    else "and nobody knows yet whether some is usual then"
                )
            reason = f"there is no {what} in {counted(len(silence.days), word)}, {why}."
            return Finding(Verdict.CLEAR, reason, severity=Severity.WATCH, details=details)
        return Finding(Verdict.CLEAR, f"there is some {what}, and no {word} was left out.", details=details)

    def _due(self, silence: Silence, word: str) -> int:
        """How many days that usually have some make a breach.

        A silence of whole cycles, weeks or days of hours, is counted without what is always quiet in them.
        """
        cycle = 24 if word == "hour" else A_WEEK
        count = self.allowed.count
        return count if count < cycle else max(ceil(count * silence.busy), 1)


@dataclass(frozen=True, slots=True)
class Silence:
    """The days up to the last, without a break, that have nothing and are not always quiet."""

    spoke: date | None
    """The last day before it that has some."""

    days: tuple[date, ...]
    sure: tuple[float, ...]
    """How many there usually are, on each of the days of which that is known."""

    busy: float
    """The share of a week in which there usually are some."""

    @classmethod
    def up_to(cls, end: date, known: Mapping[date, float], zone: tzinfo | None) -> Self:
        """What is usual was learnt before the silence: its own days say nothing of that."""
        spoke = max((day for day, size in known.items() if size), default=None)
        week: dict[int, list[float]] = {}
        for day, size in known.items():
            if spoke is not None and day <= spoke:
                week.setdefault(phase(day, zone), []).append(size)
        quiet = {at for at, sizes in week.items() if len(sizes) > 1 and 2 * sizes.count(0.0) > len(sizes)}
        missed = sorted(
            day for day in known if (spoke is None or day > spoke) and phase(day, zone) not in quiet
        )
        usual = (week.get(phase(day, zone), []) for day in missed)
        sure = tuple(sum(sizes) / len(sizes) for sizes in usual if any(sizes))
        phases = A_WEEK * (24 if isinstance(end, datetime) else 1)
        return cls(spoke, tuple(missed), sure, 1.0 - len(quiet) / phases)

    def lacks(self, due: int, *, at_all: bool) -> bool:
        """Whether so many that usually have some lack it, more than chance would do.

        As many as usual would be none by chance with the probability exp(-usual), were they Poisson.  Of days
        of which nothing is known yet whole weeks must be silent; `at_all` is for what must come at all.
        """
        week = A_WEEK * (24 if self.days and isinstance(self.days[0], datetime) else 1)
        if self.spoke is None:
            return at_all and len(self.days) > week
        many = len(self.sure) >= due or len(self.days) >= due + week
        return many and exp(-min(sum(self.sure), FARTHEST)) < CHANCE

    def words(self, word: str) -> str:
        """How long it lasts, and whether there usually is some."""
        count = counted(len(self.days), word)
        if len(self.sure) < len(self.days):
            return count
        return f"{count} that usually {'has' if len(self.days) == 1 else 'have'} some"


def gaps_in(days: Sequence[Point]) -> list[date]:
    """The days between the first and the last that are not there, or were not computed."""
    there = {day.end for day in days if day.value is not None}
    if not there:
        return []
    first, last = min(there), max(day.end for day in days)
    unit = timedelta(hours=1) if isinstance(first, datetime) else timedelta(days=1)
    count = round((last - first) / unit)
    return [day for i in range(count + 1) if (day := first + i * unit) not in there]


def gone_versions(series: Series, silence: Span | None) -> dict[str, str]:
    """The versions that have nothing in the window, with the day of their last predictions.

    A version is held to what is usual of itself, and is named for a week: longer it is taken for retired.
    """
    latest = series.latest
    gone: dict[str, str] = {}
    if not latest.n:
        return gone
    hourly = isinstance(latest.end, datetime)
    week = A_WEEK * (24 if hourly else 1)
    unit = timedelta(hours=1) if hourly else timedelta(days=1)
    looked_at = {day.end for day in series.days if day.value is not None and day.end <= latest.end}
    for name, of in series.versions.items():
        if of.latest.n:
            continue
        own = {day.end: float(day.n) for day in of.days if day.n and day.end <= latest.end}
        if not own:
            continue
        first, spoke = min(own), max(own)
        known = {at: own.get(at, 0.0) for at in looked_at if at >= first}
        found = Silence.up_to(latest.end, known, series.zone)
        due = 1 if silence is None else silence.count
        if found.lacks(due, at_all=False) and latest.end - spoke <= week * unit:
            gone[name] = told(spoke)
    return gone


def listed(days: Sequence[date]) -> str:
    """The first of some days, and how many more there are."""
    shown = ", ".join(told(day) for day in days[:SHOWN])
    return shown + (f" and {len(days) - SHOWN} more" if len(days) > SHOWN else "")


def told(day: date) -> str:
    """A day, or an hour, as a text."""
    return f"{day:%Y-%m-%d %H:%M} UTC" if isinstance(day, datetime) else day.isoformat()
