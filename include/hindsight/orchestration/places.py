"""Where the project lies on this machine, and its monitors."""

from __future__ import annotations

import os
from pathlib import Path


def project_root() -> Path:
    """The folder that holds `include/` and `dags/`, from which relative file names start.

    `HINDSIGHT_ROOT` names another one, for a package that was installed away from its project.
    """
    named = os.environ.get("HINDSIGHT_ROOT")
    return Path(named).resolve() if named else Path(__file__).resolve().parents[3]


def monitors_folder() -> Path:
    """Where the monitors' files are: `include/monitors`, or what `HINDSIGHT_MONITORS` names."""
    return project_root() / os.environ.get("HINDSIGHT_MONITORS", "include/monitors")
