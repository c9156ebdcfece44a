"""The sweeper of all monitors' outboxes: `hindsight_sweeper`, every ten minutes.

* `send_unsent` sends what is due: its receiver was away, its sender died, somebody asked for it again, or
  quiet hours are over.  It also brings threads up to date whose incidents somebody acknowledged or resolved.

Where nothing is due it asks the store one question and is done.  What waits to be tried again is no failure;
it fails with a sentence for each monitor of which something was given up, and whoever `failure_callbacks.py`
names hears of that once.  `hindsight_upkeep` tells of what nobody knows how to send.
"""

from airflow.sdk import DAG, CronTriggerTimetable

from failure_callbacks import ON_FAILURE
from hindsight.orchestration.steps import SweepStep, of_what_was_given_up

with DAG(
    dag_id="hindsight_sweeper",
    description="Unsent messages of all monitors",
    schedule=CronTriggerTimetable("*/10 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": [of_what_was_given_up(each) for each in ON_FAILURE]},
    tags={"hindsight"},
    doc_md=__doc__,
) as dag:
    SweepStep(task_id="send_unsent", retries=0)
