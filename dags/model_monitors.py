"""One Airflow DAG per file in include/monitors: `monitor__<name>`.

A file with errors becomes a DAG that fails with the report.  A task asks for its own DAG only, and then
no other monitor is read.
"""

from airflow.sdk import get_parsing_context

from failure_callbacks import ON_FAILURE
from hindsight.orchestration.factory import build, monitors
from hindsight.orchestration.places import monitors_folder

for loaded in monitors(monitors_folder(), only=get_parsing_context().dag_id):
    dag = build(loaded, ON_FAILURE)
    globals()[dag.dag_id] = dag
