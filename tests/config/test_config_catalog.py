"""The page of keys is what the types say."""

from __future__ import annotations

from pathlib import Path

from hindsight.config import catalog
from hindsight.metrics import METRICS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "monitors.md"


def test_the_page_of_keys_is_true() -> None:
    assert PAGE.read_text(encoding="utf-8") == catalog.page(), (
        "run `hindsight schema --markdown > docs/monitors.md`"
    )


def test_the_page_names_every_metric_and_every_top_level_key() -> None:
    text = catalog.page()
    for name in (
        *METRICS,
        "monitor",
        "predictions",
        "ground_truth",
        "maturity",
        "detectors",
        "notify",
        "on_conflict",
    ):
        assert f"`{name}`" in text
