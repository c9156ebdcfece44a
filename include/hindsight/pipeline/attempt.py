"""One attempt to bring a batch of messages to its channel: asked for, or sent, and what came of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hindsight.domain.records import Delivery
from hindsight.domain.values import Hours
from hindsight.errors import ConnectionMissing, DeliveryError, HindsightError
from hindsight.message import Chart, Document
from hindsight.notifiers import FALLBACK, BaseNotifier, CannotTell, Log, Parcel, Picture, Sent
from hindsight.notifiers.connection import Connect

MOST_ATTEMPTS: Final = 100
"""After so many a message is given up: four days of a receiver that is away."""

FIRST_PAUSE: Final = timedelta(minutes=1)
"""Before the second attempt; it doubles with each."""

LONGEST_PAUSE: Final = timedelta(hours=1)
"""For what certainly did not arrive."""

LONGEST_DOUBT: Final = timedelta(hours=6)
"""For what may have arrived: there, each attempt may be one message too many."""

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt; the fields are what `Store.record` takes."""

    state: Delivery
    error: str | None = None
    provider_id: str | None = None
    pause: timedelta = timedelta(0)
    ambiguous: bool | None = None


def find(notifier: BaseNotifier, parcel: Parcel, connect: Connect, attempts: int) -> Outcome | bool | None:
    """Ask whether a message has arrived of which nobody knows: an outcome if it has, or if the answer must be
    waited for; False if it surely has not; None if nobody can tell.
    """
    if not notifier.finds:
        return None
    try:
        found = notifier.find(parcel, connect)
    except (CannotTell, ConnectionMissing) as error:
        LOGGER.warning("Whether a message arrived cannot be found out: %s", error)
        return None
    except DeliveryError as error:
        if not error.retry:
            LOGGER.warning("Whether a message arrived cannot be found out: %s", error)
            return None
        return failed(error, attempts)
    except HindsightError as error:
        return failed(DeliveryError(str(error), retry=True), attempts)
    except Exception:
        LOGGER.exception("Asking for a message failed in a way of its own")
        return None
    return False if found is None else delivered(notifier, found, ambiguous=False)


def send(notifier: BaseNotifier, parcel: Parcel, connect: Connect, attempts: int) -> Outcome:
    """Send a message once."""
    try:
        return delivered(notifier, notifier.send(parcel, connect))
    except ConnectionMissing as error:
        LOGGER.warning("%s The message goes to the log instead.", error)
        FALLBACK.send(parcel, connect)
        return Outcome(Delivery.LOGGED, error=str(error))
    except DeliveryError as error:
        return failed(error, attempts)
    except HindsightError as error:  # a connection that cannot be looked up just now: nothing was sent
        return failed(DeliveryError(str(error), retry=True), attempts)
    except Exception as error:
        LOGGER.exception("A notifier failed in a way of its own")
        said = f"{type(error).__name__} while sending"
        return failed(DeliveryError(said, retry=True, ambiguous=True), attempts)


def delivered(notifier: BaseNotifier, sent: Sent, *, ambiguous: bool | None = None) -> Outcome:
    """What becomes of a message that was taken."""
    for remark in sent.remarks:
        LOGGER.warning("%s", remark)
    state = Delivery.LOGGED if isinstance(notifier, Log) else Delivery.SENT
    return Outcome(state, provider_id=sent.provider_id, ambiguous=ambiguous)


def failed(error: DeliveryError, attempts: int) -> Outcome:
    """What becomes of a message that was not: given up, or tried again after a pause that doubles each time.

    The pause is at least what the receiver asked for.

    >>> failed(DeliveryError("away", retry=True), 3).pause
    datetime.timedelta(seconds=240)
    >>> failed(DeliveryError("no such channel", retry=False), 1).state
    <Delivery.DEAD: 'dead'>
    """
    perhaps = True if error.ambiguous else None
    if not error.retry:
        return Outcome(Delivery.DEAD, error=str(error), ambiguous=perhaps)
    longest = LONGEST_DOUBT if error.ambiguous else LONGEST_PAUSE
    pause = min(FIRST_PAUSE * 2 ** min(max(attempts - 1, 0), 20), longest)
    if error.not_before is not None:
        # By the clock by which the notifier read it; from there on only the database's counts.
        pause = max(pause, error.not_before - datetime.now(UTC))
    return Outcome(Delivery.PENDING, error=str(error), pause=pause, ambiguous=perhaps)


def quiet_for(hours: Hours | None, now: datetime, zone: ZoneInfo) -> timedelta | None:
    """How long a channel's quiet hours still last; None if they do not.

    They are hours of the local clock, so one that is put back or forward makes them longer or shorter.

    >>> night, zone = Hours.parse("22:00-07:00"), ZoneInfo("America/New_York")
    >>> str(quiet_for(night, datetime(2013, 3, 10, 4, tzinfo=UTC), zone))
    '7:00:00'
    >>> quiet_for(night, datetime(2013, 3, 10, 16, tzinfo=UTC), zone) is None
    True
    """
    if hours is None or now.astimezone(zone).time() not in hours:
        return None
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    later = (minute + timedelta(minutes=number) for number in range(1, 2 * 24 * 60))
    return next(end for end in later if end.astimezone(zone).time() not in hours) - now


def pictures(document: Document, drawn: dict[Chart, Picture | None]) -> tuple[Picture, ...]:
    """The document's charts, drawn; one that cannot be drawn is left out, for the text matters more.

    `drawn` holds those that were drawn before.
    """
    for chart in document.charts:
        if chart not in drawn:
            drawn[chart] = _picture(chart)
    return tuple(picture for chart in document.charts if (picture := drawn[chart]) is not None)


def _picture(chart: Chart) -> Picture | None:
    try:
        from hindsight.charts import png  # matplotlib, which most deliveries do not need

        return Picture("chart.png", png(chart), chart.alt)
    except Exception:
        LOGGER.exception("The chart of %s could not be drawn; the message goes out without it", chart.metric)
        return None
