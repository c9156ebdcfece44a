"""Metrics of lists that were shown."""
