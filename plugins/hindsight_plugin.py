"""What Airflow must know of Hindsight by name: its timetables, in every component that reads a schedule; in
the API server also the HTTP interface and the pages.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from hindsight.orchestration.places import PAGES
from hindsight.orchestration.timetable import HourTimetable, LocalDayTimetable

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send


class Lately:
    """The application at `/hindsight`, made when it is first asked for something.

    Airflow loads plugins in every component, and only the API server ever asks, which has FastAPI and what
    stands behind it loaded anyway.
    """

    app: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if self.app is None:
            self.app = await asyncio.to_thread(load)  # meanwhile the server answers others
        await self.app(scope, receive, send)


def load() -> FastAPI:
    """Import the application and make it."""
    from hindsight.orchestration.api import made

    return made()


def pages() -> str:
    """Where a browser finds the pages: Airflow's own pages take this as it is, so it begins with the path
    under which Airflow itself lies (`api.base_url`).
    """
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + PAGES


class HindsightPlugin(AirflowPlugin):
    """Registers the timetables, the HTTP interface and the pages.

    The trigger and the operators are found by import, from `include/`.
    """

    name = "hindsight"
    timetables = [LocalDayTimetable, HourTimetable]  # noqa: RUF012  Airflow reads a list
    fastapi_apps: list[Any] = [  # noqa: RUF012
        {"app": Lately(), "url_prefix": "/hindsight", "name": "Hindsight"}
    ]
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": "Incidents",
            "href": pages(),
            "destination": "nav",
            "url_route": "hindsight",
            "category": "browse",
        },
        {
            "name": "Incidents",
            "href": f"{pages()}?dag_id={{DAG_ID}}",
            "destination": "dag",
            "url_route": "incidents",
        },
    ]
