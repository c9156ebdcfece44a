"""docs/incidents.md names what there is: every state, resolution, key of the file and command."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML

from episodes import CRITICAL, ZONE, story
from hindsight.cli import app
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import IncidentClass, IncidentState, Resolution
from hindsight.incidents import Change, replay

PAGE = (Path(__file__).parents[1] / "docs" / "incidents.md").read_text(encoding="utf-8")


def test_the_file_that_it_shows_has_every_key_with_a_comment() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    shown = YAML(typ="safe").load(block)["incidents"]
    assert list(shown) == [field.name for field in fields(IncidentRule)]
    assert all("#" in line for line in block.splitlines()[1:])


def test_the_defaults_that_it_names_are_those() -> None:
    rule = IncidentRule()
    assert f"after `remind_critical` ({rule.remind_critical.days} day)" in PAGE
    for key, days in (("remind", rule.remind), ("reopen", rule.reopen), ("acknowledge", rule.acknowledge)):
        assert f"`{key}` ({days.days} days)" in PAGE
    assert f"`recovery` times in a row ({rule.recovery}, if you say nothing)" in PAGE
    assert f"The default is {rule.confirm}" in PAGE


def rows(heading: str) -> list[str]:
    """What the first column of a table says that has this heading."""
    found = re.search(rf"^\| {heading} \|.*\n\|[-| ]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found, heading
    return re.findall(r"`([a-z_]+)`", "\n".join(line.split("|")[1] for line in found[1].splitlines()))


@pytest.mark.parametrize(
    "heading, names",
    [("class", IncidentClass), ("state", IncidentState), ("resolution", Resolution)],
)
def test_its_tables_are_whole(heading: str, names: type[IncidentClass]) -> None:
    assert sorted(rows(heading)) == sorted(names)


def test_the_commands_and_options_that_it_names_exist() -> None:
    command = typer.main.get_command(app)
    known = command.commands  # type: ignore[attr-defined]
    lines = [
        line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
    ]
    named = [line.split("#")[0].split() for line in lines]
    assert {words[1] for words in named} == {
        *("incidents", "acknowledge", "resolve", "silence", "silences", "unsilence")
    }
    for words in named:
        options = {option for each in known[words[1]].params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= options
    assert "--pending" in {option for each in known["incidents"].params for option in each.opts}


def test_a_critical_incident_is_brought_up_on_the_days_that_it_names() -> None:
    (named,) = re.findall(r"is heard of on days ([\d, ]+) \.\.\.", PAGE)
    history = replay(story("B" * 30, severity=CRITICAL), (), ZONE)
    first = history.transitions[0].day
    assert [(t.day - first).days for t in history.transitions] == [int(day) for day in named.split(",")]


def test_a_rule_that_breaches_every_third_day_is_told_as_it_says() -> None:
    assert "A rule that breaches every third day for sixty days is told\nwhen it opens" in PAGE
    history = replay(story("BCC" * 20), (), ZONE)
    told = [t.change for t in history.transitions if t.change is not Change.REMINDED]
    assert told == [Change.OPENED, Change.RESOLVED, Change.REOPENED]
