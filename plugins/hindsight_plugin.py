"""What Airflow must know of Hindsight by name: its timetables, in every component that reads a schedule."""

from airflow.plugins_manager import AirflowPlugin

from hindsight.orchestration.timetable import HourTimetable, LocalDayTimetable


class HindsightPlugin(AirflowPlugin):
    """Registers the timetables; the trigger and the operators are found by import, from `include/`."""

    name = "hindsight"
    timetables = [LocalDayTimetable, HourTimetable]  # noqa: RUF012  Airflow reads a list
