"""What must hold of what channels are told, over any history, in any order, whatever people do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st

from episodes import CRITICAL, LABEL_HEALTH, PERFORMANCE, WARNING, ZONE, run, story
from hindsight.domain.records import Action, Detection, Incident, Silence
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import ActionKind, Horizon, Hours, IncidentClass, Notify, Severity, When
from hindsight.incidents import Change, History, corrections, replay
from hindsight.policy import Act, Decision, Kind, Listener, Memory, decide, told
from hindsight.policy.silence import silencing
from hindsight.windows import DayRange, run_day

LENGTH = 9
MEMBERS = [
    {},
    {"segment": "origin=JFK"},
    {"detector": "auc threshold", "metric": "roc_auc", "severity": CRITICAL},
    {"detector": "coverage threshold", "metric": "coverage", "incident_class": LABEL_HEALTH},
]
AT = {"recall threshold": Horizon(7), "auc threshold": Horizon(7), "coverage threshold": Horizon(7)}
RULE = IncidentRule()
KINDS = [PERFORMANCE, LABEL_HEALTH]


@dataclass(frozen=True)
class Ear:
    """A notifier as policy knows it."""

    min_severity: Severity = WARNING
    classes: tuple[IncidentClass, ...] = ()
    segments: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    quiet: Hours | None = None
    when: When = When.EACH
    follows: bool = False


EARS: Mapping[str, Ear] = {
    "all": Ear(),
    "grave": Ear(CRITICAL),
    "labels": Ear(classes=(LABEL_HEALTH,)),
    "jfk": Ear(segments=("origin",)),
}


@st.composite
def histories(draw: st.DrawFn) -> list[Detection]:
    return [
        made
        for fields in MEMBERS
        for made in story(draw(st.text(alphabet="BBCC?.", max_size=LENGTH)), **fields)
    ]


@st.composite
def silences(draw: st.DrawFn) -> list[Silence]:
    found = []
    for number in range(draw(st.integers(0, 2))):
        first, last = sorted(draw(st.lists(st.integers(0, LENGTH - 1), min_size=2, max_size=2)))
        about = draw(
            st.sampled_from(
                [{}, {"incident_class": PERFORMANCE}, {"detector": "auc threshold"}, {"segment": "ALL"}]
            )
        )
        at = datetime(2013, 3, 1, tzinfo=UTC)
        found.append(
            Silence(f"sil_{number}", "flight_delay", run(first), run(last), "Ann", "moving", at, **about)
        )
    return found


@dataclass
class Team:
    """Runs in some order, with the store and the outbox they share: what was sent is kept under its key."""

    detections: list[Detection]
    silences: Collection[Silence] = ()
    actions: Collection[Action] = ()
    ears: Mapping[str, Ear] = field(default_factory=lambda: EARS)

    def __post_init__(self) -> None:
        self.landed: list[Detection] = []
        self.stored: tuple[Incident, ...] = ()
        self.memory = dict.fromkeys(self.ears, Memory())
        self.outbox: dict[tuple[str, date, Kind], Decision] = {}

    def history(self) -> History:
        return replay(self.landed, self.stored, ZONE, at=AT, rule=RULE, actions=self.actions)

    def run(self, mode: Notify, span: DayRange) -> int:
        """One run; returns how many messages are new."""
        self.landed += [d for d in self.detections if run_day(d.as_of, ZONE) in span and d not in self.landed]
        history, before = self.history(), self.stored
        self.stored, new = history.incidents, 0
        for channel, ear in self.ears.items():
            listener = Listener(ear, self.memory[channel], "ops-ml")
            wrong = corrections(before, history.incidents)
            made = decide(mode, span, history, listener, corrections=wrong, silences=self.silences)
            live = Counter(d.day for d in made if d.act is Act.SEND)
            assert all(count == 1 for count in live.values()), "at most one message a day"
            for decision in made:
                new += self.keep(channel, decision)
        return new

    def keep(self, channel: str, decision: Decision) -> bool:
        key = channel, decision.day, decision.kind
        there = self.outbox.get(key)
        gives_way = there is not None and there.act is Act.SUPPRESS and decision.act is Act.SEND
        if decision.act is Act.NOTHING or (there is not None and not gives_way):
            return False
        self.outbox[key] = decision
        self.memory[channel] = self.memory[channel].and_told(decision.tellings)
        if decision.act is Act.SEND:
            self.stored = told(self.stored, decision)
        return True

    def sent(self, channel: str) -> list[Decision]:
        return [d for (to, _, _), d in self.outbox.items() if to == channel and d.act is Act.SEND]


def days(first: int, last: int | None = None) -> DayRange:
    return DayRange(run(first), run(first if last is None else last))


@settings(max_examples=200, deadline=None)
@given(histories(), silences(), st.permutations(range(LENGTH)))
@example(
    # An incident told for the first time after a silence: its message has no transition of its own day.
    [*story("B.?", **MEMBERS[1]), *story("?CBC?C.CC", **MEMBERS[2])],
    [Silence("sil_0", "flight_delay", run(0), run(1), "Ann", "moving", datetime(2013, 3, 1, tzinfo=UTC))],
    list(range(LENGTH)),
)
def test_with_all_days_live_each_thing_is_told_once_and_in_order(detections, hushed, again) -> None:
    team = Team(detections, hushed)
    for number in range(LENGTH):
        team.run(Notify.LIVE, days(number))
        no_critical_day_is_silent(team, run(number))
    every_end_follows_its_beginning(team)
    if not hushed:
        every_beginning_and_end_is_told(team)
    before = dict(team.outbox)
    for number in again:
        assert team.run(Notify.LIVE, days(number)) == 0, "to run a day again tells nothing"
    assert team.outbox == before
    team.run(Notify.LIVE, days(LENGTH))
    people_believe_what_is_so(team)


def no_critical_day_is_silent(team: Team, day: date) -> None:
    """Whoever wants to hear of it knows, or it lies in the outbox that somebody wanted silence, and why."""
    standing = [case.incident for case in team.history().as_of(day)]
    for incident in (i for i in standing if i.is_open and i.severity is CRITICAL):
        for channel in ("all", "grave"):
            knows = team.memory[channel].level(incident.id) is CRITICAL
            recorded = any(
                kind is Kind.SILENCED and incident.id in d.incidents and "Ann wanted silence" in d.reason
                for (to, _, kind), d in team.outbox.items()
                if to == channel
            )
            assert knows or (silencing(team.silences, incident, day) is not None and recorded)


def every_end_follows_its_beginning(team: Team) -> None:
    """A channel hears of nothing that goes on or ends without having heard that it began."""
    for channel in EARS:
        begun: set[str] = set()
        ends: Counter[str] = Counter()
        for decision in team.sent(channel):
            begun |= {case.incident.id for case in decision.cases if case.incident.is_open}
            for t in decision.transitions:
                assert t.incident_id in begun
                ends[t.incident_id] += {Change.RESOLVED: 1, Change.REOPENED: -1}.get(t.change, 0)
        assert all(count in (-1, 0, 1) for count in ends.values())
        names = Counter(each for d in team.sent(channel) for each in d.tellings if " as " not in each)
        assert not [each for each, count in names.items() if count > 1], "nothing told is told again"


def every_beginning_and_end_is_told(team: Team) -> None:
    """Who wants to hear everything does."""
    both = (Change.OPENED, Change.REOPENED, Change.RESOLVED)
    said = Counter(t for d in team.sent("all") for t in d.transitions if t.change in both)
    assert said == Counter(t for t in team.history().transitions if t.change in both)


def people_believe_what_is_so(team: Team) -> None:
    """Who hears everything takes those incidents to be open that are."""
    memory = team.memory["all"]
    believed = {each for each in memory.told if memory.believes_open(each)}
    assert believed == {i.id for i in team.stored if i.is_open}


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(0, LENGTH - 1), st.integers(0, LENGTH), st.sampled_from(KINDS))
def test_taking_an_incident_on_stops_reminders_and_nothing_else(detections, number, lasts, kind) -> None:
    long = [*detections, *story("B" * 2 * LENGTH, segment="carrier=UA")]
    taken = Action(
        id="act_1",
        monitor="flight_delay",
        incident="inc_1",
        incident_class=kind,
        kind=ActionKind.ACKNOWLEDGE,
        day=run(number),
        author="Ann",
        reason="",
        at=datetime(2013, 3, 1, tzinfo=UTC),
        until=run(number + lasts),
    )
    plain, acked = Team(long), Team(long, actions=[taken])
    for day in range(2 * LENGTH):
        plain.run(Notify.LIVE, days(day))
        acked.run(Notify.LIVE, days(day))
    for channel in EARS:
        assert news(plain, channel) == news(acked, channel)


def news(team: Team, channel: str) -> list[object]:
    """All that a channel was told but for reminders."""
    found = []
    for d in team.sent(channel):
        kept = [(t.incident_id, t.name) for t in d.transitions if t.change is not Change.REMINDED]
        first = "told here for the first time" in d.reason
        if kept or first or d.corrections:
            found.append((d.day, d.kind, kept, first, [c.reason for c in d.corrections]))
    return found


@settings(max_examples=200, deadline=None)
@given(histories(), st.integers(1, LENGTH - 1), st.data())
def test_the_order_of_days_computed_in_silence_does_not_matter(detections, split, data) -> None:
    order = data.draw(st.permutations(range(split)))
    straight, mixed = Team(detections), Team(detections)
    straight.run(Notify.NONE, days(0, split - 1))
    for number in order:
        mixed.run(Notify.NONE, days(number))
    for team in (straight, mixed):
        assert not any(team.sent(channel) for channel in EARS)
        team.run(Notify.LIVE, days(split))
        named = {each for d in team.sent("all") for each in d.incidents}
        assert {i.id for i in team.stored if i.is_open} <= named, "what is open is told by the first live run"
        for number in range(split + 1, LENGTH):
            team.run(Notify.LIVE, days(number))
    for channel in EARS:
        assert straight.sent(channel) == mixed.sent(channel)


@settings(max_examples=300, deadline=None)
@given(histories(), st.permutations(range(LENGTH)), st.lists(st.booleans(), min_size=LENGTH, max_size=LENGTH))
def test_whatever_the_order_of_the_days_people_end_up_believing_what_is_so(detections, order, silent) -> None:
    team = Team(detections, ears={"all": Ear()})
    for number in order:
        team.run(Notify.NONE if silent[number] else Notify.LIVE, days(number))
    team.run(Notify.LIVE, days(LENGTH))
    people_believe_what_is_so(team)
