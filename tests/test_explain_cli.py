"""The command that explains a breach."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from commands import project, refused, said
from hindsight.cli_explain import table
from hindsight.embedded import EmbeddedPostgres
from hindsight.explanation.parts import Part, Split


@pytest.fixture(scope="module")
def root(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose monitor has run for twenty days; its rule on recall breaches by any standard."""
    url = postgres.ensure_database("explain")
    with project(tmp_path_factory.mktemp("project"), url) as root:
        said("store", "upgrade")
        said("run", "churn", "--start", "2024-03-01", "--end", "2024-03-20")
        yield root
    postgres.drop_database("explain")


def test_the_latest_breach_is_lines_and_tables(root: Path) -> None:
    text = said("explain", "churn")
    labels = [line.partition(":")[0] for line in text.splitlines() if ": " in line]
    assert labels[0] == "Breach"
    assert {"Against", "Likely action", "Likely where", "What changed"} <= set(labels)
    assert "recall of " in text
    assert "7d to Sun 17 Mar 2024, at 3d [threshold:recall:7d@3d]" in text
    assert "the reference, 2024-03-01 to 2024-03-07" in text
    assert "retrain: " in text


def test_a_given_day_and_detector_are_one_json_object(root: Path) -> None:
    told = json.loads(said("explain", "churn", "--day", "2024-03-16", "--json"))
    assert (told["monitor"], told["last"], told["window"], told["horizon"]) == (
        "churn",
        "2024-03-16",
        "7d",
        "3d",
    )
    assert told["advice"]["retrain"] in ("advised", "not advised")
    assert told["against"].startswith("the reference")
    named = json.loads(said("explain", "churn", "--detector", told["detector"], "--json"))
    assert named["detector"] == told["detector"]
    assert named["last"] == "2024-03-17"


def test_what_there_is_not_is_refused(root: Path) -> None:
    assert "holds no judgement of 'churn' of a window that ends on 2030-01-01" in refused(
        "explain", "churn", "--day", "2030-01-01"
    )
    assert "'churn' has no detector 'nothing'; it has " in refused(
        "explain", "churn", "--detector", "nothing"
    )


def test_a_column_is_a_table_that_says_whether_it_adds_up_and_takes_names_as_text() -> None:
    wild = Part("c=[red]x", -0.05, 0.01, -0.01, 0.004, -0.04, 0.01, 0.2, 0.3, 0.6, None, -0.03, 1e-5, True)
    rest = replace(wild, segment="", total=-0.01, error=None, stands_out=False)
    console = Console(width=200, record=True, file=StringIO())
    for found in (
        Split("c", -0.06, True, (wild,), rest),
        Split("c", -0.06, False, (replace(wild, mix=None),)),
    ):
        console.print(table("[bold]recall", found))
    text = console.export_text()
    assert "[bold]recall by c: -0.0600 in all, parts add up to the change" in text
    assert "left out one by one: parts do not add up" in text
    assert "c=[red]x" in text
    assert "(the rest)" in text
    assert "-0.050 ± 0.010" in text
    assert "20 % to 30 %" in text
    assert "0.600 to -" in text
