"""Whether what is known at once still goes with what turns out true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import atanh, erfc, hypot, sqrt, tanh
from typing import Any, ClassVar, Final

import numpy as np

from hindsight.detectors.base import BaseDetector, Finding, Point, Series, insufficient
from hindsight.detectors.methods.bounds import surely
from hindsight.detectors.methods.correlation import CERTAIN, Link, Method, around, link
from hindsight.detectors.methods.robust import phase
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Severity, Span, Verdict
from hindsight.metrics import find

NINETY_DAYS: Final = Span(90)
MIN_DAYS: Final = 28
"""Days with both figures, up to the window and in the reference, without which nothing is said."""

ONE_SIDED: Final = 1.6448536269514722
"""How many errors a one-sided limit of 95 % lies away."""


@dataclass(frozen=True, kw_only=True)
class ProxyLink(BaseDetector):
    """Breaches when a proxy surely follows the truth less than it did in the reference, or not at all.

    Until labels come one goes by a `proxy` that needs none, such as the rate of calls that are blocked or the
    mean score; this asks whether its days still rise and fall with those of the `metric` that is the truth.
    Over the days of `past` that are old enough the rank correlation of the two (`method`: spearman or
    kendall) is compared with that over the days of the reference, by Fisher's z with as many days as are as
    good as independent (see `methods.correlation`).  Weekdays' means (at an hourly grain those of the hours
    of the day) are taken off both first: what both do every week is no link.  It may be `weaker` by so much;
    and if even its upper limit of 95 % lies below `least`, there is no link, whatever there was.  A link that
    is of the other sign is weaker than none.

    Fewer than 28 days with both figures, here or in the reference, are INSUFFICIENT, and so is a proxy
    that did not follow the truth in the reference.  Both series must move: of a truth that is level for
    months every proxy looks useless.

    False breaches: 0.0 % of windows with nothing wrong, at a correlation of 0.8 over 90 days against 60 of
    reference; 0.9 % where the link is weaker by as much as it may be.

    >>> ProxyLink(metric="recall", proxy="mean_score").sentence
    'mean_score follows recall at 7d over 90d by a rank correlation at most 0.3 below before (99% sure)'
    """

    kind: ClassVar[str] = "proxy_link"
    judges_days: ClassVar[bool] = True
    reads_reference_days: ClassVar[bool] = True

    proxy: str
    past: Span = NINETY_DAYS
    method: Method = "spearman"
    weaker: float = 0.3
    least: float = 0.2
    evidence: float = 0.99

    @property
    def usual_name(self) -> str:
        return f"{self.kind}:{self.proxy}:{self.metric}:{self.window}@{self.at}"

    @property
    def reach(self) -> Span:
        return self.past

    @property
    def needs_reference(self) -> bool:
        return True

    def others(self, spec: MonitorSpec) -> tuple[str, ...]:
        """The proxy."""
        return (self.proxy,)

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        try:
            proxy = find(self.proxy)
        except ValueError as error:
            yield f"{error}, so it is no `proxy`"
        else:
            if proxy.labelled:
                yield f"{self.proxy!r} needs labels, so it is no `proxy`: name a metric that is kept at 0d"
        if not find(self.metric).labelled:
            yield f"{self.metric!r} needs no labels, so it is not the truth: name a metric of outcomes"
        if self.past.calendar or self.past.count < MIN_DAYS:
            yield f"`past` must hold at least {MIN_DAYS}{self.past.unit}, not {self.past}"
        if not 0 < self.weaker < 1:
            yield f"`weaker` is how much correlation may be lost, between 0 and 1, not {self.weaker}"
        if not 0 <= self.least < 1:
            yield f"`least` is the correlation below which there is no link, in [0, 1), not {self.least}"
        if not 0.5 < self.evidence < 1:
            yield f"evidence {self.evidence} is not between 0.5 and 1"

    @property
    def sentence(self) -> str:
        return (
            f"{self.proxy} follows {self.metric} at {self.at} over {self.past} by a rank correlation at most "
            f"{self.weaker:g} below before ({self.evidence:.0%} sure)"
        )

    def examine(self, series: Series) -> Finding:
        proxy = series.others.get(self.proxy)
        if proxy is None:
            return insufficient(f"{self.proxy} is not known in the window.")
        units = "hours" if self.window.unit == "h" else "days"
        days = tuple(day for day in series.days if day.usable)
        now, missing = self._link(days, proxy.days, units, series.zone)
        if now is None:
            return insufficient(f"{missing}.")
        if series.no_reference is not None:
            return insufficient(f"{series.no_reference}.")
        before, missing = self._link(series.reference_days, proxy.reference_days, units, series.zone)
        if before is None:
            return insufficient(f"of the reference {missing}.")
        sign = 1.0 if before.value >= 0 else -1.0
        if sign * before.z <= ONE_SIDED * before.error:
            return insufficient(
                f"{self.proxy} did not surely follow {self.metric} in the reference (correlation "
                f"{before.value:.2f} over {before.days} {units})."
            )
        return self._compared(now, before, sign, units)

    def _compared(self, now: Link, before: Link, sign: float, units: str) -> Finding:
        """Judge the link by that of the reference, which has this sign."""
        usual = sign * before.value
        bound = usual - self.weaker
        bound = min(max(bound, -CERTAIN), CERTAIN)
        # The bound lies where z is stretched less than at the reference's correlation: the delta method.
        own = before.error * (1.0 - usual * usual) / (1.0 - bound * bound)
        gap = atanh(bound) - sign * now.z
        p_value = 0.5 * erfc(gap / hypot(now.error, own) / sqrt(2.0))
        upper = tanh(sign * now.z + ONE_SIDED * now.error)
        place = (
            f"{self.proxy} follows {self.metric} with a correlation of {now.value:.2f} over {now.days} "
            f"{units}, in the reference {before.value:.2f} over {before.days}"
        )
        numbers: dict[str, Any] = {
            "p_value": p_value,
            "details": {
                "correlation": now.value,
                "reference": before.value,
                "independent": now.effective,
                "independent_of_reference": before.effective,
                "upper": sign * upper,
            },
        }
        if p_value <= 1.0 - self.evidence:
            way = f"weaker by more than {self.weaker:g} ({surely(p_value)})"
            if upper < 0:
                way = f"it now goes the other way ({surely(p_value)})"
            return Finding(Verdict.BREACH, f"{place}: {way}.", severity=Severity.WARNING, **numbers)
        if upper < self.least and p_value < 0.5:
            return Finding(
                Verdict.BREACH,
                f"{place}: surely less than {self.least:g}, which is no link.",
                severity=Severity.WARNING,
                **numbers,
            )
        if sign * now.value < bound:
            reason = f"{place}: weaker, but not surely by more than {self.weaker:g}."
            return Finding(Verdict.CLEAR, reason, severity=Severity.WATCH, **numbers)
        return Finding(Verdict.CLEAR, f"{place}.", **numbers)

    def _link(
        self, truth: tuple[Point, ...], proxy: tuple[Point, ...], units: str, zone: tzinfo | None
    ) -> tuple[Link | None, str]:
        """The link over the days that have both figures, or why there is none."""
        known = {day.end: day.value for day in proxy if day.value is not None}
        pairs = [
            (day.value, known[day.end], phase(day.end, zone) % (24 if isinstance(day.end, datetime) else 7))
            for day in truth
            if day.usable and day.value is not None and day.end in known
        ]
        pairs = [pair for pair in pairs if np.isfinite(pair).all()]
        if len(pairs) < MIN_DAYS:
            have = f"{len(pairs)} {units} have both {self.metric} and {self.proxy}"
            return None, f"{have}; their link needs {MIN_DAYS}"
        one, other, at = np.array(pairs, dtype=np.float64).T
        phases = at.astype(np.int64)
        (first, lost), (second, _) = around(one, phases), around(other, phases)
        found = link(first, second, self.method, lost)
        return found, f"the {units} have always the same {self.metric} or {self.proxy}"
