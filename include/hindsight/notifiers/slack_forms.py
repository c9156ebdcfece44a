"""The forms in which a document can be said in Slack, with its chart and whom it calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hindsight.message import Document, Section, plain, slack_blocks, slack_text
from hindsight.message.as_slack import BUDGET, MAX_BLOCKS, Block
from hindsight.notifiers.slack_files import Image

FILE_PAUSE = 1.0
"""Seconds until a file that Slack has not digested is tried again."""

_PLAIN_LIMIT = 3_500

MENTION = r"^([UW][A-Z0-9]{5,}|S[A-Z0-9]{5,}|here|channel)$"
"""Somebody to call: a user's id, a group's id, or all of a channel."""

MENTION_WORDS = "a user's id such as U012ABCDEF, a group's id such as S012ABCDEF, here, or channel"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to say it, what is then left out, and the chart that it shows."""

    said: dict[str, Any]
    remarks: tuple[str, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class Forms:
    """The ways to say a document, the best first: each is for a Slack that would not have the one before.

    Slack refuses blocks for reasons that it does not document, among them a file that it has not digested
    yet.  What it refused was certainly not sent.  `nothing` is how to say that there are no blocks.
    """

    document: Document
    image: Image | None = None
    mentions: str = ""
    pause: float = FILE_PAUSE
    nothing: list[Block] | None = None

    def __iter__(self) -> Iterator[Form]:
        text = slack_text(self.document)
        no_chart: tuple[str, ...] = ()
        if self.image:
            shown = Form({"text": text, "blocks": self._blocks(self.image)}, file=self.image.file)
            yield shown
            if self.pause:
                time.sleep(self.pause)
                yield shown
            no_chart = ("Slack did not take the chart in the message, which went without it.",)
        yield Form({"text": text, "blocks": self._blocks(None)}, no_chart)
        plainly = ("Slack did not take the blocks: the message went as plain text.",)
        yield Form({"text": self._fenced(), "blocks": self.nothing}, plainly)

    def _blocks(self, image: Image | None) -> list[Block]:
        """The document's blocks with ours among them, no more than a message may have."""
        ours = bool(image) + bool(self.mentions)
        sections = self.document.sections
        made, kept = slack_blocks(self.document), min(len(sections), MAX_BLOCKS)
        while len(made) + ours > MAX_BLOCKS and kept > 1:
            kept -= 1
            rest = Section(f"and {len(sections) - kept} more; the log has all of it")
            made = slack_blocks(replace(self.document, sections=(*sections[:kept], rest)))
        foot = len(made)
        while foot and made[foot - 1]["type"] == "context":
            foot -= 1
        shown = [image.block(BUDGET - _length(made))] if image else []
        called = [_called(self.mentions)] if self.mentions else []
        return [*made[:foot], *shown, *called, *made[foot:]]

    def _fenced(self) -> str:
        """The plain message for a Slack that will not take the blocks."""
        escaped = plain(self.document).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if len(escaped) > _PLAIN_LIMIT:
            escaped = escaped[:_PLAIN_LIMIT].rpartition("\n")[0] + "\n…"
        return f"{self.mentions}\n{escaped}" if self.mentions else escaped


def mentioned(who: str) -> str:
    """The one place that writes a live mention.

    >>> mentioned("U012ABCDEF"), mentioned("S012ABCDEF"), mentioned("here")
    ('<@U012ABCDEF>', '<!subteam^S012ABCDEF>', '<!here>')
    """
    if who in ("here", "channel"):
        return f"<!{who}>"
    return f"<!subteam^{who}>" if who.startswith("S") else f"<@{who}>"


def _called(mentions: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": mentions, "verbatim": True}}


def _length(blocks: list[Block]) -> int:
    """The characters of all text in these blocks."""
    texts = (
        text
        for block in blocks
        for text in (block.get("text"), *block.get("fields", ()), *block.get("elements", ()))
    )
    return sum(len(text["text"]) for text in texts if text)
