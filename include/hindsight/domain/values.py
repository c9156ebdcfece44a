"""Small values that appear in keys: ages, lengths, segments, and the closed vocabularies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
class Days:
    """A whole number of calendar days, written `7d`.

    >>> Days.parse("7d"), str(Days(28)), Days(1) < Days(7)
    (Days(count=7), '28d', True)
    >>> Days.parse("a week")
    Traceback (most recent call last):
    ...
    ValueError: 'a week' is not a number of days such as '7d'
    """

    count: int
    PATTERN: ClassVar[str] = r"^(0|[1-9][0-9]{0,3})d$"
    WRITTEN: ClassVar[str] = "a number of days such as '7d'"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not isinstance(text, str) or not re.match(cls.PATTERN, text):
            raise ValueError(f"{text!r} is not {cls.WRITTEN}")
        return cls(int(text[:-1]))

    def __str__(self) -> str:
        return f"{self.count}d"

    def __lt__(self, other: Days) -> bool:
        return self.count < other.count


class Horizon(Days):
    """A label age at which windows are judged: calendar days after the window's end."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Span(Days):
    """The length of a window: days that slide, as `28d`, or a `week` or `month` of the calendar.

    `1d` is the grain, longer ones are sums of days.  `count` is how many days it holds at most.

    >>> Span.parse("month"), str(Span(28)), sorted([Span.parse("week"), Span(28), Span(7)])[1].calendar
    (Span(count=31, calendar='month'), '28d', 'week')
    """

    calendar: str = ""
    PATTERN: ClassVar[str] = r"^([1-9][0-9]{0,3}d|week|month)$"
    WRITTEN: ClassVar[str] = "a number of days such as '7d', or week or month"
    CALENDAR: ClassVar[Mapping[str, int]] = MappingProxyType({"week": 7, "month": 31})

    @classmethod
    def parse(cls, text: str) -> Self:
        if isinstance(text, str) and text in cls.CALENDAR:
            return cls(cls.CALENDAR[text], text)
        if not isinstance(text, str) or not re.match(cls.PATTERN, text):
            raise ValueError(f"{text!r} is not {cls.WRITTEN}")
        return cls(int(text[:-1]))

    def __str__(self) -> str:
        return self.calendar or f"{self.count}d"

    def __lt__(self, other: Days) -> bool:
        return (self.count, self.calendar) < (other.count, getattr(other, "calendar", ""))


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
    """How loudly to tell; ordered."""

    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class IncidentClass(StrEnum):
    """What kind of trouble: one incident of each class may be open per monitor."""

    PERFORMANCE = "performance"
    LABEL_HEALTH = "label_health"
    INPUTS = "inputs"
    DATA_QUALITY = "data_quality"


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
