"""What a monitor takes the columns of a location for, where the rows themselves do not say it."""

from __future__ import annotations

from collections.abc import Mapping

from hindsight.domain.spec import GroundTruth, Location, Marker, PredictionLog


def time_columns(location: Location) -> set[str]:
    """The columns that a location names as times."""
    if isinstance(location, PredictionLog):
        log = location.columns
        return named(log.time, log.logged, log.landed)
    if isinstance(location, GroundTruth):
        return named(location.columns.time, location.columns.landed)
    return named(location.time) if isinstance(location, Marker) else set()


def number_columns(location: Location) -> set[str]:
    """The columns that hold numbers, or that may hold them."""
    if isinstance(location, PredictionLog):
        log = location.columns
        found = named(
            log.score, log.prediction, log.lower, log.upper, log.position, log.latency_ms, log.error
        )
        return found | (set(log.scores.values()) if isinstance(log.scores, Mapping) else set())
    if isinstance(location, GroundTruth):
        return named(location.columns.actual, location.columns.weight)
    return set()


def text_columns(location: Location) -> set[str]:
    """The columns that name things, whatever their values look like: `007` is not 7."""
    if isinstance(location, PredictionLog):
        log = location.columns
        return named(log.id, log.version, log.cluster, log.query)
    return named(location.columns.id) if isinstance(location, GroundTruth) else set()


def all_columns(location: Location) -> set[str]:
    """Every column that a location names."""
    found = time_columns(location) | number_columns(location) | text_columns(location) | set(location.where)
    return found | set(location.features) if isinstance(location, PredictionLog) else found


def named(*names: str | None) -> set[str]:
    """The names that are given."""
    return {name for name in names if name is not None}
