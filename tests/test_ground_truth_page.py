"""The monitors shown in the documentation are monitors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hindsight import config

PAGES = Path(__file__).parents[1] / "docs"
BLOCKS = {
    block.partition("\n")[0].removeprefix("monitor: "): block
    for page in sorted(PAGES.glob("*.md"))
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    if block.startswith("monitor:")
}


def test_the_page_of_uses_shows_a_monitor_for_each() -> None:
    assert {
        "card_fraud",
        "search_ranking",
        "toxic_comments",
        "sepsis_risk",
        "home_feed_purchases",
    } <= set(BLOCKS)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_monitor_of_the_documentation_loads(tmp_path: Path, name: str) -> None:
    file = tmp_path / "monitor.yaml"
    file.write_text(BLOCKS[name])
    assert config.load(file).monitor == name
