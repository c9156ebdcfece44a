"""What a rule over several metrics says of each of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """How far one metric of a family goes, how far it may, how likely chance does that, and the words."""

    name: str
    far: float
    limit: float
    p_value: float
    words: str
