"""What a person may ask for over HTTP, as JSON or by a form: checked here, done by `hindsight.pipeline.acts`.

Nothing is sent here: what follows lies in the outbox, in the same transaction as the act, and the sweeper
sends it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar
from urllib.parse import parse_qsl

from airflow.configuration import conf
from fastapi import HTTPException, Request, status
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hindsight.config import Loaded
from hindsight.domain.records import Incident, Silence
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import IncidentClass, Resolution
from hindsight.message import Link
from hindsight.orchestration.account import LEAST_DIGITS, Account, account, identified, newest_first
from hindsight.orchestration.api_runtime import api_runtime
from hindsight.orchestration.places import PAGES
from hindsight.pipeline import acts
from hindsight.pipeline.runtime import Runtime

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Part = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
MOST_BYTES: Final = 64 * 1024

ByHand = Literal["fixed", "expected", "no_action", "false_positive"]


class Asked(BaseModel):
    """A body; a key that is not among its fields is refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


Kind = TypeVar("Kind", bound=Asked)


class Acknowledging(Asked):
    """Take an incident on, until the run day `until` or, where it is absent, as the monitor's rule has it."""

    until: date | None = None
    reason: Reason = ""

    def do(self, loaded: Loaded, identity: str, author: str) -> Incident:
        """Write it down, and what follows of it."""
        spec, runtime, incident = meant(loaded, identity)
        return acts.acknowledge(
            spec,
            runtime,
            incident.id,
            author=author,
            reason=self.reason,
            until=self.until,
            links=links(incident),
        )


class Resolving(Asked):
    """Say that an incident is over, and why; what breaches now may go on until the run day `until`."""

    resolution: ByHand
    reason: Reason = ""
    until: date | None = None

    def do(self, loaded: Loaded, identity: str, author: str) -> Incident:
        """Write it down, and what follows of it."""
        spec, runtime, incident = meant(loaded, identity)
        return acts.resolve(
            spec,
            runtime,
            incident.id,
            author=author,
            reason=self.reason,
            resolution=Resolution(self.resolution),
            until=self.until,
            links=links(incident),
        )


class Silencing(Asked):
    """Tell nobody, until the run day `until` at the latest, of what matches; what is absent matches all."""

    until: date
    reason: Reason
    start: date | None = None
    incident_class: IncidentClass | None = Field(None, alias="class")
    detector: Part | None = None
    version: Part | None = None
    segment: Part | None = None

    def do(self, loaded: Loaded, author: str) -> Silence:
        """Write it down."""
        return acts.silence(
            sound(loaded),
            api_runtime(),
            until=self.until,
            author=author,
            reason=self.reason,
            start=self.start,
            incident_class=self.incident_class,
            detector=self.detector,
            version=self.version,
            segment=self.segment,
        )


def end_silence(loaded: Loaded, identity: str, author: str) -> Silence:
    """End a silence early."""
    spec, runtime = sound(loaded), api_runtime()
    with runtime.store.reading() as connection:
        every = runtime.store.silences(connection, spec.monitor)
    found = identified(every, identity, "silence", digits=LEAST_DIGITS)
    return acts.end_silence(spec, runtime, found.id, author=author)


def meant(loaded: Loaded, identity: str) -> tuple[MonitorSpec, Runtime, Incident]:
    """The monitor, what to act on it with, and the incident that an id names."""
    spec, runtime = sound(loaded), api_runtime()
    with runtime.store.reading() as connection:
        every = newest_first(runtime.store.incidents(connection, spec.monitor))
    return spec, runtime, identified(every, identity, "incident", digits=LEAST_DIGITS)


def links(incident: Incident) -> tuple[Link, ...]:
    """Where a message about an act leads: the page of the incident."""
    address = conf.get("api", "base_url", fallback="").rstrip("/")
    return (Link("The incident", f"{address}{PAGES}/{incident.monitor}/{incident.id}"),) if address else ()


def sound(loaded: Loaded) -> MonitorSpec:
    """The monitor, whose file must have no errors: what follows of an act depends on all of it."""
    if loaded.spec is None:
        raise HTTPException(
            status.HTTP_409_CONFLICT,
            f"The file of {loaded.name} has errors, and until they are mended nothing can be done here.",
        )
    return loaded.spec


def known(loaded: Loaded) -> Account:
    """The account of a monitor's incidents."""
    runtime = api_runtime()
    return account(runtime.store, loaded.name, loaded.spec, runtime.clock())


def of_form(kind: type[Asked], typed: dict[str, str]) -> tuple[Any, str]:
    """What a form asks for, and what is wrong with it in a sentence; a field left empty is absent."""
    try:
        return kind.model_validate({key: value for key, value in typed.items() if value.strip()}), ""
    except ValidationError as error:
        return None, complaint(error.errors())


def complaint(errors: Any) -> str:
    """What is wrong with a body, field by field."""
    said = []
    for each in errors:
        field = ".".join(str(part) for part in each["loc"] if part != "body") or "the body"
        said.append(f"{field}: {'it is missing' if each['type'] == 'missing' else each['msg']}")
    return "; ".join(said) + "."


def body_of(kind: type[Kind]) -> Callable[..., Awaitable[Kind]]:
    """A dependency that reads a body of JSON, after those that say whether the user may send one."""

    async def read_body(request: Request) -> Kind:
        try:
            return kind.model_validate_json(await content(request))
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from None

    return read_body


async def content(request: Request) -> bytes:
    """The body; 413 for one that is larger than anything that can be asked for."""
    read = b""
    async for part in request.stream():
        read += part
        if len(read) > MOST_BYTES:
            raise HTTPException(
                status.HTTP_413_CONTENT_TOO_LARGE, f"The body is longer than {MOST_BYTES:,} bytes."
            )
    return read


async def typed(request: Request) -> dict[str, str]:
    """The fields of a form; none of a body that is no form."""
    try:
        fields = parse_qsl((await content(request)).decode(), max_num_fields=20)
    except ValueError:
        return {}
    return dict(fields)
