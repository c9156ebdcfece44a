"""Small values that appear in keys: ages, lengths, segments, and the closed vocabularies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from enum import StrEnum
from functools import total_ordering
from types import MappingProxyType
from typing import ClassVar, Self

ALL = "ALL"
"""The segment that holds every row."""

UNVERSIONED = "(none)"
"""The version of rows whose log names none."""

NO_VALUE = "(null)"
"""The segment value of rows whose column is null: absence has a name."""

NAMED_AT_ONCE = 20_000
"""Segment values that one statement tells apart by name at most, but for a day that keeps more."""

OTHER = "(other)"
"""The segment value of rows whose column's value is not among the ones that are kept apart."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Length:
    """A whole number of the grain's units: calendar days, written `7d`, or hours, written `6h`.

    Nothing is as long in days as in hours: `0h` is `0d`.

    >>> Length.parse("7d"), str(Length(28)), Length.parse("36h") < Length(2), Length.parse("0h")
    (Length(count=7, unit='d'), '28d', True, Length(count=0, unit='d'))
    >>> Length.parse("a week")
    Traceback (most recent call last):
    ...
    ValueError: 'a week' is not a number of days or hours such as '7d' or '6h'
    """

    count: int
    unit: str = "d"
    PATTERN: ClassVar[str] = r"^(0|[1-9][0-9]{0,3})[dh]$"
    WRITTEN: ClassVar[str] = "a number of days or hours such as '7d' or '6h'"

    def __post_init__(self) -> None:
        if not self.count:
            object.__setattr__(self, "unit", "d")

    @classmethod
    def parse(cls, text: str) -> Self:
        if not isinstance(text, str) or not re.fullmatch(cls.PATTERN, text):
            raise ValueError(f"{text!r} is not {cls.WRITTEN}")
        return cls(int(text[:-1]), text[-1])

    @property
    def hours(self) -> int:
        """How many hours it has, if each of its days has 24."""
        return self.count if self.unit == "h" else self.count * 24

    def in_hours(self) -> Self:
        """The same length, counted in hours."""
        return replace(self, count=self.hours, unit="h")

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    def __lt__(self, other: Length) -> bool:
        return self.hours < other.hours


class Horizon(Length):
    """A label age at which windows are judged: calendar days, or hours, after the window's end."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Span(Length):
    """The length of a window: days or hours that slide, as `28d`, or a `week` or `month` of the calendar.

    The grain's unit, `1d` or `1h`, is the smallest, longer ones are sums of it.  `count` is how many it holds
    at most.

    >>> Span.parse("month").count, str(Span(28)), sorted([Span.parse("week"), Span(28), Span(7)])[1].calendar
    (31, '28d', 'week')
    """

    calendar: str = ""
    PATTERN: ClassVar[str] = r"^([1-9][0-9]{0,3}[dh]|week|month)$"
    WRITTEN: ClassVar[str] = "a number of days or hours such as '7d' or '6h', or week or month"
    CALENDAR: ClassVar[Mapping[str, int]] = MappingProxyType({"week": 7, "month": 31})

    @classmethod
    def parse(cls, text: str) -> Self:
        if isinstance(text, str) and text in cls.CALENDAR:
            return cls(cls.CALENDAR[text], calendar=text)
        if not isinstance(text, str) or not re.fullmatch(cls.PATTERN, text):
            raise ValueError(f"{text!r} is not {cls.WRITTEN}")
        return cls(int(text[:-1]), text[-1])

    def in_hours(self) -> Self:
        """The same length, counted in hours; a week or a month of the calendar is what it is."""
        return self if self.calendar else Length.in_hours(self)

    def __str__(self) -> str:
        return self.calendar or f"{self.count}{self.unit}"

    def __lt__(self, other: Length) -> bool:
        return (self.hours, self.calendar) < (other.hours, getattr(other, "calendar", ""))


@dataclass(frozen=True, slots=True)
class Budget:
    """How many false alarms a monitor may raise in so many days while nothing is wrong.

    >>> Budget.parse("1 per 90d").a_day == 1 / 90
    True
    """

    count: int
    days: int
    PATTERN: ClassVar[str] = r"^[1-9][0-9]{0,2} per [1-9][0-9]{0,3}d$"
    WRITTEN: ClassVar[str] = "a number of false alarms in so many days, such as '1 per 90d'"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not isinstance(text, str) or not re.fullmatch(cls.PATTERN, text):
            raise ValueError(f"{text!r} is not {cls.WRITTEN}")
        count, _, days = text.removesuffix("d").split()
        return cls(int(count), int(days))

    @property
    def a_day(self) -> float:
        """Expected false alarms a day."""
        return self.count / self.days

    def __str__(self) -> str:
        return f"{self.count} per {self.days}d"


Z95 = 1.959963984540054
"""How many standard errors a 95 % interval reaches to either side."""

NO_LABELS = Horizon(0)
"""The horizon that always exists and carries what needs no labels."""


class Task(StrEnum):
    """What a model does, and so which statistics and metrics fit."""

    BINARY = "binary_classification"
    MULTICLASS = "multiclass_classification"
    REGRESSION = "regression"
    RANKING = "ranking"


class Direction(StrEnum):
    """Which way a metric is good."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Status(StrEnum):
    """How a snapshot came to have a value, or not."""

    OK = "ok"
    EMPTY = "empty"
    UNDEFINED = "undefined"


class Maturity(StrEnum):
    """Whether enough of the truth is known to judge."""

    PENDING = "pending"
    PROVISIONAL = "provisional"
    MATURE = "mature"


class Verdict(StrEnum):
    """What a detector says; INSUFFICIENT is a third answer, not a mild CLEAR."""

    CLEAR = "CLEAR"
    BREACH = "BREACH"
    INSUFFICIENT = "INSUFFICIENT"


class Severity(StrEnum):
    """How bad it is, by effect and evidence; ordered.

    OK is what a judgement says that finds nothing, WATCH that a value is out of bounds but may be so by
    chance, or a breach that need not be told; nobody is sent a message below WARNING unless they ask for it.
    """

    OK = "ok"
    WATCH = "watch"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANK[self]

    @property
    def below(self) -> Severity:
        """The next lower one that still is a finding.

        >>> Severity.CRITICAL.below.value, Severity.WATCH.below.value
        ('warning', 'watch')
        """
        return list(Severity)[max(self.rank - 1, Severity.WATCH.rank)]


_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class IncidentClass(StrEnum):
    """What kind of trouble: one incident of each class may be open per monitor."""

    PERFORMANCE = "performance"
    LABEL_HEALTH = "label_health"
    INPUTS = "inputs"
    DATA_QUALITY = "data_quality"
    PIPELINE = "pipeline"


class IncidentState(StrEnum):
    """Where an incident stands.

    PENDING is a breach that nobody is told of yet: it is not confirmed, or another incident explains it.
    ACKNOWLEDGED, RECOVERING and REOPENED are ways of being open.
    """

    PENDING = "pending"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RECOVERING = "recovering"
    REOPENED = "reopened"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """Why an incident is over: what the data say (the first two), or what a person said."""

    RECOVERED = "recovered"
    GONE = "gone"
    FIXED = "fixed"
    EXPECTED = "expected"
    NO_ACTION = "no_action"
    FALSE_POSITIVE = "false_positive"


class ActionKind(StrEnum):
    """What a person can do to an incident."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


class When(StrEnum):
    """When a notifier is told: of each incident as it changes, or of all in one summary a day or a week."""

    EACH = "each"
    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class Hours:
    """A stretch of each local day, perhaps over midnight; `end` is no longer part of it.

    >>> night = Hours.parse("22:00-07:00")
    >>> time(23) in night, time(7) in night, str(night)
    (True, False, '22:00-07:00')
    """

    start: time
    end: time
    PATTERN: ClassVar[str] = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"
    WRITTEN: ClassVar[str] = 'a stretch of the day such as "22:00-07:00"'

    @classmethod
    def parse(cls, text: str) -> Self:
        if not isinstance(text, str) or not re.fullmatch(cls.PATTERN, text):
            raise ValueError(f"{text!r} is not {cls.WRITTEN}")
        start, _, end = text.partition("-")
        return cls(time.fromisoformat(start), time.fromisoformat(end))

    def __contains__(self, moment: time) -> bool:
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


class Notify(StrEnum):
    """What a run may tell: nothing, one summary of all its days, or each day as if live."""

    NONE = "none"
    SUMMARY = "summary"
    LIVE = "live"


class Grain(StrEnum):
    """How long the smallest window is: a local day, or an hour."""

    DAY = "day"
    HOUR = "hour"


class Convention(StrEnum):
    """What it means that a prediction has no label: nothing, or "no" once the truth was due."""

    EXPLICIT = "explicit"
    DEFAULT_NEGATIVE = "default_negative"


class OnConflict(StrEnum):
    """Which label counts when several share an id."""

    LAST = "last"
    FIRST = "first"
    ERROR = "error"
