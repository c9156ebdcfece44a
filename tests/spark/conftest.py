"""Tests of a real cluster; they run in an environment of their own (`make test-spark`), and only there."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = ["*.py"] if find_spec("pyspark") is None else []
