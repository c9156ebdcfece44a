"""An explanation in sentences: short ones, for a message, that claim no more than is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from hindsight.domain.values import ALL
from hindsight.explanation.drifts import listed, quoted
from hindsight.explanation.levels import SURE, Change
from hindsight.explanation.parts import Part, Split
from hindsight.explanation.record import Explanation
from hindsight.wording import calendar, clean, counted, figure, name, share, shorten

NAMED = 3
"""Segments that a sentence names."""

AGAINST = 90
"""Characters of what it is compared with."""

EVERYWHERE = "no segment stands out: it is everywhere"
TOO_FEW = "its segments have too few rows to tell"
NOTHING = "nothing else that is watched has surely changed"


def facts(explanation: Explanation) -> tuple[tuple[str, str], ...]:
    """What a message says of it, label by label; what there is nothing to say of is left out."""
    found = (
        ("Likely action", explanation.advice.sentence),
        ("Likely where", where(explanation)),
        ("What changed", what(explanation)),
    )
    return tuple((label, text) for label, text in found if text)


def when(explanation: Explanation) -> str:
    """Since when the metric is at its level, with care; empty where its days were not looked at."""
    found = explanation.since
    if found is None:
        first = explanation.dated_from
        unit = "hour" if isinstance(first, datetime) else "day"
        return f"no {unit} since {day(first)} stands out as its beginning" if first is not None else ""
    until = f", and lasted to about {day(found.until)}" if found.until is not None else ""
    if not found.steps:
        return f"it was so before {day(found.day)}{until}"
    down = ", in steps" if found.steps > 1 else ""
    return f"the level changed about {day(found.day)}{down}{until}"


def where(explanation: Explanation) -> str:
    """Which segments carry the change."""
    if explanation.segment != ALL:
        return ""
    if not explanation.splits:
        return explanation.unsplit
    named = [_part(split, part) for split, part in explanation.outstanding]
    rest = len(named) - NAMED
    said = "; ".join(named[:NAMED]) + (f"; and {counted(rest, 'more segment')}" if rest > 0 else "")
    judged = any(part.p_value is not None for split in explanation.splits for part in split.parts)
    said = said or (EVERYWHERE if judged else TOO_FEW)
    mixed = "; ".join(_mix(split) for split in explanation.splits if _is_mixed(split))
    return "; ".join(text for text in (said, mixed) if text)


def what(explanation: Explanation) -> str:
    """What else has changed, in the window or about the day of the change."""
    found = "; ".join(_changes(explanation))
    against = f" ({_against(explanation)})" if explanation.against else ""
    return found or f"{NOTHING}{against}"


def _against(explanation: Explanation) -> str:
    return f"against {shorten(clean(explanation.against), AGAINST)}"


def _changes(explanation: Explanation) -> Iterator[str]:
    yield from explanation.faults
    if explanation.drifts:
        yield f"inputs drifted: {listed(explanation.drifts)}"
    yield from (moved(change) for change in explanation.others)
    if (explanation.others or explanation.drifts or explanation.faults) and explanation.against:
        yield f"all {_against(explanation)}"
    for version in explanation.versions:
        verb = "appeared on" if version.appeared else "was last seen on"
        yield f"version {quoted(version.version)} {verb} {day(version.on)}"
    volume = explanation.volume
    if volume is not None and volume.notable:
        more = "more" if volume.by > 0 else "fewer"
        yield f"{share(abs(volume.by))} {more} predictions than usual on such days"
    yield from explanation.notes


def _part(split: Split, part: Part) -> str:
    """One segment that stands out."""
    of = share(abs(part.total / split.change))
    way = "fall" if split.change < 0 else "rise"
    if not split.adds_up:
        return f"without {quoted(part.segment)} {of} of the {way} would be gone"
    if part.before is None or part.share_before == 0.0:
        how = "it is new"
    elif part.after is None or part.share_after == 0.0:
        how = "it is gone"
    elif part.within is None or part.mix is None:
        how = f"{figure(part.before)} a day before, {figure(part.after)} now"
    elif abs(part.within) >= abs(part.mix):
        how = f"within it, {figure(part.before)} to {figure(part.after)}"
    else:
        how = f"its share went from {share(part.share_before)} to {share(part.share_after)}"
    weight = share((part.share_before + part.share_after) / 2.0)
    return f"{quoted(part.segment)} explains {of} of the {way} with {weight} of the weight ({how})"


def _is_mixed(split: Split) -> bool:
    """Whether the mix of a column's values explains a good part of the change by itself, and surely some."""
    if split.mix is None or split.mix_error is None or split.change == 0.0:
        return False
    return split.mix / split.change >= 0.25 and abs(split.mix) > SURE * split.mix_error


def _mix(split: Split) -> str:
    of = share(min((split.mix or 0.0) / split.change, 1.0))
    return f"{of} of it is another mix of {quoted(split.column)}, not change within"


_WORDS = {
    "positive_rate": "positives",
    "mean_actual": "mean actual",
    "mean_score": "mean score",
    "predicted_positive_rate": "predicted positives",
    "mean_prediction": "mean prediction",
    "coverage": "label coverage at this age",
}
_SHARES = {"positive_rate", "predicted_positive_rate", "coverage"}


def moved(change: Change) -> str:
    """A metric before and after.

    >>> moved(Change("positive_rate", 0.228, 0.123, 0.02, 0.02))
    'positives 23 % to 12 %'
    """
    said = _WORDS.get(change.metric, name(change.metric))
    if change.metric in _SHARES:
        return f"{said} {share(change.before)} to {share(change.after)}"
    return f"{said} {figure(change.before)} to {figure(change.after)}"


def day(unit: date) -> str:
    """A day, or the hour on it, as people say it."""
    return f"{calendar(unit)} {unit:%H:%M} UTC" if isinstance(unit, datetime) else calendar(unit)


def lines(explanation: Explanation) -> Sequence[str]:
    """The whole of it for a terminal, a line each; the figures by segment come as tables."""
    e = explanation
    head = f"{name(e.metric)} of {name(e.version)} in {name(e.segment)}, {e.window} to {day(e.last)}"
    found = [
        ("Breach", f"{head}, at {e.horizon} [{name(e.detector)}]"),
        ("Against", e.against or "nothing to compare with"),
    ]
    if e.change is not None:
        found.append(("Change", moved(e.change)))
    found += [("Since", when(e)), *facts(e)]
    width = max(len(label) for label, _ in found) + 1
    return [f"{label + ':':<{width}} {text}" for label, text in found if text]
