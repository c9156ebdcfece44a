"""What each kind of message says in each channel, held against files: a change is read before it is shipped.

`REWRITE_GOLDEN=1` writes the files anew; read the difference then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from hindsight.message import Document, card, event, from_json, html, plain, slack_blocks, slack_text, to_json
from hostile import assert_harmless
from transitions import documents

HERE = Path(__file__).parent / "golden" / "documents"
REWRITE = bool(os.environ.get("REWRITE_GOLDEN"))
DOCUMENTS = documents()


def pretty(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def rendered(document: Document) -> Mapping[str, str]:
    """The document and all that channels show of it, by the ends of the files' names."""
    image = ("F0CHART", document.charts[0].alt) if document.charts else None
    inline = ("chart@example.com", document.charts[0].alt) if document.charts else None
    blocks = slack_blocks(document, image=image, mention="<!subteam^S012ABCDEF>")
    return {
        "json": to_json(document) + "\n",
        "txt": plain(document),
        "slack.json": pretty({"text": slack_text(document), "blocks": blocks}),
        "html": html(document, image=inline).replace("><", ">\n<") + "\n",
        "teams.json": pretty(card(document)),
        "pagerduty.json": pretty({about.incident: event(document, about) for about in document.about}),
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_message_is_the_one_on_file(name: str) -> None:
    for ending, text in rendered(DOCUMENTS[name]).items():
        file = HERE / f"{name}.{ending}"
        if REWRITE:
            HERE.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), file.name


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_message_on_file_is_read_and_harmless(name: str) -> None:
    document = from_json((HERE / f"{name}.json").read_text(encoding="utf-8"))
    assert document == DOCUMENTS[name]
    assert_harmless(document)
    assert len(document.first_line) <= 300


@pytest.mark.parametrize(
    "name", ["opened", "joined", "escalated", "reminded", "reopened", "acknowledged", "resolved", "gone"]
)
def test_the_first_line_fits_a_lock_screen(name: str) -> None:
    document = DOCUMENTS[name]
    assert len(document.first_line) <= 200
    assert document.first_line.startswith("[")
    for said in ("flight_delay", "recall of v1 is 0.412, below 0.531", "Owner: ops-ml."):
        assert said in document.first_line


def test_every_file_belongs_to_a_message() -> None:
    assert {file.name.partition(".")[0] for file in HERE.iterdir()} == set(DOCUMENTS)
