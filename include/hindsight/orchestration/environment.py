"""Connections read from `AIRFLOW_CONN_*` as Airflow reads them, without Airflow.

So the command line works on a machine that has the variables and nothing else: no Airflow database, no
configuration, and none of the two seconds that importing Airflow takes.  Both of Airflow's forms are read:

    AIRFLOW_CONN_SERVING_DB='postgresql://reader:secret@db.example.com:5432/serving?sslmode=require'
    AIRFLOW_CONN_SERVING_DB='{"conn_type": "postgres", "login": "reader", "password": "secret", ...}'
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from hindsight.errors import ConnectionMissing
from hindsight.notifiers.connection import ConnectionInfo

PREFIX: Final = "AIRFLOW_CONN_"
FIELDS: Final = {"conn_type", "description", "extra", "host", "login", "password", "port", "schema"}


def variable(conn_id: str) -> str:
    """The environment variable that defines this connection.

    >>> variable("serving_db")
    'AIRFLOW_CONN_SERVING_DB'
    """
    return PREFIX + conn_id.upper()


def defined(conn_id: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment defines this connection."""
    return bool(environ.get(variable(conn_id)))


def names_airflow(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment says where Airflow's database is; else importing Airflow would make a new one.

    >>> names_airflow({}), names_airflow({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": "cat /run/secrets/url"})
    (False, True)
    """
    if any(environ.get(f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN{kind}") for kind in ("", "_CMD", "_SECRET")):
        return True
    home = environ.get("AIRFLOW_HOME")
    return home is not None and (Path(home) / "airflow.cfg").is_file()


def resolve(conn_id: str, environ: Mapping[str, str] = os.environ) -> ConnectionInfo:
    """The connection of this id, from the environment; `ConnectionMissing` where it has none or a broken one.

    The value is a secret, so no message quotes any part of it.
    """
    if not defined(conn_id, environ):
        raise ConnectionMissing(
            f"Connection {conn_id!r} is not defined: set the environment variable {variable(conn_id)} to its "
            "URI (type://login:password@host:port/schema) or its JSON; what Airflow stores is read in its "
            "tasks, and here only where AIRFLOW__DATABASE__SQL_ALCHEMY_CONN says where that is."
        )
    value = environ[variable(conn_id)].strip()
    try:
        return from_json(value) if value.startswith("{") else from_uri(value)
    except ValueError:
        # `from None`: the cause would quote the value.
        raise ConnectionMissing(
            f"Connection {conn_id!r} cannot be read: {variable(conn_id)} is neither a connection URI "
            "(type://login:password@host:port/schema?key=value, special characters percent-encoded) nor a "
            "JSON object with conn_type, host, port, login, password, schema and extra."
        ) from None


def from_json(text: str) -> ConnectionInfo:
    """Read the JSON form; `extra` may be an object or its text.

    >>> from_json('{"conn_type": "postgresql", "host": "db", "port": "5432", "password": "secret"}')
    ConnectionInfo(conn_type='postgres', port=5432, schema=None)
    """
    fields = _mapping(json.loads(text))
    if set(fields) - FIELDS or not isinstance(fields.get("conn_type"), str):
        raise ValueError("not the fields of a connection")
    extra = fields.get("extra") or {}
    port = fields.get("port")
    return ConnectionInfo(
        conn_type=conn_type(fields["conn_type"]),
        host=fields.get("host"),
        port=int(port) if port else None,
        login=fields.get("login"),
        password=fields.get("password"),
        schema=fields.get("schema"),
        extra=_mapping(json.loads(extra) if isinstance(extra, str) else extra),
    )


def from_uri(text: str) -> ConnectionInfo:
    """Read the URI form, every part of it percent-decoded; the query is `extra`.

    A host may carry a protocol of its own.

    >>> from_uri("postgresql://reader:secret@/serving?host=%2Frun%2Fpg").extra
    {'host': '/run/pg'}
    >>> from_uri("slackwebhook://https://hooks.example.com/services").host
    'https://hooks.example.com'
    """
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme:
        raise ValueError("no type://")
    protocol, separator, inner = rest.partition("://")
    if not separator or not protocol.isalnum():
        protocol, inner = "", rest
    parts = urlsplit(f"//{inner}")
    host = _host(parts)
    return ConnectionInfo(
        conn_type=conn_type(scheme),
        host=f"{protocol}://{host}" if protocol and host else host,
        port=parts.port,
        login=_unquoted(parts.username),
        password=_unquoted(parts.password),
        schema=_unquoted(parts.path[1:]),
        extra=_mapping(_query(parts.query)),
    )


def conn_type(name: str) -> str:
    """Airflow's own spelling of a connection's type.

    >>> conn_type("postgresql"), conn_type("google-cloud-platform")
    ('postgres', 'google_cloud_platform')
    """
    return "postgres" if name == "postgresql" else name.replace("-", "_")


def _host(parts: SplitResult) -> str | None:
    """The host; a path (a socket's folder, a file) keeps its capitals, which `hostname` lowers."""
    if "/" in unquote(parts.hostname or ""):
        return unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
    return _unquoted(parts.hostname)


def _unquoted(part: str | None) -> str | None:
    return unquote(part) if part else None


def _query(text: str) -> Any:
    """The extras of a URI: `__extra__` holds them as one JSON text, else each value may be JSON."""
    values = dict(parse_qsl(text, keep_blank_values=True))
    if "__extra__" in values:
        return json.loads(values["__extra__"])
    return {key: _decoded(value) for key, value in values.items()}


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004  one kind of error for every broken value
    return value
