"""One attempt to bring a batch of messages to its channel: asked for, or sent, and what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from hindsight.domain.records import Delivery
from hindsight.domain.values import Hours
from hindsight.errors import ConnectionMissing, DeliveryError, HindsightError
from hindsight.message import Chart, Document
from hindsight.notifiers import BaseNotifier, CannotTell, Log, Parcel, Picture, Sent
from hindsight.notifiers.connection import Connect

MOST_ATTEMPTS: Final = 100
"""After so many a message is given up: four days of a receiver that is away."""

FIRST_PAUSE: Final = timedelta(minutes=1)
"""Before the second attempt; it doubles with each."""

LONGEST_PAUSE: Final = timedelta(hours=1)
"""For what certainly did not arrive."""

LONGEST_DOUBT: Final = timedelta(hours=6)
"""For what may have arrived: there, each attempt may be one message too many."""

SHORT_PAUSE: Final = timedelta(minutes=10)
"""The longest for what is critical, and for what may have arrived where one more does no harm."""

STRANGE_ATTEMPTS: Final = 5
"""After so many a message is given up at which a notifier fails in a way of its own."""

LONGEST_CALL: Final = timedelta(minutes=5)
"""Nobody is waited for longer, whatever the timeouts say: well within a lease."""

LOGGER = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Try:
    """What the pause after an attempt depends on.

    `urgent` says that something critical waits, `harmless` that the same message once more does no harm, and
    `error` is what went wrong the last time.
    """

    attempts: int
    urgent: bool = False
    harmless: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt; the first fields are what `Store.record` takes.

    `apart` says that each message of a batch may have better luck by itself, `strange` that this was nothing
    a notifier should do, and `anew` that the message answers none although it was to.
    """

    state: Delivery
    error: str | None = None
    provider_id: str | None = None
    pause: timedelta = timedelta(0)
    ambiguous: bool | None = None
    most: int = MOST_ATTEMPTS
    apart: bool = False
    strange: bool = False
    anew: bool = False

    @property
    def recorded(self) -> dict[str, Any]:
        names = ("state", "error", "provider_id", "pause", "ambiguous", "most")
        return {name: getattr(self, name) for name in names}


def find(notifier: BaseNotifier, parcel: Parcel, connect: Connect, this: Try) -> Outcome | bool | None:
    """Ask whether a message has arrived of which nobody knows: an outcome if it has, or if the answer must be
    waited for; False if it surely has not; None if nobody can tell.
    """
    if not notifier.finds:
        return None
    try:
        found = in_time(notifier, lambda: notifier.find(parcel, connect))
    except (CannotTell, ConnectionMissing) as error:
        LOGGER.warning("Whether a message arrived cannot be found out: %s", error)
        return None
    except DeliveryError as error:
        if not error.retry:
            LOGGER.warning("Whether a message arrived cannot be found out: %s", error)
            return None
        # A question has sent nothing; what it asks for may have come all the same, and stays in doubt.
        asked = DeliveryError(str(error), retry=True, not_before=error.not_before)
        return failed(asked, this)
    except HindsightError as error:
        return failed(DeliveryError(str(error), retry=True), this)
    except Exception:
        LOGGER.exception("Asking for a message failed in a way of its own")
        return None
    return False if found is None else delivered(notifier, found, ambiguous=False)


def send(notifier: BaseNotifier, parcel: Parcel, connect: Connect, this: Try) -> Outcome:
    """Send a message once."""
    try:
        return delivered(notifier, in_time(notifier, lambda: notifier.send(parcel, connect)))
    except DeliveryError as error:
        return failed(error, this)
    except HindsightError as error:  # a connection that cannot be looked up just now: nothing was sent
        return failed(DeliveryError(str(error), retry=True), this)
    except Exception as error:  # noqa: BLE001 - logged there
        return strange(error, this, "sending", ambiguous=True)


def in_time(notifier: BaseNotifier, do: Callable[[], Result]) -> Result:
    """What a call gives, or raises; DeliveryError if it is not over in time, and is left to itself.

    A client's timeout is for each piece of an answer, and a receiver may send one piece after another.
    """
    if isinstance(notifier, Log):
        return do()
    given: list[Result] = []
    raised: list[BaseException] = []

    def call() -> None:
        try:
            given.append(do())
        except BaseException as error:  # noqa: BLE001 - raised again below, where somebody waits for it
            raised.append(error)

    thread = Thread(target=copy_context().run, args=(call,), daemon=True)
    thread.start()
    thread.join(LONGEST_CALL.total_seconds())
    if raised:
        raise raised[0]
    if not given:
        raise DeliveryError(
            f"The call of {type(notifier).__name__} took longer than {LONGEST_CALL}: whether the message was "
            "accepted is not known.",
            retry=True,
            ambiguous=True,
        )
    return given[0]


def looked_up(notifier: BaseNotifier, connect: Connect) -> Connect:
    """The same connections, of which the notifier's own is looked up here and now, and once: Airflow answers
    one thread only.
    """
    id_ = getattr(notifier, "connection", None)
    if id_ is None:
        return connect
    info = connect(id_)
    return lambda asked: info if asked == id_ else connect(asked)


def delivered(notifier: BaseNotifier, sent: Sent, *, ambiguous: bool | None = None) -> Outcome:
    """What becomes of a message that was taken."""
    for remark in sent.remarks:
        LOGGER.warning("%s", remark)
    state = Delivery.LOGGED if isinstance(notifier, Log) else Delivery.SENT
    return Outcome(state, provider_id=sent.provider_id, ambiguous=ambiguous, anew=sent.anew)


def failed(error: DeliveryError, this: Try) -> Outcome:
    """What becomes of a message that was not: given up, or tried again after a pause that doubles each time.

    The pause is at least what the receiver asked for.  Where pauses stay short, there are more of them, so
    that nothing is given up sooner.

    >>> failed(DeliveryError("away", retry=True), Try(3)).pause
    datetime.timedelta(seconds=240)
    >>> failed(DeliveryError("no such channel", retry=False), Try(1)).state
    <Delivery.DEAD: 'dead'>
    >>> str(failed(DeliveryError("silent", retry=True, ambiguous=True), Try(30, harmless=True)).pause)
    '0:10:00'
    """
    perhaps = True if error.ambiguous else None
    if not error.retry:
        return Outcome(Delivery.DEAD, error=str(error), ambiguous=perhaps, apart=not error.ambiguous)
    longest = LONGEST_DOUBT if error.ambiguous else LONGEST_PAUSE
    if this.urgent or (this.harmless and error.ambiguous):
        longest = SHORT_PAUSE
    pause = pause_after(this.attempts, longest)
    most = max(MOST_ATTEMPTS, round(MOST_ATTEMPTS * (LONGEST_PAUSE / longest)))
    if error.not_before is not None:
        # By the clock by which the notifier read it; from there on only the database's counts.
        pause = max(pause, error.not_before - datetime.now(UTC))
    return Outcome(Delivery.PENDING, error=str(error), pause=pause, ambiguous=perhaps, most=most)


def strange(error: Exception, this: Try, doing: str, *, ambiguous: bool) -> Outcome:
    """What becomes of a message at which our own side failed: given up, after a few times of the same.

    Only the class of the error is told, for its words may hold a secret.
    """
    LOGGER.error("A notifier failed in a way of its own", exc_info=error)
    said = f"{type(error).__name__} while {doing}"
    again = this.attempts < STRANGE_ATTEMPTS or this.error != said
    outcome = failed(DeliveryError(said, retry=again, ambiguous=ambiguous), this)
    return replace(outcome, apart=True, strange=True)


def pause_after(attempts: int, longest: timedelta) -> timedelta:
    """How long to wait after so many attempts."""
    return min(FIRST_PAUSE * (1 << min(max(attempts - 1, 0), 20)), longest)


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
