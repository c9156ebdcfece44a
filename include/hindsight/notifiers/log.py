"""The log: where messages go that have nowhere else to go."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from hindsight.domain.values import Severity
from hindsight.message import Document, Tone, plain
from hindsight.notifiers.connection import Connect

LOGGER = logging.getLogger("hindsight.notifications")


@dataclass(frozen=True, slots=True)
class Log:
    """The log of the task that sends: at WARNING for what is wrong, at INFO for all else."""

    min_severity: Severity = Severity.WARNING

    def send(self, document: Document, key: str, connect: Connect) -> str | None:
        """Write the document; a log gives no name to what it is given, so this returns None."""
        level = logging.WARNING if document.tone in (Tone.CRITICAL, Tone.WARNING) else logging.INFO
        LOGGER.log(level, "notification %s\n%s", key, plain(document))
        return None
