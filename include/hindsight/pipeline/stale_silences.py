"""Silences that outlived their reason: silence expires, and who wanted it is asked whether it still makes
sense.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from hindsight.domain.records import Detection, Incident, Silence
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Verdict
from hindsight.errors import HindsightError
from hindsight.incidents import class_words
from hindsight.incidents.judgements import member_of
from hindsight.pipeline.known import Known
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.policy.silence import covers, is_about, lasts
from hindsight.windows import run_day
from hindsight.wording import calendar, clean, counted, name, shorten

IDLE: Final = 14
"""Run days without a breach that it is about, after which a silence seems to have lost its reason."""

LONG: Final = 30
"""Run days that have gone by, after which a silence is long."""

LOOKED_BACK: Final = timedelta(days=14)
"""How long after its end it is told of a silence that what it was about still breaches."""

_REASON = 200


def refuse_stale_silences(spec: MonitorSpec, runtime: Runtime) -> dict[str, int]:
    """Raise HindsightError that names each silence that is stale, who wanted it, and what to do."""
    with runtime.store.reading() as connection:
        silences = runtime.store.silences(connection, spec.monitor)
        if not silences:
            return {"silences": 0, "stale": 0}
        known = Known.read(spec, runtime, connection)
    found = list(stale(known))
    if found:
        stand = "silence seems" if len(found) == 1 else "silences seem"
        raise HindsightError(
            f"{len(found)} {stand} stale at {spec.monitor}:\n" + "\n".join(f"- {each}" for each in found)
        )
    return {"silences": len(silences), "stale": 0}


def stale(known: Known) -> Iterator[str]:
    """A sentence for each silence that is stale."""
    here = zone(known.spec)
    judged = [(run_day(d.as_of, here), d) for d in known.detections]
    newest = max((day for day, _ in judged), default=None)
    if newest is None:
        return
    breaches = [(day, d) for day, d in judged if d.verdict is Verdict.BREACH]
    for silence in known.silences:
        lasting = lasts(silence, newest)
        so_far = (newest - silence.start).days + 1
        if lasting and so_far > LONG:
            yield (
                f"{described(silence)} has lasted {counted(so_far, 'day')}, and would until "
                f"{calendar(silence.until)}: end it ({ending(silence)}), or change the rule that it is about"
            )
        elif lasting and idle(silence, breaches, newest) >= IDLE:
            quiet = idle(silence, breaches, newest)
            yield (
                f"{described(silence)} has had nothing to silence for {counted(quiet, 'day')}: end it "
                f"({ending(silence)})"
            )
        elif silence.ended_on is None and silence.until < newest <= silence.until + LOOKED_BACK:
            for incident in known.stored:
                if still_waits(incident, silence, newest):
                    yield (
                        f"{described(silence)} ended on {calendar(silence.until)}, and the "
                        f"{class_words(incident.incident_class)} incident {incident.id} still breaches: see "
                        "to it, or say how it stands (hindsight acknowledge, hindsight resolve)"
                    )


def still_waits(incident: Incident, silence: Silence, day: date) -> bool:
    """Whether what a silence was about is open after its end, and nobody has taken it on."""
    taken_on = incident.acknowledged_until is not None and incident.acknowledged_until >= day
    begun = incident.is_open and incident.opened_on <= silence.until
    return begun and not taken_on and covers(silence, incident)


def idle(silence: Silence, breaches: list[tuple[date, Detection]], newest: date) -> int:
    """For how many run days up to the newest a silence has had nothing to silence."""
    last = max(
        (
            day
            for day, breach in breaches
            if silence.incident_class in (None, breach.incident_class)
            and is_about(silence, member_of(breach))
        ),
        default=date.min,
    )
    return (newest - max(last, silence.start - timedelta(days=1))).days


def described(silence: Silence) -> str:
    """A silence by its id, its author and the reason."""
    reason = shorten(clean(silence.reason), _REASON).removesuffix(".")
    return f"{silence.id} of {name(silence.author)} ({reason})"


def ending(silence: Silence) -> str:
    """How to end it."""
    return f"hindsight unsilence {silence.monitor} {silence.id}"
