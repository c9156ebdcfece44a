"""Where the experiments of a monitor stand, read from what was said of their newest days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from hindsight.detectors.compare import Compare
from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import HindsightError
from hindsight.pipeline.asked import named
from hindsight.pipeline.detect import made_from, rules
from hindsight.pipeline.runtime import Runtime
from hindsight.windows import end_of
from hindsight.wording import calendar, counted, figure, last_day, share

NOTHING: Final = "-"


@dataclass(frozen=True)
class Line:
    """A metric of an experiment, for a table; what is not known is a dash."""

    metric: str
    role: str
    surely: str
    control: str = NOTHING
    treatment: str = NOTHING
    difference: str = NOTHING
    interval: str = NOTHING
    lift: str = NOTHING
    p_one_look: str = NOTHING


@dataclass(frozen=True)
class Standing:
    """A comparison with what was last said of it; nothing if no day of it was judged.

    `outdated` says that the monitor's file has changed since.
    """

    detector: Compare
    detection: Detection | None
    day: date | None = None
    outdated: bool = False

    def record(self) -> dict[str, Any]:
        """All that is known, as JSON has it."""
        said = self.detection
        known: dict[str, Any] = {"detector": self.detector.name, "rule": self.detector.sentence}
        if said is None:
            return known | {"day": None, "recommendation": None}
        known |= {
            "day": None if self.day is None else self.day.isoformat(),
            "horizon": str(said.horizon),
            "version": said.version,
            "segment": said.segment,
            "verdict": said.verdict.value,
            "severity": said.severity.value,
            "outdated": self.outdated,
        }
        known["recommendation"] = None
        return known | dict(said.details) | {"reason": said.reason}

    def lines(self) -> Iterator[str]:
        """What to do, and what it rests on, in sentences."""
        said = self.detection
        yield f"{self.detector.name}: {self.detector.sentence}"
        if said is None or self.day is None:
            yield f"No day of it is judged yet: the first is {self.detector.start}, {self.detector.at} later."
            return
        details = said.details
        if "recommendation" not in details:
            yield "Not judged yet, for the file has changed: `hindsight run MONITOR --stale` judges anew."
            return
        what = str(details["recommendation"]).upper()
        yield f"{what} as of {calendar(date.fromisoformat(details['end']))}, labels {said.horizon} old."
        yield str(details["reason"])
        if self.day > self.detector.end:
            yield f"The experiment is over since {self.detector.end}."
        ratio = details.get("sample_ratio", {})
        if ratio.get("seen") is not None:
            rows = [f"{details[arm]['rows']:,} to {details[arm]['name']}" for arm in ("control", "treatment")]
            meant = "" if ratio["expected"] is None else f", where {share(ratio['expected'])} were meant to"
            yield f"Rows: {' and '.join(rows)}: {share(ratio['seen'])} of all{meant}."
        left = details.get("days_left_out")
        if left:
            yield f"{counted(left, 'day')} on which only one arm has rows left out."
        known = [details[arm]["coverage"] for arm in ("control", "treatment")]
        if None not in known:
            names = [details[arm]["name"] for arm in ("control", "treatment")]
            each = [f"{share(part)} in {name}" for part, name in zip(known, names, strict=True)]
            yield f"Rows with a label: {' and '.join(each)}."
        power = details.get("power", {})
        if power.get("power") is not None:
            chance, effect = share(power["power"]), f"{power['effect_percent']:.3g}%"
            needed = power["days_needed"]
            enough = "no size in reach would do" if needed is None else f"80 % take {counted(needed, 'day')}"
            yield f"An effect of {effect} is found with a chance of {chance} at the present size; {enough}."
        if self.outdated:
            yield "The file has changed since: `hindsight run MONITOR --stale` judges anew."

    def table(self) -> list[Line]:
        """The metrics, the one that decides first."""
        if self.detection is None:
            return []
        details = dict(self.detection.details)
        found = [line(details, "decides")] if "difference" in details else []
        guards = details.get("guardrails", [])
        found += [line(each, f"guardrail {each['margin']:g}: {each['state']}") for each in guards]
        return found + [line(each, "told") for each in details.get("also", [])]


def standings(spec: MonitorSpec, runtime: Runtime, until: str | None = None) -> list[Standing]:
    """Each comparison of a monitor with what was said of its newest day, or of the newest until a day.

    Said at the comparison's own label age: later ones are in the table of detections.
    """
    asked = [detector for detector in rules(spec) if isinstance(detector, Compare)]
    if not asked:
        raise HindsightError(
            f"{spec.monitor} compares nothing: add a detector of `type: compare` to its file "
            "(docs/experiments.md)."
        )
    zone = ZoneInfo(spec.timezone)
    last = None if until is None else end_of(named(spec, until).end, zone)
    found = []
    with runtime.store.transaction() as connection:
        for detector in asked:
            said = runtime.store.detections(
                connection, spec.monitor, detector=detector.name, horizon=detector.at
            )
            until_then = [each for each in said if last is None or each.window_end <= last]
            if not until_then:
                found.append(Standing(detector, None))
                continue
            newest = max(until_then, key=lambda each: (each.window_end, each.version, each.segment))
            outdated = newest.spec_hash != made_from(spec, detector)
            found.append(Standing(detector, newest, last_day(newest, zone), outdated))
    return found


def line(told: Mapping[str, Any], role: str) -> Line:
    """A line of the table."""
    if told.get("difference") is None:
        return Line(told["metric"], role, f"not known: {told.get('why')}")
    ends, lift, p_value = told["interval"], told["lift_percent"], told["p_value"]
    return Line(
        told["metric"],
        role,
        told["surely"],
        control=figure(told["control_value"]),
        treatment=figure(told["treatment_value"]),
        difference=figure(told["difference"]),
        interval=NOTHING if ends is None else f"{figure(ends[0])} to {figure(ends[1])}",
        lift=NOTHING if lift is None else f"{lift:+.1f}%",
        p_one_look=NOTHING if p_value is None else f"{p_value:.3g}",
    )
