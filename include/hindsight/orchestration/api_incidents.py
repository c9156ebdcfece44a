"""The HTTP interface to incidents and silences, in JSON: `/hindsight/api/monitors/...`."""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Query, status

from hindsight.orchestration.account import (
    channel_names,
    identified,
    message_record,
    messages_on,
    plain,
    record,
    wanted,
)
from hindsight.orchestration.api_access import MonitorDep, as_json, from_here, read, write
from hindsight.orchestration.api_acts import (
    Acknowledging,
    Resolving,
    Silencing,
    body_of,
    end_silence,
    known,
)
from hindsight.orchestration.api_runtime import api_runtime

router = APIRouter(prefix="/api/monitors/{monitor}")

READ = [Depends(read)]
WRITE = [Depends(write), Depends(from_here), Depends(as_json)]
REMOVE = [Depends(write), Depends(from_here)]

Flag = Annotated[bool, Query()]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


@router.get("/incidents", dependencies=READ)
def list_incidents(
    loaded: MonitorDep,
    *,
    over: Flag = False,
    pending: Flag = False,
    limit: Limit = 100,
    offset: Offset = 0,
) -> dict[str, Any]:
    """The incidents that are open, newest first; on request those that are over, and the unconfirmed."""
    found = wanted(known(loaded).incidents, over=over, pending=pending)
    return {"incidents": [record(each) for each in found[offset : offset + limit]], "total": len(found)}


@router.get("/incidents/{incident}", dependencies=READ)
def get_incident(loaded: MonitorDep, incident: str) -> dict[str, Any]:
    """One incident: as it stands, what was done, what keeps or kept it silent, and who was told what."""
    held = known(loaded)
    found = identified(held.incidents, incident, "incident")
    told, number = messages_on(api_runtime().store, found)
    names = {} if loaded.spec is None else channel_names(loaded.spec)
    return record(found) | {
        "actions": [plain(each) for each in held.actions_on(found)],
        "silences": [plain(each) for each in held.silences_on(found)],
        "messages": [message_record(each, row, names) for each, row in told],
        "messages_total": number,
    }


@router.post("/incidents/{incident}/acknowledge", dependencies=WRITE)
def acknowledge(
    loaded: MonitorDep,
    incident: str,
    body: Annotated[Acknowledging, Depends(body_of(Acknowledging))],
    user: GetUserDep,
) -> dict[str, Any]:
    """Take an incident on: reminders stop until then, and nothing else does."""
    return record(body.do(loaded, incident, user.get_name()))


@router.post("/incidents/{incident}/resolve", dependencies=WRITE)
def resolve(
    loaded: MonitorDep,
    incident: str,
    body: Annotated[Resolving, Depends(body_of(Resolving))],
    user: GetUserDep,
) -> dict[str, Any]:
    """Say that an incident is over."""
    return record(body.do(loaded, incident, user.get_name()))


@router.get("/silences", dependencies=READ)
def list_silences(
    loaded: MonitorDep, *, over: Flag = False, limit: Limit = 100, offset: Offset = 0
) -> dict[str, Any]:
    """The silences that hold or will; on request those that are over, too."""
    held = known(loaded)
    found = held.silences if over else held.lasting
    return {"silences": [plain(each) for each in found[offset : offset + limit]], "total": len(found)}


@router.post("/silences", dependencies=WRITE, status_code=status.HTTP_201_CREATED)
def silence(
    loaded: MonitorDep, body: Annotated[Silencing, Depends(body_of(Silencing))], user: GetUserDep
) -> dict[str, Any]:
    """Tell nobody of what matches, for so many days."""
    made: dict[str, Any] = plain(body.do(loaded, user.get_name()))
    return made


@router.delete("/silences/{silence}", dependencies=REMOVE)
def unsilence(loaded: MonitorDep, silence: str, user: GetUserDep) -> dict[str, Any]:
    """End a silence now; it stays in the account."""
    ended: dict[str, Any] = plain(end_silence(loaded, silence, user.get_name()))
    return ended
