"""What `hindsight validate` says of a monitor's false alarms, without a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from commands import CHURN, command, project, said
from hindsight import config
from hindsight.cli_budget import MONTH, per_month, solved_bounds, verdict
from hindsight.detectors.budget import expected, within
from hindsight.detectors.threshold import Threshold
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Budget, Horizon, Span

PLAIN = "{type: threshold, metric: recall, min: 0.99, window: 7d, at: 3d, evidence: 0}"
SURE = "{type: threshold, metric: recall, min: 0.5, window: 7d, at: 3d}"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A project whose store nobody can reach: to validate asks no database."""
    with project(tmp_path, "postgresql://nobody@127.0.0.1:1/nowhere") as found:
        yield found


def validated(root: Path, text: str) -> str:
    (root / "monitors" / "churn.yaml").write_text(text, encoding="utf-8")
    return said("validate")


def loaded(folder: Path, text: str) -> MonitorSpec:
    path = folder / "loaded.yaml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def test_each_rule_stands_with_its_false_alarms_and_the_sum_below(root: Path) -> None:
    text = validated(root, CHURN.replace(PLAIN, SURE))
    spec = config.load(root / "monitors" / "churn.yaml")
    rates = [detector.false_breaches() for detector in spec.detectors]
    assert None not in rates
    for detector, rate in zip(spec.detectors, rates, strict=True):
        row = next(line for line in text.splitlines() if detector.name in line)
        assert per_month(rate) in row
    total = sum(rate for rate in rates if rate is not None) * MONTH
    assert text.splitlines()[-1] == f"churn: <= {total:.2g} false alarms in 30 days and version."


def test_a_rule_that_takes_points_as_they_are_is_named_as_one_of_which_nothing_is_known(root: Path) -> None:
    text = validated(root, CHURN)
    row = next(line for line in text.splitlines() if "threshold:recall" in line)
    assert "not known" in row
    assert text.splitlines()[-1].endswith("; nothing is known of 1 rule (threshold:recall:7d@3d).")


def test_a_budget_shows_the_bounds_that_it_solved(root: Path) -> None:
    text = validated(root, CHURN.replace(PLAIN, SURE) + "budget: 1 per 90d\n")
    assert "bounds for 1 per 90d" in text
    found = dict(re.findall(r"(threshold:\w+:7d@3d).*evidence 0\.95 -> (0\.\d+)", text))
    spec = config.load(root / "monitors" / "churn.yaml")
    solved = within(spec.detectors, spec.budget)
    assert found == {d.name: f"{d.evidence:.6g}" for d in solved}
    assert all(float(evidence) > 0.95 for evidence in found.values())
    assert text.splitlines()[-1].endswith(", within its budget of 1 per 90d.")
    assert expected(solved)[0] <= 1 / 90 * (1 + 1e-6)


def test_a_budget_that_some_rules_know_nothing_of_is_not_said_to_be_kept(tmp_path: Path) -> None:
    """It once was "within its budget" while most of the rules had no bound."""
    some = verdict(loaded(tmp_path, CHURN + "budget: 1 per 90d\n"))
    assert " by the 1 rule that can say, within the budget of 1 per 90d as far as these go; " in some
    assert "nothing is known of 1 rule (threshold:recall:7d@3d)" in some
    head = CHURN.partition("detectors:")[0]
    none = verdict(loaded(tmp_path, f"{head}detectors:\n  - {PLAIN}\nbudget: 1 per 90d\n"))
    said = "no rule says how often it is wrong, so the budget of 1 per 90d is without effect."
    assert none == f"churn: {said}"


def test_a_tighter_budget_asks_for_more_evidence(tmp_path: Path) -> None:
    text = CHURN.replace(PLAIN, SURE)
    evidence = []
    for budget in ("9 per 9d", "1 per 90d", "1 per 900d"):
        spec = loaded(tmp_path, text + f"budget: {budget}\n")
        evidence.append([detector.evidence for detector in within(spec.detectors, spec.budget)])
    assert evidence[0] == [0.95, 0.95], "a budget allows no more than the file does"
    assert all(one < more for one, more in zip(evidence[1], evidence[2], strict=True))


def test_without_a_budget_nothing_is_solved(root: Path) -> None:
    assert "bounds for" not in validated(root, CHURN)


def test_a_monitor_without_rules_says_so(root: Path) -> None:
    head = CHURN.partition("detectors:")[0]
    text = validated(root, head + "detectors: []\n")
    assert text.splitlines()[-1] == "churn has no rules: it keeps figures and raises nothing."
    assert "rule " not in text.splitlines()[1]


def test_a_file_without_detectors_is_told_its_default_rules(root: Path) -> None:
    text = validated(root, CHURN.partition("detectors:")[0])
    assert "cusum:recall:1d@3d" in text
    assert "missing:volume:1d@0d" in text


def test_a_wrong_budget_is_a_sentence(root: Path) -> None:
    (root / "monitors" / "churn.yaml").write_text(CHURN + "budget: seldom\n", encoding="utf-8")
    result = command("validate")
    assert result.exit_code == 2
    must = "budget must be a number of false alarms in so many days, such as '1 per 90d', but is 'seldom'"
    assert must in result.stderr


@pytest.mark.parametrize(
    "a_day, words",
    [(None, "not known"), (0.0, "<= 0"), (1e-9, "< 0.001"), (1 / 90, "<= 0.33"), (0.5, "<= 15")],
)
def test_rates_are_written_for_a_month(a_day: float | None, words: str) -> None:
    assert per_month(a_day) == words


def test_bounds_that_did_not_move_are_as_written() -> None:
    rule = Threshold(metric="recall", min=0.5, window=Span(28), at=Horizon(7), evidence=0.0)
    assert solved_bounds(rule, rule) == "as written"
    (kept,) = within((rule,), Budget(1, 90))
    assert kept == rule, "a plain rule has no bound to solve"


class Stubborn(Threshold):
    """A rule whose bounds cannot be solved."""

    def allowing(self, a_day: float) -> Stubborn:
        return self


def test_a_budget_that_cannot_be_kept_is_not_called_kept(tmp_path: Path) -> None:
    rule = Stubborn(metric="recall", min=0.5, window=Span(7), at=Horizon(3), evidence=0.5)
    spec = replace(loaded(tmp_path, CHURN), detectors=(rule,), budget=Budget(1, 900))
    assert verdict(spec).endswith(", more than its budget of 1 per 900d.")
    assert "budget" not in verdict(replace(spec, budget=None))
