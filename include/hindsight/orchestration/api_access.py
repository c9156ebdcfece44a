"""Who may do what over HTTP: Airflow says, by the DAG of the monitor.

Whoever may read the DAG `monitor__<name>` may read its incidents; whoever may change it may acknowledge,
resolve and silence.  A browser sends Airflow's cookie along with whatever another site makes it send, so that
a request that changes something must come from a page of this server, or carry a token of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Path, Request, status

from hindsight.config import Loaded
from hindsight.orchestration import files
from hindsight.orchestration.factory import PREFIX
from hindsight.orchestration.files import NAME
from hindsight.orchestration.places import monitors_folder

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

MonitorName = Annotated[str, Path(description="The name of a monitor, as in its file.")]


def may(method: ResourceMethod) -> Callable[..., None]:
    """A dependency that lets pass who may do this to the monitor's DAG: 401 without a user, 403 if not."""

    def guard(request: Request, monitor: MonitorName, user: GetUserDep) -> None:
        if not NAME.fullmatch(monitor):
            raise no_such_monitor()
        requires_access_dag(method, param_dag_id=PREFIX + monitor)(request, user)

    return guard


read, write = may("GET"), may("PUT")
"""A viewer has the first and lacks the second."""


def monitor_of(monitor: MonitorName) -> Loaded:
    """The monitor's file, sound or not; 404 if nobody wrote one."""
    found = files.monitors(monitors_folder(), monitor) if NAME.fullmatch(monitor) else []
    if not found:
        raise no_such_monitor()
    return found[0]


def no_such_monitor() -> HTTPException:
    """What to raise where no file describes the monitor; it does not repeat what was asked for."""
    return HTTPException(status.HTTP_404_NOT_FOUND, "No file in the folder of monitors has this name.")


MonitorDep = Annotated[Loaded, Depends(monitor_of)]


def may_change(user: BaseUser, monitor: str) -> bool:
    """Whether to show this user what changes something."""
    return bool(permitted(user, {monitor}, "PUT"))


def permitted(user: BaseUser, names: set[str], method: ResourceMethod = "GET") -> set[str]:
    """Those of the monitors whose DAG this user may read, or change."""
    asked = {PREFIX + each for each in names}
    manager = get_auth_manager()
    found = manager.filter_authorized_dag_ids(dag_ids=asked, user=user, method=method)
    return {each.removeprefix(PREFIX) for each in found}


def from_here(request: Request) -> None:
    """A dependency of every route that changes something: refuse what another site had the browser send.

    Browsers say where a request comes from, by `Sec-Fetch-Site` or `Origin`; what says neither is no browser,
    and needs a token in its header, which no other site knows.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        allowed = site == "same-origin"
    elif origin is not None:
        allowed = origin in own_origins(request)
    else:
        allowed = request.headers.get("authorization", "").lower().startswith("bearer ")
    if not allowed:
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            "This came from another site, or from a program that sent no token: use the page of this server, "
            "or send the header `Authorization: Bearer TOKEN` (POST /auth/token gives a token).",
        )


def own_origins(request: Request) -> set[str]:
    """Under which addresses people reach this server: the one they asked, and Airflow's `api.base_url`."""
    named = urlsplit(conf.get("api", "base_url", fallback=""))
    asked = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return {asked, f"{named.scheme}://{named.netloc}"} if named.netloc else {asked}


def as_json(request: Request) -> None:
    """A dependency of what takes JSON: a form that another site makes up is not such."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(
            status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "Send the body as `Content-Type: application/json`."
        )
