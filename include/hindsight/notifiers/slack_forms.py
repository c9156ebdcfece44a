"""The forms in which a document can be said in Slack, with its chart and whom it calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hindsight.message import Document, plain, slack_blocks, slack_text
from hindsight.message.as_slack import Block
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
        shown = (image.file, image.alt) if image else None
        return slack_blocks(self.document, image=shown, mention=self.mentions)

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
