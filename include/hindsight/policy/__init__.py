"""Whether a run tells anybody anything, and why: decided purely, from what happened and what was told.

No clock, no channel, no text: `hindsight.message` words what is decided here, a notifier carries it.
Every channel is decided for by itself, by what it wants to hear and what it was told.  Every decision holds
its reason, also the one to stay silent.
"""

from hindsight.policy.decide import decide
from hindsight.policy.decision import SUMMARIES, Act, Decision, Kind
from hindsight.policy.listener import EVERYBODY, Listener, Memory, Notifier, memories, told, told_of

__all__ = [
    "EVERYBODY",
    "SUMMARIES",
    "Act",
    "Decision",
    "Kind",
    "Listener",
    "Memory",
    "Notifier",
    "decide",
    "memories",
    "told",
    "told_of",
]
