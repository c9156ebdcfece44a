"""The message as HTML for mail: inline styles, no script, and nothing fetched from elsewhere."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from hindsight.message.document import Document, Fact, Link, Section, Tone
from hindsight.wording import clean

_COLOUR = {Tone.CRITICAL: "#b42318", Tone.WARNING: "#b54708", Tone.RESOLVED: "#067647", Tone.QUIET: "#475467"}
_FONT = "font:15px/1.45 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


def html(document: Document, *, image: tuple[str, str] | None = None) -> str:
    """A whole HTML page; `image` is the content id of a chart in the mail, and what it shows in words."""
    sections = "".join(_section(section) for section in document.sections)
    links = " &middot; ".join(_link(link) for link in document.links)
    context = "<br>".join(_text(line) for line in document.context)
    return (
        '<!DOCTYPE html><html lang="en" dir="ltr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{_text(document.title)}</title></head>"
        f'<body style="margin:0;padding:16px;background:#f9fafb;color:#101828;{_FONT}">'
        f'<div style="max-width:640px;margin:0 auto;background:#ffffff;border:1px solid #eaecf0;'
        f'border-top:4px solid {_COLOUR[document.tone]};padding:20px;overflow-wrap:anywhere">'
        f'<h1 style="margin:0 0 8px;font-size:19px">{_text(document.title)}</h1>'
        f'<p style="margin:0 0 16px">{_text(document.first_line)}</p>'
        f"{sections}{_picture(image)}"
        + (f'<p style="margin:20px 0 0">{links}</p>' if links else "")
        + f'<p style="margin:16px 0 0;color:#475467;font-size:13px">{context}</p>'
        "</div></body></html>"
    )


def _section(section: Section) -> str:
    colour = _COLOUR[section.tone]
    facts = "".join(_row(fact) for fact in section.facts)
    items = "".join(f"<li>{_text(item)}</li>" for item in section.items)
    return (
        f'<div style="border-left:4px solid {colour};padding-left:12px;margin:0 0 16px">'
        f'<h2 style="margin:0 0 4px;font-size:15px;color:{colour}">{_text(section.heading)}</h2>'
        + (f'<p style="margin:0 0 8px;font-weight:600">{_text(section.lead)}</p>' if section.lead else "")
        + (f'<table role="presentation" cellpadding="0" cellspacing="0">{facts}</table>' if facts else "")
        + (f'<ul style="margin:8px 0 0;padding-left:20px">{items}</ul>' if items else "")
        + "</div>"
    )


def _picture(image: tuple[str, str] | None) -> str:
    if image is None:
        return ""
    cid, alt = image
    style = "display:block;width:100%;max-width:640px;height:auto;border:0;margin:0 0 16px"
    return f'<img src="cid:{quote(cid, safe="@.-_")}" alt="{_text(alt)}" width="598" style="{style}">'


def _row(fact: Fact) -> str:
    style = "padding:1px 12px 1px 0;color:#475467;vertical-align:top;white-space:nowrap"
    label = f'<td style="{style}">{_text(fact.label)}</td>'
    return f'<tr>{label}<td style="padding:1px 0;vertical-align:top">{_text(fact.value)}</td></tr>'


def _link(link: Link) -> str:
    if not link.is_safe:
        return f"{_text(link.label)}: {_text(link.url)}"
    return f'<a href="{escape(link.url)}" style="color:#175cd3">{_text(link.label)}</a>'


def _text(text: str) -> str:
    return escape(clean(text))
