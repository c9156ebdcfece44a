"""Incidents: the detections of one monitor and what people did, replayed oldest first.

A pure fold without a clock.  One incident per class may be open at a time.  A breach that is confirmed, and
not explained by an open incident of label health or of the pipeline, opens it or joins it; a member recovers
after so many clear judgements in a row, or is gone when nothing judges it any more; when none is breaching
any more the incident resolves, and a breach within days of that opens the same one again.  An insufficient
judgement neither opens nor ends one, for to know less is not to be well.

Days are *run days*: the local day that a detection's `as_of` ends.  Only a detector's judgement at
its own horizon counts; later ones are re-judgements and become `revisions`, never an opening or an end.

Laws, each a property in the tests: folding twice changes nothing; the order in which detections
come, or days were computed, does not matter; openings and ends alternate per class; a critical day is never
silent; to acknowledge stops reminders and nothing else; and what is computed, or done, for later days never
changes a transition of an earlier one.
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
