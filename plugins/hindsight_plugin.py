"""What Airflow must know of Hindsight by name: its timetable, in every component that reads a schedule."""

from airflow.plugins_manager import AirflowPlugin

from hindsight.orchestration.timetable import LocalDayTimetable


class HindsightPlugin(AirflowPlugin):
    """Registers the timetable; the trigger and the operators are found by import, from `include/`."""

    name = "hindsight"
    timetables = [LocalDayTimetable]  # noqa: RUF012  Airflow reads a list
