"""The store's tables as typed pandas frames, for notebooks and the command line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from hindsight.domain.values import Horizon, Span
from hindsight.errors import HindsightError
from hindsight.orchestration.runtime import command_line_runtime
from hindsight.store import frames

if TYPE_CHECKING:
    import pandas as pd

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
    csv: Path | str | None = None,
    store: Store | None = None,
) -> pd.DataFrame:
    """Snapshots as a frame: one row per (version, segment, window, horizon, metric).

    Reads the store (`HINDSIGHT_STORE`, the connection `hindsight_store` or the embedded server), or the
    `csv` file that `hindsight snapshots --csv` wrote.  `at` and `window` are written `7d`; `start` and `end`
    bound `window_start`, which is in UTC like every time.
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
    )


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
