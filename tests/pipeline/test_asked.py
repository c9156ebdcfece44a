"""Days and hours as people write them on the command line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from hindsight.domain.values import Grain
from hindsight.errors import HindsightError
from hindsight.pipeline.asked import units_asked
from hindsight.windows import DayRange
from worlds import monitor

NOW = datetime(2013, 12, 31, 15, 20, tzinfo=UTC)
DAILY = monitor()
HOURLY = replace(DAILY, grain=Grain.HOUR)


def hour(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    "start, end, first, last",
    [
        ("2013-07-01", None, hour(2013, 7, 1, 4), hour(2013, 7, 2, 3)),
        ("2013-07-01T05:00", None, hour(2013, 7, 1, 9), hour(2013, 7, 1, 9)),
        ("2013-07-01T05:00", "2013-07-01T07:00", hour(2013, 7, 1, 9), hour(2013, 7, 1, 11)),
        ("2013-07-01T05:00Z", "2013-07-01", hour(2013, 7, 1, 5), hour(2013, 7, 2, 3)),
        ("2013-11-03T01:00-05:00", None, hour(2013, 11, 3, 6), hour(2013, 11, 3, 6)),
        ("2013-11-03T01:00-04:00", None, hour(2013, 11, 3, 5), hour(2013, 11, 3, 5)),
        ("2013-11-03", None, hour(2013, 11, 3, 4), hour(2013, 11, 4, 4)),
        ("2013-12-31", None, hour(2013, 12, 31, 5), hour(2013, 12, 31, 14)),  # as far as it is over
        ("2013-12-31T10:00", None, hour(2013, 12, 31, 15), hour(2013, 12, 31, 15)),  # refused by the run
    ],
)
def test_an_hourly_monitor_takes_days_and_hours(
    start: str, end: str | None, first: datetime, last: datetime
) -> None:
    assert units_asked(HOURLY, start, end, NOW) == DayRange(first, last)


def test_a_daily_monitor_takes_days() -> None:
    asked = units_asked(DAILY, "2013-07-01", "2013-07-03", NOW)
    assert asked == DayRange(date(2013, 7, 1), date(2013, 7, 3))


def test_hours_are_whole_ones_of_utc_also_where_the_zone_is_half_an_hour_off() -> None:
    kolkata = replace(HOURLY, timezone="Asia/Kolkata")
    day = units_asked(kolkata, "2013-07-01", None, NOW)
    assert (day.start, day.end) == (hour(2013, 6, 30, 18), hour(2013, 7, 1, 17))
    assert units_asked(kolkata, "2013-07-01T05:30", None, NOW).start == hour(2013, 7, 1, 0)


@pytest.mark.parametrize(
    "spec, start, end, sentence",
    [
        (
            DAILY,
            "2013-07-01T05:00",
            None,
            (
                "'2013-07-01T05:00' names an hour, and odd runs by the day: name a day such as 2013-07-01, "
                "or say `grain: hour` in its file."
            ),
        ),
        (DAILY, "yesterday", None, "'yesterday' is not a day such as 2013-07-01."),
        (
            HOURLY,
            "2013-07-01T5",
            None,
            "'2013-07-01T5' is not a day such as 2013-07-01 or an hour such as 2013-07-01T05:00.",
        ),
        (
            HOURLY,
            "2013-07-01T05:30",
            None,
            "'2013-07-01T05:30' is no whole hour: hours begin at 00 minutes past in America/New_York.",
        ),
        (
            replace(HOURLY, timezone="Asia/Kolkata"),
            "2013-07-01T05:00",
            None,
            "'2013-07-01T05:00' is no whole hour: hours begin at 30 minutes past in Asia/Kolkata.",
        ),
        (
            HOURLY,
            "2013-07-02",
            "2013-07-01T05:00",
            "--end 2013-07-01T05:00 is before --start 2013-07-02.",
        ),
        (
            replace(HOURLY, timezone="Pacific/Apia"),
            "2011-12-30",
            None,
            "2011-12-30 is no day in Pacific/Apia: the zone skipped it.",
        ),
        (
            HOURLY,
            "2013-11-03T01:00",
            None,
            (
                "2013-11-03T01:00 comes twice in America/New_York, where the clock is set back: give the "
                "offset, 2013-11-03T01:00-04:00 or 2013-11-03T01:00-05:00."
            ),
        ),
        (
            HOURLY,
            "2013-03-10T02:00",
            None,
            "2013-03-10T02:00 is no time in America/New_York: the clock skips it.",
        ),
        (
            HOURLY,
            "2013-07-01 05:00",
            None,
            "'2013-07-01 05:00' is not a day such as 2013-07-01 or an hour such as 2013-07-01T05:00.",
        ),
        *(
            (spec, day, None, f"There are no logs of the year {day[:4]}: name one from 1900 to 8999.")
            for spec in (HOURLY, DAILY)
            for day in ("9999-12-31", "0001-01-01", "9999-12-31T23:00", "1899-12-31", "9000-01-01")
        ),
    ],
)
def test_what_names_no_unit_is_refused_with_a_sentence(
    spec: object, start: str, end: str | None, sentence: str
) -> None:
    with pytest.raises(HindsightError) as refused:
        units_asked(spec, start, end, NOW)  # type: ignore[arg-type]
    assert str(refused.value) == sentence
