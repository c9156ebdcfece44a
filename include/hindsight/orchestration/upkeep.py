"""What is done for every monitor once a day: each by itself, so that one that fails holds back no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from hindsight.config import Loaded, find, load, load_all
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import HindsightError, NotDelivered
from hindsight.orchestration.places import last_day, monitors_folder
from hindsight.pipeline.deliver import deliver
from hindsight.pipeline.missing import refuse_missing
from hindsight.pipeline.retention import remove_old
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.stale_silences import refuse_stale_silences

REMOVE: Final = (
    "delete from hindsight.notification where monitor = '{name}' and state in ('pending', 'sending')"
)
"""How to give up what a removed monitor has left in the outbox."""

LOGGER = logging.getLogger(__name__)


def find_missing(spec: MonitorSpec, runtime: Runtime) -> dict[str, Any]:
    """Raise HindsightError if days lack that should have been run by now."""
    return refuse_missing(spec, runtime, last_day())


CONCERNS: Final[Mapping[str, Callable[[MonitorSpec, Runtime], dict[str, Any]]]] = {
    "remove_old": remove_old,
    "send_unsent": deliver,
    "find_missing": find_missing,
    "stale_silences": refuse_stale_silences,
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
    concern: str, every: Sequence[Loaded], runtime: Runtime, *, all_of_them: bool = True
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """See to one concern for each monitor: what was done by monitor, and a sentence for each that failed.

    A monitor whose file is wrong does not run, so it is a missing run; and nobody knows how to send what it
    left in the outbox, nor what a monitor left that has no file any more.  Such messages are told of where
    `all_of_them` are seen to, and not one that was named.
    """
    done: dict[str, dict[str, Any]] = {}
    failed: list[str] = []
    for loaded in every:
        if loaded.spec is None:
            if concern == "find_missing":
                failed.append(f"{loaded.name} does not run, for its file has errors:\n{loaded.error}")
            continue
        served = serve(concern, loaded.spec, runtime)
        if isinstance(served, HindsightError):
            failed.append(str(served))
        else:
            done[loaded.name] = served
    if concern == "send_unsent" and all_of_them:
        failed += stranded(every, runtime)
        failed += gave_up(runtime)
    return done, failed


def serve(concern: str, spec: MonitorSpec, runtime: Runtime) -> dict[str, Any] | HindsightError:
    """See to one concern for one monitor: what was done, or why it could not be."""
    try:
        return CONCERNS[concern](spec, runtime)
    except HindsightError as error:
        return error
    except Exception as error:
        LOGGER.exception("%s of %s failed", concern, spec.monitor)
        return HindsightError(f"{concern} of {spec.monitor} failed: {type(error).__name__}: {error}")


def sweep(runtime: Runtime) -> tuple[dict[str, dict[str, Any]], list[HindsightError]]:
    """Deliver what is due of any monitor, and bring its threads up to date: what was done, and what failed.

    It asks the store first, and reads the files of those monitors only.  What only waits to be tried again is
    no failure: it comes round every ten minutes, so its error is what was done.  What nobody knows how to
    send is the daily upkeep's to tell.
    """
    from hindsight.orchestration import factory

    with runtime.store.transaction() as connection:
        names = sorted({*runtime.store.due(connection), *runtime.store.restless(connection)})
    every = [loaded for name in names for loaded in factory.monitors(monitors_folder(), only=name)]
    done: dict[str, dict[str, Any]] = {}
    failed: list[HindsightError] = []
    for loaded in every:
        if loaded.spec is None:
            continue
        served = serve("send_unsent", loaded.spec, runtime)
        if isinstance(served, NotDelivered) and not served.given_up:
            done[loaded.name] = {"waiting": str(served)}
        elif isinstance(served, HindsightError):
            failed.append(served)
        else:
            done[loaded.name] = served
    return done, failed


def gave_up(runtime: Runtime) -> list[str]:
    """A sentence for each monitor of which messages were given up since the last daily upkeep."""
    with runtime.store.transaction() as connection:
        died = runtime.store.died(connection, timedelta(days=1))
    return [
        f"{len(errors)} notifications of {name} were given up within the last day; `hindsight notify resend` "
        f"sends one again: {'; '.join(dict.fromkeys(errors))}"
        for name, errors in sorted(died.items())
    ]


def stranded(every: Iterable[Loaded], runtime: Runtime) -> list[str]:
    """A sentence for each monitor that has unsent messages, and no sound file that says how to send them."""
    sound = {loaded.name for loaded in every if loaded.spec is not None}
    files = {loaded.name: loaded.path.name for loaded in every}
    with runtime.store.transaction() as connection:
        unsent = runtime.store.unsent(connection)
    return [
        f"{number} notifications of {name} were not delivered, for {why_stranded(name, files.get(name))}"
        for name, number in sorted(unsent.items())
        if name not in sound
    ]


def why_stranded(name: str, file: str | None) -> str:
    """Why nobody knows how to send the messages of a monitor, and what to do."""
    if file is not None:
        return f"{file} has errors: mend it, and they are sent."
    return f"it has no file any more: put it back, or give them up by {REMOVE.format(name=name)}"
