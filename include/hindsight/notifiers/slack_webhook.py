"""Slack by an incoming webhook: an address that is the secret, bound to one channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING

from hindsight.errors import DeliveryError
from hindsight.message import slack_blocks, slack_text
from hindsight.notifiers.answers import SILENT, code_of, no_answer, refusal
from hindsight.notifiers.base import BaseNotifier, Parcel, Sent
from hindsight.notifiers.connection import Connect, ConnectionInfo

if TYPE_CHECKING:
    from slack_sdk.webhook import WebhookResponse

_DEFAULT = "hooks.slack.com/services"


@dataclass(frozen=True, slots=True)
class SlackWebhook(BaseNotifier):
    """The channel an incoming webhook was made for.

    `connection` is an Airflow connection of type `slackwebhook`: the webhook's token, or the whole
    address, is its password.  A webhook never learns what became of a message: no thread, no update,
    no chart, and no way to find out whether an unanswered one arrived.  Prefer `slack` where you may have a
    bot.
    """

    connection: str

    def send(self, parcel: Parcel, connect: Connect) -> Sent:
        """Post the document; Slack gives a webhook's message no name, so none comes back."""
        from slack_sdk.errors import SlackClientError
        from slack_sdk.webhook import WebhookClient

        document = parcel.document
        info = connect(self.connection)
        who = f"the Slack webhook (connection {self.connection!r})"
        client = WebhookClient(
            self._address(info),
            timeout=info.seconds("timeout", 30),
            retry_handlers=[],
            logger=SILENT,
        )
        client.proxy = info.text("proxy")  # see slack_api
        try:
            answer: WebhookResponse | DeliveryError = client.send(
                text=slack_text(document),
                blocks=slack_blocks(document),
                unfurl_links=False,
                unfurl_media=False,
            )
        except (OSError, HTTPException, SlackClientError, ValueError) as error:
            answer = no_answer(who, error)
        if isinstance(answer, DeliveryError):
            raise answer  # here, so that no error which knows the address hangs on it
        if answer.status_code != 200 or answer.body.lstrip().startswith("<"):
            code, headers = code_of(answer.body.strip(), info.password, info.host), dict(answer.headers)
            raise refusal(who, answer.status_code, code, headers, now=datetime.now(UTC))
        return Sent()

    def _address(self, info: ConnectionInfo) -> str:
        """The webhook's address, put together as Airflow's own Slack hook does."""
        token = (info.password or "").strip()
        if not token:
            raise DeliveryError(
                f"the connection {self.connection!r} has no password: "
                "put the webhook's token or address there.",
                retry=False,
            )
        if "://" in token:
            return token
        base = info.host or ""
        if "://" not in base:
            base = f"{info.schema or 'https'}://{base or _DEFAULT}"
        return f"{base.rstrip('/')}/{token.lstrip('/')}"
