"""Metrics of a choice among classes."""
