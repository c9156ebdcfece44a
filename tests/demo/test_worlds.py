from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindsight.demo import world as worlds
from hindsight.demo.flights import local_day
from hindsight.demo.world import World, fingerprint, real_world

Logs = tuple[pd.DataFrame, pd.DataFrame]


def rate_by_score(predictions: pd.DataFrame, labels: pd.DataFrame, first: str, last: str) -> pd.Series[float]:
    """The late rate of each score bin, .04 wide, that holds at least 500 flights of these days."""
    rows = predictions[local_day(predictions["predicted_at"]).between(first, last)].merge(
        labels, on="request_id"
    )
    bins = np.floor(rows["score"] * 25).astype(int)
    found = rows.groupby(bins)["actual"].agg(["mean", "size"])
    return found.loc[found["size"] >= 500, "mean"]


@pytest.mark.parametrize("version, real_change", [("v1", 0.12), ("v2", 0.06)])
def test_in_the_null_world_a_score_means_what_it_meant_in_march(
    world: World, null_worlds: dict[str, Logs], version: str, real_change: float
) -> None:
    predictions, labels = null_worlds[version]
    march = rate_by_score(predictions, world.labels, "2013-03-01", "2013-03-31")
    for first, last in (("2013-03-01", "2013-03-31"), ("2013-04-01", "2013-06-30")):
        drawn = rate_by_score(predictions, labels, first, last)
        assert (drawn - march).abs().max() < 0.05
    # The real spring is not like that.
    spring = rate_by_score(predictions, world.labels, "2013-04-01", "2013-06-30")
    assert (spring - march).abs().max() > real_change


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_null_world_keeps_flights_scores_and_publication(
    world: World, null_worlds: dict[str, Logs], version: str
) -> None:
    predictions, labels = null_worlds[version]
    assert set(predictions["model_version"]) == {version}
    days = local_day(predictions["predicted_at"])
    assert (days.min(), days.max()) == (pd.Timestamp(2013, 3, 1), pd.Timestamp(2013, 6, 30))
    assert labels["request_id"].is_unique
    kept = world.labels[world.labels["request_id"].isin(predictions["request_id"])]
    published = ["request_id", "label_at", "source_file"]
    pd.testing.assert_frame_equal(labels[published], kept[published].reset_index(drop=True))
    assert labels["arr_delay"].isna().all()
    assert list(labels.columns) == list(world.labels.columns)
    assert list(predictions.columns) == list(world.predictions.columns)


def test_a_null_world_is_drawn_the_same_each_time(world: World, null_worlds: dict[str, Logs]) -> None:
    pd.testing.assert_frame_equal(worlds.null_world(world, "v1")[1], null_worlds["v1"][1])


def test_a_kept_world_is_read_and_not_made_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = World(fingerprint(), *(frame.head(50) for frame in frames(world)))
    made: list[World] = []

    def make() -> World:
        made.append(small)
        return small

    monkeypatch.setattr(worlds, "_make", make)
    (tmp_path / "world-of-old.pickle").touch()
    (tmp_path / f".world-{fingerprint()}.pickle.1.part").write_bytes(b"half a world")
    first, second = real_world(tmp_path), real_world(tmp_path)
    assert len(made) == 1
    for left, right in zip(frames(first), frames(second), strict=True):
        pd.testing.assert_frame_equal(left, right)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", f"world-{fingerprint()}.pickle"]


def frames(world: World) -> tuple[pd.DataFrame, ...]:
    return world.predictions, world.labels, world.delay_predictions, world.delay_labels
