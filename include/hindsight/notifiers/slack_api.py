"""Slack's Web API as a bot calls it: one request each, and what a refusal means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Self

from hindsight.errors import DeliveryError
from hindsight.notifiers.answers import SILENT, code_of, no_answer, refusal
from hindsight.notifiers.connection import ConnectionInfo

if TYPE_CHECKING:
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackApiError

TIMEOUT = 30
_PERHAPS = {"internal_error", "fatal_error", "request_timeout", "service_unavailable"}
_LATER = {"ratelimited", "rate_limited"}
_ID = re.compile(r"[A-Z][A-Z0-9]{1,30}")
_TS = re.compile(r"[0-9]{1,20}\.[0-9]{1,10}")
_SCOPE = r"[a-z.]{1,40}:[a-z.:_]{1,40}"
_SCOPES = re.compile(rf"{_SCOPE}(,{_SCOPE})*")

ADVICE = {
    "channel_not_found": "name a channel that exists, or invite the bot if it is private",
    "not_in_channel": "invite the bot to the channel",
    "is_archived": "name a channel that is not archived",
    "invalid_auth": "put the bot's token into the connection's password",
    "not_authed": "put the bot's token into the connection's password",
    "token_revoked": "put a new token into the connection's password",
    "token_expired": "put a new token into the connection's password",
    "account_inactive": "put a token of an active app into the connection's password",
    "message_not_found": "the message was deleted",
    "cant_update_message": "the message is not the bot's own",
    "edit_window_closed": "the workspace allows no edits of messages this old",
}


class Refused(Exception):
    """Slack's `ok: false` for a reason that will not pass: its code, and the scope that it asks for."""

    def __init__(self, code: str, needed: str | None = None) -> None:
        self.code = code
        self.needed = needed
        super().__init__(code)

    @property
    def advice(self) -> str:
        """What to do about it, as a clause; empty where nothing is known."""
        if self.code == "missing_scope":
            return f"give the app the scope {self.needed or 'it asks for'}"
        return ADVICE.get(self.code, "")

    def words(self) -> str:
        return f"{self.code}{f'; {self.advice}' if self.advice else ''}"


@dataclass(frozen=True, slots=True)
class SlackApi:
    """A bot's way to Slack; `connection` is the id by which errors name it."""

    connection: str
    info: ConnectionInfo
    client: WebClient

    @classmethod
    def of(cls, connection: str, info: ConnectionInfo) -> Self:
        from slack_sdk import WebClient  # a quarter of a second that only sending has to wait for

        if not info.password:
            raise DeliveryError(
                f"the connection {connection!r} has no password: put the bot's token there.", retry=False
            )
        client = WebClient(
            token=info.password.strip(),
            base_url=info.text("base_url") or WebClient.BASE_URL,
            timeout=info.seconds("timeout", TIMEOUT),
            retry_handlers=[],
            logger=SILENT,
        )
        # What the SDK reads of the environment knows no NO_PROXY; without it urllib reads all of it.
        client.proxy = info.text("proxy")
        return cls(connection, info, client)

    @property
    def who(self) -> str:
        return f"Slack (connection {self.connection!r})"

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one call of a method such as `chat_postMessage`; Refused, or DeliveryError."""
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            found: dict[str, Any] = getattr(self.client, method)(**arguments).data
        except SlackApiError as error:
            failure = self._refused(error)
        except (OSError, HTTPException, SlackClientError, ValueError) as error:
            failure = no_answer(self.who, error)
        else:
            return found
        raise failure  # here, so that no error which knows the token hangs on it

    def _refused(self, error: SlackApiError) -> Exception:
        """What `ok: false` means; an answer without a code is judged by its status."""
        response = error.response
        code, status = code_of(response.get("error"), self.info.password), response.status_code
        if code in _LATER:
            status = 429
        elif code in _PERHAPS:
            status = 503
        if code is None or status != 200:
            return refusal(self.who, status, code, dict(response.headers), now=datetime.now(UTC))
        needed = response.get("needed")
        return Refused(code, needed if isinstance(needed, str) and _SCOPES.fullmatch(needed) else None)


@dataclass(frozen=True, slots=True)
class Place:
    """A message by what Slack calls it, and the chart in it.

    >>> str(Place.parse("C123:1366.000:F7")), Place.parse("C123:1366.000").file, Place.parse("#general")
    ('C123:1366.000:F7', '', None)
    """

    channel: str
    ts: str
    file: str = ""

    @classmethod
    def told(cls, answer: dict[str, Any], file: str) -> Place | None:
        """The place of a message that Slack says it took; None if it does not say so in its own way."""
        channel, ts = str(answer.get("channel")), str(answer.get("ts"))
        return cls(channel, ts, file) if _ID.fullmatch(channel) and _TS.fullmatch(ts) else None

    @classmethod
    def parse(cls, text: str | None) -> Place | None:
        channel, _, rest = (text or "").partition(":")
        ts, _, file = rest.partition(":")
        return cls(channel, ts, file) if channel and ts else None

    def __str__(self) -> str:
        return ":".join(part for part in (self.channel, self.ts, self.file) if part)
