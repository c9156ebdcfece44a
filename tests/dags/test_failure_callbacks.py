"""A task that breaks is told of by Airflow's own notifiers, as `include/failure_callbacks.py` names them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG
from airflow.utils.state import DagRunState
from jinja2 import Template

import failure_callbacks
from hindsight.errors import HindsightError, NotDelivered
from hindsight.orchestration.runtime import close_stores
from hindsight.store import Store
from receivers import Mailbox, mail_server

DAGS = Path(__file__).parents[2] / "dags"
BREAKS = """
monitor: breaks
owner: ops
task: binary_classification
timezone: America/New_York
predictions: {connection: serving, table: nowhere, columns: {id: id, time: at, score: score}}
ground_truth: {connection: serving, table: nowhere, columns: {id: id, actual: actual, time: at}}
maturity: {horizons: [1d]}
airflow: {retries: 0}
reference: {recall: 0.9}
metrics: [recall]
detectors: []
notify:
  - {type: email, connection: model_mail, to: [modellers@example.com]}
"""


@pytest.fixture
def folder(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of monitors whose logs are not there, and a store."""
    monkeypatch.setenv("AIRFLOW_CONN_SERVING", database.replace("postgresql+psycopg", "postgres"))
    monkeypatch.setenv("HINDSIGHT_STORE", database)
    monkeypatch.setenv("HINDSIGHT_MONITORS", str(tmp_path))
    store = Store(database)
    store.upgrade()
    store.dispose()
    yield tmp_path
    close_stores()


def dag_of(name: str) -> DAG:
    bag = DagBag(DAGS / "model_monitors.py", bundle_path=DAGS, bundle_name="dags-folder")
    assert not bag.import_errors
    return bag.dags[f"monitor__{name}"]


def test_nobody_is_told_unless_somebody_is_named(folder: Path) -> None:
    (folder / "breaks.yaml").write_text(BREAKS)
    assert failure_callbacks.ON_FAILURE == []
    assert not [task for task in dag_of("breaks").tasks if task.on_failure_callback]


def test_the_example_in_its_page_is_what_airflow_takes() -> None:
    example = (failure_callbacks.__doc__ or "").partition("    from ")[2]
    found: dict[str, Any] = {}
    exec("from " + "\n".join(line.removeprefix("    ") for line in example.splitlines()), found)
    to_slack, by_mail = found["ON_FAILURE"]
    assert [type(each).__name__ for each in (to_slack, by_mail)] == ["SlackNotifier", "SmtpNotifier"]
    names: dict[str, Any] = {
        "exception": ValueError("column <!channel> <https://evil|click> missing"),
        "dag": SimpleNamespace(dag_id="d"),
        "ti": SimpleNamespace(task_id="t", log_url="https://air/log"),
    }
    for text in (to_slack.text, by_mail.html_content):
        rendered = Template(text).render(names)
        assert "column &lt;!channel&gt; &lt;https://evil|click&gt; missing" in rendered
        assert "<!channel>" not in rendered


def test_a_run_that_breaks_is_told_by_mail_and_to_a_function_and_not_by_the_monitor(
    airflow_metadata: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "breaks.yaml").write_text(BREAKS)
    called: list[dict[str, Any]] = []
    with mail_server(Mailbox()) as mail:
        mail_connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": mail.port,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_PLATFORM", json.dumps(mail_connection))
        monkeypatch.setenv("AIRFLOW_CONN_MODEL_MAIL", json.dumps(mail_connection))
        by_mail = SmtpNotifier(
            smtp_conn_id="smtp_platform",
            to="platform@example.com",
            subject="{{ dag.dag_id }}.{{ ti.task_id }} failed",
            html_content="{{ exception | e }}",
        )
        monkeypatch.setattr(failure_callbacks, "ON_FAILURE", [called.append, by_mail])
        dag = dag_of("breaks")
        run = dag.test(logical_date=datetime(2013, 12, 18, tzinfo=ZoneInfo("America/New_York")))
        assert run.state == DagRunState.FAILED
    ((_, message),) = mail.mails
    assert [context["ti"].task_id for context in called] == ["extract_predictions"]
    assert "nowhere" in str(called[0]["exception"])
    assert message["To"] == "platform@example.com"
    assert message["Subject"] == "monitor__breaks.extract_predictions failed"


def test_the_sweeper_tells_of_what_was_given_up_and_of_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[dict[str, Any]] = []
    monkeypatch.setattr(failure_callbacks, "ON_FAILURE", [called.append])
    bag = DagBag(DAGS / "hindsight_sweeper.py", bundle_path=DAGS, bundle_name="dags-folder")
    assert not bag.import_errors
    (task,) = bag.dags["hindsight_sweeper"].tasks
    for error in (HindsightError("the store is out of reach"), NotDelivered("slack: invalid_auth", 1)):
        for callback in task.on_failure_callback:
            callback({"exception": error})
    assert [str(context["exception"]) for context in called] == ["slack: invalid_auth"]


def test_a_monitor_whose_file_is_wrong_is_told_of_too(
    airflow_metadata: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "breaks.yaml").write_text(BREAKS.replace("metrics: [recall]", "metrics: [recal]"))
    called: list[dict[str, Any]] = []
    monkeypatch.setattr(failure_callbacks, "ON_FAILURE", [called.append])
    run = dag_of("breaks").test(logical_date=datetime(2013, 12, 18, tzinfo=ZoneInfo("UTC")))
    assert run.state == DagRunState.FAILED
    assert ["did you mean 'recall'" in str(context["exception"]) for context in called] == [True]
