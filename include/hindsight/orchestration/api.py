"""The application that Airflow's API server mounts at `/hindsight`: the HTTP interface, and the pages.

    app = made()    # a FastAPI application; every route of it asks Airflow who may pass

Only the API server may import this module, for all other parts of Airflow do without its own FastAPI.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from hindsight.errors import HindsightError, StoreError
from hindsight.orchestration import api_incidents, pages
from hindsight.orchestration.account import Unknown
from hindsight.orchestration.api_acts import complaint
from hindsight.orchestration.pages_view import problem_page

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""No script at all, nothing from elsewhere, and framed by Airflow's own pages only."""

WORDS: Final = {
    "Not Found": "There is nothing at this address.",
    "Method Not Allowed": "This address does not take such a request.",
}
"""What the router says, in sentences."""

LOGGER = logging.getLogger(__name__)


def made() -> FastAPI:
    """The application, anew."""
    app = FastAPI(
        title="Hindsight",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(get_user)],
    )
    app.include_router(api_incidents.router)
    app.include_router(pages.router)
    app.middleware("http")(guarded)
    app.exception_handler(HTTPException)(refused)
    app.exception_handler(RequestValidationError)(malformed)
    app.exception_handler(HindsightError)(of_ours)
    return app


async def guarded(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    """Put the headers on every answer."""
    answer = await proceed(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def wants_page(request: Request) -> bool:
    """Whether a person asked, by a browser, and not a program."""
    return not request.url.path.startswith(f"{request.scope['root_path']}/api/")


def refused(request: Request, error: Exception) -> Response:
    """Say no; whoever is not signed in, or no longer, and came by a link is led to Airflow's login and back.

    FastAPI's own exceptions are of this kind, and so is what the router says of an address that is none.
    """
    assert isinstance(error, HTTPException)
    said = WORDS.get(error.detail, error.detail)
    if not wants_page(request):
        return JSONResponse({"detail": said}, error.status_code, error.headers)
    if request.method == "GET" and is_unknown(request, error):
        airflow = request.scope.get("app_root_path", "")
        back = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        return RedirectResponse(f"{airflow}/api/v2/auth/login?next={quote(back)}", status.HTTP_303_SEE_OTHER)
    return problem_page(request, str(said), error.status_code)


def is_unknown(request: Request, error: HTTPException) -> bool:
    """Whether nobody knows who asks: no token, or a cookie of when Airflow had another secret."""
    if error.status_code == status.HTTP_401_UNAUTHORIZED:
        return True
    is_stale = (error.status_code, error.detail) == (status.HTTP_403_FORBIDDEN, "Invalid JWT token")
    return is_stale and "authorization" not in request.headers


def malformed(request: Request, error: Exception) -> Response:
    """Say what is wrong with a request."""
    assert isinstance(error, RequestValidationError)
    said = complaint(error.errors())
    if wants_page(request):
        return problem_page(request, said, status.HTTP_422_UNPROCESSABLE_CONTENT)
    return JSONResponse({"detail": said}, status.HTTP_422_UNPROCESSABLE_CONTENT)


def of_ours(request: Request, error: Exception) -> Response:
    """One of Hindsight's own errors as its sentence, which never holds a secret."""
    match error:
        case Unknown():
            code = status.HTTP_404_NOT_FOUND
        case StoreError():
            LOGGER.warning("%s", error)
            code = status.HTTP_503_SERVICE_UNAVAILABLE
        case _:
            code = status.HTTP_409_CONFLICT
    if wants_page(request):
        return problem_page(request, str(error), code)
    return JSONResponse({"detail": str(error)}, code)
