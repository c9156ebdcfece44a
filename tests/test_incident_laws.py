"""What holds of every history of incidents, whatever is judged and whatever people do.

Worlds are drawn as bytes, one a member and day, and their detections are made once, so that thousands of
cases take seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import chain, pairwise
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes import (
    BREACH,
    CLEAR,
    CRITICAL,
    LABEL_HEALTH,
    PERFORMANCE,
    WARNING,
    ZONE,
    action,
    detection,
    incident,
    run,
    story,
)
from hindsight.domain.records import Action, Detection, Incident, Member
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import (
    ActionKind,
    Horizon,
    IncidentClass,
    IncidentState,
    Resolution,
    Severity,
    Verdict,
)
from hindsight.incidents import Change, History, Transition, fold, replay
from hindsight.incidents.members import Members
from hindsight.windows import day_at, midnight, run_day

PIPELINE = IncidentClass.PIPELINE
LENGTH = 20
MEMBERS = (
    {"detector": "recall threshold"},
    {"detector": "recall threshold", "segment": "origin=JFK"},
    {"detector": "recall threshold", "version": "v2"},
    {"detector": "auc threshold", "metric": "roc_auc"},
    {"detector": "coverage threshold", "metric": "coverage", "incident_class": LABEL_HEALTH},
    {"detector": "volume threshold", "metric": "volume", "incident_class": PIPELINE},
)
LATER = len(MEMBERS)
"""The first member's windows, judged again at a later horizon."""

AT = {str(fields["detector"]): Horizon(7) for fields in MEMBERS}
LETTERS = "BBBBKCCCCCCW??.."
JUDGED = "BBBBKCCCCCCCW???"
"""What a byte means: a warning, a critical breach, clear, to be watched, insufficient, or nothing."""

MANY = settings(max_examples=150, deadline=None)
MORE = settings(max_examples=300, deadline=None)


@cache
def judged(letter: str, member: int, day: int) -> Detection:
    verdict = {"B": BREACH, "K": BREACH, "?": Verdict.INSUFFICIENT}.get(letter, CLEAR)
    severity = {"B": WARNING, "K": CRITICAL, "W": Severity.WATCH}.get(letter, Severity.OK)
    fields = MEMBERS[member % LATER]
    horizon = 7 if member < LATER else 12
    return detection(day, verdict, severity=severity, horizon=horizon, window=7, **fields)  # type: ignore[arg-type]


def world_of(drawn: bytes, letters: str) -> list[Detection]:
    """A byte a member for how many days it is there, then a byte a member for each day."""
    lasts, days = drawn[: LATER + 1], drawn[LATER + 1 :]
    found = []
    for place, byte in enumerate(days):
        day, member = divmod(place, LATER + 1)
        letter = letters[byte % 16]
        if letter != "." and (lasts[member] % 64 >= LENGTH or day <= lasts[member] % 64):
            found.append(judged(letter, member, day))
    return found


def worlds(letters: str = LETTERS) -> st.SearchStrategy[list[Detection]]:
    """Up to twenty days of a monitor with six members in three classes, some of whom leave for good."""
    sizes = st.integers(1, LENGTH + 1).map(lambda days: days * (LATER + 1))
    return sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size)).map(
        lambda drawn: world_of(drawn, letters)
    )


def done(drawn: Sequence[tuple[int, int, int]], *, resolves: bool) -> list[Action]:
    """What people did: a day, what, and until when."""
    kinds = [None, *list(Resolution)[2:]] if resolves else [None]
    return [
        action(
            day,
            resolution=kinds[what % len(kinds)],
            until=None if length == 0 else day + length,
            incident_class=(PERFORMANCE, LABEL_HEALTH, PIPELINE)[what % 3],
            author="ann" if what < 8 else "bob",
        )
        for day, what, length in drawn
    ]


DRAWN = st.lists(st.tuples(st.integers(1, LENGTH + 1), st.integers(0, 14), st.integers(0, 9)), max_size=4)
ACTS = DRAWN.map(lambda drawn: done(drawn, resolves=True))
ACKNOWLEDGED = DRAWN.map(lambda drawn: done(drawn, resolves=False))
RULES = st.builds(
    lambda confirm, recovery, reopen, remind, critical: IncidentRule(
        confirm=confirm,
        recovery=recovery,
        reopen=timedelta(days=reopen),
        remind=timedelta(days=remind),
        remind_critical=timedelta(days=critical),
    ),
    *(st.integers(1, 3), st.integers(1, 3), st.integers(0, 5), st.integers(1, 9), st.integers(1, 3)),
)


@st.composite
def told_incidents(draw: st.DrawFn) -> list[Incident]:
    """What the store may hold: disjoint incidents of either class, some of them told."""
    found = []
    for incident_class, name in ((PERFORMANCE, "a"), (LABEL_HEALTH, "b")):
        days = sorted(draw(st.sets(st.integers(0, LENGTH), max_size=6)))
        for number, (opened, resolved) in enumerate(zip(days[::2], [*days[1::2], None], strict=False)):
            stored = incident(opened, resolved, told=opened if draw(st.booleans()) else None)
            found.append(replace(stored, id=f"inc_{name}{number}", incident_class=incident_class))
    return found


@dataclass(frozen=True)
class By:
    """The transitions of each incident and of each class, in order."""

    incident: dict[str, list[Transition]]
    incident_class: dict[IncidentClass, list[Transition]]


def by(history: History) -> By:
    found = By(defaultdict(list), defaultdict(list))
    for transition in history.transitions:
        found.incident[transition.incident_id].append(transition)
        found.incident_class[transition.incident_class].append(transition)
    return found


def days_of(detections: Sequence[Detection]) -> list[date]:
    return sorted({run_day(d.as_of, ZONE) for d in detections})


def but(history: History, *changes: Change) -> list[Transition]:
    return [t for t in history.transitions if t.change not in changes]


@MANY
@given(worlds(), told_incidents(), ACTS, RULES)
def test_folding_twice_changes_nothing(detections, stored, acts, rule) -> None:
    history = replay(detections, stored, ZONE, at=AT, rule=rule, actions=acts)
    assert replay(detections, stored, ZONE, at=AT, rule=rule, actions=acts) == history
    assert replay(detections, history.incidents, ZONE, at=AT, rule=rule, actions=acts).incidents == (
        history.incidents
    )


@MANY
@given(worlds(), told_incidents(), ACTS, RULES, st.randoms(use_true_random=False))
def test_the_order_and_number_of_copies_of_what_is_known_do_not_matter(
    detections, stored, acts, rule, random: Random
) -> None:
    shuffled = detections + random.sample(detections, k=len(detections) // 2)
    random.shuffle(shuffled)
    again, redone = random.sample(stored, k=len(stored)), random.sample(acts, k=len(acts))
    assert replay(shuffled, again, ZONE, at=AT, rule=rule, actions=redone) == replay(
        detections, stored, ZONE, at=AT, rule=rule, actions=acts
    )


@settings(max_examples=60, deadline=None)
@given(worlds(), ACTS, RULES, st.permutations(range(LENGTH + 6)))
def test_any_order_in_which_days_are_computed_gives_the_same_incidents(detections, acts, rule, order) -> None:
    by_day = defaultdict(list)
    for each in detections:
        by_day[run_day(each.as_of, ZONE)].append(each)
    stored: tuple[Incident, ...] = ()
    landed: list[Detection] = []
    for number in order:
        landed += by_day[run(number)]
        stored = fold(landed, stored, ZONE, at=AT, rule=rule, actions=acts)
    assert stored == fold(detections, (), ZONE, at=AT, rule=rule, actions=acts)


@MORE
@given(worlds(), ACTS, RULES, st.integers(0, LENGTH + 6))
def test_what_is_computed_or_done_later_never_changes_what_happened_on_a_day(
    detections, acts, rule, number
) -> None:
    known = [d for d in detections if run_day(d.as_of, ZONE) <= run(number)]
    before = [a for a in acts if a.day <= run(number)]
    whole = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    part = replay(known, (), ZONE, at=AT, rule=rule, actions=before)
    assert tuple(t for t in whole.transitions if t.day <= run(number)) == part.transitions
    assert whole.as_of(run(number)) == part.cases


@MORE
@given(worlds(), ACTS, RULES)
def test_openings_and_ends_alternate_in_every_class(detections, acts, rule) -> None:
    history = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    begins, ends = (Change.OPENED, Change.REOPENED), (Change.RESOLVED,)
    for happened in by(history).incident_class.values():
        steps = [t for t in happened if t.change in begins + ends]
        assert steps[0].change is Change.OPENED
        for one, other in pairwise(steps):
            assert (one.change in begins) is (other.change in ends)
            assert (other.change is Change.REOPENED) <= (one.incident_id == other.incident_id)
            assert (other.change is Change.OPENED) <= (one.incident_id != other.incident_id)
        is_open = False
        for each in happened:
            assert is_open or each.change is Change.OPENED or each.change is Change.REOPENED
            is_open = each.change not in ends


@MANY
@given(worlds(), ACTS, RULES)
def test_at_most_one_incident_of_a_class_is_open_or_pending_on_a_day(detections, acts, rule) -> None:
    history = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    for day in days_of(detections):
        lasting = [c.incident for c in history.as_of(day) if c.incident.resolved_on is None]
        assert len({i.incident_class for i in lasting}) == len(lasting)


@MORE
@given(worlds(), ACTS, RULES)
def test_the_state_says_what_the_fields_say(detections, acts, rule) -> None:
    history = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    for _, case in history.states:
        i = case.incident
        over = i.resolved_on is not None
        assert (i.state is IncidentState.RESOLVED) is over is (i.resolution is not None) is not i.is_open
        assert over is not bool(i.breaching)
        if i.state is IncidentState.ACKNOWLEDGED:
            assert i.acknowledged_by
            assert i.acknowledged_until
        assert (i.reopened > 0) or i.state is not IncidentState.REOPENED
        assert i.opened_on <= i.last_breach_on
        assert set(i.breaching) <= set(i.members)
    for _, _, pending in history.pending:
        if pending is not None:
            i = pending.incident
            assert (i.state, i.resolution, i.told_on, i.is_open) == (IncidentState.PENDING, None, None, False)
            assert i.id not in {each.id for each in history.incidents if each.state is not i.state}


@MORE
@given(worlds(), ACTS, RULES)
def test_names_of_transitions_are_unique_within_an_incident(detections, acts, rule) -> None:
    history = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    for happened in by(history).incident.values():
        assert len({t.name for t in happened}) == len(happened)


@MORE
@given(worlds(), ACTS, RULES)
def test_without_a_sure_judgement_nothing_opens_and_nothing_recovers(detections, acts, rule) -> None:
    sure = {
        (run_day(d.as_of, ZONE), d.incident_class)
        for d in detections
        if d.verdict is not Verdict.INSUFFICIENT and d.horizon == Horizon(7)
    }
    for each in replay(detections, (), ZONE, at=AT, rule=rule, actions=acts).transitions:
        by_data = each.change is not Change.RESOLVED or each.resolution is Resolution.RECOVERED
        if by_data and each.change not in (Change.REMINDED, Change.ACKNOWLEDGED):
            assert (each.day, each.incident_class) in sure


@MORE
@given(worlds(), ACTS, RULES)
def test_insufficient_judgements_change_nothing_but_who_is_gone_and_reminders(detections, acts, rule) -> None:
    sure = [d for d in detections if d.verdict is not Verdict.INSUFFICIENT]
    with patch.object(Members, "is_gone", lambda members, who: False):
        with_them, without = (
            replay(found, (), ZONE, at=AT, rule=rule, actions=acts) for found in (detections, sure)
        )
    assert but(with_them, Change.REMINDED) == but(without, Change.REMINDED)


@MORE
@given(worlds(), ACTS, RULES)
def test_a_critical_day_is_never_silent(detections, acts, rule) -> None:
    history = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    by_hand = {
        (t.incident_class, t.day)
        for t in history.transitions
        if t.change is Change.RESOLVED and t.by is not None
    }
    for each in detections:
        day = run_day(each.as_of, ZONE)
        if each.verdict is not BREACH or each.severity is not CRITICAL or each.horizon != Horizon(7):
            continue
        if any(kind is each.incident_class and when <= day for kind, when in by_hand):
            continue
        (standing,) = (
            c.incident
            for c in history.as_of(day)
            if c.incident.incident_class is each.incident_class and c.incident.is_open
        )
        assert standing.opened_on <= day
        assert standing.severity is CRITICAL


@MANY
@given(worlds(), ACTS, RULES)
def test_an_open_incident_escalates_when_and_only_when_it_is_graver_than_it_was(
    detections, acts, rule
) -> None:
    history = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    on = {(t.incident_id, t.day, t.change) for t in history.transitions}
    before: dict[str, Incident] = {}
    for day in days_of(detections):
        now = {c.incident.id: c.incident for c in history.as_of(day)}
        for name, each in now.items():
            was = before.get(name)
            begins = any((name, day, change) in on for change in (Change.OPENED, Change.REOPENED))
            escalated = (name, day, Change.ESCALATED) in on
            assert not (begins and escalated)
            if was is not None and was.is_open and each.is_open and not begins:
                assert escalated == (each.severity.rank > was.severity.rank)
        before = now


@MANY
@given(worlds(), ACTS, RULES)
def test_who_took_on_a_warning_has_not_taken_on_what_is_critical(detections, acts, rule) -> None:
    history = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    happened = by(history).incident
    for day in days_of(detections):
        for each in (c.incident for c in history.as_of(day)):
            if each.state is IncidentState.ACKNOWLEDGED and each.severity is CRITICAL:
                taken = [t for t in happened[each.id] if t.change is Change.ACKNOWLEDGED and t.day <= day]
                assert any(t.severity is CRITICAL and t.by == each.acknowledged_by for t in taken)


@MANY
@given(worlds(), ACTS, RULES)
def test_whoever_is_critical_for_the_first_time_is_heard_whatever_people_settled(
    detections, acts, rule
) -> None:
    history = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    critical = [d for d in detections if d.severity is CRITICAL and d.horizon == Horizon(7)]
    first: dict[Member, date] = {}
    for each in sorted(critical, key=lambda d: d.as_of):
        who, day = Member(each.detector, each.version, each.segment), run_day(each.as_of, ZONE)
        if first.setdefault(who, day) == day:
            assert any(
                c.incident.is_open and c.incident.severity is CRITICAL and who in c.incident.breaching
                for c in history.as_of(day)
            )


@MORE
@given(worlds(), ACTS, ACKNOWLEDGED, RULES)
def test_to_acknowledge_changes_nothing_but_reminders_and_the_state(detections, acts, more, rule) -> None:
    resolved = [a for a in acts if a.kind is ActionKind.RESOLVE]
    without = replay(detections, (), ZONE, at=AT, rule=rule, actions=resolved)
    with_them = replay(detections, (), ZONE, at=AT, rule=rule, actions=[*resolved, *more])
    own = (Change.REMINDED, Change.ACKNOWLEDGED)
    assert but(with_them, *own) == but(without, *own)

    def bare(history: History, day: date) -> list[Incident]:
        return [
            replace(c.incident, state=IncidentState.OPEN, acknowledged_by=None, acknowledged_until=None)
            for c in history.as_of(day)
        ]

    for day in days_of(detections):
        assert bare(with_them, day) == bare(without, day)
    calm = sum(t.change is Change.REMINDED for t in with_them.transitions)
    assert calm <= sum(t.change is Change.REMINDED for t in without.transitions)


@MORE
@given(worlds(), ACTS, RULES)
def test_reminders_come_while_nobody_has_taken_it_on_and_ever_more_rarely(detections, acts, rule) -> None:
    history = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    for name, happened in by(history).incident.items():
        told = [t for t in happened if t.change not in (Change.ACKNOWLEDGED, Change.RESOLVED)]
        for before, each in pairwise(told):
            if each.change is not Change.REMINDED:
                continue
            (then,) = (c.incident for c in history.as_of(each.day) if c.incident.id == name)
            assert then.is_open
            assert then.state not in (IncidentState.ACKNOWLEDGED, IncidentState.RECOVERING)
            assert each.day - before.day >= pause(rule, each)
        for one, two, three in zip(told, told[1:], told[2:], strict=False):
            if {two.change, three.change} == {Change.REMINDED} and two.severity is three.severity:
                longest = max(timedelta(days=7), pause(rule, three))
                assert three.day - two.day >= min(2 * pause(rule, three), longest)
                if one.change is Change.REMINDED and one.severity is two.severity:
                    assert three.day - two.day >= min(4 * pause(rule, three), longest)


def pause(rule: IncidentRule, reminded: Transition) -> timedelta:
    return rule.remind_critical if reminded.severity is CRITICAL else rule.remind


@MANY
@given(worlds(), told_incidents(), ACTS, RULES)
def test_ids_are_unique_and_each_known_one_is_inherited_at_most_once(detections, stored, acts, rule) -> None:
    acted = [replace(a, incident=s.id) for a, s in zip(acts, stored, strict=False)]
    found = fold(detections, stored, ZONE, at=AT, rule=rule, actions=acted)
    assert len({i.id for i in found}) == len(found)
    known = {i.id: i for i in stored if i.told_on is not None or i.id in {a.incident for a in acted}}
    for each in found:
        before = known.get(each.id)
        assert each.told_on == (before.told_on if before else None)
        assert before is None or before.incident_class is each.incident_class


@MANY
@given(worlds(JUDGED), ACTS, RULES, st.integers(0, LENGTH))
def test_what_is_needed_of_the_past_is_enough(detections, acts, rule, number) -> None:
    """Detections that no later day depends on may be removed: everything from that day on stays as it is."""
    whole = replay(detections, (), ZONE, at=AT, rule=rule, actions=acts)
    needed = whole.needed(run(number))
    kept = [d for d in detections if run_day(d.as_of, ZONE) >= min(needed[d.incident_class], run(number))]
    part = replay(kept, (), ZONE, at=AT, rule=rule, actions=acts)
    since = [but(h, Change.REMINDED) for h in (whole, part)]
    one, other = ([t for t in found if t.day >= run(number)] for found in since)
    assert one == other


@pytest.mark.parametrize(
    "cycle, told, reminded",
    [("BC", 1, 7), ("BCC", 3, 6), ("BCCC", 3, 6), ("BCCCC", 5, 4), ("BBCC", 3, 6), ("BCCCCCC", 18, 0)],
)
def test_a_rule_that_flaps_for_sixty_days_makes_few_messages(cycle, told, reminded) -> None:
    history = replay(story((cycle * 60)[:60]), (), ZONE)
    changes = [t.change for t in history.transitions]
    assert changes.count(Change.REMINDED) == reminded
    assert len(changes) - reminded == told


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**60 - 1), st.integers(1, 3))
def test_however_a_rule_flaps_it_comes_back_four_times_at_most_without_a_longer_calm(drawn, recovery) -> None:
    """Without a calm of four times the usual length it stays one incident, and open."""
    verdicts = "".join("B" if drawn >> day & 1 else "C" for day in range(60))
    rule = IncidentRule(recovery=recovery, reopen=timedelta(days=3))
    for found in fold(story(verdicts), (), ZONE, rule=rule):
        lasts = verdicts[(found.opened_on - run(0)).days : ((found.resolved_on or run(60)) - run(0)).days + 1]
        longer = sum(len(calm) >= 4 * recovery for calm in lasts.split("B"))
        assert found.reopened <= 3 + longer


# --- days that are judged hour by hour -------------------------------------------------------------------


@cache
def at_hour(letter: str, member: int, hour: int) -> Detection:
    """A judgement made so many hours after run day 0 began."""
    made = judged(letter, member, 0)
    return replace(made, as_of=midnight(run(0), ZONE) + timedelta(hours=hour), horizon=Horizon(7))


EVERY = 4
"""Hours from one judgement to the next."""


def hours_of(drawn: bytes) -> list[Detection]:
    found = []
    for place, byte in enumerate(drawn):
        hour, member = divmod(place, LATER)
        if (letter := LETTERS[byte % 16]) != ".":
            found.append(at_hour(letter, member, (hour + 1) * EVERY))
    return found


HOURS = (
    st.integers(0, 24)
    .map(lambda hours: hours * LATER)
    .flatmap(lambda size: st.binary(min_size=size, max_size=size))
    .map(hours_of)
)


@settings(max_examples=150, deadline=None)
@given(HOURS, ACTS, RULES, st.integers(1, 24))
def test_no_later_hour_takes_back_what_an_earlier_one_told(detections, acts, rule, hours) -> None:
    known = [d for d in detections if d.as_of <= midnight(run(0), ZONE) + timedelta(hours=hours * EVERY)]
    today = max((run_day(d.as_of, ZONE) for d in known), default=run(0))
    so_far = replay(known, (), ZONE, at=AT, rule=rule, actions=[a for a in acts if a.day <= today])
    whole = replay(detections, so_far.incidents, ZONE, at=AT, rule=rule, actions=acts)
    told = {i.id: i.opened_on for i in so_far.incidents if i.state is not IncidentState.PENDING}
    assert told.items() <= {i.id: i.opened_on for i in whole.incidents}.items()
    before = [t for t in so_far.transitions if t.day < today]
    assert [t for t in whole.transitions if t.day < today] == before
    for happened in by(whole).incident.values():
        assert len({t.name for t in happened}) == len(happened)


@settings(max_examples=150, deadline=None)
@given(HOURS, ACTS, RULES, st.lists(st.integers(1, 24), min_size=1, max_size=3, unique=True))
def test_an_act_leaves_what_was_judged_before_and_no_hour_after_it_is_lost(
    detections, acts, rule, hours
) -> None:
    moments = [midnight(run(0), ZONE) + timedelta(hours=hour * EVERY) for hour in sorted(hours)]
    done = [
        replace(act, id=f"{act.id}_{moment}", day=day_at(moment, ZONE), until=None, follows=moment, at=moment)
        for act, moment in zip(acts, moments, strict=False)
    ]
    whole = replay(detections, (), ZONE, at=AT, rule=rule, actions=done)
    for happened in by(whole).incident.values():
        assert len({t.name for t in happened}) == len(happened)
    for act in done:
        known = [d for d in detections if d.as_of <= act.at]
        then = replay(known, (), ZONE, at=AT, rule=rule, actions=[a for a in done if a.at <= act.at])
        for name, happened in by(then).incident.items():
            assert by(whole).incident[name][: len(happened)] == happened
    for each in whole.incidents:
        if each.state is IncidentState.ACKNOWLEDGED and each.severity is CRITICAL:
            taken = [t for t in by(whole).incident[each.id] if t.change is Change.ACKNOWLEDGED]
            assert any(t.severity is CRITICAL for t in taken)


# --- the laws that hold of every incident, judged member by member ------------------------------------


@MANY
@given(worlds())
def test_a_resolved_incident_is_as_severe_as_it_ever_was_and_an_open_one_as_what_still_breaches(
    detections,
) -> None:
    for each in fold(detections, (), ZONE, at=AT):
        if each.state is IncidentState.PENDING:
            continue
        ends = each.resolved_on or date.max
        grave: dict[Member, list[Severity]] = defaultdict(list)
        for d in detections:
            of_this = d.incident_class is each.incident_class and d.verdict is BREACH
            if of_this and d.horizon == Horizon(7) and each.opened_on <= run_day(d.as_of, ZONE) <= ends:
                grave[Member(d.detector, d.version, d.segment)].append(d.severity)
        worst = max(chain(*(grave[member] for member in each.members)), key=lambda severity: severity.rank)
        assert each.severity.rank <= CRITICAL.rank
        assert each.is_open or each.severity.rank >= worst.rank
        for member in each.breaching:
            assert each.severity.rank >= grave[member][-1].rank
