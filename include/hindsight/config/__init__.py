"""The door: `include/monitors/*.yaml` become frozen, valid `MonitorSpec`s, or all their problems at once.

Behind it nobody checks again.
"""

from hindsight.config.loading import DEFAULTS, Loaded, find, json_schema, load, load_all

__all__ = ["DEFAULTS", "Loaded", "find", "json_schema", "load", "load_all"]
