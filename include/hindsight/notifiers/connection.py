"""What a notifier learns of a connection: the fields of Airflow's, without Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """A named receiver and the secrets to reach it; no `repr` shows them, or an address that may be one."""

    conn_type: str = ""
    host: str | None = field(default=None, repr=False)
    port: int | None = None
    login: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict, repr=False)

    def text(self, key: str) -> str | None:
        """An extra as text; None where it is absent or empty."""
        value = self.extra.get(key)
        return str(value) if value not in (None, "") else None

    def flag(self, key: str) -> bool:
        """An extra as yes or no; the web form stores true, environment variables often "true".

        >>> ConnectionInfo(extra={"a": True, "b": "false", "c": "1"}).flag("b")
        False
        """
        return str(self.extra.get(key, "")).strip().lower() in ("1", "true", "yes", "on")

    def seconds(self, key: str, default: int) -> int:
        """An extra as a whole number of seconds."""
        try:
            return max(int(str(self.extra.get(key, default))), 1)
        except ValueError:
            return default


Connect = Callable[[str], ConnectionInfo]
"""Finds a connection by its id, or raises ConnectionMissing."""
