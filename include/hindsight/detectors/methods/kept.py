"""Which metrics a monitor keeps, by their whole names: a bare one may stand for several."""

from __future__ import annotations

from collections.abc import Sequence

from hindsight.domain.spec import MonitorSpec
from hindsight.metrics import EXPANDED, find, prototype
from hindsight.metrics.base import Argument


def whole_names(spec: MonitorSpec, name: str) -> tuple[str, ...]:
    """The metrics that a name in the monitor's file stands for; none for a name of none.

    One that stands for classes or features has its names from there; of other arguments it must name its own.
    """
    metric = prototype(name)
    if metric is None:
        return ()
    if metric.argument in EXPANDED and "(" not in name:
        of: Sequence[str] = ()
        if metric.argument is Argument.FEATURE:
            of = spec.predictions.features
        elif metric.argument is Argument.CLASS:
            of = spec.classes
        return tuple(f"{name}({each})" for each in of)
    try:
        find(name)
    except ValueError:
        return ()
    return (name,)


def kept(spec: MonitorSpec) -> tuple[str, ...]:
    """All metrics that a monitor's file names, in their order."""
    return tuple(dict.fromkeys(each for name in spec.metrics for each in whole_names(spec, name)))
