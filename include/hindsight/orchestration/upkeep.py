"""What is done for every monitor once a day: each by itself, so that one that fails holds back no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hindsight.config import Loaded, find, load, load_all
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import HindsightError
from hindsight.orchestration.places import last_day, monitors_folder
from hindsight.pipeline.missing import refuse_missing
from hindsight.pipeline.notify import deliver
from hindsight.pipeline.retention import remove_old
from hindsight.pipeline.runtime import Runtime

LOGGER = logging.getLogger(__name__)


def find_missing(spec: MonitorSpec, runtime: Runtime) -> dict[str, Any]:
    """Raise HindsightError if days lack that should have been run by now."""
    return refuse_missing(spec, runtime, last_day())


CONCERNS: Final[Mapping[str, Callable[[MonitorSpec, Runtime], dict[str, Any]]]] = {
    "remove_old": remove_old,
    "send_unsent": deliver,
    "find_missing": find_missing,
}
"""What there is to do, by the name of its task."""


def monitors(name: str | None = None) -> list[Loaded]:
    """All monitors of the project, sound or not, or the one of this name or file."""
    if name is None:
        return load_all(monitors_folder())
    path = find(name, monitors_folder())
    spec = load(path)
    return [Loaded(path, spec.monitor, spec, None)]


def tend(
    concern: str, every: Iterable[Loaded], runtime: Runtime
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """See to one concern for each monitor: what was done by monitor, and a sentence for each that failed.

    A monitor whose file is wrong does not run, so it is a missing run, and nothing else.
    """
    done: dict[str, dict[str, Any]] = {}
    failed: list[str] = []
    for loaded in every:
        if loaded.spec is None:
            if concern == "find_missing":
                failed.append(f"{loaded.name} does not run, for its file has errors:\n{loaded.error}")
            continue
        try:
            done[loaded.name] = CONCERNS[concern](loaded.spec, runtime)
        except HindsightError as error:
            failed.append(str(error))
        except Exception as error:
            LOGGER.exception("%s of %s failed", concern, loaded.name)
            failed.append(f"{concern} of {loaded.name} failed: {type(error).__name__}: {error}")
    return done, failed
