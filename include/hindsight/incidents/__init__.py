"""Incidents: the detections of one monitor, replayed oldest first.

A pure fold without a clock.  One incident per class may be open at a time.  A breach opens it or joins
it; a member recovers after `RECOVERY` clear judgements in a row; when none is breaching any more
the incident resolves.  An insufficient judgement changes nothing, for to know less is not to be well.

Days are *run days*: the local day that a detection's `as_of` ends.  Only a detector's judgement at
its own horizon counts; later ones are re-judgements and become `revisions`, never an opening or an end.

Laws, each a property in the tests: folding twice changes nothing; the order in which detections
come, or days were computed, does not matter; openings and ends alternate per class; and what is
computed for later days never changes a transition of an earlier one.
"""

from hindsight.incidents.course import RECOVERY
from hindsight.incidents.history import Case, Change, History, Transition, class_words
from hindsight.incidents.replay import fold, replay
from hindsight.incidents.revised import Correction, Revision, corrections, revisions
from hindsight.incidents.told import as_told, last_told, notes

__all__ = [
    "RECOVERY",
    "Case",
    "Change",
    "Correction",
    "History",
    "Revision",
    "Transition",
    "as_told",
    "class_words",
    "corrections",
    "fold",
    "last_told",
    "notes",
    "replay",
    "revisions",
]
