"""What people do to incidents: written down once, folded, and told to whom it concerns."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from episodes import CRITICAL, missing_labels, run, story
from hindsight.domain.records import Action, Incident
from hindsight.domain.spec import IncidentRule, MonitorSpec
from hindsight.domain.values import IncidentClass, IncidentState, Notify, Resolution
from hindsight.errors import ActionRefused
from hindsight.message import from_json
from hindsight.notifiers import Log
from hindsight.pipeline import acts
from hindsight.pipeline.acts import acknowledge, resolve
from hindsight.pipeline.plan import zone
from hindsight.windows import midnight
from stories import judged, live, rows_of, said
from worlds import Bench


def one(bench: Bench, spec: MonitorSpec) -> Incident:
    """The newest incident."""
    return acts.incidents(spec, bench.runtime())[0]


def actions(bench: Bench, spec: MonitorSpec) -> list[Action]:
    with bench.store.transaction() as connection:
        return bench.store.actions(connection, spec.monitor)


def test_whoever_takes_an_incident_on_is_written_down_and_reminders_stop_until_then(bench: Bench) -> None:
    spec, rows = judged(), story("B" * 20)
    live(bench, spec, map(run, range(2)), rows)
    done = acknowledge(
        spec, bench.runtime(), one(bench, spec).id, author="Ann", reason="looking", until=run(12)
    )
    assert (done.state, done.acknowledged_by, done.acknowledged_until) == (
        IncidentState.ACKNOWLEDGED,
        "Ann",
        run(12),
    )
    assert one(bench, spec) == done
    (row,) = actions(bench, spec)
    assert (row.kind, row.day, row.author, row.reason, row.until) == (
        "acknowledge",
        run(2),
        "Ann",
        "looking",
        run(12),
    )
    live(bench, spec, map(run, range(2, 20)), rows)
    reminded = "1 incident still open and not acknowledged"
    assert [(day, reason) for day, _, reason in said(bench, spec)] == [
        (run(0), "1 incident opened"),
        (run(13), reminded),
    ]
    assert one(bench, spec).acknowledged_by is None


def test_an_acknowledgement_that_names_no_end_holds_as_long_as_the_rule_says(bench: Bench) -> None:
    spec = judged(incidents=IncidentRule(acknowledge=timedelta(days=3)))
    live(bench, spec, [run(0)], story("B"))
    assert acknowledge(spec, bench.runtime(), one(bench, spec).id, author="Ann").acknowledged_until == run(3)


def test_acknowledging_twice_is_doing_it_once_and_somebody_else_takes_it_over(bench: Bench) -> None:
    spec = judged()
    live(bench, spec, [run(0)], story("B"))
    name = one(bench, spec).id
    first = acknowledge(spec, bench.runtime(), name, author="Ann")
    assert acknowledge(spec, bench.runtime(), name, author=" Ann ") == first
    assert len(actions(bench, spec)) == 1
    longer = acknowledge(spec, bench.runtime(), name, author="Ann", until=run(30))
    assert longer.acknowledged_until == run(30)
    other = acknowledge(spec, bench.runtime(), name, author="Bob")
    assert other.acknowledged_by == "Bob"
    assert [each.author for each in actions(bench, spec)] == ["Ann", "Ann", "Bob"]


def test_an_acknowledgement_is_told_to_channels_that_follow_and_know_the_incident(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = judged()
    live(bench, spec, [run(0)], story("B"))
    acknowledge(spec, bench.runtime(), one(bench, spec).id, author="Ann")
    assert len(rows_of(bench, spec)) == 1
    monkeypatch.setattr(Log, "follows", True)
    acknowledge(spec, bench.runtime(), one(bench, spec).id, author="Bob", reason="on it")
    row = rows_of(bench, spec)[1]
    assert row.kind.startswith("act:act_")
    assert row.reason == "Bob acknowledged it until Fri 8 Mar 2013: on it"
    assert (row.state, row.day) == ("pending", run(1)), "it is not delivered here"
    (about,) = from_json(row.document).about
    assert (about.acknowledged_by, about.changes) == ("Bob", ("acknowledged",))
    grave = replace(spec, notify=(Log(min_severity=CRITICAL),), monitor="mild")
    live(bench, grave, [run(0)], story("B"))
    acknowledge(grave, bench.runtime(), one(bench, grave).id, author="Ann")
    assert [row.state for row in rows_of(bench, grave)] == ["suppressed"]


@pytest.mark.parametrize("resolution", acts.BY_HAND)
def test_what_a_person_resolves_is_over_is_told_and_stays_over_while_it_merely_goes_on(
    bench: Bench, resolution: Resolution
) -> None:
    spec, rows = judged(), story("B" * 10)
    live(bench, spec, map(run, range(2)), rows)
    done = resolve(
        spec, bench.runtime(), one(bench, spec).id, author="Ann", reason="a test", resolution=resolution
    )
    assert (done.state, done.resolution, done.resolved_on) == (IncidentState.RESOLVED, resolution, run(2))
    words = resolution.replace("_", " ")
    assert said(bench, spec)[1:] == [(run(2), "act", f"Ann resolved it as {words}: a test")]
    live(bench, spec, map(run, range(2, 8)), rows)
    assert len(said(bench, spec)) == 2
    assert one(bench, spec).state is IncidentState.RESOLVED


def test_what_becomes_graver_than_it_was_comes_back_though_it_was_resolved(bench: Bench) -> None:
    spec = judged()
    rows = [*story("BBBBB"), *story("...BB", detector="skill", severity=CRITICAL)]
    live(bench, spec, map(run, range(2)), rows)
    resolve(
        spec,
        bench.runtime(),
        one(bench, spec).id,
        author="Ann",
        reason="season",
        resolution=Resolution.EXPECTED,
    )
    live(bench, spec, map(run, range(2, 5)), rows)
    assert [day for day, kind, _ in said(bench, spec) if kind == "daily"][:2] == [run(0), run(3)]
    assert one(bench, spec).is_open


def test_a_day_that_was_judged_and_not_told_yet_is_heard_though_somebody_acted_in_between(
    bench: Bench,
) -> None:
    """Ann acts on the warning that she was told of, while the run of a critical day is under way."""
    rows = [*story("BB"), *story("B", start=2, severity=CRITICAL)]
    for number, act in enumerate((acknowledge, resolve)):
        spec = replace(judged(), monitor=f"flights_{number}")
        live(bench, spec, map(run, range(2)), rows)
        name = one(bench, spec).id
        with bench.store.transaction() as connection:
            late = [replace(each, monitor=spec.monitor) for each in rows]
            places = [(each.detector, each.window_start, each.horizon) for each in late]
            bench.store.replace_detections(connection, spec.monitor, places, late)
        more = {} if act is acknowledge else {"reason": "season", "resolution": Resolution.EXPECTED}
        act(spec, bench.runtime(), name, author="Ann", **more)  # type: ignore[operator]
        (done,) = actions(bench, spec)
        assert (done.day, done.follows) == (run(2), midnight(run(2), zone(spec)))
        live(bench, spec, [run(2)], rows)
        day, kind, reason = said(bench, spec)[-1]
        assert (day, kind) == (run(2), "daily")
        assert reason == ("1 incident became critical" if act is acknowledge else "1 incident came back")
        standing = one(bench, spec)
        assert (standing.severity, standing.acknowledged_by, standing.is_open) == (CRITICAL, None, True)


def test_resolving_twice_is_doing_it_once_and_others_are_told_that_it_is_over(bench: Bench) -> None:
    spec = judged()
    live(bench, spec, [run(0)], story("B"))
    name = one(bench, spec).id
    for _ in range(2):
        resolve(spec, bench.runtime(), name, author="Ann", reason="", resolution=Resolution.FIXED)
    assert len(actions(bench, spec)) == 1
    sentence = (
        rf"^The performance incident {name} was resolved on Sat 2 Mar 2013 \(fixed\), so nothing can be done "
        r"to it: none is open\.$"
    )
    with pytest.raises(ActionRefused, match=sentence):
        resolve(spec, bench.runtime(), name, author="Bob", reason="", resolution=Resolution.FIXED)
    with pytest.raises(ActionRefused, match="so nothing can be done to it"):
        acknowledge(spec, bench.runtime(), name, author="Ann")
    assert len(rows_of(bench, spec)) == 2


def test_an_incident_that_nobody_was_told_of_ends_without_a_message(bench: Bench) -> None:
    spec = judged()
    live(bench, spec, [run(0)], story("B"), Notify.NONE)
    resolve(spec, bench.runtime(), one(bench, spec).id, author="Ann", reason="", resolution=Resolution.FIXED)
    assert said(bench, spec) == []
    live(bench, spec, [run(1)], story("BB"))
    assert said(bench, spec) == []


def test_what_cannot_be_done_is_refused_with_what_would_do(bench: Bench) -> None:
    spec = judged()
    runtime = bench.runtime()
    with pytest.raises(ActionRefused, match=r"^There is no incident 'inc_1': none is open\.$"):
        acknowledge(spec, runtime, "inc_1", author="Ann")
    live(bench, spec, [run(0)], [*story("B"), missing_labels(0)])
    there = {each.incident_class: each.id for each in acts.incidents(spec, runtime)}
    label, own = there[IncidentClass.LABEL_HEALTH], there.get(IncidentClass.PERFORMANCE)
    with pytest.raises(ActionRefused, match=f"^There is no incident '{label[:-1]}' .did you mean '{label}'"):
        acknowledge(spec, runtime, label[:-1], author="Ann")
    if own is not None:  # explained by the missing labels, it is pending
        with pytest.raises(ActionRefused, match=f"incident {own} is pending, and nobody was told of it"):
            acknowledge(spec, runtime, own, author="Ann")
    refused = {
        "Say who does it: the author is empty.": {"author": " \u202e"},
        "An acknowledgement until Fri 1 Mar 2013 is in the past: "
        "the next day to be judged is Sat 2 Mar 2013.": {"until": run(0)},
        "An acknowledgement until Mon 3 Mar 2014 is too long: 365 days are the most, "
        "so Sun 2 Mar 2014 at the latest.": {"until": run(367)},
        "The reason has 1,001 characters: 1,000 are the most.": {"reason": "x" * 1001},
    }
    for sentence, given in refused.items():
        with pytest.raises(ActionRefused) as caught:
            acknowledge(spec, runtime, label, **{"author": "Ann", **given})
        assert str(caught.value) == sentence
    for resolution, sentence in {
        Resolution.EXPECTED: "Resolving an incident as expected needs a reason that others understand later: "
        "the reason is empty.",
        Resolution.RECOVERED: "'recovered' is for the data to say: people resolve an incident as fixed, "
        "expected, no action, false positive.",
    }.items():
        with pytest.raises(ActionRefused) as caught:
            resolve(spec, runtime, label, author="Ann", reason="", resolution=resolution)
        assert str(caught.value) == sentence
    assert actions(bench, spec) == []


def test_two_who_take_it_on_at_once_are_written_down_one_after_the_other(bench: Bench) -> None:
    spec = judged()
    live(bench, spec, [run(0)], story("B"))
    name, errors = one(bench, spec).id, []

    def take(author: str) -> None:
        try:
            acknowledge(spec, bench.runtime(), name, author=author)
        except Exception as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=take, args=(author,)) for author in ("Ann", "Bob", "Ann", "Bob")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert one(bench, spec).acknowledged_by in ("Ann", "Bob")
    assert {each.author for each in actions(bench, spec)} == {"Ann", "Bob"}


def test_hostile_authors_and_reasons_are_cleaned_before_they_are_kept(bench: Bench) -> None:
    spec = judged()
    live(bench, spec, [run(0)], story("B"))
    author, reason = "Ann\r\nBcc: x\x00\u202e", "<!channel> \u200b\x00see"
    resolve(
        spec,
        bench.runtime(),
        one(bench, spec).id,
        author=author,
        reason=reason,
        resolution=Resolution.FALSE_POSITIVE,
    )
    (row,) = actions(bench, spec)
    assert (row.author, row.reason) == ("Ann Bcc: x", "<!channel> see")
