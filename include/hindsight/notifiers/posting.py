"""One POST over HTTP, once: for notifiers that need no client library.

Nothing is retried, no redirect is followed, and no address is logged.  A proxy is the connection's extra
`proxy`, else what HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say; trusted certificates are certifi's, or
those of SSL_CERT_FILE and SSL_CERT_DIR.  The extra `timeout` is in seconds.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

from hindsight.errors import DeliveryError
from hindsight.notifiers.answers import silent, uncallable, unreached, untrusted
from hindsight.notifiers.connection import ConnectionInfo

TIMEOUT = 30
_LONGEST_ANSWER = 64 * 1024
_TALKATIVE = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def is_page(self) -> bool:
        """Whether it is a web page: a login, or a proxy that speaks for the receiver."""
        return self.text.lstrip().startswith("<")


def post(
    who: str,
    address: str,
    body: bytes,
    info: ConnectionInfo,
    *,
    headers: Mapping[str, str],
    timeout: int | None = None,
) -> Answer:
    """The answer to a POST, whatever its status; DeliveryError, which names `who` only, if there is none."""
    try:
        answer: Answer | DeliveryError = _post(who, address, body, info, headers, timeout)
    except OSError as error:  # certificates that cannot be read just now
        answer = unreached(who, type(error).__name__)
    except (ImportError, RuntimeError, ValueError) as error:  # a proxy or an address that is none
        answer = uncallable(who, type(error).__name__)
    if isinstance(answer, DeliveryError):
        raise answer  # here, so that no error which knows the address hangs on it
    return answer


def _post(
    who: str,
    address: str,
    body: bytes,
    info: ConnectionInfo,
    headers: Mapping[str, str],
    timeout: int | None,
) -> Answer | DeliveryError:
    import httpx

    seconds = timeout or info.seconds("timeout", TIMEOUT)
    deadline = time.monotonic() + 2 * seconds
    try:
        with (
            _unlogged(),
            httpx.Client(
                timeout=seconds, proxy=info.text("proxy"), follow_redirects=False, verify=_trusted()
            ) as client,
            client.stream(
                "POST", address, content=body, headers={**headers, "Accept-Encoding": "identity"}
            ) as response,
        ):
            said = bytearray()
            for chunk in response.iter_raw():
                said += chunk
                if len(said) > _LONGEST_ANSWER or time.monotonic() > deadline:
                    break
            text = said.decode("utf-8", "replace")
            return Answer(response.status_code, dict(response.headers), text)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        kind = type(error).__name__
        return untrusted(who, kind) if _distrusts(error) else unreached(who, kind)
    except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
        return silent(who, type(error).__name__)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        return uncallable(who, type(error).__name__)


@cache
def _trusted() -> ssl.SSLContext:
    """What certificates are trusted; to read them takes longer than to post."""
    import httpx

    return httpx.create_ssl_context()


def _distrusts(error: BaseException | None) -> bool:
    """Whether a certificate was the cause."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


_ours: ContextVar[bool] = ContextVar("ours", default=False)


class _NotOurs(logging.Filter):
    """Keeps the records of our own calls out of httpx's logs: they show whole addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _ours.get()


_NOT_OURS = _NotOurs()


@contextmanager
def _unlogged() -> Iterator[None]:
    """While this lasts nothing of what this thread calls is logged by httpx; other threads' calls are."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_NOT_OURS)  # adding it twice is adding it once
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)
