"""Whether a run tells anybody anything, and why: decided purely, from what happened and what was told.

No clock, no channel, no text: `hindsight.message` words what is decided here, a notifier carries it.
Every decision holds its reason, also the one to stay silent.
"""

from hindsight.policy.decide import decide
from hindsight.policy.decision import Act, Decision, Kind
from hindsight.policy.routes import Notifier, Route, heard, lowest_audible, route, told

__all__ = [
    "Act",
    "Decision",
    "Kind",
    "Notifier",
    "Route",
    "decide",
    "heard",
    "lowest_audible",
    "route",
    "told",
]
