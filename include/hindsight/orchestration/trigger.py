"""What waits for the truth of a day to land, in Airflow's triggerer, without holding a worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
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

    It knows its arguments and nothing else: the monitor's file (relative to the project), the day and
    the seconds between two looks.  So another triggerer can take it over at any time, and an edited
    monitor counts from the next start on.  A look that fails is repeated until the deadline: a
    database that restarts is no reason to fail a run that only waits.
    """

    def __init__(self, path: str, day: str, poll: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = path
        self.day = day
        self.poll = poll

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", {"path": self.path, "day": self.day, "poll": self.poll}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        spec, runtime = await asyncio.to_thread(self._prepare)
        day = date.fromisoformat(self.day)
        while (seen := await asyncio.to_thread(self._look, spec, day, runtime)) is None:
            left = (deadline(spec, day) - runtime.clock()) / timedelta(seconds=1)
            await asyncio.sleep(max(0.0, min(self.poll, left)))
        yield TriggerEvent(seen)  # type: ignore[no-untyped-call]

    def _prepare(self) -> tuple[MonitorSpec, Runtime]:
        from hindsight.config import load
        from hindsight.orchestration.runtime import airflow_runtime

        return load(project_root() / self.path), airflow_runtime()

    def _look(self, spec: MonitorSpec, day: date, runtime: Runtime) -> Seen | None:
        try:
            return look(spec, day, runtime, patient=True)
        except (HindsightError, SQLAlchemyError) as error:
            log.warning("The look for the truth of %s on %s failed: %s", spec.monitor, day, error)
            if runtime.clock() < deadline(spec, day):
                return None
            return Seen(because="deadline", reason=str(error), watermark=None, coverage=None)
