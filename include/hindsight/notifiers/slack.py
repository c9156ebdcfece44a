"""Slack by a bot's token: the recommended way, for its messages can be found again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from hindsight.errors import DeliveryError
from hindsight.message import Document, plain, slack_blocks, slack_text
from hindsight.notifiers.answers import SILENT, code_of, no_answer, refusal
from hindsight.notifiers.base import BaseNotifier, Parcel, Sent
from hindsight.notifiers.connection import Connect, ConnectionInfo

EVENT_TYPE = "hindsight_notification"
"""Names our messages in Slack's metadata; the payload is the outbox key, by which one is found again."""

_TOO_MUCH = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"}
_PERHAPS = {"internal_error", "fatal_error", "request_timeout", "service_unavailable"}
_LATER = {"ratelimited", "rate_limited"}
_PLAIN_LIMIT = 3_500

_ADVICE = {
    "channel_not_found": "name a channel that exists, or invite the bot if it is private",
    "not_in_channel": "invite the bot to the channel",
    "is_archived": "name a channel that is not archived",
    "missing_scope": "give the app the scope chat:write",
    "invalid_auth": "put the bot's token into the connection's password",
    "not_authed": "put the bot's token into the connection's password",
    "token_revoked": "put a new token into the connection's password",
    "token_expired": "put a new token into the connection's password",
    "account_inactive": "put a token of an active app into the connection's password",
}


@dataclass(frozen=True, slots=True)
class Slack(BaseNotifier):
    """A channel, written to by a bot.

    `connection` is an Airflow connection of type `slack`: the token is its password; its extras `base_url`,
    `timeout` and `proxy` are heeded.  The token needs the scope chat:write.
    """

    connection: str
    channel: str

    def __post_init__(self) -> None:
        if not self.channel.strip():
            raise ValueError("a slack notifier needs a channel, such as '#ml-incidents' or a channel's id")

    def send(self, parcel: Parcel, connect: Connect) -> Sent:
        """Post the document; returns `channel:timestamp`, by which Slack knows the message.

        Slack refuses some blocks for reasons it does not document: then the plain text goes out instead, for
        a refused message is certain not to have arrived.
        """
        client = self._client(connect(self.connection))
        try:
            return Sent(self._post(client, parcel.document, parcel.key, with_blocks=True))
        except _BlocksRefused:
            return Sent(self._post(client, parcel.document, parcel.key, with_blocks=False))

    def _client(self, info: ConnectionInfo) -> WebClient:
        if not info.password:
            raise DeliveryError(
                f"the connection {self.connection!r} has no password: put the bot's token there.", retry=False
            )
        return WebClient(
            token=info.password.strip(),
            base_url=info.text("base_url") or WebClient.BASE_URL,
            timeout=info.seconds("timeout", 30),
            proxy=info.text("proxy"),
            retry_handlers=[],
            logger=SILENT,
        )

    def _post(self, client: WebClient, document: Document, key: str, *, with_blocks: bool) -> str | None:
        who = f"Slack (connection {self.connection!r})"
        text = slack_text(document) if with_blocks else _fenced(document)
        try:
            response = client.chat_postMessage(
                channel=self.channel,
                text=text,
                blocks=slack_blocks(document) if with_blocks else None,
                unfurl_links=False,
                unfurl_media=False,
                link_names=False,
                parse="none",
                metadata={"event_type": EVENT_TYPE, "event_payload": {"key": key}},
            )
        except SlackApiError as error:
            code = code_of(error.response.get("error"))
            if with_blocks and code in _TOO_MUCH:
                raise _BlocksRefused from None
            raise _refused(
                who, error.response.status_code, code, dict(error.response.headers), self.channel
            ) from None
        except (OSError, HTTPException, SlackClientError, ValueError) as error:
            raise no_answer(who, error) from None
        ts = response.get("ts")
        return f"{response.get('channel') or self.channel}:{ts}" if ts else None


class _BlocksRefused(Exception):
    """Slack would not have the blocks."""


def _refused(who: str, status: int, code: str | None, headers: dict[str, str], channel: str) -> DeliveryError:
    """What `ok: false` means; an answer without a code is judged by its status."""
    if code is None or status != 200:
        return refusal(who, status, code, headers, now=datetime.now(UTC))
    if code in _LATER:
        return refusal(who, 429, code, headers, now=datetime.now(UTC))
    if code in _PERHAPS:
        return refusal(who, 503, code, headers, now=datetime.now(UTC))
    advice = _ADVICE.get(code, "")
    return DeliveryError(
        f"{who} refused the message for {channel!r}: {code}{f'; {advice}' if advice else ''}.", retry=False
    )


def _fenced(document: Document) -> str:
    """The plain message for a Slack that will not take the blocks."""
    escaped = plain(document).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped if len(escaped) <= _PLAIN_LIMIT else escaped[:_PLAIN_LIMIT].rsplit("\n", 1)[0] + "\n…"
