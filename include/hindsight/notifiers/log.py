"""The log: where messages go that have nowhere else to go."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from hindsight.message import Tone, plain
from hindsight.notifiers.base import BaseNotifier, Parcel, Sent
from hindsight.notifiers.connection import Connect

LOGGER = logging.getLogger("hindsight.notifications")


@dataclass(frozen=True, slots=True)
class Log(BaseNotifier):
    """The log of the task that sends: at WARNING for what is wrong, at INFO for all else."""

    def send(self, parcel: Parcel, connect: Connect) -> Sent:
        """Write the document; a log gives no name to what it is given, so none comes back."""
        document = parcel.document
        level = logging.WARNING if document.tone in (Tone.CRITICAL, Tone.WARNING) else logging.INFO
        LOGGER.log(level, "notification %s\n%s", parcel.key, plain(document))
        return Sent()
