"""Charts for the pages: drawn once, one at a time, and not sent again to who has them."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from threading import Lock
from typing import Final

from fastapi import Request, Response, status

from hindsight.message.document import Chart

KEPT: Final = 32
"""Charts in memory: some 50 KB each."""

_DRAWING: Final = Lock()


def pictured(request: Request, chart: Chart) -> Response:
    """A chart as an answer; its tag is a digest of what it shows."""
    tag = f'"{hashlib.sha256(repr(chart).encode("utf-8", "backslashreplace")).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=60"}
    if tag in [
        each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")
    ]:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    with _DRAWING:  # to draw takes most of a second of one core, which also serves Airflow's own pages
        drawn = _drawn(chart)
    return Response(drawn, media_type="image/png", headers=headers)


@lru_cache(maxsize=KEPT)
def _drawn(chart: Chart) -> bytes:
    from hindsight.charts import png

    return png(chart)
