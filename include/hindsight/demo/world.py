"""The demo's worlds: the real one, and a null world in which nothing is wrong."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd
from sklearn.isotonic import IsotonicRegression

from hindsight.demo import draws, flights, labels, models
from hindsight.demo.draws import uniform
from hindsight.demo.flights import PACKAGE, local_day, read_flights
from hindsight.demo.labels import publish
from hindsight.demo.models import FIRST_DAY, predict_late, predict_minutes, scored_flights
from hindsight.demo.writing import alone_in, replace_file

REFERENCE_ENDS = pd.Timestamp(2013, 3, 31)
NULL_WORLD_ENDS = pd.Timestamp(2013, 6, 30)


@dataclass(frozen=True, slots=True)
class World:
    """Every log of the demo.

    `predictions` and `labels` are the classifiers' (columns of `serving.predictions` and `serving.labels`);
    `delay_predictions` and `delay_labels` the regression's, in minutes.  `fingerprint` names the data.
    """

    fingerprint: str
    predictions: pd.DataFrame
    labels: pd.DataFrame
    delay_predictions: pd.DataFrame
    delay_labels: pd.DataFrame


def fingerprint() -> str:
    """Twelve hex digits that change whenever the demo's data may: its packages, or the code that makes it."""
    digest = hashlib.sha256()
    for package in (PACKAGE, "numpy", "pandas", "scikit-learn", "scipy"):
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    for source in (draws.__file__, flights.__file__, labels.__file__, models.__file__, __file__):
        digest.update(Path(source).read_bytes())
    return digest.hexdigest()[:12]


def real_world(cache: Path | None = None) -> World:
    """The logs of 2013 from March on: reads, trains, scores and publishes in a few seconds.

    With a `cache` folder they are kept there (100 MB) and only read the next time.  The folder must be
    as trusted as this code, for what lies there is unpickled.
    """
    if cache is None:
        return _make()
    kept = cache / f"world-{fingerprint()}.pickle"
    with alone_in(cache):
        if kept.exists():
            cached: World = pickle.loads(kept.read_bytes())
            return cached
        world = _make()
        for outdated in cache.glob("world-*.pickle"):
            outdated.unlink()
        replace_file(kept, pickle.dumps(world, protocol=pickle.HIGHEST_PROTOCOL))
    return world


def null_world(world: World, version: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and labels of one version, March to June, where it stays as good as it was in March.

    The flights, scores and days of publication are the real ones; only `actual` is drawn, by the row's
    id, with the rate that the version's score meant in March (isotonic regression on the flights that
    arrived).  There is one label per flight *and version*, for each version has its own curve: so
    the labels fit no other version's predictions, and `arr_delay` is empty.
    """
    log = world.predictions[world.predictions["model_version"] == version]
    day = local_day(log["predicted_at"])
    log = log[day.between(FIRST_DAY, NULL_WORLD_ENDS)].reset_index(drop=True)
    scores = log[["request_id", "predicted_at", "score"]]
    known = world.labels.merge(scores, on="request_id", validate="one_to_one")
    march = known[local_day(known["predicted_at"]) <= REFERENCE_ENDS]
    curve = IsotonicRegression(out_of_bounds="clip").fit(march["score"], march["actual"])
    drawn = uniform(known["request_id"], f"null world {version}") < curve.predict(known["score"])
    truth = known.assign(actual=drawn.astype("int16"), arr_delay=float("nan"))
    return log, truth[list(world.labels.columns)]


def _make() -> World:
    every = read_flights()
    truth = publish(scored_flights(every))
    return World(
        fingerprint=fingerprint(),
        predictions=predict_late(every),
        labels=truth,
        delay_predictions=predict_minutes(every),
        delay_labels=truth[["request_id", "arr_delay", "label_at"]].rename(columns={"arr_delay": "actual"}),
    )
