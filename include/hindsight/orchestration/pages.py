"""The pages of incidents, as HTML without script: `/hindsight/incidents`, and further down by monitor and id.

Forms post to the same routes' own addresses; a page that is shown again says what could not be done, and
keeps what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi.responses import FileResponse, RedirectResponse

from hindsight.config import Loaded
from hindsight.errors import HindsightError, StoreError
from hindsight.orchestration import files
from hindsight.orchestration.account import Unknown, channel_names, identified, messages_on, newest_first
from hindsight.orchestration.api_access import MonitorDep, from_here, may_change, permitted, read, write
from hindsight.orchestration.api_acts import (
    Acknowledging,
    Resolving,
    Silencing,
    end_silence,
    known,
    of_form,
    typed,
)
from hindsight.orchestration.api_runtime import api_runtime
from hindsight.orchestration.factory import PREFIX
from hindsight.orchestration.pages_view import TEMPLATES, Typed, chart_of, done, page, sections_on, shown
from hindsight.orchestration.pictures import pictured
from hindsight.orchestration.places import monitors_folder

router = APIRouter(prefix="/incidents")

READ = [Depends(read)]
WRITE = [Depends(write), Depends(from_here)]
Form = Annotated[dict[str, str], Depends(typed)]

MOST_OVER = 50
"""Incidents, silences that are over and messages, on a page: the newest; the HTTP interface has more."""


@router.get("/hindsight.css")
def style() -> Response:
    """How the pages look."""
    return FileResponse(
        TEMPLATES / "hindsight.css", media_type="text/css", headers={"Cache-Control": "private, max-age=300"}
    )


@router.get("")
def overview(request: Request, user: GetUserDep, dag_id: str = "") -> Response:
    """What is open, over all monitors that the user may read; with the id of a DAG, its monitor's page.

    Whether there is such a monitor is said there, to who may know.
    """
    if dag_id:
        name = dag_id.removeprefix(PREFIX)
        if not dag_id.startswith(PREFIX) or not files.NAME.fullmatch(name):
            return page(request, "problem.html", problem="This DAG watches no model, so it has no incidents.")
        return RedirectResponse(f"{request.scope['root_path']}/incidents/{name}", status.HTTP_303_SEE_OTHER)
    names = permitted(user, files.names(monitors_folder()))
    store = api_runtime().store
    with store.reading() as connection:
        found = [each for each in store.incidents(connection) if each.is_open and each.monitor in names]
    return page(request, "overview.html", incidents=newest_first(found), monitors=sorted(names))


@router.get("/{monitor}", dependencies=READ)
def monitor_page(request: Request, loaded: MonitorDep, user: GetUserDep) -> Response:
    """A monitor's incidents and silences."""
    return of_monitor(request, loaded, user)


@router.get("/{monitor}/{incident}", dependencies=READ)
def incident_page(request: Request, loaded: MonitorDep, incident: str, user: GetUserDep) -> Response:
    """One incident."""
    return of_incident(request, loaded, incident, user)


@router.get("/{monitor}/{incident}/chart.png", dependencies=READ)
def chart(request: Request, loaded: MonitorDep, incident: str) -> Response:
    """The chart of an incident, as the latest message had it."""
    store = api_runtime().store
    with store.reading() as connection:
        found = identified(store.incidents(connection, loaded.name), incident, "incident")
    told, _ = messages_on(store, found, MOST_OVER, whole=True)
    drawn = chart_of(found, [d for _, row in told if (d := shown(row))])
    if drawn is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "No message about this incident has a chart.")
    return pictured(request, drawn)


@router.post("/{monitor}/{incident}/acknowledge", dependencies=WRITE)
def acknowledge(
    request: Request, loaded: MonitorDep, incident: str, user: GetUserDep, form: Form
) -> Response:
    """Take an incident on."""
    asked, wrong = of_form(Acknowledging, form)
    try:
        if asked is not None:
            asked.do(loaded, incident, user.get_name())
            return back(request, f"{loaded.name}/{incident}", "acknowledged")
    except (StoreError, Unknown):
        raise
    except HindsightError as error:
        wrong = str(error)
    return of_incident(request, loaded, incident, user, wrong, form | {"form": "acknowledge"})


@router.post("/{monitor}/{incident}/resolve", dependencies=WRITE)
def resolve(request: Request, loaded: MonitorDep, incident: str, user: GetUserDep, form: Form) -> Response:
    """Say that an incident is over."""
    asked, wrong = of_form(Resolving, form)
    try:
        if asked is not None:
            asked.do(loaded, incident, user.get_name())
            return back(request, f"{loaded.name}/{incident}", "resolved")
    except (StoreError, Unknown):
        raise
    except HindsightError as error:
        wrong = str(error)
    return of_incident(request, loaded, incident, user, wrong, form | {"form": "resolve"})


@router.post("/{monitor}/silences", dependencies=WRITE)
def silence(request: Request, loaded: MonitorDep, user: GetUserDep, form: Form) -> Response:
    """Tell nobody of what matches."""
    asked, wrong = of_form(Silencing, form)
    try:
        if asked is not None:
            asked.do(loaded, user.get_name())
            return back(request, loaded.name, "silenced")
    except StoreError:
        raise
    except HindsightError as error:
        wrong = str(error)
    return of_monitor(request, loaded, user, wrong, form)


@router.post("/{monitor}/silences/{silence}/end", dependencies=WRITE)
def unsilence(request: Request, loaded: MonitorDep, silence: str, user: GetUserDep) -> Response:
    """End a silence."""
    try:
        end_silence(loaded, silence, user.get_name())
    except (StoreError, Unknown):
        raise
    except HindsightError as error:
        return of_monitor(request, loaded, user, str(error))
    return back(request, loaded.name, "unsilenced")


def back(request: Request, to: str, done: str) -> Response:
    """Lead back to a page after an act, so that loading it again does not act again."""
    return RedirectResponse(
        f"{request.scope['root_path']}/incidents/{to}?done={done}", status.HTTP_303_SEE_OTHER
    )


def of_monitor(
    request: Request,
    loaded: Loaded,
    user: Any,
    problem: str = "",
    typed: Mapping[str, str] | None = None,
) -> Response:
    """The page of a monitor, perhaps again after an act that was refused."""
    held = known(loaded)
    over = [each for each in held.incidents if each.resolved_on is not None]
    return page(
        request,
        "monitor.html",
        status.HTTP_409_CONFLICT if problem else status.HTTP_200_OK,
        told=done(request, user.get_name(), lasting=held.lasting, ended=held.ended),
        monitor=loaded.name,
        error=loaded.error,
        incidents=[each for each in held.incidents if each.is_open],
        pending=[each for each in held.incidents if each.resolved_on is None and not each.is_open],
        over=over[:MOST_OVER],
        over_number=len(over),
        silences=held.lasting,
        lasting={each.id for each in held.lasting},
        ended=held.ended[-MOST_OVER:],
        ended_number=len(held.ended),
        may_change=loaded.spec is not None and may_change(user, loaded.name),
        problem=problem,
        typed=Typed(typed or {}),
    )


def of_incident(
    request: Request,
    loaded: Loaded,
    identity: str,
    user: Any,
    problem: str = "",
    typed: Mapping[str, str] | None = None,
) -> Response:
    """The page of an incident, perhaps again after an act that was refused."""
    held = known(loaded)
    found = identified(held.incidents, identity, "incident")
    rows, told_number = messages_on(api_runtime().store, found, MOST_OVER, whole=True)
    told = [(number, row, shown(row)) for number, row in rows]
    documents = [document for _, _, document in told if document is not None]
    latest = next((document for document in documents if sections_on(found, document)), None)
    return page(
        request,
        "incident.html",
        status.HTTP_409_CONFLICT if problem else status.HTTP_200_OK,
        told=done(request, user.get_name(), incident=found, actions=held.actions_on(found)),
        monitor=loaded.name,
        incident=found,
        sections=sections_on(found, latest),
        latest=latest,
        chart=chart_of(found, documents),
        told_rows=told,
        told_number=told_number,
        framed=request.headers.get("sec-fetch-dest") != "document",
        actions=held.actions_on(found),
        silences=held.silences_on(found),
        lasting={each.id for each in held.lasting},
        names={} if loaded.spec is None else channel_names(loaded.spec),
        may_change=loaded.spec is not None and may_change(user, loaded.name),
        problem=problem,
        typed=Typed(typed or {}),
    )
