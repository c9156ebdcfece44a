"""The tasks of a monitor's DAG: each calls one function of `hindsight.pipeline` for the days of its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from hindsight.domain.spec import MonitorSpec
from hindsight.message import Link
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


class NotifyStep(PipelineStep):
    """The last step, which must also know how loudly the run may speak, and gives its own address."""

    def call(self, run: Run, runtime: Runtime, context: Context) -> dict[str, Any]:
        from hindsight import pipeline

        return pipeline.notify(self.spec, run.days, runtime, run.notify, run_links(context))


def run_links(context: Context) -> tuple[Link, ...]:
    """The page of the run, where Airflow knows under which address people reach it (`api.base_url`)."""
    if not conf.get("api", "base_url", fallback=None):
        return ()
    return (Link("The run in Airflow", context["ti"].log_url.partition("/tasks/")[0]),)


class ConfigErrorStep(BaseOperator):
    """The only task of a monitor whose file is wrong: it fails with the report."""

    ui_color = "#f8d7da"

    def __init__(self, *, report: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report = report

    def execute(self, context: Context) -> None:
        raise AirflowFailException(self.report)
