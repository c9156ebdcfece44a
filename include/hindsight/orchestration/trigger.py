"""What waits for the truth of a day to land, in Airflow's triggerer, without holding a worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from zoneinfo import ZoneInfo

from airflow.triggers.base import BaseTrigger, TriggerEvent
from sqlalchemy.exc import SQLAlchemyError

from hindsight.domain.spec import MonitorSpec
from hindsight.errors import HindsightError
from hindsight.orchestration.places import project_root
from hindsight.windows import run_time

if TYPE_CHECKING:
    from hindsight.pipeline.runtime import Runtime

log = logging.getLogger(__name__)


class Seen(TypedDict):
    """Why a run goes on: an XCom, so plain values only."""

    because: Literal["landed", "coverage", "deadline"]
    reason: str
    watermark: str | None
    coverage: float | None


def deadline(spec: MonitorSpec, day: date) -> datetime:
    """Until when the run for `day` may wait: its scheduled time plus `maturity.wait`.

    Counted from the day and never from a task's start, so the past is never waited for.
    """
    return run_time(day, spec.schedule, ZoneInfo(spec.timezone)) + spec.maturity.wait


def unit_named(text: str) -> date:
    """The day, or the hour, that is written like this.

    >>> unit_named("2013-07-01"), unit_named("2013-07-01T05:00:00+00:00").isoformat()
    (datetime.date(2013, 7, 1), '2013-07-01T05:00:00+00:00')
    """
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def look(spec: MonitorSpec, day: date, runtime: Runtime, *, patient: bool) -> Seen | None:
    """Why the run for `day` may go on by now; None to go on waiting.

    An impatient look always lets it go on.
    """
    from hindsight.pipeline import readiness

    found = readiness(spec, day, runtime)
    because: Literal["landed", "coverage", "deadline"]
    if found.ready:
        because = "landed" if found.coverage is None else "coverage"
    elif patient and runtime.clock() < deadline(spec, day):
        return None
    else:
        because = "deadline"
    watermark = None if found.watermark is None else found.watermark.isoformat()
    return Seen(because=because, reason=found.reason, watermark=watermark, coverage=found.coverage)


class GroundTruthLanded(BaseTrigger):
    """Fires once, when the truth of a day has landed or the run may not wait any longer.

    It knows its arguments and nothing else: the monitor's file (relative to the project), the day or hour,
    the seconds between two looks, and until when.  So another triggerer can take it over at any time, and an
    edited monitor counts from the next start on.  Whatever fails, a database that restarts or a file that is
    being edited, is tried again until then: that is no reason to fail a run that only waits.
    """

    def __init__(self, path: str, day: str, poll: float, until: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = path
        self.day = day
        self.poll = poll
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"path": self.path, "day": self.day, "poll": self.poll, "until": self.until}
        return f"{__name__}.{type(self).__name__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        until = datetime.fromisoformat(self.until)
        while (seen := await asyncio.to_thread(self._look, until)) is None:
            left = (until - datetime.now(UTC)) / timedelta(seconds=1)
            await asyncio.sleep(max(0.0, min(self.poll, left)))
        yield TriggerEvent(seen)  # type: ignore[no-untyped-call]

    def _look(self, until: datetime) -> Seen | None:
        """Why the run may go on by now; None to go on waiting."""
        late = datetime.now(UTC) >= until
        try:
            spec, runtime = self._prepared
            return look(spec, unit_named(self.day), runtime, patient=not late)
        except (HindsightError, SQLAlchemyError, OSError) as error:
            log.warning("The look for the truth of %s by %s failed: %s", self.day, self.path, error)
            reason = f"the last look failed: {error}"
            return Seen(because="deadline", reason=reason, watermark=None, coverage=None) if late else None

    @cached_property
    def _prepared(self) -> tuple[MonitorSpec, Runtime]:
        from hindsight.config import load
        from hindsight.orchestration.runtime import airflow_runtime

        return load(project_root() / self.path), airflow_runtime()
