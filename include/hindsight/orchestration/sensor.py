"""The task that lets a run wait for the truth, and lets it go on with what is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSensorTimeout

from hindsight.domain.spec import MonitorSpec
from hindsight.orchestration.steps import request
from hindsight.orchestration.trigger import GroundTruthLanded, Seen, deadline, look

GRACE = timedelta(minutes=5)
"""How long after the deadline a triggerer may keep silent before the run goes on without it."""


class GroundTruthSensor(BaseSensorOperator):
    """Waits until the labels older than the run's as-of have landed, then lets the run go on.

    They have landed when the feed's watermark (its marker, or its newest label) reaches the as-of, or the
    first due window has its `min_coverage`; the sensor gives up at the run's scheduled time plus `wait`.
    Whichever comes first, the task succeeds: labels that are late make the day provisional, not the run red.

    A day whose deadline has passed, a backfill and a window run never wait.  While it waits the task is
    deferred and holds neither a worker nor a slot of its pool.
    """

    ui_color = "#fff3cd"

    def __init__(self, *, spec: MonitorSpec, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.path = path

    def execute(self, context: Context) -> Seen:
        from hindsight.orchestration.runtime import airflow_runtime

        run = request(context)
        day, runtime = run.days.end, airflow_runtime()
        seen: Seen | None
        if run.may_wait and runtime.clock() < deadline(self.spec, day):
            seen = look(self.spec, day, runtime, patient=True)
        else:
            reason = "a past day is not waited for"
            seen = Seen(because="deadline", reason=reason, watermark=None, coverage=None)
        if seen is None:
            until = deadline(self.spec, day)
            self.log.info("The truth of %s has not landed: waiting until %s", day, until.isoformat())
            self.defer(
                trigger=GroundTruthLanded(self.path, day.isoformat(), self.poke_interval, until.isoformat()),
                method_name=self.resume.__name__,
                timeout=until - runtime.clock() + GRACE,
            )
        return self.resume(context, seen)

    def resume(self, context: Context, event: Seen) -> Seen:
        """Say why the run goes on."""
        self.log.info("Going on (%s): %s", event["because"], event["reason"])
        return event

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout:
            reason = "the deadline has passed, and the triggerer did not say so"
            return self.resume(
                context, Seen(because="deadline", reason=reason, watermark=None, coverage=None)
            )
