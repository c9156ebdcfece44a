"""The one wall to the warehouse: connections, transactions, and every statement Hindsight makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from hindsight.errors import StoreError
from hindsight.store import (
    accounts,
    address,
    cuts,
    ledger,
    limits,
    locks,
    outbox,
    partitions,
    people,
    recording,
    retention,
    sending,
    standing,
    told,
)
from hindsight.store.dump import dump

_OUTDATED = {"3F000", "42P01", "42703"}  # SQLSTATE: no such schema, table, column


class Store:
    """The schema `hindsight` of a PostgreSQL database.

    Every reading and writing method takes the connection of a transaction, so that what belongs
    together is written together:

        store = Store("postgresql://user:password@host:5432/warehouse")
        store.upgrade()
        with store.transaction("flight_delay") as conn:
            store.replace_windows(conn, "flight_delay", states, statistics)

    Making one connects to nothing.  All that goes wrong with the database is a StoreError, and no
    message, name or log holds the password.  Text is ordered by code point, days by their number,
    and times come back in UTC.
    """

    def __init__(self, url: str | sa.URL) -> None:
        parsed = address.parse(url)
        self._place = address.place(parsed)
        self._secrets = address.secrets(parsed)
        self._engine = sa.create_engine(
            parsed,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"client_encoding": "UTF8", "fallback_application_name": "hindsight"},
        )
        sa.event.listen(self._engine, "connect", _speak_utc)

    def __repr__(self) -> str:
        return f"<Store: {self._place}>"

    def upgrade(self) -> None:
        """Bring the schema to where this code stands; safe to call by two at once, and again."""
        from hindsight.store import migrate  # Alembic costs 0.15 s, which a DAG file must not pay

        with self.transaction() as conn:
            migrate.upgrade(conn, self._place)

    def require_current(self) -> None:
        """Raise StoreError, with the cure, unless the schema stands where this code does."""
        from hindsight.store import migrate

        with self.transaction() as conn:
            migrate.require_current(conn, self._place)

    def dispose(self) -> None:
        """Close the connections that are not in use."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, monitor: str | None = None) -> Iterator[sa.Connection]:
        """One transaction: all of it is kept, or after an error or a crash none.

        With a monitor, it waits for other transactions of that monitor to end: who writes a
        monitor, or decides by what is written of it, names it here.
        """
        with self._translated(), self._engine.begin() as conn:
            if monitor is not None:
                locks.take(conn, f"monitor {monitor}")
            yield conn

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees the store as it is now throughout, waits for nobody, and cannot write."""
        with self._translated(), self._engine.connect() as conn:
            view = conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with view.begin():
                yield view

    apart = staticmethod(limits.apart)
    replace_windows = staticmethod(partitions.replace_windows)
    replace_states = staticmethod(partitions.replace_states)
    window_states = staticmethod(partitions.window_states)
    state_places = staticmethod(partitions.state_places)
    statistics = staticmethod(partitions.statistics)
    cut = staticmethod(cuts.cut)
    keep_cut = staticmethod(cuts.keep_cut)
    replace_snapshots = staticmethod(partitions.replace_snapshots)
    snapshots = staticmethod(partitions.snapshots)
    snapshot_places = staticmethod(partitions.snapshot_places)
    replace_detections = staticmethod(partitions.replace_detections)
    detections = staticmethod(partitions.detections)
    detection_places = staticmethod(partitions.detection_places)
    replace_incidents = staticmethod(ledger.replace_incidents)
    incidents = staticmethod(ledger.incidents)
    keep_action = staticmethod(people.keep_action)
    actions = staticmethod(people.actions)
    keep_silence = staticmethod(people.keep_silence)
    silences = staticmethod(people.silences)
    end_silence = staticmethod(people.end_silence)
    tellings = staticmethod(told.tellings)
    tell = staticmethod(told.tell)
    threads = staticmethod(told.threads)
    keep_thread = staticmethod(told.keep_thread)
    unsettled = staticmethod(standing.unsettled)
    restless = staticmethod(standing.restless)
    enqueue = staticmethod(outbox.enqueue)
    lay = staticmethod(outbox.lay)
    notifications = staticmethod(outbox.notifications)
    newest_messages = staticmethod(outbox.newest)
    messages_about = staticmethod(accounts.messages_about)
    count_about = staticmethod(accounts.count_about)
    newest_judged = staticmethod(accounts.newest_judged)
    is_known = staticmethod(accounts.is_known)
    message = staticmethod(outbox.message)
    resend = staticmethod(outbox.resend)
    judgements = staticmethod(outbox.judgements)
    unsent = staticmethod(outbox.unsent)
    died = staticmethod(outbox.died)
    due = staticmethod(sending.due)
    waiting = staticmethod(sending.waiting)
    claim = staticmethod(sending.claim)
    join = staticmethod(sending.join)
    part = staticmethod(sending.part)
    record = staticmethod(recording.record)
    postpone = staticmethod(recording.postpone)
    retained = staticmethod(retention.retained)
    keep_retained = staticmethod(retention.keep_retained)
    remove_statistics = staticmethod(retention.remove_statistics)
    remove_snapshots = staticmethod(retention.remove_snapshots)
    remove_detections = staticmethod(retention.remove_detections)
    dump = staticmethod(dump)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Database errors as StoreError."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise StoreError(self._sentence(error.orig)) from _cause(error.orig)
        except psycopg.Error as error:  # COPY speaks to the driver directly
            raise StoreError(self._sentence(error)) from _cause(error)
        except sa.exc.TimeoutError as error:
            raise StoreError(f"All connections to {self._place} are in use.") from error

    def _sentence(self, error: BaseException | None) -> str:
        said = self._discreet(str(error).strip()).splitlines() or ["no reason given"]
        state = getattr(error, "sqlstate", None)
        if isinstance(error, psycopg.OperationalError) and state is None:
            return f"Cannot reach {self._place}, or lost it: {said[0]}.  Does it run, and may we connect?"
        if state in _OUTDATED:
            return f"The schema in {self._place} is not ours ({said[0]}): run `hindsight store upgrade`."
        return f"A statement failed in {self._place}: {' '.join(said)}"

    def _discreet(self, words: str) -> str:
        """The words of somebody else without what they must not hold."""
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return words


def _cause(error: BaseException | None) -> BaseException | None:
    """What to show as the cause: a failed connection may quote what it was given, so it is left out."""
    return error if getattr(error, "sqlstate", None) else None


def _speak_utc(connection: Any, _record: object) -> None:
    """Have times come back in UTC, wherever the server stands."""
    with connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'")
    connection.commit()
