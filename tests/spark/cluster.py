"""A small Spark cluster of this machine: a driver, two worker processes, and the Thrift server before them.

Everything is started as its own process group in a folder of its own, and stopped with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark
import pytest

WORKERS = "local-cluster[2,1,1500]"
"""Two workers with a core and 1,500 MB each, in processes of their own."""

SERVER = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
PATIENCE = 300.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def java() -> Path:
    """The `java` that Spark will run; skipping would hide that nothing was tested."""
    home = os.environ.get("JAVA_HOME")
    found = Path(home) / "bin" / "java" if home else Path(shutil.which("java") or "")
    if not found.is_file():
        pytest.fail("Spark needs Java 17 or later: install it, or set JAVA_HOME.")
    return found


@contextmanager
def cluster(folder: Path) -> Iterator[int]:
    """A Thrift server on a port of 127.0.0.1, with the cluster behind it."""
    java()
    port = free_port()
    spark = home_in(folder)
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "1500m",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "scratch"),
    }
    command = [
        *(str(spark / "bin" / "spark-submit"), "--master", WORKERS, "--driver-memory", "1g"),
        *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        *("--class", SERVER),
        *("--hiveconf", f"hive.server2.thrift.port={port}"),
        *("--hiveconf", "hive.server2.thrift.bind.host=127.0.0.1"),
        "spark-internal",
    ]
    environment = os.environ | {
        "SPARK_HOME": str(spark),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    log = folder / "spark.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=told, stderr=told, start_new_session=True
        )
    try:
        wait(process, port, log)
        yield port
    finally:
        stop(process)


def home_in(folder: Path) -> Path:
    """A folder that looks like the installed Spark: workers write their logs below the one they run from."""
    home = folder / "home"
    home.mkdir()
    for part in Path(pyspark.__file__).parent.iterdir():
        (home / part.name).symlink_to(part)
    return home


def logs_of_workers(folder: Path) -> list[str]:
    """What each worker process wrote."""
    return [log.read_text(encoding="utf-8") for log in (folder / "home" / "work").glob("*/*/stderr")]


def wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return as soon as the server takes connections."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as knock:
            knock.settimeout(1)
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
    raise RuntimeError(f"Spark's Thrift server did not start within {PATIENCE:.0f} s:\n{tail}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the driver, which ends its workers, and whatever is left of the group."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, ending)
            process.wait(timeout=30)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def alive(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
