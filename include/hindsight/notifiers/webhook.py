"""Any receiver of signed JSON: the way to whatever has no channel of its own here."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from hindsight.errors import DeliveryError
from hindsight.message import Document, plain, to_json
from hindsight.notifiers.answers import code_of, refusal
from hindsight.notifiers.base import BaseNotifier, Parcel, Sent
from hindsight.notifiers.connection import Connect, ConnectionInfo
from hindsight.notifiers.posting import post

VERSION = 1


@dataclass(frozen=True, slots=True)
class Webhook(BaseNotifier):
    """An address that takes signed JSON.

    `connection` is an Airflow connection: its password is the secret of the signature, its host the address
    (`https://example.com/hook`, or a host with `schema` and port beside it); the extra `path` is appended,
    `timeout` and `proxy` are heeded.  The receiver can tell a repeat by the header X-Hindsight-Key.
    """

    connection: str

    def send(self, parcel: Parcel, connect: Connect) -> Sent:
        """Post the message; any answer from 200 to 299 says that it was taken, unless it is a web page."""
        info = connect(self.connection)
        who = f"the webhook (connection {self.connection!r})"
        secret = (info.password or "").strip()
        if not secret:
            raise DeliveryError(
                f"the connection {self.connection!r} has no password: put the secret of the signature there.",
                retry=False,
            )
        body = json.dumps(content(parcel.document, parcel.key), sort_keys=True).encode()
        moment = str(int(datetime.now(UTC).timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-Hindsight-Key": quote(parcel.key, safe="/:@", errors="replace"),
            "X-Hindsight-Timestamp": moment,
            "X-Hindsight-Signature": f"sha256={signature(secret, moment, body)}",
        }
        answer = post(who, self._address(info), body, info, headers=headers)
        if not 200 <= answer.status < 300 or answer.is_page:
            code = code_of(answer.text.strip(), secret, info.host, info.text("path"))
            raise refusal(who, answer.status, code, answer.headers, now=datetime.now(UTC))
        return Sent()

    def _address(self, info: ConnectionInfo) -> str:
        host = (info.host or "").strip()
        if not host:
            raise DeliveryError(
                f"the connection {self.connection!r} has no host: put the receiver's address there.",
                retry=False,
            )
        if "://" not in host:
            host = f"{info.schema or 'https'}://{host}{f':{info.port}' if info.port else ''}"
        path = info.text("path")
        return f"{host.rstrip('/')}/{path.lstrip('/')}" if path else host


def content(document: Document, key: str) -> dict[str, Any]:
    """What is posted: the document by its fields, its key, and the whole of it as text.

    A field may be added under the same `version`; one that goes or changes its meaning makes another.
    """
    return {"version": VERSION, "key": key, "text": plain(document), **json.loads(to_json(document))}


def signature(secret: str, moment: str, body: bytes) -> str:
    """HMAC-SHA256 of `moment.body`, in hexadecimal: whoever knows the secret can tell who wrote it, and when.

    >>> signature("s3cret", "1366000000", b"{}")[:16]
    '8b9efad5b4983c06'
    """
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
