"""When the truth about a flight is published: the demo's invented rules, applied to real arrivals.

Labels come once a day, at 06:00 in New York.  A major carrier reports on the day after arrival, a
regional one after three days; 8 % of flights, by their id, come 7 to 14 days after instead.  Cancelled
and diverted flights never get a label.  From 1 to 16 October nothing is published, as in that year's
federal shutdown; the backlog comes on the 17th.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hindsight.demo.draws import uniform
from hindsight.demo.flights import ZONE, local_day

PUBLISHED_AT = pd.Timedelta(hours=6)
REGIONALS = frozenset({"EV", "MQ", "9E", "OO", "YV", "F9", "HA"})
MAJOR_DAYS, REGIONAL_DAYS = 1, 3
STRAGGLERS = 0.08
STRAGGLER_DAYS = (7, 14)
OUTAGE = (pd.Timestamp(2013, 10, 1), pd.Timestamp(2013, 10, 16))
BACKLOG = pd.Timestamp(2013, 10, 17)


def publish(flights: pd.DataFrame) -> pd.DataFrame:
    """The labels of these flights (rows of `read_flights`), in the order of their publication.

    | column | is |
    |---|---|
    | request_id | the prediction's id; one label each, none for flights that never arrived |
    | actual | 1 if the flight was more than 15 minutes late, else 0 |
    | arr_delay | minutes late (negative if early): the truth of the regression |
    | label_at | when it was published, UTC; always after the arrival |
    | source_file | the file of that day |
    """
    arrived = flights[flights["arr_delay"].notna()]
    day = _publication_day(arrived)
    labels = pd.DataFrame(
        {
            "request_id": arrived["request_id"],
            "actual": arrived["late"].astype("int16"),
            "arr_delay": arrived["arr_delay"],
            "label_at": (day + PUBLISHED_AT).dt.tz_localize(ZONE).dt.tz_convert("UTC").dt.as_unit("us"),
            "source_file": "arrivals_" + day.dt.strftime("%Y-%m-%d") + ".csv",
        }
    )
    return labels.sort_values(["label_at", "request_id"], ignore_index=True)


def _publication_day(arrived: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    ids = arrived["request_id"]
    first, last = STRAGGLER_DAYS
    regular = np.where(arrived["carrier"].isin(REGIONALS), REGIONAL_DAYS, MAJOR_DAYS)
    straggling = first + np.floor(uniform(ids, "straggler days") * (last - first + 1))
    days = np.where(uniform(ids, "straggler") < STRAGGLERS, straggling, regular)
    due = local_day(arrived["arrived_at"]) + pd.to_timedelta(pd.Series(days, index=arrived.index), unit="D")
    return due.mask(due.between(*OUTAGE), BACKLOG)
