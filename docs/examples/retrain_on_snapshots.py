"""Retrain a model on each day whose truth is in: a DAG of your own, scheduled on what Hindsight has judged.

Copy it into your folder of DAGs, and put your training in the place of `retrain`.

Every run of `monitor__flight_delay` announces the days that it judged, each as a partition of one asset.  A
day is announced again at each label age it reaches, so most of these runs have nothing to do: they end at
`truth_is_in` and are skipped.  Only a day that has come to the last age with enough labels is trained on.
A run by hand names its day by the partition key, and is taken at its word.
"""

from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, get_current_context, task

SNAPSHOTS = Asset("hindsight://flight_delay/snapshots")
LAST_AGE = "30d"

with DAG(
    dag_id="retrain_on_snapshots",
    schedule=PartitionedAssetTimetable(assets=SNAPSHOTS),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
) as dag:

    @task.short_circuit
    def truth_is_in() -> bool:
        """Whether the labels of this run's day are all in, as far as its events tell."""
        context = get_current_context()
        day, events = context["partition_key"], context["triggering_asset_events"]
        if not events:
            return day is not None
        # Events of one day that come close together make one run.
        ages = [event.extra.get(day, {}) for event in events[SNAPSHOTS]]
        return any(age.get(LAST_AGE, {}).get("maturity") == "mature" for age in ages)

    @task
    def retrain() -> str:
        """Your training, on all that is known of the days up to this one."""
        day = get_current_context()["partition_key"]
        return f"trained on the labels of the days up to {day}"

    truth_is_in() >> retrain()
