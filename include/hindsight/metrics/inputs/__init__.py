"""Metrics of what came in: features, their drift, latency, failures, and sums of a team's own."""
