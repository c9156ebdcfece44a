"""A real Airflow of the demo's own: started, asked over its REST API, and stopped without a trace."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from hindsight.errors import HindsightError

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 180.0
STOP_SECONDS: Final = 20.0
FAVOURITE_PORT: Final = 8080


def free_port(favourite: int = 0) -> int:
    """A port that nobody listens on; the favourite one if it is free."""
    for port in (favourite, 0):
        with suppress(OSError), closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    raise HindsightError(f"No port is free on {HOST}.")


@dataclass
class Airflow:
    """An `airflow standalone` in a process group of its own, from entering the block to leaving it.

    `home` keeps its logs and passwords, `database` is the URL of its metadata database (psycopg2), and
    `variables` are added to its environment: connections, mostly.
    """

    root: Path
    home: Path
    database: str
    variables: Mapping[str, str]
    port: int = field(default_factory=lambda: free_port(FAVOURITE_PORT))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9), repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _client: httpx.Client | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Where its UI is."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What its parts print."""
        return self.home / "standalone.log"

    @property
    def group(self) -> int:
        """The process group of all its parts."""
        assert self._process is not None, "the group is there once the block is entered"
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """The variables its processes run with: the demo's own, and nothing inherited that is Airflow's."""
        passwords = self.home / "passwords.json"
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AIRFLOW", "HINDSIGHT_")) and key != "PYTHONDONTWRITEBYTECODE"
        }
        settings = {
            "core__dags_folder": str(self.root / "dags"),
            "core__plugins_folder": str(self.root / "plugins"),
            "core__load_examples": "False",
            "core__dags_are_paused_at_creation": "False",
            "core__executor": "LocalExecutor",
            "core__parallelism": "4",
            "core__simple_auth_manager_users": "admin:admin",
            "core__simple_auth_manager_passwords_file": str(passwords),
            "core__execution_api_server_url": f"{self.address}/execution/",
            "database__sql_alchemy_conn": self.database,
            "api__host": HOST,
            "api__port": str(self.port),
            "api__base_url": self.address,
            "api__workers": "1",
            "api__secret_key": secrets.token_hex(32),
            "api_auth__jwt_secret": secrets.token_hex(32),
            "scheduler__scheduler_idle_sleep_time": "0.2",
            "scheduler__enable_health_check": "False",
            "dag_processor__refresh_interval": "10",
            "logging__worker_log_server_port": str(free_port()),
            "logging__trigger_log_server_port": str(free_port()),
            "usage_data_collection__enabled": "False",
        }
        return kept | {
            **{f"AIRFLOW__{key.upper()}": value for key, value in settings.items()},
            **self.variables,
            "AIRFLOW_HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(self.root / "include"),
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "passwords.json").write_text(json.dumps({"admin": self.password}), encoding="utf-8")
        (self.home / "passwords.json").chmod(0o600)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).with_name("airflow")), "standalone"],
                cwd=self.root,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()
        if self._process is None:
            return
        # Its parts are children in the same group; the parent alone would leave them behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                self._process.poll()
                try:
                    os.killpg(self._process.pid, 0)
                except ProcessLookupError:
                    return
                time.sleep(0.2)

    def wait_until_ready(self) -> None:
        """Return when scheduler, triggerer and DAG processor are healthy; HindsightError if never."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            with suppress(httpx.HTTPError, KeyError, ValueError):
                health = httpx.get(f"{self.address}/api/v2/monitor/health", timeout=5).json()
                if all(
                    health[part]["status"] == "healthy"
                    for part in ("scheduler", "triggerer", "dag_processor")
                ):
                    self._client = self._signed_in()
                    return
            time.sleep(0.5)
        tail = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise HindsightError(
            f"Airflow did not come up within {START_SECONDS:.0f} s; the end of {self.log}:\n{tail}"
        )

    def _signed_in(self) -> httpx.Client:
        credentials = {"username": "admin", "password": self.password}
        token = (
            httpx.post(f"{self.address}/auth/token", json=credentials, timeout=30).raise_for_status().json()
        )
        return httpx.Client(
            base_url=f"{self.address}/api/v2",
            headers={"Authorization": f"Bearer {token['access_token']}"},
            timeout=60,
        )

    def ask(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """One request of the REST API; HindsightError with Airflow's words if it is refused."""
        assert self._client is not None
        for _ in range(3):
            try:
                answer = self._client.request(method, path, **arguments)
                break
            except httpx.TransportError:
                time.sleep(2)
        else:
            raise HindsightError(f"Airflow does not answer {method} {path}; see {self.log}.")
        if answer.is_error:
            raise HindsightError(f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:500]}")
        found: dict[str, Any] = answer.json()
        return found

    def wait_for_dag(self, dag_id: str, patience: float = 120.0) -> None:
        """Return when the DAG has been read from its file."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with suppress(HindsightError):
                self.ask("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
                return
            time.sleep(1)
        errors = self.ask("GET", "/importErrors").get("import_errors", [])
        raise HindsightError(f"Airflow does not know the DAG {dag_id}: {errors}")

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a manual run; returns its id."""
        run = self.ask("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf)})
        return str(run["dag_run_id"])

    def wait_for_run(
        self, dag_id: str, run_id: str, tell: Callable[[str], None], patience: float = 600.0
    ) -> None:
        """Return when a run has succeeded, telling each task as it begins; HindsightError if it fails."""
        deadline, said = time.monotonic() + patience, ""
        while time.monotonic() < deadline:
            tasks = self.ask("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
            busy = next((t["task_id"] for t in tasks if t["state"] in ("running", "deferred")), said)
            if busy != said:
                tell(busy)
                said = busy
            state = self.ask("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            if state == "success":
                return
            if state == "failed":
                broken = [task["task_id"] for task in tasks if task["state"] == "failed"]
                raise HindsightError(
                    f"Run {run_id} of {dag_id} failed in {', '.join(broken)}; see its logs in {self.home}."
                )
            time.sleep(0.5)
        raise HindsightError(f"Run {run_id} of {dag_id} did not end within {patience:.0f} s.")

    def backfill(
        self,
        dag_id: str,
        first: date,
        last: date,
        conf: Mapping[str, Any],
        runs_at_once: int,
        *,
        backwards: bool = False,
        reprocess: str = "none",
    ) -> int:
        """Start Airflow's own backfill of these local days; returns its id.

        `reprocess` says which days that have a run are run again: none, failed or completed.
        """
        made = self.ask(
            "POST",
            "/backfills",
            json={
                "dag_id": dag_id,
                "from_date": f"{first}T00:00:00Z",
                "to_date": f"{last}T00:00:00Z",
                "run_backwards": backwards,
                "dag_run_conf": dict(conf),
                "reprocess_behavior": reprocess,
                "max_active_runs": runs_at_once,
            },
        )
        return int(made["id"])

    def wait_for_backfill(
        self, dag_id: str, runs: int, tell: Callable[[int], None], patience: float = 900.0
    ) -> list[dict[str, Any]]:
        """Return the backfill's runs when all have succeeded, telling how many are done."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            found = self.ask("GET", f"/dags/{dag_id}/dagRuns", params={"limit": 200, "run_type": "backfill"})[
                "dag_runs"
            ]
            found = [run for run in found if run["run_type"] == "backfill"]
            done = [run for run in found if run["state"] == "success"]
            tell(len(done))
            if any(run["state"] == "failed" for run in found):
                raise HindsightError(f"A backfilled run of {dag_id} failed; see its logs in {self.home}.")
            if len(done) >= runs and len(done) == len(found):
                return done
            time.sleep(0.5)
        raise HindsightError(f"The backfill of {dag_id} did not end within {patience:.0f} s.")
