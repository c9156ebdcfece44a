"""Why a row is set aside, and what is remarked on although it counts."""

from __future__ import annotations

from typing import Final

REASONS: Final = (
    "",
    "null_id",
    "invalid_score",
    "invalid_prediction",
    "duplicate",
    "unknown_class",
    "invalid_interval",
    "invalid_position",
    "null_query",
)
"""Why a row is set aside, by its code; 0 is a row that counts."""

EARLY, CONTRADICTING, LATE = "label_before_prediction", "contradicting_label", "late_logged"
REMARKS: Final = {1: (EARLY,), 2: (CONTRADICTING,), 3: (EARLY, CONTRADICTING)}

DEFAULTED, SILENT = "default_negative", "silent_feed"
"""Predictions of a day at the last horizon that no label in time made a "no", or that the feed's silence left
without truth: under `default_negative` each day has one of them there, perhaps with no predictions.
"""
