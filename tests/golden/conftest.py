"""Besides the statements on file, ClickHouse runs in-process where `make test-warehouses` installed it."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = ["test_clickhouse.py"] if find_spec("chdb") is None else []
