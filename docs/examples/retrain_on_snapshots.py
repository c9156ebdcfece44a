"""Retrain a model on each day whose truth is in: a DAG of your own, scheduled on what Hindsight has judged.

Copy it into your folder of DAGs, and put your training in the place of `retrain`.

Every run of `monitor__flight_delay` announces the days that it judged, each as a partition of one asset.  A
day is announced again at each label age it reaches, so most of these runs have nothing to do: they end at
`truth_is_in` and are skipped.  Only a day that has come to the last age with enough labels is trained on, and
again when labels that landed late have changed it.  A run by hand names its day by the partition key, and is
taken at its word.
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, get_current_context, task

MONITOR = "flight_delay"
ZONE = ZoneInfo("America/New_York")  # where its days begin
LAST_AGE = "30d"
SNAPSHOTS = Asset(f"hindsight://{MONITOR}/snapshots")


def is_mature(day: str, told: dict[str, Any]) -> bool:
    """Whether a day has come to the last age with enough labels, as an event tells or else the store."""
    if day in told:
        return told[day].get(LAST_AGE, {}).get("maturity") == "mature"
    # A run of many days says only of its newest how mature they are.
    from hindsight import read_snapshots

    begins = datetime.combine(date.fromisoformat(day), time(), ZONE)
    found = read_snapshots(
        MONITOR,
        metric="coverage",
        at=LAST_AGE,
        window="1d",
        segment="ALL",
        start=begins,
        end=begins + timedelta(minutes=1),
    )
    return len(found) > 0 and bool((found["maturity"] == "mature").all())


with DAG(
    dag_id="retrain_on_snapshots",
    schedule=PartitionedAssetTimetable(assets=SNAPSHOTS),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
) as dag:

    @task.short_circuit
    def truth_is_in() -> bool:
        """Whether the labels of this run's day are all in."""
        context = get_current_context()
        day, events = context["partition_key"], context["triggering_asset_events"]
        if not events:
            return day is not None
        # Events of one day that come close together make one run.
        return any(is_mature(day, event.extra) for event in events[SNAPSHOTS])

    @task
    def retrain() -> str:
        """Your training, on all that is known of the days up to this one."""
        day = get_current_context()["partition_key"]
        return f"trained on the labels of the days up to {day}"

    truth_is_in() >> retrain()
