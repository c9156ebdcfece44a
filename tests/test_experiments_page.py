"""The page of experiments: its monitors are monitors, and its sizes those that are computed."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from hindsight import config
from hindsight.detectors.base import BaseDetector
from hindsight.detectors.compare import Compare
from hindsight.detectors.methods.power import rows_needed

PAGE = (Path(__file__).parents[1] / "docs" / "experiments.md").read_text(encoding="utf-8")
BLOCKS = {
    block.partition("\n")[0].removeprefix("monitor: "): block
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
}
TICKED = re.compile(r"`([a-z_]+)`")
LIFTS = (0.02, 0.05, 0.10, 0.20)


@pytest.mark.parametrize("name", ["ranking_test", "flight_canary", "shadow"])
def test_an_experiment_of_the_documentation_loads(tmp_path: Path, name: str) -> None:
    file = tmp_path / "monitor.yaml"
    file.write_text(BLOCKS[name])
    spec = config.load(file)
    assert spec.monitor == name
    assert all(isinstance(detector, Compare) for detector in spec.detectors)


@pytest.mark.parametrize("share", [0.02, 0.10, 0.30, 0.80])
def test_the_sizes_are_those_that_are_computed(share: float) -> None:
    sizes = [
        rf"{rows_needed(share, lift, looks='one'):,} \| {rows_needed(share, lift, looks='daily'):,}"
        for lift in LIFTS
    ]
    assert f"| {share:.2f} | {' | '.join(sizes)} |" in PAGE


def test_every_option_is_told() -> None:
    own = {each.name for each in fields(Compare)} - {each.name for each in fields(BaseDetector)}
    words = PAGE.partition("## What each word means")[2].partition("\n## ")[0]
    keys = {
        key
        for line in words.splitlines()
        if line.startswith("|")
        for key in TICKED.findall(line.split("|")[1])
    }
    assert own - keys == set()
