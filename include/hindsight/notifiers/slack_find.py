"""Whether a message lies in Slack already: sought in the channel's history by the key in its metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from hindsight.errors import DeliveryError
from hindsight.notifiers.base import CannotTell, Parcel
from hindsight.notifiers.slack_api import Place, Refused, SlackApi

EVENT_TYPE = "hindsight_notification"
"""Names our messages in Slack's metadata; the payload is the outbox key, by which one is found again."""

MARGIN = timedelta(days=1)
"""How far Slack's clock may be behind the store's: a key is one message's alone, and a day is soon read."""

THREAD_GONE = {"thread_not_found", "message_not_found", "cannot_reply_to_message"}
"""What Slack says of an answer to a message that was deleted."""

UNCHANGEABLE = {"message_not_found", "cant_update_message", "edit_window_closed"}
"""What Slack says of an update that will never be; whatever else it says somebody may mend."""

_ID = re.compile(r"[CGD][A-Z0-9]{6,}")
_AT_ONCE, _CHANNELS, _MOST_PAGES = 200, 1_000, 50


def find(api: SlackApi, parcel: Parcel, channel: str) -> Place | None:
    """The message, if it came in after `parcel.since`; None if it surely did not.

    CannotTell, with the scope to grant, if the history may not be read; DeliveryError if it cannot be just
    now.
    """
    if parcel.since is None:
        return None  # then none was ever on its way
    oldest = f"{(parcel.since - MARGIN).timestamp():.6f}"
    try:
        return _found(api, parcel, channel, oldest)
    except Refused as refused:
        raise CannotTell(f"{api.who} does not say what is in {channel!r}: {refused.words()}.") from None
    except DeliveryError as error:  # a question that went unanswered has sent nothing
        raise DeliveryError(str(error), retry=error.retry, not_before=error.not_before) from None


def _found(api: SlackApi, parcel: Parcel, channel: str, oldest: str) -> Place | None:
    """The message among the answers to its thread's first one, or among those of the channel."""
    if thread := Place.parse(parcel.thread):
        where: dict[str, Any] = {"channel": thread.channel, "ts": thread.ts, "oldest": oldest}
        try:
            return _among(_all(api, "conversations_replies", "messages", **where), thread.channel, parcel.key)
        except Refused as refused:
            if refused.code not in THREAD_GONE:
                raise
        id_ = thread.channel  # it was sent to the channel itself, for the thread is no more
    else:
        id_ = channel_id(api, channel)
    history = _all(api, "conversations_history", "messages", channel=id_, oldest=oldest)
    return _among(history, id_, parcel.key)


def _among(messages: Iterator[dict[str, Any]], channel: str, key: str) -> Place | None:
    for message in messages:
        metadata = message.get("metadata") or {}
        payload = metadata.get("event_payload") or {}
        if metadata.get("event_type") == EVENT_TYPE and payload.get("key") == key:
            return Place(channel, str(message["ts"]), _file_in(message))
    return None


def _file_in(message: dict[str, Any]) -> str:
    """The chart that a message shows."""
    blocks = message.get("blocks") or ()
    shown = (block.get("slack_file") or {} for block in blocks if block.get("type") == "image")
    return next((str(file["id"]) for file in shown if file.get("id")), "")


def channel_id(api: SlackApi, channel: str) -> str:
    """The id of a channel that is named by its id or its name: history is asked by id only.

    Public channels are looked through first, for which the scope channels:read is enough.
    """
    name = channel.removeprefix("#")
    if _ID.fullmatch(name):
        return name
    for kind in ("public_channel", "private_channel"):
        for each in _all(api, "conversations_list", "channels", limit=_CHANNELS, types=kind):
            if name in (each.get("name"), each.get("name_normalized")):
                return str(each["id"])
    raise CannotTell(f"{api.who} lists no channel {channel!r}: write the channel's id in the monitor's file.")


def _all(
    api: SlackApi, method: str, what: str, *, limit: int = _AT_ONCE, **arguments: Any
) -> Iterator[dict[str, Any]]:
    """Everything that a method lists, page by page."""
    if what == "messages":
        arguments["include_all_metadata"] = True
    cursor = None
    for _ in range(_MOST_PAGES):
        answer = api.call(method, limit=limit, cursor=cursor, **arguments)
        yield from (each for each in answer.get(what) or () if isinstance(each, dict))
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return
    raise CannotTell(f"{api.who} lists more than {_MOST_PAGES * limit:,} {what}; these were not all read.")
