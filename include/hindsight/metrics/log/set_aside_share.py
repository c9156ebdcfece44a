"""Share of the prediction log that does not count, for any reason or for one."""

from __future__ import annotations

from typing import Self

from hindsight.metrics.base import Argument
from hindsight.metrics.log.oddities import OfLog
from hindsight.statistics.quality import SET_ASIDE


class SetAsideShare(OfLog):
    """Rows set aside / rows of the prediction log; `set_aside_share(unknown_class)` asks for one reason."""

    name = "set_aside_share"
    argument = Argument.TEXT
    reasons: tuple[str, ...] = SET_ASIDE

    def given(self, argument: str) -> Self:
        reason = argument.strip()
        if reason not in SET_ASIDE:
            known = ", ".join(SET_ASIDE)
            raise ValueError(f"{type(self).name} takes a reason ({known}), not {argument!r}")
        made = self.named(reason)
        made.reasons = (reason,)
        return made
