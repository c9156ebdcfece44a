"""The fold of detections into incidents: single stories first, then the laws that hold for all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from episodes import (
    BREACH,
    CLEAR,
    CRITICAL,
    INSUFFICIENT,
    LABEL_HEALTH,
    PERFORMANCE,
    START,
    WARNING,
    ZONE,
    detection,
    incident,
    missing_labels,
    run,
    spec,
    story,
)
from hindsight.domain.records import Detection
from hindsight.domain.values import Horizon, Notify, Severity, Verdict
from hindsight.incidents import Change, History, Transition, corrections, fold, replay, revisions
from hindsight.message import compose
from hindsight.policy import decide
from hindsight.windows import DayRange


def news(history: History) -> tuple[Transition, ...]:
    """What happened, but for reminders that it lasts."""
    return tuple(t for t in history.transitions if t.change is not Change.REMINDED)


def days_of_life(verdicts: str) -> list[tuple[int, int | None]]:
    """When each incident of a story opened and resolved, as run numbers."""
    return [
        ((i.opened_on - START).days, None if i.resolved_on is None else (i.resolved_on - START).days)
        for i in fold(story(verdicts), (), ZONE)
    ]


@pytest.mark.parametrize(
    "verdicts, lives",
    [
        ("", []),
        ("CCCC", []),
        ("????", []),
        ("CBCC", [(1, 3)]),
        ("CBCB", [(1, None)]),
        ("BCBCBCC", [(0, 6)]),
        ("BCC...BCC", [(0, 2), (6, 8)]),
        ("BCC..BCC", [(0, None)]),
        ("BC?C", [(0, 3)]),
        ("BC..C", [(0, 4)]),
        ("B????", [(0, None)]),
        ("?B?C?C?", [(1, 5)]),
        ("BBBBB", [(0, None)]),
    ],
)
def test_a_breach_opens_and_two_clear_judgements_in_a_row_resolve(verdicts, lives) -> None:
    assert days_of_life(verdicts) == lives


def test_an_incident_says_what_it_is_made_of() -> None:
    (found,) = fold([*story("BBC"), *story("..BB", segment="origin=JFK", severity=CRITICAL)], (), ZONE)
    assert found.monitor == "flight_delay"
    assert found.incident_class is PERFORMANCE
    assert found.severity is CRITICAL
    assert found.opened_on == run(0)
    assert found.since == run(0) - timedelta(days=7), "the last day of the first breaching window"
    assert found.last_breach_on == run(3)
    assert [member.segment for member in found.members] == ["ALL", "origin=JFK"]
    assert found.is_open
    assert found.told_on is None
    assert found.headline == (
        "recall of v1 in origin=JFK is 0.412, below 0.531 (28 days to Mon 25 Feb 2013)"
    ), "the gravest member speaks"


def test_the_whole_speaks_before_its_segments_and_the_far_before_the_near() -> None:
    segments = [
        detection(0, segment="origin=EWR", observed=0.1),
        detection(0, segment="origin=JFK", observed=0.3),
        detection(0, observed=0.5),
    ]
    (case,) = replay(segments, (), ZONE).cases
    assert [d.segment for d in case.evidence] == ["ALL", "origin=EWR", "origin=JFK"]


def test_an_incident_resolves_only_when_its_last_member_recovers() -> None:
    detections = [*story("BCCCCC"), *story("BBBBCC", segment="origin=JFK")]
    (found,) = fold(detections, (), ZONE)
    assert found.resolved_on == run(5)
    (then,) = (case.incident for case in replay(detections, (), ZONE).as_of(run(3)))
    assert then.is_open
    assert [member.segment for member in then.breaching] == ["origin=JFK"]
    assert len(then.members) == 2


def test_a_member_that_recovered_and_breaches_again_is_still_the_same_member() -> None:
    detections = [*story("BCCB"), *story("BBBB", segment="origin=JFK")]
    changes = [(t.change, (t.day - START).days) for t in replay(detections, (), ZONE).transitions]
    assert changes == [(Change.OPENED, 0)]


def test_classes_are_told_apart() -> None:
    detections = [*story("BBB"), missing_labels(1)]
    performance, labels = fold(detections, (), ZONE)
    assert (performance.incident_class, labels.incident_class) == (PERFORMANCE, LABEL_HEALTH)
    assert labels.headline.startswith("labels are missing: coverage of v1 is 12 %, below 80 %")


def test_each_day_tells_what_happened_and_why() -> None:
    detections = [
        *story("BBBBCC"),
        *story(".BB.CC", segment="origin=JFK"),
        *story(".BB.CC", segment="origin=LGA"),
        *story("...BCC", detector="auc threshold", metric="roc_auc", severity=CRITICAL),
    ]
    history = replay(detections, (), ZONE)
    (found,) = history.incidents
    assert {t.incident_id for t in history.transitions} == {found.id}
    told = [((t.day - START).days, t.change, len(t.members)) for t in news(history)]
    assert told == [
        (0, Change.OPENED, 1),
        (1, Change.JOINED, 2),
        (3, Change.JOINED, 1),
        (3, Change.ESCALATED, 1),
        (5, Change.RESOLVED, 4),
    ]
    opened, joined, _, escalated, resolved = (t.reason for t in news(history))
    assert opened == "recall of v1 is 0.412, below 0.531 (28 days to Fri 22 Feb 2013)"
    assert joined.startswith("recall of v1 in origin=JFK")
    assert joined.endswith(", and 1 more member")
    assert escalated.startswith("warning became critical: roc_auc of v1 is")
    assert resolved == "every member was clear 2 times in a row; the last breach was on Mon 4 Mar 2013"
    assert history.on(run(3)) == news(history)[2:4]


def test_only_the_detectors_own_horizon_opens_and_closes() -> None:
    own = story("BB", horizon=7)
    later = story("CCCC", start=2, horizon=30)
    assert fold([*own, *later], (), ZONE) == fold(own, (), ZONE)


def test_the_own_horizon_may_be_said_instead_of_found() -> None:
    detections = story("BB", horizon=7)
    assert fold(detections, (), ZONE, at={"recall threshold": Horizon(1)}) == ()
    assert fold(detections, (), ZONE, at={"recall threshold": Horizon(7)}) == fold(detections, (), ZONE)


def test_of_several_judgements_of_one_member_and_day_the_gravest_counts() -> None:
    both = [detection(0, CLEAR, window=7), detection(0, BREACH, window=28)]
    assert fold(both, (), ZONE) == fold(both[::-1], (), ZONE) == fold([both[1]], (), ZONE)


def test_detections_of_two_monitors_are_refused() -> None:
    with pytest.raises(ValueError, match="folded monitor by monitor"):
        fold([detection(0), detection(0, monitor="other")], (), ZONE)


def test_no_detections_make_no_history() -> None:
    assert replay([], (), ZONE) == History()


# --- identity -----------------------------------------------------------------------------------


def test_an_id_is_a_digest_of_monitor_class_and_first_day() -> None:
    (found,) = fold(story("B"), (), ZONE)
    canonical = b'["flight_delay","performance","2013-03-01"]'
    assert found.id == "inc_" + sha256(canonical).hexdigest()[:16]
    assert fold(story("B"), (), ZONE)[0].id == found.id
    assert fold(story("B", start=1), (), ZONE)[0].id != found.id


def test_an_incident_that_was_told_keeps_its_id_when_backfilled_days_move_its_first_day() -> None:
    (found,) = fold(story("BB", start=5), (), ZONE)
    told = replace(found, told_on=run(5))
    (moved,) = fold(story("BBB.BBB"), [told], ZONE)
    assert (moved.id, moved.told_on, moved.opened_on) == (found.id, run(5), run(0))


def test_one_that_nobody_was_told_of_is_named_anew() -> None:
    (found,) = fold(story("BB", start=5), (), ZONE)
    (moved,) = fold(story("BBB.BBB"), [found], ZONE)
    assert moved.id != found.id


def test_a_resolved_incident_does_not_lend_its_id_to_the_next() -> None:
    first = incident(0, 3, told=0)
    (found,) = fold(story("B", start=3), [first], ZONE)
    assert found.id != first.id
    assert found.told_on is None


def test_other_classes_and_monitors_do_not_lend_their_ids() -> None:
    strangers = [
        replace(incident(0, told=0), incident_class=LABEL_HEALTH),
        replace(incident(0, told=0), monitor="other"),
    ]
    (found,) = fold(story("B"), strangers, ZONE)
    assert found.told_on is None


def test_when_one_told_incident_turns_out_to_be_two_the_lasting_part_keeps_its_name() -> None:
    (told,) = (replace(i, told_on=run(0)) for i in fold(story("B"), (), ZONE))
    early, late = fold(story("BCC...BB"), [told], ZONE)
    assert (late.id, late.told_on) == (told.id, run(0))
    assert early.told_on is None
    assert early.id not in (late.id, "")


def test_when_two_told_incidents_turn_out_to_be_one_it_keeps_the_younger_name() -> None:
    stored = [incident(0, 3, told=0, name="a"), incident(4, told=4, name="b")]
    (found,) = fold(story("BBBBBB"), stored, ZONE)
    assert (found.id, found.told_on) == (stored[1].id, run(4))


# --- what was told and is no longer so ----------------------------------------------------------


def test_a_changed_verdict_at_a_later_horizon_is_a_revision() -> None:
    first, later = detection(7, BREACH, horizon=7), detection(30, CLEAR, horizon=30)
    assert first.window_end == later.window_end
    incidents = [replace(i, told_on=run(7)) for i in fold([first], (), ZONE)]
    (found,) = revisions([later, first], incidents, ZONE)
    assert (found.first, found.later, found.day) == (first, later, run(30))


def test_a_breach_that_nobody_was_told_of_needs_no_revision() -> None:
    first, later = detection(7, BREACH, horizon=7), detection(30, CLEAR, horizon=30)
    assert revisions([first, later], fold([first], (), ZONE), ZONE) == ()


def test_a_clear_window_is_told_by_silence_and_so_may_be_revised() -> None:
    first, later = detection(7, CLEAR, horizon=7), detection(30, BREACH, horizon=30)
    assert [r.later for r in revisions([first, later], (), ZONE)] == [later]


@pytest.mark.parametrize("first, later", [(CLEAR, CLEAR), (CLEAR, INSUFFICIENT), (INSUFFICIENT, BREACH)])
def test_the_same_verdict_and_no_verdict_revise_nothing(first, later) -> None:
    pair = [detection(7, first, horizon=7), detection(30, later, horizon=30)]
    assert revisions(pair, (), ZONE) == ()


def test_a_revision_is_told_once_however_many_horizons_follow() -> None:
    verdicts = [
        detection(1, CLEAR, horizon=1),
        detection(7, BREACH, horizon=7),
        detection(30, BREACH, horizon=30),
    ]
    assert [str(r.later.horizon) for r in revisions(verdicts, (), ZONE)] == ["7d"]


@pytest.mark.parametrize(
    "before, after, said",
    [
        (incident(3, told=3), [], "is withdrawn: recomputed days no longer show it"),
        (
            incident(3, told=3),
            [incident(1, told=1, name="b")],
            "is withdrawn: recomputed days no longer show it",
        ),
        (incident(3, told=3), [incident(3, 8, told=3)], "ended on Sat 9 Mar 2013"),
        (
            incident(3, 8, told=3),
            [incident(3, told=3)],
            "was told as resolved, but recomputed days show it still open",
        ),
    ],
)
def test_what_was_told_and_is_no_longer_so_is_corrected(before, after, said) -> None:
    (correction,) = corrections([before], after)
    assert correction.reason == f"the performance incident of Mon 4 Mar 2013 {said}"
    assert correction.incident_id == before.id
    assert correction.withdrawn == (before if "withdrawn" in said else None)


@pytest.mark.parametrize(
    "before, after",
    [
        (incident(3), []),
        (incident(3, told=3), [incident(3, told=3)]),
        (incident(3, 8, told=3), [incident(3, 8, told=3)]),
        (incident(3, 8, told=3), []),
    ],
)
def test_what_nobody_was_told_or_still_holds_needs_no_correction(before, after) -> None:
    assert corrections([before], after) == ()


# --- several metrics at once ----------------------------------------------------------------------


def together(*metrics: str, **fields: object) -> list[Detection]:
    """A breach of each metric on run day 0, each by a rule of its own."""
    return [detection(0, detector=f"{metric} rule", metric=metric, **fields) for metric in metrics]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "detections, severity",
    [
        (together("recall"), WARNING),
        (together("precision", "recall", "f1", "accuracy", "mcc", "specificity"), WARNING),
        (together("roc_auc", "average_precision", "ks"), WARNING),
        (together("recall", "roc_auc"), CRITICAL),
        (together("precision", "recall", "lift(0.1)"), CRITICAL),
        (together("mae", "rmse", "mape", "r2"), WARNING),
        (together("mae", "bias"), WARNING),
        (together("roc_auc", "calibration_ratio"), CRITICAL),
        (together("recall", "brier", "log_loss", "calibration_ratio", "accuracy"), WARNING),
        (together("recall", "positive_rate"), WARNING),
        (together("recall", "a metric that is gone"), WARNING),
        ([*together("recall"), *together("roc_auc", version="v2")], WARNING),
        (together("recall", "roc_auc", segment="origin=JFK"), WARNING),
        ([*together("recall"), *together("roc_auc", segment="origin=JFK")], WARNING),
        ([*together("recall"), *together("roc_auc", severity=Severity.WATCH)], WARNING),
        (together("labels_learnt", "recall", "roc_auc", incident_class=LABEL_HEALTH), WARNING),
    ],
)
def test_only_independent_kinds_of_metric_make_an_incident_critical(detections, severity) -> None:
    (found,) = fold(detections, (), ZONE)
    assert found.severity is severity


def test_a_harder_world_in_which_every_figure_of_difficulty_is_off_stays_a_warning() -> None:
    harder = together("accuracy", "brier", "log_loss", "recall", "calibration_ratio", "mae", "positive_rate")
    (found,) = fold(harder, (), ZONE)
    assert found.severity is WARNING


@pytest.mark.parametrize(
    "recall, severity", [("B????", CRITICAL), ("BC???", CRITICAL), ("BCC??", WARNING), ("BCCBB", CRITICAL)]
)
def test_two_kinds_count_while_both_still_breach(recall: str, severity: Severity) -> None:
    (found,) = fold([*story(recall), *story("?BBBB", detector="auc rule", metric="roc_auc")], (), ZONE)
    assert found.is_open
    assert found.severity is severity


def test_an_incident_is_critical_by_kinds_as_long_as_there_are_two() -> None:
    order = story("BBCC", detector="auc rule", metric="roc_auc")
    history = replay([*story("BBBBBB"), *order], (), ZONE)
    seen = [case.incident.severity for day in range(6) for case in history.as_of(run(day))]
    assert seen == [CRITICAL] * 3 + [WARNING] * 3
    assert [t.change for t in news(history)] == [Change.OPENED]


def test_a_critical_rule_that_recovers_leaves_what_was_so_all_along_untold() -> None:
    skill = story("BCC", detector="skill", metric="brier_skill", severity=CRITICAL)
    order = story("BBBBB", detector="auc rule", metric="roc_auc")
    history = replay([*skill, *order, *story("BBBBB")], (), ZONE)
    assert [(t.change, t.severity) for t in news(history)] == [(Change.OPENED, CRITICAL)]
    assert history.incidents[0].severity is CRITICAL


@pytest.mark.parametrize(
    "detections",
    [
        [*story("B" * 14), *story("BCC" * 4, detector="skill", metric="brier_skill", severity=CRITICAL)],
        [*story("B" * 14), *story("BCC" * 4, detector="auc rule", metric="roc_auc")],
    ],
)
def test_what_comes_and_goes_wakes_people_ever_more_rarely(detections: list[Detection]) -> None:
    """After it recovered once it is told again, and then takes longer to recover: two messages for four."""
    critical = [(t.day - START).days for t in news(replay(detections, (), ZONE)) if t.severity is CRITICAL]
    assert critical == [0, 3]


def test_an_escalation_by_two_kinds_says_which() -> None:
    history = replay([*story("BBB"), *story(".B", detector="auc rule", metric="roc_auc")], (), ZONE)
    opened, joined, escalated = news(history)
    assert (opened.severity, joined.severity) == (WARNING, CRITICAL)
    assert escalated.change is Change.ESCALATED
    assert escalated.reason.startswith("warning became critical: ")
    assert escalated.reason.endswith(
        "; independent kinds of metric breach together for v1: roc_auc (order), recall (decisions)"
    )
    assert {member.detector for member in escalated.members} == {"auc rule", "recall threshold"}


def test_an_incident_that_opens_critical_by_two_kinds_says_which() -> None:
    (opened,) = replay(together("recall", "roc_auc"), (), ZONE).transitions
    assert opened.severity is CRITICAL
    assert "independent kinds of metric breach together for v1: " in opened.reason


def test_a_message_says_why_two_warnings_are_critical() -> None:
    history = replay(together("recall", "roc_auc"), (), ZONE)
    (decision,) = decide(Notify.LIVE, DayRange(run(0), run(0)), history)
    document = compose(decision, spec())
    assert document.severity is CRITICAL
    facts = " ".join(str(section.facts) for section in document.sections)
    assert "opened, for independent kinds of metric breach together for v1: " in facts


def test_an_open_incident_is_no_graver_than_what_still_breaches() -> None:
    detections = [*story("BBBBBBCC"), *story("BBCC", detector="skill", severity=CRITICAL)]
    history = replay(detections, (), ZONE)
    seen = [case.incident.severity for day in range(8) for case in history.as_of(run(day))]
    assert seen == [CRITICAL] * 3 + [WARNING] * 4 + [CRITICAL], "who heard of it at its worst hears its end"
    assert [t.change for t in news(history)] == [Change.OPENED, Change.RESOLVED]
    assert news(history)[-1].severity is CRITICAL


def test_a_rise_to_where_it_was_before_the_critical_member_recovered_is_told_again() -> None:
    detections = [*story("BBBBBBBB"), *story("BCC..B", detector="skill", severity=CRITICAL)]
    history = replay(detections, (), ZONE)
    assert [t.change for t in news(history)] == [Change.OPENED, Change.ESCALATED]
    seen = [case.incident.severity for day in (0, 2, 5) for case in history.as_of(run(day))]
    assert seen == [CRITICAL, WARNING, CRITICAL]


def test_a_member_that_recovered_and_breaches_on_the_other_side_has_joined_anew() -> None:
    under = {"detector": "ratio", "metric": "calibration_ratio", "observed": 0.6, "lower": 0.8, "upper": 1.25}
    detections = [*story("B" * 8), *story("BCC", **under)]
    again = story("..BB", start=3, **under | {"observed": 1.6})
    changes = [(t.change, (t.day - START).days) for t in replay([*detections, *again], (), ZONE).transitions]
    assert changes == [(Change.OPENED, 0), (Change.JOINED, 5)]


def test_what_a_file_calls_something_to_watch_is_no_warning() -> None:
    (found,) = fold(story("B", severity=Severity.WATCH), (), ZONE)
    assert found.severity is Severity.WATCH


def test_ten_thousand_detections_fold_in_a_moment() -> None:
    detections = [
        made
        for segment in range(100)
        for made in story("B" * 100, segment=f"origin={segment:03}", severity=WARNING)
    ]
    (found,) = fold(detections, (), ZONE)
    assert len(found.members) == 100


def test_an_hourly_day_is_clear_only_when_its_last_hour_is_judged() -> None:
    """The first good hour of a day ends no incident: the day may yet turn out bad."""

    def hour(day: int, before_its_end: int, verdict: Verdict) -> Detection:
        made = detection(day, verdict, horizon=1)
        return replace(made, as_of=made.as_of - timedelta(hours=before_its_end))

    days = [hour(0, 9, BREACH), hour(0, 0, CLEAR), hour(1, 20, CLEAR), hour(1, 0, CLEAR), hour(2, 20, CLEAR)]
    (standing,) = fold(days, (), ZONE)
    assert standing.is_open
    (ended,) = fold([*days, hour(2, 0, CLEAR)], (), ZONE)
    assert (ended.opened_on, ended.resolved_on) == (run(0), run(2))
    (lasting,) = fold([*days, hour(2, 5, BREACH)], (), ZONE)
    assert (lasting.is_open, lasting.last_breach_on) == (True, run(2))
