"""Messages: a neutral document made here once, and what each channel shows of it.

`compose` words a decision as a `Document`; `plain`, `slack_blocks`, `slack_text`, `html`, `card` and `event`
render one.  `restated` is one as its incidents stand now, `merged` several as one.  All are pure.  Names that
others chose are cut and cleaned when a document is made, and escaped again by every renderer for its own
format, so that no document, however it came to be, can do harm.
"""

from hindsight.message.as_card import card
from hindsight.message.as_event import event
from hindsight.message.as_html import html
from hindsight.message.as_slack import slack_blocks, slack_text
from hindsight.message.as_text import plain
from hindsight.message.compose import compose
from hindsight.message.document import (
    About,
    Chart,
    ChartPoint,
    Document,
    Fact,
    Link,
    Section,
    Tone,
    from_json,
    to_json,
)
from hindsight.message.gathered import merged, perhaps_repeated
from hindsight.message.standing import about, restated

__all__ = [
    "About",
    "Chart",
    "ChartPoint",
    "Document",
    "Fact",
    "Link",
    "Section",
    "Tone",
    "about",
    "card",
    "compose",
    "event",
    "from_json",
    "html",
    "merged",
    "perhaps_repeated",
    "plain",
    "restated",
    "slack_blocks",
    "slack_text",
    "to_json",
]
