"""A second project adds a notifier by following docs/extend.md to the letter: one file and one line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from receivers import slack_like

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")

MONITOR = """\
monitor: flights
owner: team
task: binary_classification
predictions: {files: p.parquet, columns: {id: id, time: at, score: p}}
ground_truth: {files: l.parquet, columns: {id: id, actual: y, time: known}}
maturity: {horizons: [7d]}
reference: {recall: 0.6}
metrics: [recall]
detectors: [{type: threshold, metric: recall, relative: -0.1, window: 7d, at: 7d}]
notify:
  - {type: ntfy, connection: phones, topic: ml, min_severity: critical}
"""

SENDS = """\
import json, sys
from pathlib import Path
from hindsight.config import load
from hindsight.errors import DeliveryError
from hindsight.message import from_json
from hindsight.notifiers import ConnectionInfo, Parcel, channels
from letters import opened

(key, notifier), = channels(load(Path("flights.yaml")).notify).items()
info = ConnectionInfo(host=sys.argv[1], password="verysecret")
sent = notifier.send(Parcel(opened(), "key-1", loud=True), lambda name: info)
try:
    notifier.send(Parcel(opened(), "key-1"), lambda name: ConnectionInfo(host="http://127.0.0.1:9"))
except DeliveryError as error:
    print(json.dumps([key, sent.provider_id, str(error)]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the notifier added as the page says."""
    section = PAGE[PAGE.index("## A notifier") : PAGE.index("## A database")]
    path = re.search(r"Write `(include/\S+\.py)`", section)
    assert path is not None
    code, registration = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    imported, line = registration.split("\n\n")
    folder = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "include" / "hindsight", folder / "include" / "hindsight", ignore=ignored)
    assert not (folder / path[1]).exists(), "the page must show something that is not there yet"
    (folder / path[1]).write_text(code, encoding="utf-8")
    registry = folder / "include" / "hindsight" / "notifiers" / "__init__.py"
    text = registry.read_text(encoding="utf-8")
    first, entry = "from hindsight.notifiers.pagerduty import PagerDuty\n", '    "log": Log,\n'
    assert text.count(first) == text.count(entry) == 1
    text = text.replace(first, imported + "\n" + first).replace(entry, line + entry)
    registry.write_text(text, encoding="utf-8")
    (folder / "flights.yaml").write_text(MONITOR, encoding="utf-8")
    return folder


def python(project: Path, *arguments: str) -> str:
    """What a fresh process of the project prints; it must end well."""
    clean = {name: os.environ[name] for name in os.environ if not name.startswith(("HINDSIGHT", "PYTEST"))}
    places = {"PYTHONPATH": f"include{os.pathsep}{ROOT / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(
        command, cwd=project, env=clean | places, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_page_of_keys_knows_it(project: Path) -> None:
    page = python(project, "-m", "hindsight", "schema", "--markdown")
    assert "## Ntfy (`type: ntfy`)" in page
    assert "| `topic` | required | `topic` is a path below it. |" in page


def test_a_monitor_names_it_and_its_message_arrives(project: Path) -> None:
    with slack_like() as receiver:
        key, name, error = json.loads(python(project, "-c", SENDS, receiver.address))
    ((path, headers, body),) = receiver.requests
    assert (path, headers["Authorization"], headers["X-Priority"]) == ("/ml", "Bearer verysecret", "4")
    assert body["raw"].decode().startswith("[CRITICAL] flight_delay: recall of v1 is 0.412")
    assert key.startswith("ntfy:")
    assert name is None
    assert error == "ntfy (connection 'phones') could not be reached (ConnectError); nothing was sent."
