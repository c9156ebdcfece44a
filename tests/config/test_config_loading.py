"""A monitor's file: what it becomes, and every sentence that refuses one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from datetime import date, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import ValidationError
from ruamel.yaml import YAML

from hindsight.config import find, json_schema, load, load_all
from hindsight.config.findings import findings
from hindsight.config.grammar import Grammar
from hindsight.config.reading import read
from hindsight.detectors import DETECTORS, BaseDetector, Finding, Series
from hindsight.detectors.threshold import Threshold
from hindsight.domain.spec import Reference
from hindsight.domain.values import Budget, Horizon, OnConflict, Severity, Span, Task, Verdict
from hindsight.errors import ConfigError
from hindsight.notifiers import Log

MONITORS = Path(__file__).parents[2] / "include" / "monitors"

GOOD = """\
monitor: churn
owner: team
task: binary_classification
timezone: Europe/Berlin
predictions:
  connection: db
  table: ml.predictions
  columns: {id: id, time: at, score: p}
ground_truth:
  connection: db
  table: ml.labels
  columns: {id: id, actual: y, time: known_at}
segments: [country]
maturity: {horizons: [1d, 7d], min_coverage: 0.8, wait: 6h}
reference: {start: 2024-03-01, end: 2024-03-31}
metrics: [recall, f1]
detectors:
  - {type: threshold, metric: recall, relative: -0.1, window: 7d, at: 7d}
notify:
  - {type: log}
"""

Problems = Callable[..., list[str]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    """What is wrong with GOOD after replacements, each as `line:column: sentence`."""

    def told(*replacements: tuple[str, str]) -> list[str]:
        text = GOOD
        for old, new in replacements:
            assert text.count(old) >= 1, f"{old!r} is not in the document"
            text = text.replace(old, new, 1)
        path = tmp_path / "churn.yaml"
        path.write_text(text)
        try:
            load(path)
        except ConfigError as error:
            return [str(problem).removeprefix(f"{path}:") for problem in error.problems]
        return []

    return told


def test_a_good_file_becomes_a_frozen_typed_spec(tmp_path: Path) -> None:
    path = tmp_path / "churn.yaml"
    path.write_text(GOOD + 'schedule: "07:30"\nairflow: {retry_delay: 30m, max_active_runs: 2}\n')
    spec = load(path)
    assert spec.task is Task.BINARY
    assert spec.schedule == time(7, 30)
    assert spec.predictions.table == "ml.predictions"
    assert spec.predictions.columns.score == "p"
    assert spec.predictions.columns.version is None
    assert spec.ground_truth.on_conflict is OnConflict.LAST
    assert spec.maturity.horizons == (Horizon(1), Horizon(7))
    assert spec.maturity.wait == timedelta(hours=6)
    assert spec.reference == Reference(start=date(2024, 3, 1), end=date(2024, 3, 31))
    assert spec.detectors == (Threshold(metric="recall", relative=-0.1, window=Span(7), at=Horizon(7)),)
    assert spec.airflow.retry_delay == timedelta(minutes=30)
    assert len(spec.hash) == 12
    with pytest.raises(FrozenInstanceError):
        spec.monitor = "other"  # type: ignore[misc]


def sentences() -> list[Any]:
    """The table in `sentences.txt` as (old, new, expected)."""
    cases: list[tuple[str, str, list[str]]] = []
    for line in (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            cases[-1][2].append(line.strip())
        elif line and not line.startswith("#"):
            old, new = line.replace("⏎", "\n").replace("∅", "").split(" ==> ")
            cases.append((old, new, []))
    return [pytest.param(*case, id=f"{case[0]} ==> {case[1]}") for case in cases]


@pytest.mark.parametrize("old, new, expected", sentences())
def test_a_fault_is_told_as_a_sentence_at_its_place(
    problems: Problems, old: str, new: str, expected: list[str]
) -> None:
    assert problems((old, new)) == expected


def test_two_detectors_on_one_metric_live_side_by_side_under_names_of_their_own(problems: Problems) -> None:
    second = "  - {type: threshold, name: floor, metric: recall, min: 0.1, window: 7d, at: 7d}\nnotify:"
    assert problems(("notify:", second)) == []


def test_a_metric_that_rests_on_scores_needs_the_column(problems: Problems) -> None:
    assert problems(
        ("score: p", "prediction: p"), ("f1]", "roc_auc]"), ("window: 7d", "adjust: score_mix")
    ) == [
        "16:19: the metric 'roc_auc' needs predictions.columns.score: map it there",
        "18:5: score_mix rests on scores: map them in predictions.columns.score",
    ]


def test_score_mix_needs_the_days_of_a_reference(problems: Problems) -> None:
    fixed = ("start: 2024-03-01, end: 2024-03-31", "recall: 0.5")
    assert problems(fixed) == []
    assert problems(fixed, ("window: 7d", "adjust: score_mix")) == [
        "18:5: score_mix is learnt from the days of the reference: give it start and end, not values"
    ]


def test_metrics_of_bins_need_the_days_of_a_reference(problems: Problems) -> None:
    features = ("score: p}", "score: p}\n  features: [age]")
    assert problems(features, ("f1]", "psi, null_share, feature_mean(age)]")) == []
    fixed = ("start: 2024-03-01, end: 2024-03-31", "recall: 0.5")
    rests = "rests on bins, which are taken from days: give the reference start and end, not values"
    assert problems(features, ("f1]", "psi, null_share, feature_mean(age)]"), fixed) == [
        f"17:19: the metric 'psi' {rests}",
        f"17:36: the metric 'feature_mean(age)' {rests}",
    ]


def test_coverage_and_volume_can_be_judged_without_being_asked_for(problems: Problems) -> None:
    assert problems(("metric: recall, relative: -0.1", "metric: coverage, min: 0.5")) == []
    assert (
        problems(("metric: recall, relative: -0.1, window: 7d, at: 7d", "metric: volume, min: 5, at: 0d"))
        == []
    )


def test_every_problem_is_told_at_once_and_in_the_order_of_the_file(problems: Problems) -> None:
    found = problems(
        ("monitor: churn", "monitor: Churn"),
        ("owner: team", "onwer: team"),
        ("Europe/Berlin", "Europe/Berlim"),
        ("table: ml.predictions", "tabel: ml.predictions"),
        ("[country]", "[id]"),
        ("[1d, 7d]", "[1d, week, 200d]"),
        ("f1]", "recal, mae]"),
        ("type: threshold", "type: treshold"),
        ("{type: log}", "{type: log}\n  - {type: slack, channel: x}\nextra: !!python/name:os 1\nextra: 2"),
    )
    assert [line.split(": ", 1)[1][:45] for line in found] == [
        "the monitor needs the key 'owner'",
        "monitor must be a name that begins with a sma",
        "unknown key 'onwer' (did you mean 'owner'?)",
        "there is no time zone 'Europe/Berlim' (did yo",
        "unknown key 'tabel' in predictions (did you m",
        "the segment 'id' is the column of the id, whi",
        "maturity.horizons[1] must be a number of days",
        "a horizon may be 120d at most, but is 200d",
        "unknown metric 'recal' (did you mean 'recall'",
        "the metric 'mae' does not fit the task binary",
        "unknown detector 'treshold' (did you mean 'th",
        "notify[1] needs the key 'connection'",
        "unknown key 'extra': known are airflow, budge",
        "the tag 'tag:yaml.org,2002:python/name:os' is",
        "the key 'extra' is given twice, first on line",
    ]
    places = [tuple(map(int, line.split(":")[:2])) for line in found]
    assert places == sorted(places)


def test_an_empty_file_says_what_to_begin_with(tmp_path: Path) -> None:
    for content in ("", "# only a comment\n", "\n\n"):
        (tmp_path / "a.yaml").write_text(content)
        with pytest.raises(
            ConfigError, match=r"1:1: the file is empty: a monitor begins with its name, `monitor: ...`"
        ):
            load(tmp_path / "a.yaml")


@pytest.mark.parametrize("content, is_", [("[1]", "a list"), ("word", "'word'"), ("~", "empty")])
def test_a_file_that_holds_no_mapping_is_refused(tmp_path: Path, content: str, is_: str) -> None:
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(
        ConfigError, match=rf"1:1: the document must be a mapping of keys to values, but is {is_}$"
    ):
        load(tmp_path / "a.yaml")


class TestInheritance:
    """What `_defaults.yaml` gives to every monitor beside it."""

    def test_mappings_merge_key_by_key_and_lists_are_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "_defaults.yaml").write_text("maturity: {horizons: [2d], wait: 1h}\ntags: [a]\n")
        own = GOOD.replace("horizons: [1d, 7d], min_coverage: 0.8, wait: 6h", "horizons: [3d, 7d]")
        (tmp_path / "a.yaml").write_text(own)
        spec = load(tmp_path / "a.yaml")
        assert spec.maturity.horizons == (Horizon(3), Horizon(7))
        assert spec.maturity.wait == timedelta(hours=1)
        assert spec.tags == ("a",)

    def test_a_problem_of_an_inherited_key_points_into_the_defaults(self, tmp_path: Path) -> None:
        defaults = tmp_path / "_defaults.yaml"
        defaults.write_text("airflow:\n  retires: 3\nmaturity: {wait: soon}\n")
        (tmp_path / "a.yaml").write_text(GOOD.replace(", wait: 6h", "").replace("f1]", "recal]"))
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / "a.yaml")
        assert [str(problem) for problem in caught.value.problems] == [
            f"{tmp_path / 'a.yaml'}:16:19: unknown metric 'recal' (did you mean 'recall'?)",
            f"{defaults}:2:3: unknown key 'retires' in airflow (did you mean 'retries'?)",
            f"{defaults}:3:18: maturity.wait must be a duration such as '30m', '6h' or '1d', but is 'soon'",
        ]

    def test_what_a_monitor_overrides_is_no_problem(self, tmp_path: Path) -> None:
        (tmp_path / "_defaults.yaml").write_text("maturity: {wait: soon}\n")
        (tmp_path / "a.yaml").write_text(GOOD)
        assert load(tmp_path / "a.yaml").maturity.wait == timedelta(hours=6)

    def test_broken_defaults_are_told_together_with_the_monitors_own_faults(self, tmp_path: Path) -> None:
        (tmp_path / "_defaults.yaml").write_text("tags: [\n")
        (tmp_path / "a.yaml").write_text(GOOD.replace("f1]", "recal]"))
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / "a.yaml")
        own, inherited = caught.value.problems
        assert own.message == "unknown metric 'recal' (did you mean 'recall'?)"
        assert inherited.file.endswith("_defaults.yaml")
        assert inherited.message.startswith("this is not valid YAML")

    def test_defaults_may_be_empty_but_not_a_list(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(GOOD)
        (tmp_path / "_defaults.yaml").write_text("# nothing yet\n")
        assert load(tmp_path / "a.yaml").monitor == "churn"
        (tmp_path / "_defaults.yaml").write_text("- a\n")
        with pytest.raises(
            ConfigError, match=r"_defaults.yaml:1:1: _defaults.yaml must be a mapping of keys to values"
        ):
            load(tmp_path / "a.yaml")

    def test_defaults_can_be_named_and_must_then_exist(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(GOOD)
        (tmp_path / "team.yaml").write_text("tags: [team]\n")
        assert load(tmp_path / "a.yaml", defaults=tmp_path / "team.yaml").tags == ("team",)
        with pytest.raises(ConfigError, match="the file cannot be read: No such file or directory"):
            load(tmp_path / "a.yaml", defaults=tmp_path / "absent.yaml")


class TestFolder:
    """All monitors of a folder."""

    def test_a_broken_file_leaves_the_others_alone(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(GOOD)
        (tmp_path / "b.yaml").write_text("monitor: broken\n")
        (tmp_path / "_note.yaml").write_text("not: a monitor")
        (tmp_path / ".hidden.yaml").write_text("not: a monitor")
        (tmp_path / "c.yml").write_text("monitor: [")
        (tmp_path / "readme.md").write_text("")
        loaded = load_all(tmp_path)
        assert [(item.path.name, item.name, item.spec is None) for item in loaded] == [
            ("a.yaml", "churn", False),
            ("b.yaml", "broken", True),
            ("c.yml", "c", True),
        ]
        assert [item.error is None for item in loaded] == [True, False, False]

    def test_two_files_with_one_name_are_both_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(GOOD)
        (tmp_path / "b.yaml").write_text("# copied\n" + GOOD)
        first, second = load_all(tmp_path)
        assert first.spec is None
        assert second.spec is None
        said = "the monitor's name 'churn' is also that of {}: a name must be its own"
        assert str(first.error) == f"{tmp_path / 'a.yaml'}:1:10: {said.format('b.yaml')}"
        assert str(second.error) == f"{tmp_path / 'b.yaml'}:2:10: {said.format('a.yaml')}"

    def test_a_file_without_a_usable_name_cannot_stand_in_for_another_monitor(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(GOOD)
        (tmp_path / "churn.yaml").write_text("[")
        (tmp_path / "Odd name-1.yaml").write_text("[")
        assert {item.path.name: item.name for item in load_all(tmp_path)} == {
            "a.yaml": "churn",
            "churn.yaml": "churn_file",
            "Odd name-1.yaml": "odd_name_1",
        }

    def test_a_folder_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="there is no such folder of monitors"):
            load_all(tmp_path / "absent")

    def test_a_monitor_is_found_by_name_or_by_path(self, tmp_path: Path) -> None:
        folder = tmp_path / "monitors"
        folder.mkdir()
        (folder / "a.yaml").write_text(GOOD)
        (folder / "broken.yaml").write_text("[")
        outside = tmp_path / "outside.yaml"
        outside.write_text(GOOD)
        assert find("churn", folder) == folder / "a.yaml"
        assert find("broken", folder) == folder / "broken.yaml"
        assert find(str(outside), folder) == outside
        with pytest.raises(ConfigError, match=r"there is no monitor 'chrun' \(did you mean 'churn'\?\)"):
            find("chrun", folder)
        with pytest.raises(ConfigError, match="there is no monitor 'zzz': known are churn, broken"):
            find("zzz", folder)
        with pytest.raises(ConfigError, match=r"absent.yaml: there is no such file"):
            find("absent.yaml", folder)

    def test_a_name_of_two_files_is_found_in_neither(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(GOOD)
        (tmp_path / "b.yaml").write_text(GOOD)
        with pytest.raises(ConfigError, match=r"a.yaml:1:10: .*\n.*b.yaml:1:10: "):
            find("churn", tmp_path)


class TestHash:
    """The name of a spec's content."""

    @settings(max_examples=25, deadline=None)
    @given(st.randoms(use_true_random=False))
    def test_it_depends_neither_on_the_order_of_keys_nor_on_comments(
        self, tmp_path_factory: pytest.TempPathFactory, chance: random.Random
    ) -> None:
        def shuffled(value: Any) -> Any:
            if isinstance(value, dict):
                names = list(value)
                chance.shuffle(names)
                return {name: shuffled(value[name]) for name in names}
            return [shuffled(item) for item in value] if isinstance(value, list) else value

        path = tmp_path_factory.getbasetemp() / "hash.yaml"
        path.write_text(GOOD)
        expected = load(path)
        # JSON is YAML: the same document in another dress.
        path.write_text("# shuffled\n" + json.dumps(shuffled(plain(GOOD)), indent=1))
        assert load(path) == expected

    @pytest.mark.parametrize(
        "addition",
        [
            "description: words",
            "runbook: https://example.com/x",
            "tags: [x]",
            "airflow: {retries: 5}",
            "notify: []",
            "owner: b",
        ],
    )
    def test_it_does_not_depend_on_what_changes_no_number(self, tmp_path: Path, addition: str) -> None:
        path = tmp_path / "a.yaml"
        path.write_text(GOOD)
        before = load(path)
        key = addition.split(":")[0]
        path.write_text(json.dumps({**plain(GOOD), key: plain(addition)[key]}))
        assert load(path).hash == before.hash
        assert load(path) != before

    @pytest.mark.parametrize(
        "old, new", [("0.8", "0.7"), ("f1]", "precision]"), ("-0.1", "-0.2"), ("ml.labels", "l")]
    )
    def test_it_depends_on_what_changes_numbers(self, tmp_path: Path, old: str, new: str) -> None:
        path = tmp_path / "a.yaml"
        path.write_text(GOOD)
        before = load(path).hash
        path.write_text(GOOD.replace(old, new))
        assert load(path).hash != before

    def test_a_key_may_move_to_the_defaults(self, tmp_path: Path) -> None:
        path = tmp_path / "a.yaml"
        path.write_text(GOOD)
        before = load(path).hash
        line = "maturity: {horizons: [1d, 7d], min_coverage: 0.8, wait: 6h}\n"
        path.write_text(GOOD.replace(line, ""))
        (tmp_path / "_defaults.yaml").write_text(line)
        assert load(path).hash == before


def plain(text: str) -> Any:
    """A YAML text as JSON has it, so with dates as text."""
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text), default=str))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5) | st.just("7d"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """The good document with up to four values replaced by something, or taken away."""
    document = plain(GOOD)
    document["predictions"]["where"] = {"model": 1, "live": True}
    document["notify"].append({"type": "email", "connection": "smtp", "to": ["a@example.com"]})
    for _ in range(draw(st.integers(1, 4))):
        spot = document
        while True:
            steps: list[Any] = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
            if not steps:
                break
            step = draw(st.sampled_from(steps))
            if isinstance(spot[step], dict | list) and draw(st.booleans()):
                spot = spot[step]
                continue
            if draw(st.integers(0, 4)):
                spot[step] = draw(json_values)
            else:
                del spot[step]
            break
    return document


@settings(max_examples=150, deadline=None)
@given(damaged())
def test_no_document_makes_anything_but_a_spec_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged" / "a.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    [loaded] = load_all(path.parent)
    assert (loaded.spec is None) != (loaded.error is None)
    for problem in loaded.error.problems if loaded.error else ():
        assert problem.line >= 1
        assert "\n" not in problem.message
        assert "HOLE" not in problem.message


@cache
def validator() -> Any:
    return Draft202012Validator(json_schema())


@settings(max_examples=100, deadline=None)
@given(damaged())
def test_no_fault_hides_another(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "hidden.yaml"
    path.write_text(json.dumps({**document, "tags": ["a", "a"], "timezone": "Mars"}))
    with pytest.raises(ConfigError) as caught:
        load(path)
    messages = [problem.message for problem in caught.value.problems]
    assert "there is no time zone 'Mars'" in messages
    assert "tags names 'a' twice" in messages


class TestSchema:
    """The JSON Schema that editors get."""

    def faults(self, document: Any) -> list[str]:
        return [error.message for error in validator().iter_errors(document)]

    def test_it_is_a_schema(self) -> None:
        Draft202012Validator.check_schema(json_schema())

    @pytest.mark.parametrize("name", ["flight_delay.yaml", "arrival_delay.yaml"])
    def test_it_accepts_the_shipped_monitors(self, name: str) -> None:
        assert self.faults(plain((MONITORS / name).read_text())) == []

    def test_it_refuses_an_unknown_key_anywhere(self) -> None:
        document = plain(GOOD)
        assert self.faults(document) == []
        assert self.faults({**document, "ownr": 1}) != []
        document["detectors"][0]["relatve"] = 1
        assert self.faults(document) != []

    def test_it_knows_what_a_monitor_must_have(self) -> None:
        assert json_schema()["required"] == [
            "monitor",
            "owner",
            "task",
            "predictions",
            "ground_truth",
            "reference",
            "metrics",
        ]
        assert "hash" not in json_schema()["properties"]

    def test_it_tells_detectors_apart_by_their_type(self) -> None:
        schema = json_schema()
        variants = schema["properties"]["detectors"]["items"]["oneOf"]
        kinds = [
            schema["$defs"][variant["$ref"].split("/")[-1]]["properties"]["type"]["const"]
            for variant in variants
        ]
        assert kinds == list(DETECTORS)

    def test_its_help_is_the_docstrings(self) -> None:
        schema = json_schema()
        threshold = schema["$defs"]["PredictionLog"]["properties"]["threshold"]
        assert threshold["description"].startswith("A score at or above it predicts the positive class")
        assert "midnight" in schema["properties"]["timezone"]["description"]
        assert schema["properties"]["maturity"]["default"] == {
            "horizons": ["1d", "7d", "30d"],
            "min_coverage": 0.8,
            "wait": "6h",
        }

    @settings(max_examples=60, deadline=None)
    @given(damaged())
    def test_what_the_loader_accepts_the_schema_accepts_too(
        self, tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "schema.yaml"
        path.write_text(json.dumps(document))
        try:
            load(path)
        except ConfigError:
            return
        assert self.faults(document) == []


@dataclass(frozen=True, kw_only=True)
class Spike(BaseDetector):
    """Breaches above `height`, which the test invented."""

    kind: ClassVar[str] = "spike"

    height: float | str = "auto"
    sentence: ClassVar[str] = "no spike"  # type: ignore[misc]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.height == 0:
            raise ValueError("a spike of 0 is none")

    def examine(self, series: Series) -> Finding:
        return Finding(Verdict.CLEAR, f"{series.metric.name} has no spike.")

    def problems(self) -> list[str]:
        return ["13 brings no luck"] if self.height == 13 else []


class TestExtension:
    """One line in a registry makes a kind known."""

    @pytest.fixture(autouse=True)
    def _registered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(DETECTORS, "spike", Spike)

    def test_a_registered_detector_can_be_named(self, tmp_path: Path) -> None:
        path = tmp_path / "a.yaml"
        old = "{type: threshold, metric: recall, relative: -0.1, window: 7d, at: 7d}"
        path.write_text(GOOD.replace(old, "{type: spike, metric: f1, height: 3}"))
        assert load(path).detectors == (Spike(metric="f1", height=3.0),)
        assert "Spike" in json_schema()["$defs"]

    @pytest.mark.parametrize(
        "height, sentence",
        [
            ("0", "18:5: detectors[0]: a spike of 0 is none"),
            ("13", "18:5: 13 brings no luck"),
            ("[1]", "18:39: detectors[0].height must be a number or text on one line, but is a list"),
            ("1, hight: 2", "18:42: unknown key 'hight' in detectors[0] (did you mean 'height'?)"),
        ],
    )
    def test_what_its_class_refuses_is_told_at_its_place(
        self, problems: Problems, height: str, sentence: str
    ) -> None:
        old = "{type: threshold, metric: recall, relative: -0.1, window: 7d, at: 7d}"
        assert problems((old, f"{{type: spike, metric: f1, height: {height}}}")) == [sentence]


def test_a_class_is_not_asked_to_check_what_was_refused_already(problems: Problems) -> None:
    assert problems(("{type: log}", "{type: email, connection: smtp, to: [{a: b}]}")) == [
        "20:42: notify[0].to[0] must be text on one line, but is a mapping"
    ]


def test_a_registry_of_one_kind_asks_for_its_type_all_the_same(tmp_path: Path) -> None:
    rules = Grammar(["f1"], {"spike": Spike}, {"log": Log})
    path = tmp_path / "a.yaml"
    path.write_text(json.dumps({"detectors": [{"type": "spice", "metric": "f1"}, {"metric": "f1"}]}))
    root, _ = read(path)
    assert root is not None
    with pytest.raises(ValidationError) as caught:
        rules.adapter.validate_python(root.plain())
    messages = [finding.message for finding in findings(caught.value, root, rules)]
    assert "unknown detector 'spice' (did you mean 'spike'?)" in messages
    assert "detectors[1] needs the key 'type', which is one of spike" in messages


def test_a_type_without_a_form_is_told_to_whoever_registers_it() -> None:
    @dataclass(frozen=True)
    class Odd:
        metric: str
        when: complex

    with pytest.raises(TypeError, match=r"complex.* has no form in YAML: give it one in FORMS"):
        Grammar(["f1"], {"odd": Odd}, {"log": Log}).schema()


class TestShippedMonitors:
    """The files the demo runs on."""

    def test_they_load(self) -> None:
        loaded = load_all(MONITORS)
        assert [(item.name, item.error) for item in loaded] == [
            ("arrival_delay", None),
            ("flight_delay", None),
        ]

    def test_the_classifier_is_judged_against_march_on_four_weeks(self) -> None:
        spec = load(MONITORS / "flight_delay.yaml")
        recall, skill, ratio, trend, *of_logs = spec.detectors
        assert spec.reference == Reference(start=date(2013, 3, 1), end=date(2013, 3, 31))
        assert (recall.relative, recall.adjust, recall.window, recall.at) == (
            -0.05,
            "score_mix",
            Span(28),
            Horizon(7),
        )
        assert recall.severity is None, "graded by effect and evidence"
        assert (skill.metric, skill.min, skill.severity) == ("brier_skill", 0, Severity.CRITICAL)
        assert (ratio.metric, ratio.min, ratio.max) == ("calibration_ratio", 0.8, 1.25)
        assert (trend.metric, trend.adjust) == ("roc_auc", "score_mix")
        assert [rule.kind for rule in of_logs] == ["missing", "missing", "volume", "quality", "drift"]
        assert spec.schedule == time(7)

    def test_the_regression_has_a_budget(self) -> None:
        spec = load(MONITORS / "arrival_delay.yaml")
        assert spec.budget == Budget(1, 90)

    def test_the_regression_inherits_when_its_truth_is_due(self) -> None:
        spec = load(MONITORS / "arrival_delay.yaml")
        assert spec.maturity.horizons == (Horizon(1), Horizon(7), Horizon(30))
        assert spec.predictions.files is not None
        assert spec.predictions.files.startswith(".hindsight/demo/landing/arrival_delay/")
