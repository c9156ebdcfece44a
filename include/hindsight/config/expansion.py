"""A metric that is kept for each class, feature or custom sum may be named once for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hindsight.domain.spec import MonitorSpec
from hindsight.metrics import EXPANDED, prototype
from hindsight.metrics.base import Argument


def domain(spec: MonitorSpec, argument: Argument) -> Sequence[str]:
    """What an argument of this kind may be in a monitor."""
    return {
        Argument.CLASS: spec.classes,
        Argument.PAIR: tuple(
            f"{actual}->{predicted}" for actual in spec.classes for predicted in spec.classes
        ),
        Argument.FEATURE: spec.predictions.features,
        Argument.CUSTOM: tuple(spec.custom),
    }[argument]


def names(spec: MonitorSpec, written: str) -> Iterator[str]:
    """The metrics that a name in the file stands for."""
    metric = prototype(written)
    if metric is not None and metric.argument in EXPANDED and "(" not in written:
        yield from (f"{written}({one})" for one in domain(spec, metric.argument))
    else:
        yield written


def expanded(spec: MonitorSpec) -> MonitorSpec:
    """The monitor with every metric by its full name, each once."""
    full = dict.fromkeys(name for written in spec.metrics for name in names(spec, written))
    return replace(spec, metrics=tuple(full))
