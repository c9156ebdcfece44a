"""A chart's way into a Slack message: uploaded first, for the message to show it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from hindsight.errors import DeliveryError
from hindsight.message.as_slack import ALT
from hindsight.notifiers.base import Picture
from hindsight.notifiers.posting import post
from hindsight.notifiers.slack_api import Refused, SlackApi
from hindsight.wording import clean, shorten

_TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class Image:
    """A file that Slack has, and what is said to those who do not see it."""

    file: str
    alt: str


def upload(api: SlackApi, pictures: tuple[Picture, ...]) -> tuple[Image | None, tuple[str, ...]]:
    """The first picture as Slack has it, and else why it has not: no failure here holds back the text.

    The file is shared with nobody by itself; whoever sees the message sees it.  The address to which it goes
    comes from Slack.
    """
    if not pictures:
        return None, ()
    try:
        return Image(_uploaded(api, pictures[0]), pictures[0].alt), ()
    except Refused as refused:
        return None, (f"{api.who} took no chart: {refused.words()}.",)
    except DeliveryError as error:
        return None, (f"The chart was left out: {error}",)


def _uploaded(api: SlackApi, picture: Picture) -> str:
    """The id of the file."""
    begun = api.call(
        "files_getUploadURLExternal",
        filename=picture.name,
        length=len(picture.png),
        alt_txt=shorten(clean(picture.alt), ALT),
    )
    address, file = str(begun.get("upload_url", "")), str(begun.get("file_id", ""))
    if urlsplit(address).scheme not in ("http", "https") or not file:
        raise DeliveryError(f"{api.who} named no address to upload to.", retry=True)
    seconds = min(api.info.seconds("timeout", _TIMEOUT), _TIMEOUT)
    headers = {"Content-Type": "application/octet-stream"}
    answer = post(api.who, address, picture.png, api.info, headers=headers, timeout=seconds)
    if answer.status != 200 or answer.is_page:
        raise DeliveryError(f"{api.who} answered {answer.status} to the upload.", retry=True)
    api.call("files_completeUploadExternal", files=[{"id": file, "title": picture.name}])
    return file
