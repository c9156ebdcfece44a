"""Messages: a neutral document made here once, and what each channel shows of it.

`compose` words a decision as a `Document`; `plain`, `slack_blocks`, `slack_text` and `html` render one.
All are pure.  Names that others chose are cut and cleaned when a document is made, and escaped again by every
renderer for its own format, so that no document, however it came to be, can do harm.
"""

from hindsight.message.as_html import html
from hindsight.message.as_slack import slack_blocks, slack_text
from hindsight.message.as_text import plain
from hindsight.message.compose import compose
from hindsight.message.document import Document, Fact, Link, Section, Tone, from_json, to_json

__all__ = [
    "Document",
    "Fact",
    "Link",
    "Section",
    "Tone",
    "compose",
    "from_json",
    "html",
    "plain",
    "slack_blocks",
    "slack_text",
    "to_json",
]
