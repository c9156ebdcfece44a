"""What a batch of messages is to its channel: one document, its key, and the thread that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hindsight.domain.records import Notification, Thread
from hindsight.message import Document, about, from_json, merged
from hindsight.notifiers import BaseNotifier, Parcel
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.threads import answered, has_threads
from hindsight.store.sending import Batch


def parcel_of(
    batch: Batch, notifier: BaseNotifier, document: Document, known: Mapping[str, Thread], runtime: Runtime
) -> Parcel:
    """A batch on its way, without pictures; `known` are the channel's threads by incident."""
    return Parcel(
        as_it_stands(document, batch.leader.monitor, runtime) if notifier.follows else document,
        key=key_of(batch.leader),
        thread=answered(document, known),
        loud=any(each.loud for each in batch.notes),
        since=batch.ambiguous_since,
    )


def key_of(row: Notification) -> str:
    """The key of a message: the same whenever it is sent again, unless somebody asked for that."""
    again = f"/{row.resent}" if row.resent else ""
    return f"{row.monitor}/{row.day}/{row.kind}/{row.notifier}{again}"


def document_of(batch: Batch) -> Document:
    """What a batch says, as one message."""
    return merged([from_json(row.document) for row in batch.notes])


def threads_of(batch: Batch, notifier: BaseNotifier, runtime: Runtime) -> dict[str, Thread]:
    """The threads of a batch's channel by their incident."""
    if not has_threads(notifier):
        return {}
    with runtime.store.transaction() as connection:
        found = runtime.store.threads(connection, batch.leader.monitor)
    return {each.incident: each for each in found if each.notifier == batch.leader.notifier}


def as_it_stands(document: Document, monitor: str, runtime: Runtime) -> Document:
    """The message for who keeps incidents: what is over is over, although the message came before."""
    with runtime.store.transaction() as connection:
        stored = {each.id: each for each in runtime.store.incidents(connection, monitor)}
    named = (
        about(stored[each.incident], each.changes)
        if each.incident in stored and stored[each.incident].resolved_on is not None
        else each
        for each in document.about
    )
    return replace(document, about=tuple(named))
