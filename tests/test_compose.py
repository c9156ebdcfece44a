"""The team deployment, read by a real compose parser; what can run without a container does run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from sqlalchemy.engine import make_url

from hindsight.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "docker-compose.yml"
DEPLOY = ROOT / "docs" / "deploy.md"

AIRFLOW = {"api-server", "scheduler", "dag-processor", "triggerer"}
LONG_RUNNING = AIRFLOW | {"postgres", "mailpit"}
ONE_SHOT = {"databases", "airflow-init"}
SECRETS = {
    "POSTGRES_PASSWORD",
    "AIRFLOW_DB_PASSWORD",
    "HINDSIGHT_DB_PASSWORD",
    "AIRFLOW_SECRET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_ADMIN_PASSWORD",
}

Read = Callable[[Path], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def read() -> Read:
    """`podman-compose config`, which needs no podman as long as it only pretends (`--dry-run`)."""

    def read(env_file: Path) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("podman-compose")
        return subprocess.run(
            [program, "--dry-run", "--file", COMPOSE, "--env-file", env_file, "config"],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )

    return read


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `.env` that the commands of docs/deploy.md make."""
    folder = tmp_path_factory.mktemp("deployment")
    script = next(block for block in blocks(DEPLOY) if "cat > .env" in block)
    subprocess.run(["bash", "-euc", script], cwd=folder, check=True)
    return folder / ".env"


@pytest.fixture(scope="module")
def config(read: Read, env: Path) -> dict[str, Any]:
    done = read(env)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = yaml.safe_load(done.stdout)
    return parsed


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The file as it is written, before any variable is replaced."""
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return parsed


def blocks(document: Path) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def assignments(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_services_are_those_the_documentation_lists(config: dict[str, Any]) -> None:
    services = set(config["services"])
    assert services == LONG_RUNNING | ONE_SHOT
    table = DEPLOY.read_text(encoding="utf-8").partition("\n| ")[2].partition("\n\n")[0]
    named = re.findall(r"^\| (`.+`) \|", table, re.MULTILINE)
    assert {name.strip("`") for row in named for name in row.split(", ")} == services


@pytest.mark.parametrize("name", sorted(LONG_RUNNING))
def test_a_long_running_service_says_how_it_is_and_comes_back(config: dict[str, Any], name: str) -> None:
    service = config["services"][name]
    assert service["restart"] == "unless-stopped"
    check = service["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


def test_each_part_of_airflow_is_asked_in_its_own_way(config: dict[str, Any]) -> None:
    checks = {name: " ".join(config["services"][name]["healthcheck"]["test"]) for name in AIRFLOW}
    assert "/api/v2/monitor/health" in checks["api-server"]
    assert ":8974/health" in checks["scheduler"]
    assert "--job-type DagProcessorJob" in checks["dag-processor"]
    assert "--job-type TriggererJob" in checks["triggerer"]


def test_nothing_starts_before_what_it_needs(config: dict[str, Any]) -> None:
    needs = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in config["services"].items()
    }
    assert needs["databases"] == {"postgres": "service_healthy"}
    assert needs["airflow-init"] == {"databases": "service_completed_successfully"}
    for name in AIRFLOW:
        assert needs[name]["airflow-init"] == "service_completed_successfully"
    assert needs["scheduler"]["api-server"] == "service_healthy"


def test_airflow_runs_the_mounted_project_as_an_ordinary_user(config: dict[str, Any]) -> None:
    for name in AIRFLOW | {"airflow-init"}:
        service = config["services"][name]
        assert service["user"] == "50000:0"
        mounts = dict(volume.split(":", 1) for volume in service["volumes"])
        for folder in ("dags", "plugins", "include"):
            assert mounts[f"./{folder}"] == f"/opt/airflow/{folder}:ro"
        environment = service["environment"]
        assert environment["PYTHONPATH"] == "/opt/airflow/include"
        assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
        assert make_url(environment["HINDSIGHT_STORE"]).database == "hindsight"
        assert make_url(environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).database == "airflow"
    assert {"postgres", "logs", "auth"} == set(config["volumes"])


def test_all_of_airflow_signs_with_the_same_secrets(config: dict[str, Any], env: Path) -> None:
    secrets = assignments(env)
    for name in AIRFLOW:
        environment = config["services"][name]["environment"]
        assert environment["AIRFLOW__API_AUTH__JWT_SECRET"] == secrets["AIRFLOW_JWT_SECRET"]
        assert environment["AIRFLOW__API__SECRET_KEY"] == secrets["AIRFLOW_SECRET_KEY"]
        assert environment["AIRFLOW__CORE__FERNET_KEY"] == secrets["AIRFLOW_FERNET_KEY"]
        assert "AIRFLOW_ADMIN_PASSWORD" not in environment
    assert len(set(secrets.values())) == len(SECRETS)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_missing_secret_stops_it_and_is_named(read: Read, env: Path, tmp_path: Path, name: str) -> None:
    rest = {key: value for key, value in assignments(env).items() if key != name}
    (tmp_path / ".env").write_text(
        "".join(f"{key}={value}\n" for key, value in rest.items()), encoding="utf-8"
    )
    done = read(tmp_path / ".env")
    assert done.returncode != 0
    assert f"set {name} in .env" in done.stderr


def test_no_secret_is_written_in_a_file(written: dict[str, Any]) -> None:
    demanded = set()
    for service in written["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD$|SECRET|_KEY$", name):
                found = re.fullmatch(r"\$\{(\w+):\?set \1 in \.env\}", value)
                assert found is not None, f"{name} is {value}"
                demanded.add(found[1])
            for password in re.findall(r"://[^:/@]+:(.+)@", str(value)):
                found = re.fullmatch(r"\$\{(\w+):\?set \1 in \.env\}", password)
                assert found is not None, f"{name} holds a password"
                demanded.add(found[1])
    assert demanded == SECRETS
    assert assignments(ROOT / ".env.example") == dict.fromkeys(SECRETS, "")


def test_every_variable_of_the_file_is_explained_in_the_example() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE.read_text(encoding="utf-8"))) - {"HINDSIGHT_VERSION"}
    explained = set(
        re.findall(r"^(?:# )?(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert used == explained


def test_the_image_is_built_on_the_airflow_that_the_tests_run_on(written: dict[str, Any]) -> None:
    pinned = re.search(
        r"^apache-airflow==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert pinned is not None
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG AIRFLOW_VERSION={pinned[1]}\n" in dockerfile
    assert "FROM apache/airflow:${AIRFLOW_VERSION}\n" in dockerfile
    assert '"apache-airflow==${AIRFLOW_VERSION}"' in dockerfile
    assert written["x-airflow"]["build"]["args"] == {"AIRFLOW_VERSION": pinned[1]}


def test_the_image_copies_only_what_the_context_lets_through() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {
        word for line in re.findall(r"^COPY \S+ (.+)", dockerfile, re.MULTILINE) for word in line.split()[:-1]
    }
    let_through = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


@pytest.fixture
def psql(postgres: EmbeddedPostgres) -> Iterator[dict[str, str]]:
    """An environment in which `psql` talks to the tests' server, with nothing of ours before or after."""

    def clear() -> None:
        with psycopg.connect(postgres.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            for name in ("airflow", "hindsight"):
                postgres.drop_database(name)
                connection.execute(f"drop role if exists {name}")

    where = make_url(postgres.url("postgres"))
    clear()
    yield {
        "PATH": f"{postgres.programs}:{os.environ['PATH']}",
        "PGHOST": str(where.query["host"]),
        "PGPORT": str(where.port),
        "PGUSER": str(where.username),
    }
    clear()


def test_the_databases_are_created_and_a_second_start_only_sets_the_passwords(
    config: dict[str, Any], postgres: EmbeddedPostgres, psql: dict[str, str]
) -> None:
    service = config["services"]["databases"]
    secrets = {
        name: service["environment"][name] for name in ("AIRFLOW_DB_PASSWORD", "HINDSIGHT_DB_PASSWORD")
    }

    def start(**changed: str) -> str:
        command = [*service["entrypoint"], *service["command"]]
        subprocess.run(command, env={**psql, **secrets, **changed}, check=True)
        with psycopg.connect(postgres.url("hindsight").replace("+psycopg", "")) as connection:
            row = connection.execute(
                """
                select string_agg(datname || ' of ' || owner.rolname, ', ' order by datname),
                    min(own.rolpassword)
                from pg_database join pg_authid owner on owner.oid = datdba
                join pg_authid own on own.rolname = 'hindsight'
                where datname in ('airflow', 'hindsight')
                """
            ).fetchone()
        assert row is not None
        assert row[0] == "airflow of airflow, hindsight of hindsight"
        return str(row[1])

    first = start()
    assert first.startswith("SCRAM-SHA-256$")
    assert start(HINDSIGHT_DB_PASSWORD="it's 'new'") != first


def test_the_commands_that_init_runs_exist(config: dict[str, Any]) -> None:
    script = config["services"]["airflow-init"]["command"][-1]
    subprocess.run(["bash", "-n", "-c", script], check=True)
    (command,) = re.findall(r"^hindsight (.+)$", script, re.MULTILINE)
    program = [sys.executable, "-c", "from hindsight.cli import main; main()"]
    subprocess.run([*program, *command.split(), "--help"], check=True, capture_output=True)
