"""The store's tables as typed pandas frames, for notebooks and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from hindsight.domain.values import Horizon, Span
from hindsight.errors import HindsightError
from hindsight.orchestration.places import spec_of
from hindsight.orchestration.runtime import command_line_runtime
from hindsight.store import frames

if TYPE_CHECKING:
    import pandas as pd

    from hindsight.domain.spec import MonitorSpec
    from hindsight.pipeline.maturity import DelayReport
    from hindsight.store import Store


def read_snapshots(
    monitor: str | None = None,
    *,
    metric: str | None = None,
    at: str | None = None,
    window: str | None = None,
    segment: str | None = None,
    version: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: date | datetime | str | None = None,
    csv: Path | str | None = None,
    store: Store | None = None,
) -> pd.DataFrame:
    """Snapshots as a frame: one row per (version, segment, window, horizon, metric).

    Reads the store (`HINDSIGHT_STORE`, the connection `hindsight_store` or the embedded server), or the
    `csv` file that `hindsight snapshots --csv` wrote.  `at` and `window` are written `7d`; `start` and `end`
    bound `window_start`, which is in UTC like every time.

    With `as_of` there is one row per (version, segment, window, metric): the newest that was known by then.
    A day, such as `2013-07-14`, is the midnight that begins it where the monitor lives (its file is read for
    that); any other instant is given with its offset, as `2013-07-14T09:30-04:00`.
    """
    if csv is not None:
        return frames.read_snapshot_csv(Path(csv))
    if monitor is None:
        raise HindsightError("read_snapshots needs the name of a monitor, or a csv file.")
    return frames.snapshot_frame(
        store or command_line_runtime().store,
        monitor,
        metric=metric,
        at=None if at is None else age(at, Horizon),
        window=None if window is None else age(window, Span),
        segment=segment,
        version=version,
        start=start,
        end=end,
        as_of=None if as_of is None else instant(as_of, monitor),
    )


def read_exact_snapshots(
    monitor: str,
    as_of: date | datetime | str,
    start: date,
    end: date,
    *,
    metric: str | None = None,
    window: str | None = None,
    segment: str | None = None,
    version: str | None = None,
) -> pd.DataFrame:
    """What was known at a midnight between horizons, as such a frame: computed from the logs, and not stored.

    Of the windows that begin on the local days from `start` to `end`.  See `hindsight.pipeline.exact`.
    """
    from hindsight.pipeline.exact import exact_snapshots
    from hindsight.pipeline.plan import counted
    from hindsight.windows import DayRange

    spec = spec_of(monitor)
    spans = [] if window is None else [counted(spec, age(window, Span))]
    days = DayRange(start, end)
    found = exact_snapshots(spec, instant(as_of, monitor), days, command_line_runtime(), spans)
    wanted = {"metric": metric, "segment": segment, "version": version}
    asked = {name: value for name, value in wanted.items() if value is not None}
    return frames.frame_of(
        [row for row in found if all(getattr(row, name) == value for name, value in asked.items())]
    )


def units_between(spec: MonitorSpec, start: str | None, end: str | None) -> tuple[date | None, date | None]:
    """The first and the last unit of these days, or hours; None where a side is open."""
    from hindsight.pipeline.asked import named

    first = None if start is None else named(spec, start).start
    last = None if end is None else named(spec, end).end
    if first is not None and last is not None and last < first:
        raise HindsightError(f"The end {end} is before the start {start}.")
    return first, last


DTYPES = {"str": "string", "int": "Int64", "float": "Float64", "datetime": "datetime64[us, UTC]"}


def framed(rows: Sequence[Any], kind: type) -> pd.DataFrame:
    """Records of a kind as a typed frame, one column per field; what has no type of its own is text."""
    import pandas as pd

    columns = {}
    for column in fields(kind):
        dtype = DTYPES.get(str(column.type).removesuffix(" | None"), "string")
        values = [getattr(row, column.name) for row in rows]
        if dtype == "string":
            values = [str(value) for value in values]
        columns[column.name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


def instant(as_of: date | datetime | str, monitor: str) -> datetime:
    """The instant that an as-of names; HindsightError if it names none."""
    if isinstance(as_of, str):
        try:
            moment = datetime.fromisoformat(as_of)
        except ValueError as error:
            raise HindsightError(
                f"{as_of!r} is no as-of: write a day, such as 2013-07-14, or an instant with its offset, "
                "such as 2013-07-14T09:30-04:00."
            ) from error
        as_of = moment.date() if len(as_of) <= len("2013-07-14") else moment
    if isinstance(as_of, datetime):
        if as_of.tzinfo is None:
            raise HindsightError(
                f"The as-of {as_of.isoformat()} has no offset, and no clock is presumed: write "
                f"{as_of.isoformat()}+00:00, or whatever it is."
            )
        return as_of
    from zoneinfo import ZoneInfo

    from hindsight.windows import midnight

    return midnight(as_of, ZoneInfo(spec_of(monitor).timezone))


def read_nowcast(
    monitor: str,
    *,
    metric: str | None = None,
    window: str | None = None,
    at: str | None = None,
    version: str | None = None,
    segment: str = "ALL",
    start: str | None = None,
    end: str | None = None,
) -> pd.DataFrame:
    """Estimates of what young windows will be once their labels are in: one row per (version, window,
    horizon).

    By default of the newest window at each horizon; with `start` or `end`, days such as `2013-07-01`, of all
    that end there.  See `hindsight.pipeline.nowcast` for the columns, and docs/estimates.md for when to
    trust them.
    """
    from hindsight.pipeline.nowcast import Nowcast, nowcasts

    spec = spec_of(monitor)
    first, last = units_between(spec, start, end)
    found = nowcasts(
        spec,
        command_line_runtime(),
        metric=metric,
        window=None if window is None else age(window, Span),
        at=None if at is None else age(at, Horizon),
        version=version,
        segment=segment,
        start=first,
        end=last,
    )
    return framed(found, Nowcast)


def read_delay(
    monitor: str, *, known: float = 0.9, start: str | None = None, end: str | None = None
) -> DelayReport:
    """How late labels come: shares by age, quantiles, the share that never comes, and the time to know.

    `read_delay(monitor).ages` and `.quantiles` are rows for a frame; days bound the windows that count.
    """
    from hindsight.pipeline.maturity import delay_report

    spec = spec_of(monitor)
    first, last = units_between(spec, start, end)
    return delay_report(spec, command_line_runtime(), known=known, start=first, end=last)


def read_maturity(
    monitor: str, *, metric: str | None = None, start: str | None = None, end: str | None = None
) -> pd.DataFrame:
    """What waiting for labels changes: a row per (metric, version, horizon), the same windows behind each."""
    from hindsight.pipeline.maturity import MetricAge, maturity_curve

    spec = spec_of(monitor)
    first, last = units_between(spec, start, end)
    found = maturity_curve(spec, command_line_runtime(), metric=metric, start=first, end=last)
    return framed(found, MetricAge)


def read_detections(monitor: str, *, store: Store | None = None) -> pd.DataFrame:
    """Detections as a frame: what each detector said of each window at each horizon, with its reason."""
    return frames.detection_frame(store or command_line_runtime().store, monitor)


def read_incidents(monitor: str | None = None, *, store: Store | None = None) -> pd.DataFrame:
    """Incidents as a frame, oldest first; of all monitors where none is named."""
    return frames.incident_frame(store or command_line_runtime().store, monitor)


def write_csv(frame: pd.DataFrame, target: Path | TextIO) -> None:
    """A frame as CSV that `read_snapshots(csv=...)` reads back equal."""
    frames.write_csv(frame, target)


Age = TypeVar("Age", Horizon, Span)


def age(text: str, kind: type[Age]) -> Age:
    """A label age or window length from the command line."""
    try:
        return kind.parse(text)
    except ValueError as error:
        raise HindsightError(f"{error}.") from error
