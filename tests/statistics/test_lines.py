"""From the statement's lines to statistics at every label age."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, OnConflict, Task
from hindsight.errors import SourceError
from hindsight.metrics import find
from hindsight.statistics import layout_of
from hindsight.statistics.base import LIMB
from hindsight.statistics.lines import Group, Key, Lines, payloads, read
from hindsight.statistics.reasons import REASONS
from hindsight.windows import Calendar
from samples import spec_of

HORIZONS = 3
NEVER = HORIZONS
SCORE, SCORE2, LOSS = TERMS = (500_000_000, 250_000_000, 693_147_181)

LAST, FIRST, ERROR = OnConflict.LAST, OnConflict.FIRST, OnConflict.ERROR
Line = dict[str, Any]


def monitor(task: Task = Task.BINARY) -> MonitorSpec:
    """A monitor whose logs may hold everything a line can say."""
    return spec_of(task, logged="logged")


def line(
    *terms: int, segment: Sequence[str | None] = (), version: str = "v1", count: int = 1, **fields: Any
) -> Line:
    """One line of the statement's answer, unpacked."""
    fields = {
        "position": 1,
        "reason": "",
        "said": 0,
        "outcome": None,
        "known": 0,
        "learnt": None,
        "superseded": None,
        "first": 1,
        "remark": 0,
    } | fields
    return {"terms": terms or TERMS, "segment": segment, "version": version, "count": count} | fields


def lines_of(lines: Sequence[Line], segments: Sequence[str] = (), task: Task = Task.BINARY) -> Lines:
    """The lines as the source gives them, and read again."""
    spec = monitor(task)
    layout = layout_of(spec)
    days = [date(2013, 3, 5) + timedelta(days=i) for i in range(3)]
    key = Key.of(spec, layout, Calendar.of(days, map(Horizon, (1, 3, 7)), ZoneInfo("UTC")))
    packed = []
    for one in lines:
        codes = one | {
            "reason": REASONS.index(one["reason"]),
            "actual": 0 if one["outcome"] is None else one["outcome"] + 1,
            "learnt": 0 if one["learnt"] is None else one["learnt"] + 1,
            "superseded": 0 if one["superseded"] is None else one["superseded"] + 1,
        }
        number = 0
        for name, size in key.fields:
            assert 0 <= codes[name] < size, name
            number = number * size + codes[name]
        packed.append(number)
    columns: dict[str, Any] = {
        "key": np.array(packed, dtype=np.int64),
        "version": np.array([one["version"] for one in lines], dtype=object),
        "count": np.array([one["count"] for one in lines], dtype=np.int64),
    }
    parts = sum(2 if term.wide else 1 for term in layout.summed)
    for i in range(parts):
        columns[f"sum_{i}"] = np.array([one["terms"][i] for one in lines], dtype=np.int64)
    for i in range(len(segments)):
        columns[f"segment_{i}"] = np.array([one["segment"][i] for one in lines], dtype=object)
    return read(columns, layout, key, segments)


def at_each(lines: Lines, policy: OnConflict = LAST, task: Task = Task.BINARY) -> list[list[dict[str, Any]]]:
    return payloads(lines, layout_of(monitor(task)), HORIZONS, policy)


def cells(lines: Sequence[Line], policy: OnConflict = LAST) -> list[list[tuple[int, int, int]]]:
    """(said, outcome or -1, rows) of the only group, by horizon."""
    return [[cell for cell in counted(groups[0]) if cell[2]] for groups in at_each(lines_of(lines), policy)]


def counted(payload: dict[str, Any]) -> list[tuple[int, int, int]]:
    return [
        (*divmod_of(cell), n) for cell, n in zip(payload.get("cell", []), payload.get("n", []), strict=True)
    ]


def divmod_of(cell: int) -> tuple[int, int]:
    said, actual = divmod(cell, layout_of(monitor()).actuals)
    return said, actual - 1


def test_a_row_has_no_label_until_the_horizon_at_which_its_label_was_learnt() -> None:
    assert cells([line(said=297, outcome=1, learnt=1)]) == [[(297, -1, 1)], [(297, 1, 1)], [(297, 1, 1)]]


def test_losses_are_unknown_for_as_long_as_the_label_is() -> None:
    before, after, _ = (groups[0] for groups in at_each(lines_of([line(outcome=1, learnt=1)])))
    assert (before["score"], before["score2"], before["loss"]) == ([SCORE], [SCORE2], [0])
    assert (after["score"], after["score2"], after["loss"]) == ([SCORE], [SCORE2], [LOSS])


def test_a_label_learnt_after_the_last_horizon_never_counts() -> None:
    assert cells([line(outcome=1, learnt=NEVER)]) == [[(0, -1, 1)]] * 3


def test_a_prediction_logged_late_is_there_from_the_horizon_at_which_it_was_known() -> None:
    assert cells([line(outcome=0, known=1, learnt=0)]) == [[], [(0, 0, 1)], [(0, 0, 1)]]


def test_the_last_label_supersedes_the_first() -> None:
    rows = [line(outcome=0, learnt=1, superseded=2), line(outcome=1, learnt=2, first=0, remark=2)]
    assert cells(rows, LAST) == [[(0, -1, 1)], [(0, 0, 1)], [(0, 1, 1)]]


def test_what_was_superseded_leaves_nothing_behind() -> None:
    rows = [line(outcome=0, learnt=1, superseded=2), line(outcome=1, learnt=2, first=0, remark=2)]
    assert at_each(lines_of(rows))[2][0]["cell"] == [2]


def test_under_first_a_later_label_comes_and_goes_at_once() -> None:
    rows = [line(outcome=0, learnt=1), line(outcome=1, learnt=2, superseded=2, first=0, remark=2)]
    assert cells(rows, FIRST) == [[(0, -1, 1)], [(0, 0, 1)], [(0, 0, 1)]]


def test_under_error_labels_that_contradict_each_other_leave_the_row_without_any() -> None:
    rows = [
        line(outcome=0, learnt=1, superseded=2),
        line(outcome=1, learnt=2, superseded=2, first=0, remark=2),
    ]
    assert cells(rows, ERROR) == [[(0, -1, 1)], [(0, 0, 1)], [(0, -1, 1)]]


def test_rows_set_aside_count_as_remarks_and_nowhere_else() -> None:
    rows = [line(reason="duplicate", known=1, count=4), line(reason="null_id", count=2), line()]
    assert list(lines_of(rows).remarks()) == [(0, 1, "duplicate", 4), (0, 0, "null_id", 2)]
    assert cells(rows)[2] == [(0, -1, 1)]


def test_a_remark_on_a_label_is_made_once_prediction_and_label_are_known() -> None:
    rows = [
        line(outcome=1, learnt=0, remark=1, count=5),
        line(outcome=1, learnt=2, remark=2, first=0, count=3),
        line(outcome=1, known=1, learnt=0, remark=3, first=0),
    ]
    assert list(lines_of(rows).remarks()) == [
        (0, 0, "label_before_prediction", 5),
        (0, 2, "contradicting_label", 3),
        (0, 1, "label_before_prediction", 1),
        (0, 1, "contradicting_label", 1),
    ]


def test_a_prediction_that_came_late_is_remarked_on_once() -> None:
    rows = [line(outcome=0, known=2, learnt=1, superseded=2), line(outcome=1, known=2, learnt=2, first=0)]
    assert list(lines_of(rows).remarks()) == [(0, 2, "late_logged", 1)]


def test_all_is_the_sum_of_the_first_segment_columns_values() -> None:
    rows = [
        line(segment=("EWR", None), count=2),
        line(segment=("JFK", None), count=3),
        line(segment=(None, "AA"), count=5),
    ]
    found = lines_of(rows, ("origin", "carrier"))
    assert found.groups == (
        Group(1, "v1", "ALL"),
        Group(1, "v1", "origin=EWR"),
        Group(1, "v1", "origin=JFK"),
        Group(1, "v1", "carrier=AA"),
    )
    assert [payload["n"] for payload in at_each(found)[0]] == [[5], [2], [3], [5]]
    assert found.predictions(layout_of(monitor())) == 5, "a row is one row, however many segments it is in"


def test_windows_and_versions_are_groups_of_their_own() -> None:
    rows = [line(position=p, version=v) for p in (1, 2) for v in ("v1", "v2")]
    found = sorted((g.position, g.version) for g in lines_of(rows).groups)
    assert found == [(1, "v1"), (1, "v2"), (2, "v1"), (2, "v2")]


def test_no_line_is_no_group() -> None:
    found = lines_of([], ("origin",))
    assert found.groups == ()
    assert list(found.remarks()) == []
    assert at_each(found) == [[], [], []]


def test_only_rows_set_aside_are_a_group_without_statistics() -> None:
    found = lines_of([line(reason="invalid_score")])
    assert found.groups == (Group(1, "v1", "ALL"),)
    assert at_each(found) == [[{}], [{}], [{}]]


def test_wide_sums_go_beyond_sixty_four_bits_and_stay_exact() -> None:
    huge = 10**27 + 7  # (1e6 units)² in billionths for a million rows, and a little
    parts = [part for term in layout_of(monitor(Task.REGRESSION)).summed for part in limbs(term.wide, huge)]
    found = lines_of([line(*parts, outcome=0, learnt=0, count=3)], task=Task.REGRESSION)
    payload = at_each(found, task=Task.REGRESSION)[0][0]
    assert payload["error2"] == [huge]


def limbs(wide: bool, value: int) -> tuple[int, ...]:
    return divmod(value, LIMB) if wide else (1,)


def test_sums_that_could_overflow_are_refused() -> None:
    with pytest.raises(SourceError, match="compute fewer days at once"):
        lines_of([line(2**61, 0, 0, version="v1"), line(2**62, 0, 0, version="v2")])


def test_a_unit_is_undone_by_its_power() -> None:
    spec = monitor(Task.REGRESSION)
    layout = layout_of(replace(spec, ground_truth=replace(spec.ground_truth, unit=100.0)))
    sums = {term.name: [1_000_000_000] for term in layout.summed}
    payload = {"cell": [1], "n": [1]} | sums
    for metric, power in ((find("mae"), 1), (find("mse"), 2)):
        scaled, plain = (each.parse([payload]) for each in (layout, layout_of(spec)))
        assert metric.value(metric.terms(scaled))[0] == 100.0**power * metric.value(metric.terms(plain))[0]


Labels = list[tuple[int, int]]
"""(horizon at which it was learnt, outcome), in the order in which they were."""


def told(labels: Labels, policy: OnConflict) -> list[tuple[int, int, int | None, int]]:
    """A row's labels as the statement tells them: (learnt, outcome, superseded, first)."""
    clash = next((learnt for learnt, outcome in labels if outcome != labels[0][1]), None)
    told = []
    for i, (learnt, outcome) in enumerate(labels):
        until = learnt if i else None
        if policy is LAST:
            until = labels[i + 1][0] if i + 1 < len(labels) else None
        elif policy is ERROR and not i:
            until = clash
        told.append((learnt, outcome, until, int(i == 0)))
    return told


def counting(labels: Labels, horizon: int, policy: OnConflict) -> int:
    """The outcome that counts at a horizon, -1 for none."""
    known = [outcome for learnt, outcome in labels if learnt <= horizon]
    if not known or (policy is ERROR and len(set(known)) > 1):
        return -1
    return known[-1 if policy is LAST else 0]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, HORIZONS),
            st.lists(st.tuples(st.integers(0, HORIZONS), st.integers(0, 1)), max_size=4).map(sorted),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(list(OnConflict)),
)
def test_events_give_what_a_replay_of_every_row_gives(
    rows: list[tuple[int, Labels]], policy: OnConflict
) -> None:
    lines = []
    for known, labels in rows:
        for learnt, outcome, until, first in told(labels, policy):
            lines.append(line(known=known, outcome=outcome, learnt=learnt, superseded=until, first=first))
        if not labels:
            lines.append(line(known=known))
    found = at_each(lines_of(lines), policy)
    for horizon in range(HORIZONS):
        expected = Counter(counting(labels, horizon, policy) for known, labels in rows if known <= horizon)
        assert {cell[1]: cell[2] for cell in counted(found[horizon][0])} == dict(expected)


@pytest.mark.parametrize("policy", list(OnConflict))
def test_a_single_label_counts_under_every_policy(policy: OnConflict) -> None:
    assert cells([line(outcome=1, learnt=0)], policy) == [[(0, 1, 1)]] * 3
