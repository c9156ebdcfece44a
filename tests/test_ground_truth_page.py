"""The monitors that the page of uses shows are monitors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hindsight import config

PAGE = Path(__file__).parents[1] / "docs" / "ground_truth.md"
BLOCKS = {
    block.partition("\n")[0].removeprefix("monitor: "): block
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
}


def test_the_page_of_uses_shows_a_monitor_for_each() -> None:
    names = {"card_fraud", "search_ranking", "toxic_comments", "sepsis_risk", "home_feed_purchases"}
    assert set(BLOCKS) == names


@pytest.mark.parametrize("name", BLOCKS)
def test_a_monitor_of_the_documentation_loads(tmp_path: Path, name: str) -> None:
    file = tmp_path / "monitor.yaml"
    file.write_text(BLOCKS[name])
    assert config.load(file).monitor == name
