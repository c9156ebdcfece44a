"""A chart of an incident as a PNG: what a metric did, how sure that is, and what its rule allowed.

Drawn where a message is sent.  The same chart gives the same bytes; any data and any name can be drawn.
matplotlib is imported with the first one, never by who only imports this module.
"""

from hindsight.charts.drawing import HEIGHT, WIDTH, png

__all__ = ["HEIGHT", "WIDTH", "png"]
