"""From the statement's lines to events: what each fact adds, and from which horizon on.

A line counts rows that share a cell and a history.  A row is there from the horizon at which its
prediction was known; its label moves it from "no label" to the actual's cell, and a label that was superseded
leaves that cell again, for its successor's or, under `on_conflict: error`, for none.  The statistics at a
horizon are the sum of the events at it or before: one pass serves every age.

Under `default_negative` a row of whose label nothing was known in time says "no" and is learnt after the last
horizon.  At the last horizon it moves to that "no" where the feed was alive; where it was silent every label
leaves, for those that are there are mostly positives, and a metric of them would be praise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, OnConflict
from hindsight.errors import SourceError
from hindsight.statistics.base import LIMB, Ints, Layout
from hindsight.statistics.reasons import CONTRADICTING, LATE, REASONS, REMARKS
from hindsight.windows import Calendar


@dataclass(frozen=True, slots=True)
class Key:
    """How a line's integer key is packed: fields from the most significant to the least, with their sizes.

    A negative key is -1 less one packed by `delay`: of rows by the age of their first label, plus 1; 0 is for
    those without one.
    """

    fields: tuple[tuple[str, int], ...]
    delay: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, spec: MonitorSpec, layout: Layout, calendar: Calendar) -> Self:
        """The key of a monitor's statement over these days; what cannot vary takes no room."""
        horizons = len(calendar.horizons)
        again = not spec.ground_truth.unique
        position = ("position", len(calendar.midnights))
        known = ("known", horizons + 1 if spec.predictions.columns.logged else 1)
        return cls(
            (
                position,
                ("reason", len(REASONS)),
                ("said", layout.said),
                ("actual", layout.actuals),
                known,
                ("learnt", horizons + 2),
                ("superseded", horizons + 2 if again else 1),
                ("first", 2),
                ("remark", 4 if again else 2),
            ),
            (position, ("age", calendar.horizons[-1] + 2), known),
        )

    def unpack(self, keys: Ints) -> dict[str, Ints]:
        """The fields of packed keys."""
        found = {}
        for name, size in reversed(self.fields[1:]):
            if size > 1:
                keys, found[name] = np.divmod(keys, size)
            else:  # a row has one history then, and it is its first
                found[name] = np.full_like(keys, name == "first")
        return found | {self.fields[0][0]: keys}

    def delays(self, keys: Ints, counts: Ints) -> list[tuple[int, int, int, int]]:
        """(position, age, known, rows) of negative keys: rows by the age of their first label."""
        found = []
        for key, count in zip((-1 - keys).tolist(), counts.tolist(), strict=True):
            rest, known = divmod(key, self.delay[2][1])
            position, age = divmod(rest, self.delay[1][1])
            if age:
                found.append((position, age - 1, known, count))
        return sorted(found)


@dataclass(frozen=True, slots=True)
class Group:
    """Whose statistics these are: the position of the day, version and segment."""

    position: int
    version: str
    segment: str


@dataclass(frozen=True, slots=True)
class Lines:
    """The statement's answer: a line per entry, the groups that lines belong to, and which line is in which.

    `sums` has shape [parts, lines]; `member_of` and `line` are pairs (group, line): a line is in `ALL` and in
    one group of its own segment.  `whole_of` holds for each group the `ALL` that it is a part of, -1 for
    none: `ALL` is the sum of the first segment column's values.  `delays` are (position, age, known, rows) of
    rows by the age of their first label.
    """

    fields: Mapping[str, Ints]
    count: Ints
    sums: npt.NDArray[np.int64]
    groups: tuple[Group, ...]
    member_of: Ints
    line: Ints
    whole_of: Ints
    delays: Sequence[tuple[int, int, int, int]] = ()

    def predictions(self, layout: Layout) -> int:
        """How many rows of the prediction log the lines count, as often as the join made them."""
        whole = np.array([group.segment == ALL for group in self.groups], dtype=bool)
        line = self.line[whole[self.member_of]] if len(whole) else self.line
        of_rows = self.fields["said"][line] < layout.rows_said
        return int(self.count[line][of_rows].sum())

    def contradicted(self, horizons: int) -> set[int]:
        """The positions of days on which a label contradicts the one before it, as known at any horizon."""
        names = [CONTRADICTING in REMARKS.get(code, ()) for code in range(max(REMARKS) + 1)]
        fields = self.fields
        odd = np.array(names)[fields["remark"]] & (fields["reason"] == 0) & (fields["learnt"] <= horizons)
        return set(np.unique(fields["position"][odd]).tolist())

    def by_position(self, chosen: npt.NDArray[np.bool_]) -> dict[int, int]:
        """Rows of the chosen lines, all versions and segments together."""
        found: dict[int, int] = {}
        for group, line in zip(self.member_of.tolist(), self.line.tolist(), strict=True):
            if chosen[line] and self.groups[group].segment == ALL:
                position = self.groups[group].position
                found[position] = found.get(position, 0) + int(self.count[line])
        return found

    def remarks(self) -> Iterator[tuple[int, int, str, int]]:
        """(group, bucket, reason, rows) of rows set aside or remarked on."""
        fields = self.fields
        late = (fields["known"] > 0) & (fields["first"] == 1) & (fields["reason"] == 0)
        odd = (fields["reason"] > 0) | (fields["remark"] > 0) | late
        chosen = odd[self.line]
        for group, line in zip(self.member_of[chosen].tolist(), self.line[chosen].tolist(), strict=True):
            known, learnt, count = (
                int(fields["known"][line]),
                int(fields["learnt"][line]),
                int(self.count[line]),
            )
            if fields["reason"][line]:
                yield group, known, REASONS[fields["reason"][line]], count
            for name in REMARKS.get(int(fields["remark"][line]), ()):
                yield group, max(known, learnt - 1), name, count
            if late[line]:
                yield group, known, LATE, count


def read(columns: Mapping[str, npt.NDArray[Any]], layout: Layout, key: Key, segments: Sequence[str]) -> Lines:
    """Parse the statement's columns; `segments` are the names of the segment columns.

    A line of the first segment column, or of none, is in `ALL` too: ALL is the sum of that column's values.
    """
    keys, count = (np.asarray(columns[name], dtype=np.int64) for name in ("key", "count"))
    of_cells = keys >= 0
    delays = key.delays(keys[~of_cells], count[~of_cells])
    columns = {name: values[of_cells] for name, values in columns.items()}
    fields, count = key.unpack(keys[of_cells]), count[of_cells]
    parts = sum(2 if term.wide else 1 for term in layout.summed)
    sums = np.array([columns[f"sum_{i}"] for i in range(parts)], dtype=np.int64).reshape(parts, len(count))
    if len(count) and float(np.abs(sums).sum(axis=1, dtype=np.float64).max(initial=0.0)) > 2.0**62:
        raise SourceError(
            "The sums of a term leave the range of 64-bit integers: compute fewer days at once."
        )
    versions, version_names = pd.factorize(columns["version"])
    groups: list[Group] = []
    member_of, lines = [], []

    def gather(chosen: Ints, codes: Ints, names: Sequence[str]) -> None:
        packed = (fields["position"][chosen] * len(version_names) + versions[chosen]) * len(names) + codes
        found, inverse = np.unique(packed, return_inverse=True)
        member_of.append(inverse + len(groups))
        lines.append(chosen)
        rest, segment = np.divmod(found, len(names))
        position, version = np.divmod(rest, len(version_names))
        groups.extend(
            Group(p, str(version_names[v]), names[s])
            for p, v, s in zip(position.tolist(), version.tolist(), segment.tolist(), strict=True)
        )

    here = [pd.notna(columns[f"segment_{i}"]) for i in range(len(segments))]
    whole = np.flatnonzero(here[0]) if segments else np.arange(len(count))
    if len(whole):
        gather(whole, np.zeros(len(whole), dtype=np.int64), [ALL])
    first_value = first_end = len(groups)
    for i, name in enumerate(segments):
        chosen = np.flatnonzero(here[i])
        if len(chosen):
            codes, values = pd.factorize(columns[f"segment_{i}"][chosen])
            gather(chosen, codes.astype(np.int64), [f"{name}={value}" for value in values])
        if i == 0:
            first_end = len(groups)
    alls = {(g.position, g.version): i for i, g in enumerate(groups[:first_value])}
    whole_of = [-1] * len(groups)
    for i, group in enumerate(groups[first_value:first_end], first_value):
        whole_of[i] = alls[group.position, group.version]
    nothing = [np.zeros(0, dtype=np.int64)]
    return Lines(
        fields,
        count,
        sums,
        tuple(groups),
        np.concatenate(member_of or nothing),
        np.concatenate(lines or nothing),
        np.array(whole_of, dtype=np.int64),
        delays,
    )


def payloads(
    lines: Lines,
    layout: Layout,
    horizons: int,
    on_conflict: OnConflict,
    alive: Collection[int] | None = None,
) -> list[list[dict[str, Any]]]:
    """For each horizon the exact statistics of each group, as plain integers; `{}` without a row.

    Under `default_negative`, `alive` are the positions whose feed was alive at the last horizon.
    """
    fields, first = lines.fields, lines.fields["first"] == 1
    usable = fields["reason"] == 0
    known, learnt, left = fields["known"], fields["learnt"] - 1, fields["superseded"] - 1
    labelled, ended = usable & (learnt >= 0), usable & (left >= 0) & (learnt >= 0)
    at_label, at_end = np.maximum(learnt, known), np.maximum(left, known)
    none = np.zeros_like(known)
    moves: list[Move] = [
        (usable & first, none, known, 1),
        (labelled, fields["actual"], at_label, 1),
        (labelled & first, none, at_label, -1),
        (ended, fields["actual"], at_end, -1),
    ]
    if on_conflict is OnConflict.ERROR:
        moves.append((ended & first, none, at_end, 1))
    if alive is not None:
        moves += moves_of_silence(lines, moves[1:], none, horizons, alive)
    cell = fields["said"] * layout.actuals
    width = layout.said * layout.actuals
    parts = [term.labelled for term in layout.summed for _ in range(2 if term.wide else 1)]
    of_label = np.array(parts, dtype=np.bool_)
    keys, buckets, counts, sums = [], [], [], []
    # What has parts is added up from them.
    fine = ~np.isin(lines.member_of, lines.whole_of)
    member_of, lines_of = lines.member_of[fine], lines.line[fine]
    for which, actual, at, sign in moves:
        chosen = which[lines_of] & (at[lines_of] < horizons)
        line = lines_of[chosen]
        keys.append(member_of[chosen] * width + cell[line] + actual[line])
        buckets.append(at[line])
        counts.append(sign * lines.count[line])
        part = sign * lines.sums[:, line]
        if actual is none:  # what rests on a label is not known of a row without one
            part[of_label] = 0
        sums.append(part)
    return tally(
        np.concatenate(keys),
        np.concatenate(buckets),
        np.concatenate([np.concatenate(counts)[None], np.concatenate(sums, axis=1)]),
        layout,
        lines.whole_of,
        horizons,
    )


def counting(fields: Mapping[str, Ints], horizons: int) -> npt.NDArray[np.bool_]:
    """Which lines count at the last horizon, each row once."""
    counts: npt.NDArray[np.bool_] = (fields["reason"] == 0) & (fields["first"] == 1)
    return counts & (fields["known"] < horizons)


def unlearnt(fields: Mapping[str, Ints], horizons: int) -> npt.NDArray[np.bool_]:
    """Which lines count at the last horizon and say "no" because nothing was learnt of them in time."""
    return counting(fields, horizons) & (fields["learnt"] > horizons)


Move = tuple[npt.NDArray[np.bool_], Ints, Ints, int]
"""Which lines, their actual, from which horizon on, whether they come or go."""


def moves_of_silence(
    lines: Lines, of_labels: Sequence[Move], none: Ints, horizons: int, alive: Collection[int]
) -> list[Move]:
    """What silence means at the last horizon: a "no" where the feed was alive, elsewhere that none counts."""
    fields = lines.fields
    last = np.full_like(none, horizons - 1)
    there = np.isin(fields["position"], sorted(alive))
    silent = there & unlearnt(fields, horizons)
    undone: list[Move] = [
        (which & ~there & (at < horizons), actual, last, -sign) for which, actual, at, sign in of_labels
    ]
    return [(silent, fields["actual"], last, 1), (silent, none, last, -1), *undone]


def tally(
    key: Ints, at: Ints, numbers: npt.NDArray[np.int64], layout: Layout, whole_of: Ints, horizons: int
) -> list[list[dict[str, Any]]]:
    """Payloads from events: at each horizon the sums, by key, of the numbers [1 + parts, events] known by
    then.
    """
    width = layout.said * layout.actuals
    codes, seen = pd.factorize(key)
    whole = whole_of[seen // width]
    parts = np.flatnonzero(whole >= 0)
    whole_codes, wholes = pd.factorize(whole[parts] * width + seen[parts] % width)
    cells = np.concatenate([seen, wholes])
    order = np.argsort(cells)
    group, cell = np.divmod(cells[order], width)
    known = np.zeros((len(numbers), len(seen)), dtype=np.int64)
    made: list[list[dict[str, Any]]] = []
    for horizon in range(horizons):
        now = np.flatnonzero(at == horizon)
        added = np.zeros((len(numbers), len(wholes)), dtype=np.int64)
        for total, sums, values in zip(known, added, numbers, strict=True):
            np.add.at(total, codes[now], values[now])
            np.add.at(sums, whole_codes, total[parts])
        every = np.concatenate([known, added], axis=1)[:, order]
        there = np.flatnonzero((every != 0).any(axis=0))
        bounds = np.searchsorted(group[there], np.arange(len(whole_of) + 1)).tolist()
        columns = {"cell": cell[there].tolist(), "n": every[0, there].tolist()} | sums_of(
            every[:, there], layout
        )
        made.append(
            [
                {name: values[start:end] for name, values in columns.items()} if end > start else {}
                for start, end in pairwise(bounds)
            ]
        )
    return made


def sums_of(total: npt.NDArray[np.int64], layout: Layout) -> dict[str, list[int]]:
    """The sums of each term as Python's integers; `total` has the count before them."""
    columns, part = {}, 1
    for term in layout.summed:
        values = total[part].tolist()
        if term.wide:
            values = [high * LIMB + low for high, low in zip(values, total[part + 1].tolist(), strict=True)]
        columns[term.name] = values
        part += 2 if term.wide else 1
    return columns
