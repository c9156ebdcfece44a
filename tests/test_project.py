"""What the project says of itself: its targets, its pins, its documents."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import hindsight

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def pins() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def tracked() -> list[Path]:
    """Every file that git keeps, or would keep."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def test_make_without_a_target_lists_them_all() -> None:
    done = make()
    assert done.returncode == 0
    assert set(re.findall(r"^  make ([\w-]+) +\S", done.stdout, re.MULTILINE)) == TARGETS
    assert {"help", "install", "demo", "test", "lint", "bench", "lock", "clean"} <= TARGETS
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert set(phony.split()) == TARGETS


def test_without_a_suitable_python_install_says_what_to_do(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    done = make("--directory", str(tmp_path), "install", "PYTHON=python-of-2001 false")
    assert done.returncode != 0
    assert "Hindsight needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert "make install PYTHON=/path/to/python3.12" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_documents_name_only_targets_that_exist() -> None:
    named = {
        (document.name, target)
        for document in documents()
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert [(document, target) for document, target in sorted(named) if target not in TARGETS] == []
    assert ("README.md", "demo") in named


def test_the_documents_link_only_to_files_that_exist() -> None:
    missing = [
        f"{document.relative_to(ROOT)} -> {target}"
        for document in documents()
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert missing == []


def test_every_requirement_is_pinned_to_one_version_per_python() -> None:
    for python in ("3.11", "3.12", "3.13"):
        environment = {
            "python_version": python,
            "python_full_version": f"{python}.0",
            "sys_platform": "linux",
        }
        chosen = [pin for pin in pins() if pin.marker is None or pin.marker.evaluate(environment)]
        assert all([clause.operator for clause in pin.specifier] == ["=="] for pin in chosen)
        names = [pin.name for pin in chosen]
        assert len(names) == len(set(names))


def test_the_pins_are_what_the_project_asks_for() -> None:
    extras = PROJECT["optional-dependencies"]
    asked = [
        Requirement(text)
        for text in [*PROJECT["dependencies"], *extras["embedded"], *extras["demo"], *extras["dev"]]
    ]
    pinned: dict[str, list[Version]] = {}
    for pin in pins():
        (clause,) = pin.specifier
        pinned.setdefault(re.sub(r"[-_.]+", "-", pin.name).lower(), []).append(Version(clause.version))
    for requirement in asked:
        if requirement.name != PROJECT["name"]:
            versions = pinned[re.sub(r"[-_.]+", "-", requirement.name).lower()]
            assert all(version in requirement.specifier for version in versions), requirement


def test_the_version_is_the_same_wherever_it_is_written() -> None:
    assert hindsight.__version__ == PROJECT["version"]
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert f"image: hindsight:${{HINDSIGHT_VERSION:-{PROJECT['version']}}}" in compose


def test_the_changelog_has_a_place_for_the_next_change() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert set(re.findall(r"^### (.+)$", changelog, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    patterns = {
        # In two pieces, for this file is read as well.
        "a home folder": r"/(?:home|Users)/[a-z]\w*/|/ro" + r"ot/\w",
        "a package index": r"--(?:extra-)?index" + r"-url|--find" + r"-links|files\.python" + r"hosted\.org",
    }
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or data
        for what, pattern in patterns.items():
            if match := re.search(pattern, text):
                found.append(f"{path.relative_to(ROOT)} holds {what}: {match[0]}")
    assert found == []


def test_ci_runs_what_a_developer_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    text = script.read_text(encoding="utf-8")
    assert text.splitlines()[-2:] == ["make lint", "make test"]
    assert "set -euo pipefail" in text
