"""Metrics of the log itself, whatever the task."""
