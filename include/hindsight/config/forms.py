"""How single values are written in a monitor's file, and the words in which a wrong one is refused."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, time, timedelta
from enum import Enum
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from hindsight.config.tree import HOLE
from hindsight.domain.spec import (
    Airflow,
    GroundTruth,
    IncidentRule,
    MaturityRule,
    MonitorSpec,
    PredictionColumns,
    PredictionLog,
)
from hindsight.domain.values import Budget, Hours, Length, Severity
from hindsight.notifiers.slack_forms import MENTION, MENTION_WORDS

ON_ONE_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$"
"""No control characters, line breaks or changes of writing direction, so that no text can pose as another."""


@dataclass(frozen=True, slots=True)
class Words:
    """How a message calls what is expected, and the names among which a wrong one may have been meant."""

    expected: str
    names: tuple[str, ...] = ()
    noun: str = ""


class Once:
    """The last annotation of a form that many keys share: pydantic works it out for the first only."""

    def __init__(self) -> None:
        self._schema: CoreSchema | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if self._schema is None:
            self._schema = handler(source)
        return self._schema


def said(form: Any, expected: str, names: Iterable[str] = (), noun: str = "") -> Any:
    """A form whose refusal is told in our words, and which lets a hole through."""
    words = Words(expected, tuple(names), noun)

    def check(value: Any, validate: Callable[[Any], Any]) -> Any:
        if value is HOLE:
            return HOLE
        try:
            return validate(value)
        except ValidationError:
            raise PydanticCustomError("said", "{words}", {"words": words}) from None

    return Annotated[form, WrapValidator(check), words, Once()]


def holed(form: Any) -> Any:
    """A form that lets a hole through and whose refusals are its parts' own."""
    return Annotated[form, WrapValidator(lambda value, validate: value if value is HOLE else validate(value))]


def listed(form: Any) -> Any:
    """A list of values of one form."""
    return holed(types.GenericAlias(tuple, (form, ...)))


def union(forms: Iterable[Any]) -> Any:
    """A value of any of these forms."""
    return reduce(or_, forms)


def one_of(values: Iterable[Any], noun: str = "", convert: Callable[[Any], Any] | None = None) -> Any:
    """A closed vocabulary."""
    known = tuple(values)
    choice: Any = Literal[known]
    form = Annotated[choice, AfterValidator(convert)] if convert else choice
    return said(form, either(map(repr, known)), (name for name in known if isinstance(name, str)), noun)


def metric_form(names: tuple[str, ...]) -> Any:
    """The name of a registered metric, perhaps with an argument in parentheses."""
    known = "|".join(sorted(names))
    schema = {"anyOf": [{"enum": list(names)}, {"pattern": rf"^({known})\(.+\)$"}], "type": "string"}
    form = Annotated[StrictStr, Field(pattern=rf"^({known})(\([^\x00-\x1f]+\))?$"), WithJsonSchema(schema)]
    return said(form, either(map(repr, names)), names, "metric")


def either(words: Iterable[str]) -> str:
    """Alternatives in words.

    >>> either(["a", "b", "c"])
    'a, b, or c'
    """
    *most, last = words
    return f"{', '.join(most)}{',' * (len(most) > 1)} or {last}" if most else last


def text(pattern: str, expected: str, convert: Callable[[str], Any] | None = None, **schema: Any) -> Any:
    """A string of a certain form, perhaps standing for something else."""
    form: Any = Annotated[StrictStr, Field(pattern=pattern)]
    if convert:
        form = Annotated[form, AfterValidator(convert)]
    if schema:
        form = Annotated[form, WithJsonSchema({"type": "string", "pattern": pattern} | schema)]
    return said(form, expected)


_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

FORMS: Final[Mapping[Any, Any]] = {
    str: text(ON_ONE_LINE, "text on one line"),
    bool: said(StrictBool, "true or false"),
    int: said(StrictInt, "a whole number"),
    float: said(Annotated[StrictFloat, Field(allow_inf_nan=False)], "a number"),
    date: text(r"^\d{4}-\d{2}-\d{2}$", "a date such as 2013-03-01", date.fromisoformat, format="date"),
    time: text(r"^([01]\d|2[0-3]):[0-5]\d$", 'a time of day such as "06:00"', time.fromisoformat),
    timedelta: text(
        r"^(0|[1-9][0-9]{0,3})[mhd]$",
        "a duration such as '30m', '6h' or '1d'",
        lambda value: int(value[:-1]) * _UNITS[value[-1]],
    ),
}
"""How a type is written, wherever it occurs."""

LOUD: Final = one_of((each.value for each in Severity if each is not Severity.OK), convert=Severity)
"""A severity of something that is found."""

KEYS: Final[Mapping[str | tuple[type, str], Any]] = {
    "monitor": text(
        r"^[a-z][a-z0-9_]{0,62}$",
        "a name that begins with a small letter and holds only small letters, digits and '_' (63 at most)",
    ),
    "connection": text(
        r"^[A-Za-z0-9_.-]+$", "the id of a connection, which holds only letters, digits, '_', '.' and '-'"
    ),
    "severity": LOUD,
    "min_severity": LOUD,
    "mention": listed(text(MENTION, MENTION_WORDS)),
    "mention_severity": LOUD,
    "runbook": text(r"^https?://[^\s\x00-\x1f\x7f]+$", "an address that begins with http:// or https://"),
    "query": text(r"\S", "the text of a SELECT statement"),
    (MaturityRule, "min_coverage"): said(
        Annotated[StrictFloat, Field(gt=0, le=1)], "a number above 0 and at most 1"
    ),
    (PredictionColumns, "scores"): said(
        dict[StrictStr, StrictStr] | StrictStr,
        "a mapping of each class to the column of its score, or the name of one array column",
    ),
    (MonitorSpec, "segment_limit"): said(
        Annotated[StrictInt, Field(ge=1, le=10_000)], "a whole number from 1 to 10000"
    ),
    (PredictionLog, "interval"): said(Annotated[StrictFloat, Field(gt=0, lt=1)], "a number between 0 and 1"),
    (GroundTruth, "unit"): said(Annotated[StrictFloat, Field(gt=0)], "a number above 0"),
    (PredictionLog, "threshold"): said(Annotated[StrictFloat, Field(ge=0, le=1)], "a number from 0 to 1"),
    (IncidentRule, "confirm"): said(Annotated[StrictInt, Field(ge=1, le=3)], "a whole number from 1 to 3"),
    (IncidentRule, "recovery"): said(Annotated[StrictInt, Field(ge=1, le=30)], "a whole number from 1 to 30"),
    (Airflow, "retries"): said(Annotated[StrictInt, Field(ge=0, le=100)], "a whole number from 0 to 100"),
    (Airflow, "max_active_runs"): said(
        Annotated[StrictInt, Field(ge=1, le=1000)], "a whole number from 1 to 1000"
    ),
}
"""Keys that say more than their type: by name wherever they occur, or in one dataclass only."""


def written(value: Any) -> Any:
    """A default as one would write it in the file."""
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case tuple():
            return [written(item) for item in value]
        case Mapping():
            return {name: written(item) for name, item in value.items()}
        case time():
            return f"{value:%H:%M}"
        case timedelta():
            unit = next(unit for unit in reversed(_UNITS) if not value % _UNITS[unit])
            return f"{value // _UNITS[unit]}{unit}"
        case Length() | Budget() | Hours() | date():
            return str(value)
        case _:
            return {
                f.name: written(getattr(value, f.name))
                for f in fields(value)
                if getattr(value, f.name) is not None
            }


def words_of(form: Any) -> Words:
    """What `said` was told."""
    return next(part for part in get_args(form) if isinstance(part, Words))
