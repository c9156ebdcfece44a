"""Hindsight: whether deployed models still work, as the truth arrives.

For notebooks: `read_snapshots`, `read_detections` and `read_incidents` give typed pandas frames, from the
store or from an exported CSV; `read_nowcast`, `read_delay` and `read_maturity` say what young windows will
be, and how late labels come.  Everything else is behind the command `hindsight` and in the DAGs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hindsight.reading import (
        read_delay,
        read_detections,
        read_incidents,
        read_maturity,
        read_nowcast,
        read_snapshots,
    )

__all__ = [
    "read_delay",
    "read_detections",
    "read_incidents",
    "read_maturity",
    "read_nowcast",
    "read_snapshots",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # pandas costs half a second, which the parsing of a DAG file must not pay.
    if name in __all__:
        from hindsight import reading

        return getattr(reading, name)
    raise AttributeError(f"module 'hindsight' has no attribute {name!r}")
