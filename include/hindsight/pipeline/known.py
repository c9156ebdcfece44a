"""What is known of a monitor's incidents: what was judged, done, wanted and told, and what it amounts to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

from hindsight.domain.records import Action, Detection, Incident, Silence
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain, Horizon
from hindsight.incidents import History, Transition, replay
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.policy import Memory, memories
from hindsight.windows import DayRange, start_of


@dataclass(frozen=True)
class Known:
    """All that decisions rest on, as the store has it; `memories` is what each channel was told."""

    spec: MonitorSpec
    detections: Sequence[Detection]
    stored: Sequence[Incident]
    actions: Sequence[Action]
    silences: Sequence[Silence]
    memories: Mapping[str, Memory]

    @classmethod
    def read(cls, spec: MonitorSpec, runtime: Runtime, connection: sa.Connection) -> Known:
        """Read it; a detector that the monitor no longer names can neither breach nor recover."""
        store = runtime.store
        return cls(
            spec,
            store.detections(connection, spec.monitor, detector=[each.name for each in spec.detectors]),
            store.incidents(connection, spec.monitor),
            store.actions(connection, spec.monitor),
            store.silences(connection, spec.monitor),
            memories(store.tellings(connection, spec.monitor)),
        )

    @cached_property
    def at(self) -> dict[str, Horizon]:
        """Each detector's own horizon."""
        return {detector.name: detector.at for detector in self.spec.detectors}

    @cached_property
    def history(self) -> History:
        return self.replayed(self.detections)

    def replayed(self, detections: Collection[Detection]) -> History:
        """What these detections amount to."""
        spec = self.spec
        return replay(
            detections, self.stored, zone(spec), at=self.at, rule=spec.incidents, actions=self.actions
        )

    def heard_before(self, days: DayRange) -> tuple[Transition, ...]:
        """What an earlier hour's run has told of the same local day; of whole days there is only one run."""
        if self.spec.grain is Grain.DAY:
            return ()
        begin = start_of(days.start, zone(self.spec))
        return self.replayed([d for d in self.detections if d.as_of <= begin]).transitions
