"""An incident as an event for PagerDuty: what one line says, and all else by name.

PagerDuty takes a summary of 1,024 characters and an event of 512 KB.
"""

from __future__ import annotations

from typing import Any

from hindsight.domain.values import Severity
from hindsight.message.document import About, Document
from hindsight.message.standing import status, tone_of
from hindsight.wording import calendar, clean, shorten

SUMMARY = 1_024
TEXT, ITEMS, LINKS, SOURCE = 2_000, 20, 5, 255


def event(document: Document, about: About) -> dict[str, Any]:
    """The `payload` and the `links` of an event about one incident that the message names.

    The caller adds the routing key, the action and the deduplication key.
    """
    return {
        "payload": {
            "summary": summary(document, about),
            "source": shorten(clean(document.monitor), SOURCE) or "hindsight",
            "severity": "critical" if about.severity is Severity.CRITICAL else "warning",
            "component": shorten(clean(document.monitor), SOURCE),
            "group": "hindsight",
            "class": about.incident_class.value,
            "custom_details": details(document, about),
        },
        "links": [
            {"href": link.url, "text": shorten(clean(link.label), SOURCE) or "link"}
            for link in document.links[:LINKS]
            if link.is_safe
        ],
    }


def summary(document: Document, about: About) -> str:
    """One line that stands alone: the message's own if it is about this incident alone."""
    if len(document.about) <= 1:
        line = document.first_line
    else:
        since = calendar(about.since)
        line = f"[{tone_of(about).upper()}] {document.monitor}: {about.headline}, since {since}"
    return shorten(clean(line), SUMMARY) or "Hindsight"


def details(document: Document, about: About) -> dict[str, Any]:
    """What the message says of the incident, by name; then why it was sent and whose it is."""
    found: dict[str, Any] = {"incident": clean(about.incident), "what": _text(about.headline)}
    if said := status(about):
        found["status"] = _text(said)
    for section in document.sections:
        if section.incident not in (about.incident, ""):
            continue
        if section.incident:
            found["in full"] = _text(section.lead or section.heading)
            found |= {_text(fact.label).lower(): _text(fact.value) for fact in section.facts}
        listed = [_text(item) for item in section.items[:ITEMS]]
        if listed:
            found["also" if section.incident else _text(section.heading).lower()] = listed
    found["about this message"] = [_text(line) for line in document.context[:ITEMS]]
    return found


def _text(text: str) -> str:
    return shorten(clean(text), TEXT)
