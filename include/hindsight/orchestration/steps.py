"""The tasks of a monitor's DAG: each calls one function of `hindsight.pipeline` for the days of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from hindsight import faults
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import HindsightError, NotDelivered
from hindsight.message import Link
from hindsight.orchestration.places import PAGES
from hindsight.orchestration.window import BadRequest, Run, resolve_run

if TYPE_CHECKING:
    from hindsight.pipeline.runtime import Runtime


def request(context: Mapping[str, Any]) -> Run:
    """What the run was asked to do; a request that cannot be fails the task without another try."""
    try:
        return resolve_run(context)
    except BadRequest as error:
        raise AirflowFailException(str(error)) from error


class PipelineStep(BaseOperator):
    """One function of the pipeline, named by the task's id.

    What it returns goes to XCom: keys and counts, never rows.
    """

    ui_color = "#e8f1f2"

    def __init__(self, *, spec: MonitorSpec, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec

    def execute(self, context: Context) -> dict[str, Any]:
        from hindsight.orchestration.runtime import airflow_runtime

        run = request(context)
        self.log.info("%s from %s to %s: %s run", self.spec.monitor, run.days.start, run.days.end, run.kind)
        return self.call(run, airflow_runtime(), context)

    def call(self, run: Run, runtime: Runtime, context: Context) -> dict[str, Any]:
        """Do the step."""
        from hindsight import pipeline

        made: dict[str, Any] = getattr(pipeline, self.task_id)(self.spec, run.days, runtime)
        return made


class SnapshotStep(PipelineStep):
    """The step after which windows may be read: an event of the monitor's asset says so of each.

    Airflow takes the events together with the task's success.  A try that dies before tells nobody, and the
    next one tells the same: what joining has changed besides is read from its XCom, not from the store.

    Airflow gives all events of a task one `extra`, so it holds every window, by partition key.  Where there
    are more than `TOLD`, it holds the newest, for a run of a year would else write itself down once a day; of
    the others the store tells.
    """

    TOLD: Final = 31

    def call(self, run: Run, runtime: Runtime, context: Context) -> dict[str, Any]:
        from hindsight import pipeline

        made = super().call(run, runtime, context)
        again = (context["ti"].xcom_pull(task_ids="join_ground_truth") or {}).get("again")
        told = pipeline.announced(self.spec, run.days, runtime, again)
        event = context["outlet_events"][snapshots_of(self.spec.monitor)]
        event.add_partitions(list(told))
        event.extra |= dict(list(told.items())[-self.TOLD :])
        faults.reach("compute_snapshots.announced")
        return made | {"windows": len(told)}


def snapshots_of(monitor: str) -> Asset:
    """What a team's own DAGs are scheduled on: an event per window judged, its day as the partition key."""
    return Asset(f"hindsight://{monitor}/snapshots")


class NotifyStep(PipelineStep):
    """The last step, which must also know how loudly the run may speak, and gives its own address."""

    def call(self, run: Run, runtime: Runtime, context: Context) -> dict[str, Any]:
        from hindsight import pipeline

        return pipeline.notify(
            self.spec, run.days, runtime, run.notify, run_links(context, self.spec.monitor)
        )


def run_links(context: Context, monitor: str) -> tuple[Link, ...]:
    """The pages of the monitor's incidents and of the run, where Airflow knows under which address people
    reach it (`api.base_url`).
    """
    address = conf.get("api", "base_url", fallback="").rstrip("/")
    if not address:
        return ()
    run = context["ti"].log_url.partition("/tasks/")[0]
    return Link(f"Incidents of {monitor}", f"{address}{PAGES}/{monitor}"), Link("The run in Airflow", run)


class UpkeepStep(BaseOperator):
    """One concern of the upkeep, named by the task's id, for all monitors.

    It fails when all have had their turn, with a sentence for each that could not be served.
    """

    ui_color = "#ede7f6"

    def execute(self, context: Context) -> dict[str, Any]:
        from hindsight.orchestration.runtime import airflow_runtime
        from hindsight.orchestration.upkeep import monitors, tend

        done, failed = tend(self.task_id, monitors(), airflow_runtime())
        for name, counts in done.items():
            self.log.info("%s: %s", name, counts)
        if failed:
            raise HindsightError("\n".join(failed))
        return done


class SweepStep(BaseOperator):
    """Delivers what is due of any monitor; where nothing is, it reads no monitor's file.

    It fails when a message was given up, with NotDelivered, or when a monitor could not be served at all.
    """

    ui_color = "#ede7f6"

    def execute(self, context: Context) -> dict[str, Any]:
        from hindsight.orchestration.runtime import airflow_runtime
        from hindsight.orchestration.upkeep import sweep

        done, failed = sweep(airflow_runtime())
        for name, counts in done.items():
            self.log.info("%s: %s", name, counts)
        said = "\n".join(map(str, failed))
        if given_up := sum(each.given_up for each in failed if isinstance(each, NotDelivered)):
            raise NotDelivered(said, given_up)
        if failed:
            raise HindsightError(said)
        return done


def of_what_was_given_up(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A failure's callback that hears of each message that is given up once, and of nothing else.

    The sweeper comes every ten minutes: what keeps it from its work fails the monitors' own runs and the
    upkeep as well, which tell of it.
    """

    def call(context: Any) -> Any:
        return callback(context) if isinstance(context.get("exception"), NotDelivered) else None

    return call


class ConfigErrorStep(BaseOperator):
    """The only task of a monitor whose file is wrong: it fails with the report."""

    ui_color = "#f8d7da"

    def __init__(self, *, report: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report = report

    def execute(self, context: Context) -> None:
        raise AirflowFailException(self.report)
