"""From the statement's lines to statistics at every label age."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindsight.domain.values import OnConflict
from hindsight.statistics import BinaryStatistics, RegressionStatistics
from hindsight.statistics.lines import Group, Lines, read
from samples import line

HORIZONS = 3
NEVER = HORIZONS
TERMS = (500_000_000, 250_000_000, 250_000_000, 62_500_000, 693_147_181, 480_453_014)
UNKNOWN = (*TERMS[:2], 0, 0, 0, 0)

LAST, FIRST, ERROR = OnConflict.LAST, OnConflict.FIRST, OnConflict.ERROR


def payloads(lines: Lines) -> list[list[dict[str, Any]]]:
    return BinaryStatistics.payloads(lines.events, len(lines.groups), HORIZONS)


def cells(rows: list[tuple[Any, ...]], policy: OnConflict = LAST) -> list[list[list[int]]]:
    """[predicted, outcome, bin, rows] of the only group, by horizon."""
    found = payloads(read(rows, (), len(TERMS), policy))
    return [[cell[:4] for cell in groups[0].get("cells", [])] for groups in found]


def test_a_row_has_no_label_until_the_horizon_at_which_its_label_was_learnt() -> None:
    assert cells([line(*TERMS, predicted=1, outcome=1, cell=99, learnt=1)]) == [
        [[1, -1, 99, 1]],
        [[1, 1, 99, 1]],
        [[1, 1, 99, 1]],
    ]


def test_losses_are_unknown_for_as_long_as_the_label_is() -> None:
    (before,), (after,), _ = payloads(read([line(*TERMS, outcome=1, learnt=1)], (), len(TERMS), LAST))
    assert before["moments"] == [[0, -1, 250_000_000, 0, 0, 0, 0]]
    assert after["moments"] == [[0, 1, *TERMS[1:]]]


def test_a_label_learnt_after_the_last_horizon_never_counts() -> None:
    assert cells([line(*TERMS, outcome=1, learnt=NEVER)]) == [[[0, -1, 0, 1]]] * 3


def test_a_prediction_logged_late_is_there_from_the_horizon_at_which_it_was_known() -> None:
    assert cells([line(*TERMS, outcome=0, known=1, learnt=0)]) == [[], [[0, 0, 0, 1]], [[0, 0, 0, 1]]]


def test_the_last_label_supersedes_the_first() -> None:
    rows = [
        line(*TERMS, outcome=0, learnt=1, superseded=2),
        line(*TERMS, outcome=1, learnt=2, first=0, remark=2),
    ]
    assert cells(rows, LAST) == [[[0, -1, 0, 1]], [[0, 0, 0, 1]], [[0, 1, 0, 1]]]


def test_under_first_a_later_label_comes_and_goes_at_once() -> None:
    rows = [
        line(*TERMS, outcome=0, learnt=1),
        line(*TERMS, outcome=1, learnt=2, superseded=2, first=0, remark=2),
    ]
    assert cells(rows, FIRST) == [[[0, -1, 0, 1]], [[0, 0, 0, 1]], [[0, 0, 0, 1]]]


def test_under_error_labels_that_contradict_each_other_leave_the_row_without_any() -> None:
    rows = [
        line(*TERMS, outcome=0, learnt=1, superseded=2),
        line(*TERMS, outcome=1, learnt=2, superseded=2, first=0, remark=2),
    ]
    assert cells(rows, ERROR) == [[[0, -1, 0, 1]], [[0, 0, 0, 1]], [[0, -1, 0, 1]]]


def test_rows_set_aside_count_as_remarks_and_nowhere_else() -> None:
    rows = [
        line(*TERMS, reason="duplicate", known=1, count=4),
        line(*TERMS, reason="null_id", count=2),
        line(*TERMS),
    ]
    found = read(rows, (), len(TERMS), LAST)
    assert found.remarks == ((0, 1, "duplicate", 4), (0, 0, "null_id", 2))
    assert payloads(found)[2][0]["cells"] == [[0, -1, 0, 1, 500_000_000]]


def test_a_remark_on_a_label_is_made_once_prediction_and_label_are_known() -> None:
    rows = [
        line(*TERMS, outcome=1, known=1, learnt=0, remark=1, count=5),
        line(*TERMS, outcome=1, known=0, learnt=2, remark=2, first=0, count=3),
        line(*TERMS, outcome=1, known=0, learnt=1, remark=3, first=0),
    ]
    assert read(rows, (), len(TERMS), LAST).remarks == (
        (0, 1, "label_before_prediction", 5),
        (0, 2, "contradicting_label", 3),
        (0, 1, "label_before_prediction", 1),
        (0, 1, "contradicting_label", 1),
    )


def test_all_is_the_sum_of_each_segment_columns_values() -> None:
    rows = [
        line(*TERMS, which=0, segment="EWR", count=2),
        line(*TERMS, which=0, segment="JFK", count=3),
        line(*TERMS, which=1, segment="AA", count=5),
    ]
    found = read(rows, ("origin", "carrier"), len(TERMS), LAST)
    assert found.groups == (
        Group(0, "v1", "ALL"),
        Group(0, "v1", "origin=EWR"),
        Group(0, "v1", "origin=JFK"),
        Group(0, "v1", "carrier=AA"),
    )
    assert [payload["cells"][0][3] for payload in payloads(found)[0]] == [5, 2, 3, 5]


def test_windows_and_versions_are_groups_of_their_own() -> None:
    rows = [line(*TERMS, position=p, version=v) for p in (0, 1) for v in ("v1", "v2")]
    found = read(rows, (), len(TERMS), LAST)
    assert sorted((g.position, g.version) for g in found.groups) == [
        (0, "v1"),
        (0, "v2"),
        (1, "v1"),
        (1, "v2"),
    ]


def test_no_line_is_no_group() -> None:
    found = read([], ("origin",), len(TERMS), LAST)
    assert found.groups == ()
    assert found.remarks == ()
    assert payloads(found) == [[], [], []]


def test_only_rows_set_aside_are_a_group_without_statistics() -> None:
    found = read([line(*TERMS, reason="invalid_score")], (), len(TERMS), LAST)
    assert found.groups == (Group(0, "v1", "ALL"),)
    assert payloads(found) == [[{}], [{}], [{}]]


def test_sums_beyond_sixty_four_bits_stay_exact() -> None:
    huge = 10**33 + 7  # (1e6 units)^4 in billionths, and a little
    rows = [
        line(*[Decimal(huge)] * 8, outcome=0, learnt=0, count=3),
        line(*[Decimal(1)] * 8, outcome=0, learnt=0, superseded=1, count=2),
        line(*[Decimal(-huge)] * 8),
    ]
    found = read(rows, (), 8, LAST)
    at0, at1, _ = (groups[0] for groups in RegressionStatistics.payloads(found.events, 1, HORIZONS))
    assert at0["errors"] == [5, *[huge + 1] * 6]
    assert at1["errors"] == [3, *[huge] * 6]
    assert at0["volume"] == [6, 1, 1]


def test_a_unit_is_undone_by_its_power() -> None:
    found = read([line(*[1_000_000_000] * 8, outcome=0, learnt=0)], (), 8, LAST)
    (payload,) = RegressionStatistics.payloads(found.events, 1, 1)[0]
    parsed = RegressionStatistics.parse([payload], unit=100.0)
    np.testing.assert_array_equal(parsed.volume, [[1, 1e2, 1e4]])
    np.testing.assert_array_equal(parsed.errors, [[1, 1e2, 1e2, 1e4, 1e8, 1e2, 1e4, 1e4]])


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
            lines.append(
                line(*TERMS, known=known, outcome=outcome, learnt=learnt, superseded=until, first=first)
            )
        if not labels:
            lines.append(line(*UNKNOWN, known=known))
    found = payloads(read(lines, (), len(TERMS), policy))
    for horizon in range(HORIZONS):
        expected = Counter(counting(labels, horizon, policy) for known, labels in rows if known <= horizon)
        assert {cell[1]: cell[3] for cell in found[horizon][0].get("cells", [])} == dict(expected)


@pytest.mark.parametrize("policy", list(OnConflict))
def test_a_single_label_counts_under_every_policy(policy: OnConflict) -> None:
    assert cells([line(*TERMS, outcome=1, learnt=0)], policy) == [[[0, 1, 0, 1]]] * 3
