"""The sweeper of all monitors' outboxes: `hindsight_sweeper`, every ten minutes.

* `send_unsent` sends what is due: its receiver was away, its sender died, somebody asked for it again, or
  quiet hours are over.  It also brings threads up to date whose incidents somebody acknowledged or resolved.

Where nothing is due it asks the store one question and is done.  It fails with a sentence for each monitor
of which something could not be delivered; `hindsight_upkeep` tells of what nobody can send any more.
"""

from airflow.sdk import DAG, CronTriggerTimetable

from hindsight.orchestration.steps import SweepStep

with DAG(
    dag_id="hindsight_sweeper",
    description="Unsent messages of all monitors",
    schedule=CronTriggerTimetable("*/10 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags={"hindsight"},
    doc_md=__doc__,
) as dag:
    SweepStep(task_id="send_unsent", retries=0)
