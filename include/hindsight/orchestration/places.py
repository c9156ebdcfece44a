"""Where the project lies on this machine, and its monitors."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hindsight.errors import HindsightError

if TYPE_CHECKING:
    from hindsight.domain.spec import MonitorSpec

LAST_DAY: Final = "HINDSIGHT_LAST_DAY"
"""Names the last day that any monitor is run for, where the logs end (the demo's are of 2013)."""


PAGES: Final = "/hindsight/incidents"
"""Where Airflow's API server shows incidents, after its own address."""


def project_root() -> Path:
    """The folder that holds `include/` and `dags/`, from which relative file names start.

    `HINDSIGHT_ROOT` names another one, for a package that was installed away from its project.
    """
    named = os.environ.get("HINDSIGHT_ROOT")
    return Path(named).resolve() if named else Path(__file__).resolve().parents[3]


def monitors_folder() -> Path:
    """Where the monitors' files are: `include/monitors`, or what `HINDSIGHT_MONITORS` names."""
    return project_root() / os.environ.get("HINDSIGHT_MONITORS", "include/monitors")


def spec_of(monitor: str) -> MonitorSpec:
    """The monitor of this name, or of this file; ConfigError with all that is wrong with it."""
    from hindsight import config  # costs half a second, which whoever only asks for a folder need not pay

    return config.load(config.find(monitor, monitors_folder()))


def last_day() -> date | None:
    """The last day that any monitor is run for, where `HINDSIGHT_LAST_DAY` names one."""
    named = os.environ.get(LAST_DAY)
    try:
        return date.fromisoformat(named) if named else None
    except ValueError:
        raise HindsightError(f"{LAST_DAY}={named!r} is not a day such as 2013-12-31.") from None
