from __future__ import annotations

import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, f1_score, recall_score, roc_auc_score

from hindsight.demo.flights import local_day
from hindsight.demo.models import served_by_v2
from hindsight.demo.world import World


def month(judged: pd.DataFrame, version: str, number: int) -> pd.DataFrame:
    """The labelled rows of one version and month."""
    rows = judged[(judged["model_version"] == version) & (judged["day"].dt.month == number)]
    return rows[rows["actual"].notna()]


def test_both_versions_score_every_flight_from_march_on(world: World, judged: pd.DataFrame) -> None:
    log = world.predictions
    assert log["model_version"].value_counts().to_dict() == {"v1": 284_821, "v2": 284_821}
    assert not log.duplicated(["request_id", "model_version"]).any()
    assert judged["day"].min() == pd.Timestamp(2013, 3, 1)
    assert judged["day"].max() == pd.Timestamp(2013, 12, 31)
    assert log["score"].between(0, 1).all()


def test_a_score_at_the_threshold_says_late(world: World) -> None:
    for version, threshold in (("v1", 0.29), ("v2", 0.27)):
        rows = world.predictions[world.predictions["model_version"] == version]
        assert ((rows["score"] >= threshold) == (rows["prediction"] == 1)).all()


@pytest.mark.parametrize(
    "version, auc, recall, f1",
    [("v1", (0.69, 0.72), (0.44, 0.48), (0.44, 0.47)), ("v2", (0.70, 0.73), (0.41, 0.47), (0.43, 0.47))],
)
def test_march_is_an_honest_reference(
    judged: pd.DataFrame,
    version: str,
    auc: tuple[float, float],
    recall: tuple[float, float],
    f1: tuple[float, float],
) -> None:
    march = month(judged, version, 3)
    assert auc[0] < roc_auc_score(march["actual"], march["score"]) < auc[1]
    assert recall[0] < recall_score(march["actual"], march["prediction"]) < recall[1]
    assert f1[0] < f1_score(march["actual"], march["prediction"]) < f1[1]
    assert march["prediction"].mean() == pytest.approx(march["actual"].mean(), abs=0.02)


def test_v1_fails_silently_in_summer_and_v2_less(judged: pd.DataFrame) -> None:
    july = {version: month(judged, version, 7) for version in ("v1", "v2")}
    recall = {v: recall_score(rows["actual"], rows["prediction"]) for v, rows in july.items()}
    brier = {v: brier_score_loss(rows["actual"], rows["score"]) for v, rows in july.items()}
    assert recall["v1"] < 0.06
    assert recall["v2"] > 0.40
    assert brier["v1"] > 0.24 > 0.21 > brier["v2"]


def test_accuracy_is_best_when_v1_is_of_least_use(judged: pd.DataFrame) -> None:
    accuracy = {}
    for number in range(3, 13):
        rows = month(judged, "v1", number)
        accuracy[number] = (rows["actual"] == rows["prediction"]).mean()
    september = month(judged, "v1", 9)
    assert max(accuracy, key=lambda number: accuracy[number]) == 9
    assert f1_score(september["actual"], september["prediction"]) < 0.15


def test_one_version_decides_each_flight(judged: pd.DataFrame) -> None:
    assert (judged.groupby("request_id")["served"].sum() == 1).all()


def test_v2_decides_a_fifth_from_mid_july_and_all_from_august(judged: pd.DataFrame) -> None:
    v2 = judged[judged["model_version"] == "v2"].set_index("day")["served"]
    assert v2[:"2013-07-14"].mean() == 0.0  # type: ignore[misc]
    assert v2["2013-07-15":"2013-07-31"].mean() == pytest.approx(0.20, abs=0.01)  # type: ignore[misc]
    assert v2["2013-08-01":].mean() == 1.0  # type: ignore[misc]


def test_latency_is_log_normal_about_its_median(world: World) -> None:
    latency = world.predictions.groupby("model_version")["latency_ms"]
    assert latency.median().to_dict() == pytest.approx({"v1": 12.0, "v2": 25.0}, rel=0.01)
    assert latency.min().min() > 0
    assert (latency.quantile(0.99) / latency.median()).between(2.0, 2.6).all()


def test_the_canary_belongs_to_the_flight_and_not_to_its_place(flights: pd.DataFrame) -> None:
    july = flights[flights["day"].between("2013-07-15", "2013-07-31")]
    pd.testing.assert_series_equal(
        served_by_v2(july.sample(frac=1.0, random_state=3)).sort_index(), served_by_v2(july)
    )


def test_the_regression_says_too_little_in_summer(world: World) -> None:
    assert len(world.delay_predictions) == 284_821
    joined = world.delay_predictions.merge(world.delay_labels, on="request_id", validate="one_to_one")
    by_month = local_day(joined["predicted_at"]).dt.month
    error = joined["prediction"] - joined["actual"]
    absolute = error.abs().groupby(by_month).mean()
    bias = error.groupby(by_month).mean()
    assert 24 < absolute[3] < 27
    assert 33 < absolute[7] < 38
    assert -4 < bias[3] < 0
    assert -31 < bias[7] < -25
