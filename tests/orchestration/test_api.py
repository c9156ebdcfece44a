"""The HTTP interface and the pages, behind Airflow's own application and its own tokens.

Airflow's application is made once: its plugins, its middleware, its way to know a user from a token or a
cookie, and its rules of who may do what to a DAG.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx import Response

from episodes import run, story
from hindsight.domain.records import Delivery, Silence
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import IncidentClass, Severity
from hindsight.embedded import EmbeddedPostgres
from hindsight.message import Link, from_json, to_json
from hindsight.orchestration.runtime import close_stores, command_line_runtime
from hindsight.orchestration.steps import run_links
from watched import live, watching

BASE = "/hindsight/api/monitors/flight_delay"
PAGE = "/hindsight/incidents/flight_delay"
HERE = {"Origin": "http://testserver"}
NASTY = "</script><img src=x onerror=alert(1)>\u202e\r\n<b>v1</b>"


@pytest.fixture(scope="module")
def airflow(airflow_metadata: None) -> Iterator[FastAPI]:
    """Airflow's application with the project's plugins, an administrator `ann` and a viewer `vic`."""
    from airflow.api_fastapi.app import create_app, purge_cached_app

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ann:admin,vic:viewer")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "0" * 64)
        patch.setenv("AIRFLOW__API__BASE_URL", "http://airflow.example.com")
        yield create_app(apps="core")
    purge_cached_app()


@dataclass(frozen=True)
class World:
    """A server, and what users have in their hands."""

    airflow: FastAPI
    spec: MonitorSpec
    incident: str
    tokens: dict[str, str]

    def client(self, user: str = "", *, cookie: bool = False) -> TestClient:
        """A program with the token of a user, or a browser with the cookie."""
        client = TestClient(self.airflow, follow_redirects=False)
        if user and cookie:
            client.cookies.set("_token", self.tokens[user])
        elif user:
            client.headers["Authorization"] = f"Bearer {self.tokens[user]}"
        return client


@pytest.fixture(scope="module")
def built(
    airflow: FastAPI, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One incident, open and told, of a version with a hostile name."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    url = postgres.ensure_database("api")
    with watching(tmp_path_factory.mktemp("api"), url) as spec:
        (incident,) = live(spec, story("BB", severity=Severity.CRITICAL, version=NASTY), range(2))
        tokens = {
            name: get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role))
            for name, role in (("ann", "ADMIN"), ("vic", "VIEWER"))
        }
        yield World(airflow, spec, incident.id, tokens)
    postgres.drop_database("api")


@pytest.fixture
def world(built: World) -> Iterator[World]:
    """The same, as it was, after each test."""
    with command_line_runtime().store.reading() as connection:
        before = command_line_runtime().store.incidents(connection)
    yield built
    store = command_line_runtime().store
    acted = ("action", ""), ("silence", ""), ("notification", "where kind like 'act:%'")
    with store.transaction("flight_delay") as connection:
        for table, which in (*acted, ("telling", "where transition like 'resolved%'")):
            connection.execute(sa.text(f"delete from hindsight.{table} {which}"))
        store.replace_incidents(connection, "flight_delay", before)


def routes() -> list[tuple[str, str]]:
    """Every method and address of the application."""
    from hindsight.orchestration.api import made

    app = made()
    assert {type(each) for each in app.routes} == {APIRoute}, "nothing is mounted past the checks"
    return [
        (method, each.path)
        for each in app.routes
        if isinstance(each, APIRoute)
        for method in sorted(each.methods)
    ]


def filled(path: str, world: World) -> str:
    named = {"monitor": "flight_delay", "incident": world.incident, "silence": "sil_0"}
    return "/hindsight" + re.sub(r"{(\w+)}", lambda found: named[found[1]], path)


def test_no_route_is_open_to_who_is_not_signed_in(world: World) -> None:
    every = routes()
    assert len(every) > 12
    stranger, forger = world.client(), world.client()
    stranger.cookies.set("_token", "not.a.token")
    forger.headers["Authorization"] = f"Bearer {world.tokens['ann'][:-4]}AAAA"
    for client in (stranger, forger):
        for method, path in every:
            answer = client.request(method, filled(path, world), headers=HERE, json={})
            assert answer.status_code in (401, 403) or to_login(answer), (method, path, answer.status_code)
    for method, path in every:
        answer = world.client().request(method, filled(path, world), headers=HERE, json={})
        assert answer.status_code == 401 or to_login(answer), (method, path, answer.status_code)


@pytest.mark.parametrize("body", ["{", "x" * 70_000], ids=["broken", "large"])
def test_a_body_is_not_even_read_before_it_is_known_who_sent_it(world: World, body: str) -> None:
    path = f"{BASE}/incidents/{world.incident}/acknowledge"
    kind = {"Content-Type": "application/json"}
    assert world.client().post(path, content=body, headers=kind | HERE).status_code == 401
    assert world.client("vic").post(path, content=body, headers=kind).status_code == 403
    answer = world.client("ann").post(path, content=body, headers=kind)
    assert answer.status_code == (422 if len(body) == 1 else 413)
    assert answer.json()["detail"].endswith(".")


def test_a_form_is_not_even_read_before_it_is_known_who_sent_it(world: World) -> None:
    path, body = f"{PAGE}/{world.incident}/acknowledge", "reason=" + "x" * 70_000
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert world.client().post(path, content=body, headers=kind | HERE).status_code == 401
    for headers in (HERE, {}):
        assert (
            world.client("vic", cookie=True).post(path, content=body, headers=kind | headers).status_code
            == 403
        )
    assert world.client("ann", cookie=True).post(path, content=body, headers=kind | HERE).status_code == 413


def test_a_cookie_of_before_the_secret_was_renewed_leads_to_the_login(world: World) -> None:
    client = world.client()
    client.cookies.set("_token", f"{world.tokens['ann'][:-4]}AAAA")
    for path in (PAGE, f"{PAGE}/{world.incident}", "/hindsight/incidents"):
        assert to_login(client.get(path)), path
    assert client.get(f"{BASE}/incidents").status_code == 403, "a program is told so instead"
    assert client.post(f"{PAGE}/{world.incident}/acknowledge", headers=HERE).status_code == 403


def to_login(answer: Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("/api/v2/auth/login?next=")


def test_a_viewer_reads_everything_and_changes_nothing(world: World) -> None:
    client = world.client("vic")
    for method, path in routes():
        answer = client.request(method, filled(path, world), json={})
        if method == "GET":
            assert answer.status_code in (200, 404), (path, answer.text)
            assert answer.status_code == 200 or path.endswith("chart.png"), path
        else:
            assert answer.status_code == 403, (method, path, answer.text)
    assert world.client("ann").get(f"{BASE}/silences?over=true").json()["silences"] == []


def test_who_follows_a_link_without_being_signed_in_is_led_to_the_login_and_back(world: World) -> None:
    answer = world.client().get(f"{PAGE}/{world.incident}?done=resolved")
    assert answer.status_code == 303
    wanted = f"/api/v2/auth/login?next={PAGE}/{world.incident}%3Fdone%3Dresolved"
    assert answer.headers["location"] == wanted
    assert world.client().get(f"{BASE}/incidents").status_code == 401, "a program is told so instead"


def test_incidents_are_listed_and_shown_with_their_story(world: World) -> None:
    client = world.client("vic")
    listed = client.get(f"{BASE}/incidents").json()
    assert listed["total"] == 1
    (row,) = listed["incidents"]
    assert (row["id"], row["state"], row["severity"], row["is_open"]) == (
        world.incident,
        "open",
        "critical",
        True,
    )
    whole = client.get(f"{BASE}/incidents/{world.incident[:9]}").json()
    assert {key: whole[key] for key in row} == row
    assert whole["actions"] == whole["silences"] == []
    message = whole["messages"][-1]
    assert (message["channel"], message["state"], message["day"]) == ("log", "logged", str(run(0)))
    assert "document" not in message


def test_an_incident_is_acknowledged_in_the_name_of_the_user(world: World) -> None:
    last = run(2) + timedelta(days=3)
    body = {"until": str(last), "reason": "looking"}
    answer = world.client("ann").post(f"{BASE}/incidents/{world.incident}/acknowledge", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["acknowledged_by"], answer.json()["acknowledged_until"]) == ("ann", str(last))
    (action,) = world.client("vic").get(f"{BASE}/incidents/{world.incident}").json()["actions"]
    assert (action["author"], action["kind"], action["reason"]) == ("ann", "acknowledge", "looking")


def test_a_resolved_incident_is_told_by_the_outbox_and_not_by_the_server(world: World) -> None:
    body = {"resolution": "expected", "reason": "rollout of v2"}
    client = world.client("ann")
    answer = client.post(f"{BASE}/incidents/{world.incident}/resolve", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["resolution"]) == ("resolved", "expected")
    store = command_line_runtime().store
    with store.reading() as connection:
        (_, row), *_ = store.newest_messages(connection, "flight_delay")
    assert (row.state, row.kind.partition(":")[0]) == (Delivery.PENDING, "act")
    assert f"http://airflow.example.com{PAGE}/{world.incident}" in row.document
    assert client.get(f"{BASE}/incidents").json()["incidents"] == []
    assert len(client.get(f"{BASE}/incidents?over=true").json()["incidents"]) == 1
    again = client.post(f"{BASE}/incidents/{world.incident}/acknowledge", json={})
    assert again.status_code == 409
    assert world.incident in again.json()["detail"]


def test_a_silence_is_made_listed_and_ended(world: World) -> None:
    client = world.client("ann")
    body = {"until": str(run(8)), "reason": "rollout", "class": "performance"}
    made = client.post(f"{BASE}/silences", json=body)
    assert made.status_code == 201, made.text
    identity = made.json()["id"]
    assert (made.json()["author"], made.json()["incident_class"]) == ("ann", "performance")
    assert [each["id"] for each in client.get(f"{BASE}/silences").json()["silences"]] == [identity]
    ended = client.delete(f"{BASE}/silences/{identity[:8]}")
    assert (ended.status_code, ended.json()["ended_by"]) == (200, "ann")
    assert client.get(f"{BASE}/silences").json()["silences"] == []
    assert len(client.get(f"{BASE}/silences?over=true").json()["silences"]) == 1


def keep_silence(identity: str, first: date, last: date, **about: Any) -> None:
    """Write a silence past the rules of the act, which lets none begin in the past."""
    silence = Silence(identity, "flight_delay", first, last, "ann", "rollout", datetime.now(UTC), **about)
    store = command_line_runtime().store
    with store.transaction("flight_delay") as connection:
        store.keep_silence(connection, silence)


def test_a_silence_that_is_over_is_shown_as_over_and_one_whose_run_is_still_to_come_is_not(
    world: World,
) -> None:
    """Two days were judged, and the clock is years ahead of them."""
    keep_silence("sil_aaaa0", run(-20), run(-10))
    keep_silence("sil_bbbb0", run(0), run(1))
    keep_silence("sil_cccc0", run(1), run(2))
    client = world.client("ann", cookie=True)
    assert [each["id"] for each in client.get(f"{BASE}/silences").json()["silences"]] == ["sil_cccc0"]
    every = client.get(f"{BASE}/silences?over=true&limit=2&offset=1").json()
    assert ([each["id"] for each in every["silences"]], every["total"]) == (["sil_bbbb0", "sil_cccc0"], 3)
    shown = client.get(PAGE).text
    assert re.findall(r"silences/(\w+)/end", shown) == ["sil_cccc0"]
    assert shown.count('class="over"') == 2
    assert "Nothing is silenced" not in shown
    for identity, code in (("sil_bbbb0", 409), ("sil_cccc0", 303)):
        assert client.post(f"{PAGE}/silences/{identity}/end", headers=HERE).status_code == code
    assert "Nothing is silenced" in client.get(PAGE).text


def test_only_silences_that_kept_an_incident_quiet_are_listed_beside_it(world: World) -> None:
    keep_silence("sil_aaaa0", run(-20), run(-1))
    keep_silence("sil_bbbb0", run(0), run(9), incident_class=IncidentClass.INPUTS)
    keep_silence("sil_cccc0", run(0), run(9), version="another")
    keep_silence("sil_dddd0", run(0), run(9), version=NASTY)
    whole = world.client("vic").get(f"{BASE}/incidents/{world.incident}").json()
    assert [each["id"] for each in whole["silences"]] == ["sil_dddd0"]


def test_who_was_told_is_known_however_much_was_said_since(world: World) -> None:
    store = command_line_runtime().store
    with store.transaction("flight_delay") as connection:
        connection.execute(sa.text(OTHERS))
    try:
        whole = world.client("vic").get(f"{BASE}/incidents/{world.incident}").json()
        assert len(whole["messages"]) == whole["messages_total"] > 0
        shown = world.client("vic").get(f"{PAGE}/{world.incident}").text
        assert "Nobody was told of it" not in shown
        assert "As told on" in shown
        with store.transaction("flight_delay") as connection:
            connection.execute(
                sa.text("update hindsight.notification set incidents = array[:id] where reason = 'test'"),
                {"id": world.incident},
            )
        whole = world.client("vic").get(f"{BASE}/incidents/{world.incident}").json()
        assert (len(whole["messages"]), whole["messages_total"] > 1100) == (1000, True)
        shown = world.client("vic").get(f"{PAGE}/{world.incident}").text
        assert shown.count('class="result"') == 50
        assert f"… and {whole['messages_total'] - 50} older messages." in shown
    finally:
        with store.transaction("flight_delay") as connection:
            connection.execute(sa.text("delete from hindsight.notification where reason = 'test'"))


OTHERS = """
insert into hindsight.notification
  (monitor, day, kind, notifier, incidents, severity, document, state, reason, attempts)
select 'flight_delay', date '2013-03-02', 'other:' || n, 'log:0', '{}', 'ok', '{}', 'logged', 'test', 1
from generate_series(1, 1100) n
"""
"""More messages about something else than are told of an incident."""


@pytest.mark.parametrize(
    "path, body, code, said",
    [
        ("incidents/{}/resolve", {}, 422, "resolution: it is missing"),
        (
            "incidents/{}/resolve",
            {"resolution": "recovered", "reason": "x"},
            422,
            "resolution: Input should be",
        ),
        ("incidents/{}/resolve", {"resolution": "expected"}, 409, "reason"),
        ("incidents/{}/acknowledge", {"until": "soon"}, 422, "until: "),
        ("incidents/{}/acknowledge", {"until": "2013-01-01"}, 409, "2013"),
        ("incidents/{}/acknowledge", {"author": "eve"}, 422, "author: Extra inputs are not permitted"),
        ("incidents/{}/acknowledge", [], 422, "the body: "),
        ("incidents/inc_0000/acknowledge", {}, 404, "There is no incident inc_0000."),
        ("incidents/inc_/acknowledge", {}, 404, "inc_ is too little of an id to act on"),
        ("silences", {"until": "2013-03-08"}, 422, "reason: it is missing"),
        ("silences", {"until": "2013-03-08", "reason": " "}, 409, "reason"),
        ("silences", {"until": "2013-03-08", "reason": "x" * 2000}, 422, "reason: "),
        ("silences", {"until": "2013-03-08", "reason": "x", "class": "weather"}, 422, "class: "),
        ("silences", {"until": "2013-03-08", "reason": "x", "detector": "recal"}, 409, "recal"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    world: World, path: str, body: Any, code: int, said: str
) -> None:
    answer = world.client("ann").post(f"{BASE}/{path.format(world.incident)}", json=body)
    assert answer.status_code == code, answer.text
    assert said in answer.json()["detail"]
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("query", ["limit=0", "limit=100000", "limit=many", "over=perhaps"])
def test_a_query_that_makes_no_sense_is_refused(world: World, query: str) -> None:
    assert world.client("vic").get(f"{BASE}/incidents?{query}").status_code == 422


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "flight_delay.yaml",
        "monitors%2fflight_delay.yaml",
        "A" * 99,
    ],
)
def test_only_a_monitor_that_has_a_file_is_found_whatever_the_path_says(world: World, name: str) -> None:
    for path in (f"/hindsight/api/monitors/{name}/incidents", f"/hindsight/incidents/{name}"):
        answer = world.client("ann").get(path)
        assert answer.status_code == 404, (path, answer.status_code)
        assert "root:" not in answer.text


@pytest.mark.parametrize("identity", ["..%2f..", "%2e%2e", "inc_%00", "' or 1=1 --", NASTY])
def test_an_id_is_nothing_but_an_id(world: World, identity: str) -> None:
    identity = identity if "%" in identity else quote(identity)
    for path in (f"{BASE}/incidents/{identity}", f"{PAGE}/{identity}", f"{PAGE}/{identity}/chart.png"):
        answer = world.client("ann").get(path)
        assert answer.status_code == 404, path
        assert "<img" not in answer.text


# What another site can make a browser do --------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", **HERE},
        {"Sec-Fetch-Site": "none"},
    ],
)
@pytest.mark.parametrize("by_cookie", [True, False])
def test_a_write_that_another_site_had_a_browser_send_is_refused(
    world: World, headers: dict[str, str], by_cookie: bool
) -> None:
    if not headers and not by_cookie:
        return  # a program with a token: that is what the token is for
    client = world.client("ann", cookie=by_cookie)
    for path in (f"{BASE}/incidents/{world.incident}/acknowledge", f"{PAGE}/{world.incident}/acknowledge"):
        answer = client.post(path, json={}, headers=headers)
        assert answer.status_code == 403, path
        assert "another site" in answer.text
    assert client.delete(f"{BASE}/silences/sil_0", headers=headers).status_code == 403
    assert world.client("vic").get(f"{BASE}/incidents/{world.incident}").json()["actions"] == []


@pytest.mark.parametrize(
    "headers",
    [HERE, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://airflow.example.com"}],
    ids=["asked", "fetch", "base url"],
)
def test_a_write_from_a_page_of_this_server_passes(world: World, headers: dict[str, str]) -> None:
    client = world.client("ann", cookie=True)
    answer = client.post(f"{BASE}/incidents/{world.incident}/acknowledge", json={}, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_of_another_site_could_send_is_no_json(world: World, kind: str) -> None:
    answer = world.client("ann").post(
        f"{BASE}/incidents/{world.incident}/acknowledge", content=b"{}", headers={"Content-Type": kind}
    )
    assert answer.status_code == 415
    assert answer.json()["detail"] == "Send the body as `Content-Type: application/json`."


def test_every_answer_forbids_scripts_framing_by_others_and_guessing(world: World) -> None:
    for answer in (
        world.client("vic").get(PAGE),
        world.client("vic").get(f"{BASE}/incidents"),
        world.client().get(f"{BASE}/incidents"),
        world.client("vic").get("/hindsight/incidents/hindsight.css"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "script" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


# The pages ------------------------------------------------------------------------------------------------


def test_the_pages_show_what_is_known_with_hostile_names_inert(world: World) -> None:
    for path in ("/hindsight/incidents", PAGE, f"{PAGE}/{world.incident}"):
        answer = world.client("ann", cookie=True).get(path)
        assert answer.status_code == 200
        assert "<img src=x" not in answer.text
        assert "</script>" not in answer.text
        assert "<script" not in answer.text
        assert "\u202e" not in answer.text
        assert "&lt;/script&gt;" in answer.text, path
        tags = re.findall(r"<[a-z][^>]*>", re.sub(r'"[^"]*"', '""', answer.text))
        assert len(tags) > 10
        assert not [tag for tag in tags if re.search(r"\son[a-z]+=|style=|javascript:", tag)], path


def test_a_viewer_sees_no_button(world: World) -> None:
    for path in (PAGE, f"{PAGE}/{world.incident}"):
        assert "<form" not in world.client("vic", cookie=True).get(path).text
        assert "<form" in world.client("ann", cookie=True).get(path).text


def test_a_form_acknowledges_and_leads_back(world: World) -> None:
    client = world.client("ann", cookie=True)
    answer = client.post(
        f"{PAGE}/{world.incident}/acknowledge", data={"until": "", "reason": "on it"}, headers=HERE
    )
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"{PAGE}/{world.incident}?done=acknowledged",
    )
    shown = client.get(answer.headers["location"]).text
    assert "acknowledged by ann until" in shown
    assert "Acknowledged: nobody is reminded" in shown


def test_what_an_address_says_was_done_is_shown_only_to_who_did_it_and_while_it_is_so(world: World) -> None:
    client = world.client("ann", cookie=True)
    words = {"acknowledged": "Acknowledged: nobody", "resolved": "Resolved. Those"}
    for word, sentence in words.items():
        assert sentence not in client.get(f"{PAGE}/{world.incident}?done={word}").text
    for word in ("silenced", "unsilenced"):
        assert 'role="status"' not in client.get(f"{PAGE}?done={word}").text
    for form, word in (({}, "acknowledge"), ({"resolution": "fixed"}, "resolve")):
        answer = client.post(f"{PAGE}/{world.incident}/{word}", data=form, headers=HERE)
        assert answer.status_code == 303, answer.text
        assert 'role="status"' in client.get(answer.headers["location"]).text
        assert 'role="status"' not in world.client("vic").get(answer.headers["location"]).text
    assert 'role="status"' not in client.get(f"{PAGE}/{world.incident}?done=acknowledged").text


@pytest.mark.parametrize("path", ["/hindsight/incidents/", f"{PAGE}/", "/hindsight/nowhere", "/hindsight/"])
def test_an_address_that_is_none_is_answered_with_a_page(world: World, path: str) -> None:
    answer = world.client("vic", cookie=True).get(path)
    assert answer.status_code == 404
    assert "There is nothing at this address." in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    program = world.client("vic").get(f"{BASE}/nowhere")
    assert (program.status_code, program.json()) == (404, {"detail": "There is nothing at this address."})


def test_links_that_lead_elsewhere_are_text_within_airflows_frame(world: World) -> None:
    """The frame opens no window, and Airflow within Airflow helps nobody."""
    store, client, address = command_line_runtime().store, world.client("ann"), "https://wiki.example.com/a?b"
    change = sa.text("update hindsight.notification set document = :document where id = :number")
    with store.transaction("flight_delay") as connection:
        (number, row), *_ = store.newest_messages(connection, "flight_delay")
        linked = replace(from_json(row.document), links=(Link("Runbook", address),))
        connection.execute(change, {"document": to_json(linked), "number": number})
    try:
        alone = client.get(f"{PAGE}/{world.incident}", headers={"Sec-Fetch-Dest": "document"}).text
        framed = client.get(f"{PAGE}/{world.incident}", headers={"Sec-Fetch-Dest": "iframe"}).text
    finally:
        with store.transaction("flight_delay") as connection:
            connection.execute(change, {"document": row.document, "number": number})
    assert (f'<a href="{address}"' in alone, f"<code>{address}</code>" in alone) == (True, False)
    assert (f'<a href="{address}"' in framed, f"<code>{address}</code>" in framed) == (False, True)


def test_a_form_that_is_refused_comes_back_with_the_sentence_and_what_was_typed(world: World) -> None:
    client = world.client("ann", cookie=True)
    typed = {"resolution": "expected", "reason": "", "until": "2014-01-01"}
    answer = client.post(f"{PAGE}/{world.incident}/resolve", data=typed, headers=HERE)
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert answer.text.count('value="2014-01-01"') == 1
    assert '<option value="expected" selected>' in answer.text
    assert world.client("vic").get(f"{BASE}/incidents/{world.incident}").json()["state"] == "open"


def test_silences_are_made_and_ended_by_forms(world: World) -> None:
    client = world.client("ann", cookie=True)
    body = {"until": str(run(8)), "reason": NASTY, "class": "performance", "version": ""}
    assert client.post(f"{PAGE}/silences", data=body, headers=HERE).status_code == 303
    (made,) = client.get(f"{BASE}/silences").json()["silences"]
    shown = client.get(PAGE).text
    assert f"{PAGE}/silences/{made['id']}/end" in shown
    assert "<img src=x" not in shown
    ended = client.post(f"{PAGE}/silences/{made['id']}/end", headers=HERE)
    assert (ended.status_code, ended.headers["location"]) == (303, f"{PAGE}?done=unsilenced")
    assert "ended" in client.get(PAGE).text
    refused = client.post(f"{PAGE}/silences", data={"until": "soon", "reason": "x"}, headers=HERE)
    assert refused.status_code == 409
    assert "until: " in refused.text


def test_the_tab_of_a_dag_leads_to_its_monitor(world: World) -> None:
    client = world.client("vic", cookie=True)
    answer = client.get("/hindsight/incidents?dag_id=monitor__flight_delay")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    other = client.get("/hindsight/incidents?dag_id=hindsight_upkeep")
    assert "watches no model" in other.text
    unknown = client.get("/hindsight/incidents?dag_id=monitor__unknown")
    assert unknown.status_code == 303, "whether it is there is said only to who may read it"


def test_a_page_reads_the_file_of_its_monitor_and_that_only_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hindsight.orchestration import files

    read: list[str] = []
    load, load_all = files.load, files.load_all
    monkeypatch.setattr(files, "load", lambda path: read.append(path.stem) or load(path))
    monkeypatch.setattr(files, "load_all", lambda folder: read.append("all") or load_all(folder))
    client = world.client("vic")
    path = Path(os.environ["HINDSIGHT_ROOT"]) / "monitors" / "flight_delay.yaml"
    sound = path.read_text(encoding="utf-8")
    other = path.with_name("other.yaml")
    try:
        other.write_text(
            sound.replace("monitor: flight_delay", "monitor: 'other'  # another"), encoding="utf-8"
        )
        path.write_text(sound + "# changed\n", encoding="utf-8")
        assert client.get("/hindsight/incidents?dag_id=monitor__flight_delay").status_code == 303
        assert client.get("/hindsight/incidents/unknown").status_code == 404
        overview = client.get("/hindsight/incidents").text
        assert "/incidents/other" in overview
        assert "/incidents/flight_delay" in overview
        assert read == []
        for _ in range(2):
            assert client.get(PAGE).status_code == 200
        assert read == ["flight_delay"]
        other.write_text(sound, encoding="utf-8")
        for _ in range(2):
            shown = client.get(PAGE)
            assert "Its file has errors" in shown.text, "two files have its name"
        assert read == ["flight_delay", "all"]
    finally:
        path.write_text(sound, encoding="utf-8")
        other.unlink()


def test_a_file_that_does_not_say_its_name_in_a_line_of_its_own_is_found_all_the_same(tmp_path: Path) -> None:
    from hindsight.orchestration import files

    (tmp_path / "flow.yaml").write_text("{monitor: inline, owner: x}", encoding="utf-8")
    (tmp_path / "Not-There.yaml").write_text("", encoding="utf-8")
    assert [each.path.name for each in files.monitors(tmp_path, "inline")] == ["flow.yaml"]
    assert [each.path.name for each in files.monitors(tmp_path, "not_there")] == ["Not-There.yaml"]
    assert files.monitors(tmp_path, "nobody") == []
    assert files.names(tmp_path) == {"inline", "not_there"}


def test_a_chart_is_drawn_once_and_not_sent_to_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.requests import Request

    from hindsight import charts
    from hindsight.orchestration import pictures
    from letters import charted, opened

    (chart,) = charted(opened()).charts
    drawn: list[object] = []
    png = charts.png
    monkeypatch.setattr(charts, "png", lambda chart: drawn.append(chart) or png(chart))
    pictures._drawn.cache_clear()

    def asked(**headers: str) -> Any:
        raw = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
        return pictures.pictured(Request({"type": "http", "headers": raw}), chart)

    first, second = asked(), asked()
    assert first.body.startswith(b"\x89PNG")
    assert (first.body, len(drawn)) == (second.body, 1)
    tag = first.headers["etag"]
    assert "private" in first.headers["cache-control"]
    again = asked(if_none_match=f'"other", W/{tag}')
    assert (again.status_code, again.body, len(drawn)) == (304, b"", 1)
    assert asked(if_none_match='"other"').status_code == 200


@pytest.mark.parametrize(
    "address, path",
    [("https://x.example.com/air/", "/air"), ("https://x.example.com", ""), ("", "")],
)
def test_the_tab_and_the_menu_lead_below_the_path_of_airflow(
    address: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import runpy

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", address)
    found = runpy.run_path(str(Path(__file__).parents[2] / "plugins" / "hindsight_plugin.py"))
    assert [view["href"] for view in found["HindsightPlugin"].external_views] == [
        f"{path}/hindsight/incidents",
        f"{path}/hindsight/incidents?dag_id={{DAG_ID}}",
    ]


def test_a_monitor_whose_file_is_wrong_can_be_read_but_not_acted_on(world: World) -> None:
    path = Path(os.environ["HINDSIGHT_ROOT"]) / "monitors" / "flight_delay.yaml"
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace("metrics: [recall", "metrics: [recal"), encoding="utf-8")
    try:
        client = world.client("ann")
        assert client.get(f"{BASE}/incidents").json()["total"] == 1
        answer = client.post(f"{BASE}/incidents/{world.incident}/acknowledge", json={})
        assert answer.status_code == 409
        assert "has errors" in answer.json()["detail"]
        shown = client.get(PAGE)
        assert shown.status_code == 200
        assert "Its file has errors" in shown.text
        assert "<form" not in shown.text
    finally:
        path.write_text(sound, encoding="utf-8")


def test_a_store_out_of_reach_is_told_without_a_secret(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINDSIGHT_STORE", "postgresql://ann:s3cr3t@127.0.0.1:1/warehouse")
    try:
        for path in (f"{BASE}/incidents", PAGE):
            answer = world.client("vic").get(path)
            assert answer.status_code == 503
            assert "Cannot reach" in answer.text
            assert "s3cr3t" not in answer.text
    finally:
        monkeypatch.undo()
        close_stores()


def test_the_store_may_be_a_connection_of_airflow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lies in Airflow's database, which only the API server can ask directly."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    url = sa.make_url(os.environ["HINDSIGHT_STORE"])
    extra = {key: value for key, value in url.query.items() if key == "host"}
    parts = {"host": url.host, "login": url.username, "password": url.password, "schema": url.database}
    made = Connection(
        conn_id="hindsight_store", conn_type="postgres", port=url.port, extra=json.dumps(extra), **parts
    )
    with create_session() as session:
        session.add(made)
    monkeypatch.delenv("HINDSIGHT_STORE")
    try:
        assert world.client("vic").get(f"{BASE}/incidents").json()["total"] == 1
    finally:
        with create_session() as session:
            session.execute(sa.delete(Connection).where(Connection.conn_id == "hindsight_store"))
        monkeypatch.undo()


def test_loading_the_plugin_imports_nothing_that_only_the_server_needs() -> None:
    import subprocess
    import sys

    root = Path(__file__).parents[2]
    program = (
        f"import sys; sys.path.insert(0, {str(root / 'plugins')!r}); import hindsight_plugin;"
        "heavy = ('fastapi', 'pandas', 'airflow.api_fastapi.app', 'hindsight.pipeline', 'hindsight.store');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_days_are_days(world: World) -> None:
    (row,) = world.client("vic").get(f"{BASE}/incidents").json()["incidents"]
    assert date.fromisoformat(row["opened_on"]) == run(0)


@pytest.mark.parametrize("address", ["http://air.example.com/base", "http://air.example.com/base/"])
def test_a_message_leads_to_the_incidents_and_to_the_run(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", address)
    run_page = "http://air.example.com/base/dags/monitor__churn/runs/r1"
    context: Any = {"ti": SimpleNamespace(log_url=f"{run_page}/tasks/notify?try_number=1")}
    assert run_links(context, "churn") == (
        Link("Incidents of churn", "http://air.example.com/base/hindsight/incidents/churn"),
        Link("The run in Airflow", run_page),
    )
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "")
    assert run_links(context, "churn") == ()


def test_an_airflow_below_a_path_is_answered_with_addresses_below_it(world: World) -> None:
    """As behind a proxy, where `api.base_url` has a path of its own."""
    from hindsight.orchestration.api import made

    outer = FastAPI(root_path="/air")
    outer.mount("/hindsight", made())
    client = TestClient(outer, follow_redirects=False)
    answer = client.get("/air/hindsight/incidents/flight_delay")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/air/api/v2/auth/login?next=/air/hindsight/incidents/flight_delay"
    client.headers["Authorization"] = f"Bearer {world.tokens['vic']}"
    shown = client.get("/air/hindsight/incidents").text
    assert 'href="/air/hindsight/incidents/flight_delay"' in shown
    assert 'href="/air/hindsight/incidents/hindsight.css"' in shown
