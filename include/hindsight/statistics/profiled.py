"""From the second statement's lines to payloads of what came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from hindsight.domain.values import ALL
from hindsight.errors import SourceError
from hindsight.statistics.base import LIMB, Ints
from hindsight.statistics.cuts import CategoryCut, Cut, Nothing, NumberCut
from hindsight.statistics.inputs import FIRST, INVALID, NULL, Cuts

CODES: Final = 1000
"""Room for codes in a line's key, which is (block * positions + position) * CODES + code."""

CALL_SUMS: Final = 5
CUSTOM_SUMS: Final = 11
"""Sums of a call: failed, then two parts each of seconds and of their squares.  Of each custom sum: two parts
each of x, y, x², xy and y², and the rows that gave no number."""

Key = tuple[int, str, str]
"""Position of the day, version, segment."""


@dataclass(frozen=True)
class Asked:
    """What the statement was asked for, so that its lines can be told."""

    features: Sequence[str]
    custom: Sequence[str]
    segments: Sequence[str]
    latency: bool
    error: bool
    cuts: Cuts
    seconds: Sequence[int]
    """How long each position's day is."""


def read(columns: Mapping[str, npt.NDArray[Any]], asked: Asked) -> dict[Key, dict[str, Any]]:
    """The payloads of what came in, by day, version and segment."""
    key = np.asarray(columns["key"], dtype=np.int64)
    count = np.asarray(columns["count"], dtype=np.int64)
    names = [f"sum_{i}" for i in range(CALL_SUMS + CUSTOM_SUMS * len(asked.custom))]
    sums = np.array([columns[name] for name in names], dtype=np.int64).reshape(len(names), len(key))
    if len(key) and float(np.abs(sums.astype(np.float64)).sum(axis=1).max()) > 2.0**62:
        raise SourceError(
            "The sums of what came in leave the range of 64-bit integers: compute fewer days at once."
        )
    rest, code = np.divmod(key, CODES)
    block, position = np.divmod(rest, len(asked.seconds))
    version = np.asarray(columns["version"], dtype=object)
    found: dict[Key, dict[str, Any]] = {}

    def members(chosen: Ints, *more: npt.NDArray[Any]) -> dict[tuple[Any, ...], Ints]:
        if not len(chosen):
            return {}
        by = dict(enumerate((position[chosen], version[chosen], *(each[chosen] for each in more))))
        groups: dict[Any, Any] = pd.DataFrame(by).groupby(list(by), sort=False).indices
        return {group: chosen[np.asarray(lines)] for group, lines in groups.items()}

    def add_calls(day: int, name: str, segment: str, lines: Ints) -> None:
        found[day, name, segment] = _calls(
            asked, asked.seconds[day], code[lines], count[lines], sums[:, lines]
        )

    here = [pd.notna(columns[f"segment_{i}"]) for i in range(len(asked.segments))]
    calls = block == 0
    whole = np.flatnonzero(calls & here[0]) if here else np.flatnonzero(calls)
    for (day, name), lines in members(whole).items():
        add_calls(int(day), str(name), ALL, lines)
    for i, column in enumerate(asked.segments):
        values = np.asarray(columns[f"segment_{i}"], dtype=object)
        for (day, name, told), lines in members(np.flatnonzero(calls & here[i]), values).items():
            add_calls(int(day), str(name), f"{column}={told}", lines)
    for i, feature in enumerate(asked.features):
        basis, cut = asked.cuts.get(feature, (None, None))
        for (day, name), lines in members(np.flatnonzero(block == 1 + i)).items():
            given = _feature(cut, code[lines], columns["value"][lines], count[lines], sums[:, lines])
            if basis is not None:
                given["basis"] = basis
            # A prediction that counts is a call, so there is a payload to put it in.
            found[int(day), str(name), ALL].setdefault("features", {})[feature] = given
    return found


def _wide(parts: npt.NDArray[np.int64]) -> int:
    high, low = parts.sum(axis=1).tolist()
    return int(high) * LIMB + int(low)


def _by_code(code: Ints, count: Ints) -> tuple[list[int], list[int]]:
    codes, place = np.unique(code, return_inverse=True)
    total = np.zeros(len(codes), dtype=np.int64)
    np.add.at(total, place, count)
    return codes.tolist(), total.tolist()


def _calls(
    asked: Asked, seconds: int, code: Ints, count: Ints, sums: npt.NDArray[np.int64]
) -> dict[str, Any]:
    told: dict[str, Any] = {"calls": int(count.sum()), "seconds": seconds}
    if asked.error:
        told["failed"] = int(sums[0].sum())
    if asked.latency:
        timed = code >= FIRST
        bins, counts = _by_code(code[timed] - FIRST, count[timed])
        total, squares = _wide(sums[1:3, timed]), _wide(sums[3:5, timed])
        invalid = int(count[~timed].sum())
        told["latency"] = {"bin": bins, "n": counts, "sums": [total, squares], "invalid": invalid}
    for i, name in enumerate(asked.custom):
        mine = sums[CALL_SUMS + CUSTOM_SUMS * i :][:CUSTOM_SUMS]
        values = [_wide(mine[j : j + 2]) for j in range(0, CUSTOM_SUMS - 1, 2)]
        told.setdefault("custom", {})[name] = [*values, int(mine[-1].sum())]
    return told


def _feature(
    cut: Cut | None, code: Ints, value: npt.NDArray[Any], count: Ints, sums: npt.NDArray[np.int64]
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "rows": int(count.sum()),
        "null": int(count[code == NULL].sum()),
        "invalid": int(count[code == INVALID].sum()),
    }
    if cut is None or isinstance(cut, Nothing):
        return told
    there = code >= FIRST
    place = code[there] - FIRST
    if isinstance(cut, CategoryCut):
        places = {known: min(i, cut.top) for i, known in enumerate(cut.values)}
        place = np.array(
            [
                places[word] if seen == 0 else cut.unseen
                for seen, word in zip(place.tolist(), value[there].tolist(), strict=True)
            ],
            dtype=np.int64,
        )
    told["bin"], told["n"] = _by_code(place, count[there])
    if isinstance(cut, NumberCut):
        z = sums[1:3]
        ends = [code == FIRST, code == FIRST + cut.bins - 1]
        told["sums"] = [
            int(sums[0].sum()),
            _wide(z),
            _wide(sums[3:5]),
            *(_wide(z[:, end]) for end in ends),
            *(int(sums[0, end].sum()) for end in ends),
        ]
    return told
