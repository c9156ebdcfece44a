"""The guide to detectors: it names every kind there is, and what it shows can be loaded."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from commands import CHURN
from hindsight import config
from hindsight.detectors import DETECTORS
from hindsight.metrics.base import MOVED_BY_THE_WORLD, Family
from hindsight.pipeline.trial import Tally

PAGE = (Path(__file__).parents[2] / "docs" / "detectors.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
HEAD = CHURN.partition("detectors:")[0].replace("[1d, 3d]", "[1d, 7d, 30d]")
HEAD = HEAD.replace("[recall, roc_auc, brier]", "[recall, roc_auc, brier, brier_skill, accuracy]")


def test_every_kind_is_named() -> None:
    assert [kind for kind in DETECTORS if f"`{kind}`" not in PAGE] == []


@pytest.mark.parametrize("block", BLOCKS)
def test_what_it_shows_is_a_valid_monitor(tmp_path: Path, block: str) -> None:
    path = tmp_path / "churn.yaml"
    path.write_text(HEAD + block, encoding="utf-8")
    spec = config.load(path)
    assert len(spec.detectors) == block.count("type:")


def test_the_blocks_are_found() -> None:
    assert len(BLOCKS) >= 3


def test_every_family_and_every_count_of_a_replay_is_explained() -> None:
    named = {family for family in Family if family is not Family.NONE}
    assert [family for family in named if f"*{family}*" not in PAGE] == []
    assert all(family.value.capitalize() in PAGE or family.value in PAGE for family in MOVED_BY_THE_WORLD)
    assert [field.name for field in fields(Tally) if f"`{field.name}`" not in PAGE] == []
