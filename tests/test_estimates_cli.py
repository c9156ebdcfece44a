"""The commands that estimate young windows and tell how late labels come, and the frames behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import project, refused, said
from hindsight import read_delay, read_maturity, read_nowcast
from hindsight.embedded import EmbeddedPostgres
from hindsight.errors import HindsightError

ASSUMPTION = "An estimate, not a measurement: it assumes that labels come as late"


@pytest.fixture(scope="module")
def root(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose monitor has run for twenty days; its labels come within two days."""
    url = postgres.ensure_database("estimates")
    with project(tmp_path_factory.mktemp("project"), url) as root:
        said("store", "upgrade")
        said("run", "churn", "--start", "2024-03-01", "--end", "2024-03-20")
        yield root
    postgres.drop_database("estimates")


def test_a_nowcast_is_a_table_with_its_assumption_below(root: Path) -> None:
    text = said("nowcast", "churn", "--metric", "brier", "--window", "7d", "--version", "v1")
    assert "Nowcast of churn: brier, 7d" in text
    assert ASSUMPTION in " ".join(text.split())
    for column in ("estimate", "interval", "coverage", "so_far", "past_error", "past_miss", "inside"):
        assert column in text
    assert "final" not in text.splitlines()[2], "it is not known of any"
    assert text.count("v1") == 2  # at 0d and 1d; at 3d it is final


def test_a_nowcast_is_json_that_keeps_the_assumption(root: Path) -> None:
    records = json.loads(
        said("nowcast", "churn", "--metric", "brier", "--window", "7d", "--at", "1d", "--json")
    )
    assert {record["version"] for record in records} == {"v1", "=v2"}
    for record in records:
        assert record["assumption"].startswith(ASSUMPTION)
        assert record["lower"] <= record["estimate"] <= record["upper"]
        assert record["horizon"] == "1d"
        assert record["final"] is None


def test_a_nowcast_of_past_days_is_beside_what_became_of_them(root: Path) -> None:
    arguments = ("--metric", "brier", "--window", "1d", "--at", "0d", "--version", "v1")
    records = json.loads(
        said("nowcast", "churn", *arguments, "--start", "2024-03-14", "--end", "2024-03-16", "--json")
    )
    assert [record["window_start"][:10] for record in records] == ["2024-03-13", "2024-03-14", "2024-03-15"]
    assert all(record["final"] is not None for record in records)


def test_a_delay_is_sentences_and_two_tables(root: Path) -> None:
    text = said("delay", "churn", "--metric", "brier")
    assert "How late the labels of churn come" in text
    assert "50% of those that come are known at 1d" in text
    assert "Time to know: 90% of the labels that come are known at 2d" in text
    assert "Labels of churn by age" in text
    assert "Metrics of churn by label age" in text
    assert "early_minus_final" in text


def test_a_delay_is_one_json_object(root: Path) -> None:
    told = json.loads(said("delay", "churn", "--known", "0.5", "--json"))
    assert told["last"] == "3d"
    assert told["labels_known"] == 1
    assert [each["age"] for each in told["ages"]] == [0, 1, 2, 3]
    assert told["ages"][-1]["share"] == 1.0
    assert {row["metric"] for row in told["metrics"]} == {"recall", "roc_auc", "brier"}


def test_frames_are_typed(root: Path) -> None:
    frame = read_nowcast("churn", metric="brier", window="7d")
    dtypes = frame.dtypes.astype(str)
    assert dtypes["estimate"] == dtypes["inside"] == "Float64"
    assert dtypes["past"] == "Int64"
    assert dtypes["horizon"] == dtypes["remark"] == "string"
    assert dtypes["as_of"] == dtypes["window_end"] == "datetime64[us, UTC]"
    assert frame["final"].isna().all()
    curve = read_maturity("churn", metric="brier")
    assert list(curve["horizon"]) == ["1d", "3d"] * 2
    assert curve["standard_error"].dtype == "Float64"
    assert read_delay("churn").quantiles[0].share == 0.5


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("nowcast", "churn", "--metric", "mean_score"), "needs no labels"),
        (("nowcast", "churn", "--window", "a week"), "is not a number of days"),
        (("nowcast", "churn", "--at", "3d"), "final at 3d"),
        (("nowcast", "churn"), "No window of 28d of 'churn' there has all its days computed"),
        (("nowcast", "churn", "--start", "2024-03-09", "--end", "2024-03-01"), "is before the start"),
        (("nowcast", "churn", "--start", "soon"), "'soon' is not a day such as"),
        (("delay", "churn", "--metric", "volume"), "needs no labels"),
        (("delay", "churn", "--metric", "coverage"), "stands beside every other metric by label age"),
        (("delay", "churn", "--metric", "label_delay"), "says how the logs are, not how the model did"),
        (("nowcast", "churn", "--segment", "cuntry=DE"), "no segment 'cuntry=DE' there (did you mean"),
        (("delay", "churn", "--known", "0"), "0 is not a share of the truth"),
        (
            ("delay", "churn", "--start", "2024-03-19"),
            "No window of 'churn' has reached its last horizon",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_sentence(
    root: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in refused(*arguments)


def test_readers_refuse_alike(root: Path) -> None:
    with pytest.raises(HindsightError, match="is before the start"):
        read_maturity("churn", start="2024-03-09", end="2024-03-01")
