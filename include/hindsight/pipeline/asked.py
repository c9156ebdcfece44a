"""Days and hours as a person writes them: `2013-07-01`, and at an hourly grain also `2013-07-01T05:00`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain
from hindsight.errors import HindsightError
from hindsight.pipeline.plan import units_of, zone
from hindsight.windows import DayRange, exists, hour_at, shift

YEARS = range(1900, 9000)


def units_asked(spec: MonitorSpec, start: str, end: str | None, now: datetime) -> DayRange:
    """The units from the first to the last one named, both included; by default of `start` alone.

    At an hourly grain a day is all its hours, and of a last day that is not over those that are.
    """
    first, last = named(spec, start), named(spec, end or start)
    if last.end < first.start:
        raise HindsightError(f"--end {end} is before --start {start}.")
    over = shift(hour_at(now), -1)
    if len(last) > 1 and isinstance(last.end, datetime) and first.start <= over < last.end:
        return DayRange(first.start, over)
    return DayRange(first.start, last.end)


def named(spec: MonitorSpec, text: str) -> DayRange:
    """The units that a text names; a time without an offset is the monitor's own."""
    whole_day = "T" not in text
    try:
        moment = (
            datetime.combine(date.fromisoformat(text), time()) if whole_day else datetime.fromisoformat(text)
        )
    except ValueError:
        example = " or an hour such as 2013-07-01T05:00" if spec.grain is Grain.HOUR else ""
        raise HindsightError(f"{text!r} is not a day such as 2013-07-01{example}.") from None
    refuse_far(moment)
    if whole_day:
        return of_day(spec, moment.date())
    if spec.grain is not Grain.HOUR:
        raise HindsightError(
            f"{text!r} names an hour, and {spec.monitor} runs by the day: name a day such as {text[:10]}, or "
            "say `grain: hour` in its file."
        )
    instant = moment.astimezone(UTC) if moment.tzinfo else of_clock(spec, moment)
    hour = hour_at(instant)
    if hour != instant:
        raise HindsightError(
            f"{text!r} is no whole hour: hours begin at {hour.astimezone(zone(spec)):%M} minutes past in "
            f"{spec.timezone}."
        )
    return DayRange(hour, hour)


def refuse_far(moment: date) -> None:
    """Raise for a year so far away that the calendar may end within what is asked of it."""
    if moment.year not in YEARS:
        raise HindsightError(
            f"There are no logs of the year {moment.year:04}: name one from {YEARS[0]} to {YEARS[-1]}."
        )


def of_clock(spec: MonitorSpec, reading: datetime) -> datetime:
    """The instant at which the monitor's clock reads so; HindsightError where it does twice, or never."""
    told = [reading.replace(tzinfo=zone(spec), fold=fold) for fold in (0, 1)]
    first, second = (each.astimezone(UTC) for each in told)
    if first < second:
        earlier, later = (each.isoformat(timespec="minutes") for each in told)
        raise HindsightError(
            f"{reading.isoformat(timespec='minutes')} comes twice in {spec.timezone}, where the clock is set "
            f"back: give the offset, {earlier} or {later}."
        )
    if first > second:
        raise HindsightError(
            f"{reading.isoformat(timespec='minutes')} is no time in {spec.timezone}: the clock skips it."
        )
    return first


def of_day(spec: MonitorSpec, day: date) -> DayRange:
    """A day in the monitor's grain."""
    if spec.grain is Grain.HOUR and not exists(day, zone(spec)):
        raise HindsightError(f"{day} is no day in {spec.timezone}: the zone skipped it.")
    return units_of(spec, DayRange(day, day))
