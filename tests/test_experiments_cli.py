"""The command that says where experiments stand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import CHURN, project, refused, said
from hindsight.embedded import EmbeddedPostgres

EXPERIMENTS = """\
  - type: compare
    name: rollout
    metric: brier
    control: v1
    treatment: "=v2"
    start: 2024-03-08
    end: 2024-03-21
    at: 3d
    minimum: 40
    also: [roc_auc]
    guardrails: {recall: 0.2}
  - {type: compare, name: typo, metric: brier, control: v1, treatment: v9, at: 3d,
     start: 2024-03-08, end: 2024-03-21}
  - {type: compare, name: later, metric: brier, control: v1, treatment: v2, at: 3d,
     start: 2024-05-01, end: 2024-05-02}
notify:
"""


@pytest.fixture(scope="module")
def root(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with three experiments, of which one is under way, run for twenty days."""
    url = postgres.ensure_database("experiments")
    with project(tmp_path_factory.mktemp("project"), url) as root:
        (root / "monitors" / "churn.yaml").write_text(
            CHURN.replace("notify:\n", EXPERIMENTS), encoding="utf-8"
        )
        said("store", "upgrade")
        said("run", "churn", "--start", "2024-03-01", "--end", "2024-03-20")
        yield root
    postgres.drop_database("experiments")


def test_where_experiments_stand_is_sentences_and_a_table(root: Path) -> None:
    text = said("compare", "churn")
    assert "rollout: brier of =v2 against v1 from 2024-03-08 to 2024-03-21 at 3d, from 40 rows a side" in text
    assert "CONTINUE as of Sun 17 Mar 2024, labels 3d old." in text
    assert "That decides nothing, and does not say that the arms are equal" in text
    assert "to v1 and " in text
    assert " of all, where 50 % were meant to." in text
    assert "An effect of 5% is found with a chance of " in text
    assert "guardrail 0.2: open" in text
    for column in ("metric", "role", "surely", "control", "treatment", "interval", "p_one_look"):
        assert column in text
    assert "the arm 'v9' has no prediction of version 'v9' from 2024-03-08 to 2024-03-17" in text
    assert "No day of it is judged yet: the first is 2024-05-01, 3d later." in text
    assert "The file has changed" not in text


def test_it_is_json_with_all_that_is_known(root: Path) -> None:
    rollout, typo, later = json.loads(said("compare", "churn", "--json"))
    assert (rollout["detector"], rollout["day"], rollout["recommendation"]) == (
        "rollout",
        "2024-03-17",
        "continue",
    )
    assert rollout["verdict"] == "CLEAR"
    assert rollout["treatment"]["name"] == "=v2"
    assert rollout["outdated"] is False
    assert [each["metric"] for each in rollout["guardrails"]] == ["recall"]
    assert typo["verdict"] == "INSUFFICIENT"
    assert (later["day"], later["recommendation"]) == (None, None)


def test_as_it_stood_on_a_day(root: Path) -> None:
    then = json.loads(said("compare", "churn", "--end", "2024-03-12", "--json"))[0]
    assert (then["day"], then["days"]) == ("2024-03-12", 5)
    before = json.loads(said("compare", "churn", "--end", "2024-03-07", "--json"))[0]
    assert before["day"] is None


def test_an_edited_file_is_told(root: Path) -> None:
    path = root / "monitors" / "churn.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("minimum: 40", "minimum: 45"), encoding="utf-8")
    assert "The file has changed since: `hindsight run MONITOR --stale` judges anew." in said(
        "compare", "churn"
    )
    path.write_text(text, encoding="utf-8")


def test_what_another_detector_of_the_name_said_is_no_standing(root: Path) -> None:
    path = root / "monitors" / "churn.yaml"
    text = path.read_text(encoding="utf-8")
    threshold = "  - {type: threshold, name: rollout, metric: brier, at: 3d, max: 0.9}\nnotify:\n"
    try:
        path.write_text(CHURN.replace("notify:\n", threshold), encoding="utf-8")
        said("run", "churn", "--stale")
        path.write_text(text, encoding="utf-8")
        told = said("compare", "churn")
        assert (
            "Not judged yet, for the file has changed: `hindsight run MONITOR --stale` judges anew." in told
        )
        rollout = json.loads(said("compare", "churn", "--json"))[0]
        assert (rollout["outdated"], rollout["recommendation"]) == (True, None)
    finally:
        path.write_text(text, encoding="utf-8")
        said("run", "churn", "--stale")


def test_a_monitor_that_compares_nothing_says_how(root: Path) -> None:
    plain = root / "monitors" / "plain.yaml"
    plain.write_text(CHURN.replace("monitor: churn", "monitor: plain"), encoding="utf-8")
    assert "plain compares nothing: add a detector of `type: compare` to its file" in refused(
        "compare", "plain"
    )
    plain.unlink()


def test_a_day_that_is_none_is_refused(root: Path) -> None:
    assert "yesterday" in refused("compare", "churn", "--end", "yesterday")
