"""Metrics of a yes/no decision."""
