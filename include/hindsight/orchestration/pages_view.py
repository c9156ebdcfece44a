"""How the pages look: templates, what they may say, and what of a message is shown again.

Names that others chose are cleaned of what a reader cannot see, and escaped by the templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hindsight.domain.records import Action, Incident, Notification, Silence
from hindsight.domain.values import ActionKind, IncidentClass, IncidentState, Resolution, Severity
from hindsight.message import Document, Section, from_json
from hindsight.message.document import Chart
from hindsight.orchestration.account import WORDS, short
from hindsight.wording import calendar, clean, name, shorten

TEMPLATES: Final = Path(__file__).parent / "templates"

BY_HAND: Final = {
    Resolution.FIXED: "Fixed: what was wrong was mended",
    Resolution.EXPECTED: "Expected: it was meant to be so",
    Resolution.NO_ACTION: "No action: it is so, and may stay so",
    Resolution.FALSE_POSITIVE: "False positive: nothing was wrong",
}
"""What a person can say of an incident that is over."""

DONE: Final = {
    "acknowledged": "Acknowledged: nobody is reminded of it until then. Everything else goes on.",
    "resolved": "Resolved. Those who were told of the incident will be told of its end.",
    "silenced": "Silenced. Incidents take their course all the same, and nobody is told of these until then.",
    "unsilenced": "The silence is over.",
}
"""What a page says after an act, by the word in its address, if it is so."""


class Typed(dict[str, str]):
    """What somebody typed into a form; what is absent is empty."""

    def __missing__(self, field: str) -> str:
        return ""


@cache
def environment() -> Environment:
    """The templates, with everything that they print escaped."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "clean": lambda text: shorten(clean(str(text)), 1000),
        "name": lambda text: name(str(text)),
        "day": lambda day: calendar(day) if isinstance(day, date) else "",
        "words": lambda value: str(value).replace("_", " "),
        "short": short,
        "state": lambda state: WORDS[state],
    }
    made.globals |= {
        "by_hand": BY_HAND,
        "classes": list(IncidentClass),
        "PENDING": IncidentState.PENDING,
        "tone": tone,
        "untouched": Typed(),
    }
    return made


def page(request: Request, template: str, code: int = 200, **values: Any) -> HTMLResponse:
    """A page; `root` is what its addresses begin with, `told` what was done, `problem` what could not be."""
    basis = {"root": request.scope["root_path"], "told": "", "problem": "", "typed": Typed()}
    return HTMLResponse(environment().get_template(template).render(basis | values), code)


def done(
    request: Request,
    user: str,
    *,
    incident: Incident | None = None,
    actions: Sequence[Action] = (),
    lasting: Sequence[Silence] = (),
    ended: Sequence[Silence] = (),
) -> str:
    """What to say of an act that an address names: nothing, unless this user did so and it is still so.

    Anybody may send around an address, and a page is loaded again.
    """
    word = request.query_params.get("done", "")
    last = actions[-1] if actions and actions[-1].author == user else None
    true = {
        "acknowledged": incident is not None and incident.is_open and incident.acknowledged_by == user,
        "resolved": incident is not None
        and incident.resolved_on is not None
        and last is not None
        and last.kind is ActionKind.RESOLVE,
        "silenced": any(each.author == user for each in lasting),
        "unsilenced": any(each.ended_by == user for each in ended),
    }
    return DONE[word] if true.get(word) else ""


def problem_page(request: Request, sentence: str, code: int) -> HTMLResponse:
    """A page that only says what is wrong."""
    return page(request, "problem.html", code, problem=sentence)


def tone(incident: Incident) -> str:
    """The colour of an incident: what is over is green, what nobody was told of is grey."""
    if incident.resolved_on is not None:
        return "resolved"
    if incident.state is IncidentState.PENDING:
        return "quiet"
    return "critical" if incident.severity is Severity.CRITICAL else "warning"


def shown(row: Notification) -> Document | None:
    """The message of a row, if this version of the code can still read it."""
    try:
        return from_json(row.document)
    except ValueError:
        return None


def sections_on(incident: Incident, document: Document | None) -> tuple[Section, ...]:
    """What a message says of an incident."""
    return tuple(each for each in document.sections if each.incident == incident.id) if document else ()


def chart_of(incident: Incident, documents: list[Document]) -> Chart | None:
    """The newest chart of an incident that any message holds."""
    return next((c for document in documents for c in document.charts if c.incident == incident.id), None)
