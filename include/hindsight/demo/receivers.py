"""A Slack and a mail server on this machine, so that the demo's messages really travel and really arrive.

    with Receivers(Path("received.jsonl")) as receivers:
        receivers.addresses.slack_api  # base URL for a Slack client

or as a process of its own, until SIGTERM, SIGINT or the end of its parent (start it in a session of its own
where Ctrl-C should not reach it):

    python -m hindsight.demo.receivers --out received.jsonl --ports-file receivers.json

Not for a network: they listen on the loopback only, and keep no secret.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hindsight.demo.mail_receiver import MailServer
from hindsight.demo.received import Mailbox
from hindsight.demo.slack_receiver import HOST, TOKEN, WEBHOOK, SlackServer, Workspace
from hindsight.demo.writing import replace_file

ORPHAN_CHECK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the receivers of a process listen, and the token that their Slack asks for."""

    slack_api: str
    slack_webhook: str
    slack_token: str
    smtp_host: str
    smtp_port: int
    pid: int

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        replace_file(path, json.dumps(asdict(self), indent=2).encode())


class Receivers:
    """Both receivers while the block runs; every message is appended to `out` as a JSON line."""

    def __init__(self, out: Path) -> None:
        self.mailbox = Mailbox(out)
        self._slack = SlackServer(Workspace(self.mailbox))
        self._mail = MailServer(self.mailbox)
        self._thread = threading.Thread(target=self._slack.serve_forever, name="slack receiver", daemon=True)

    @property
    def addresses(self) -> Addresses:
        root = f"http://{HOST}:{self._slack.server_port}"
        return Addresses(f"{root}/api/", root + WEBHOOK, TOKEN, HOST, self._mail.port, os.getpid())

    def __enter__(self) -> Self:
        self._thread.start()
        self._mail.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mail.stop()
        self._slack.shutdown()
        self._slack.server_close()
        self._thread.join()


def main(arguments: Sequence[str] | None = None) -> None:
    """Receive until told to stop; the ports file is there exactly while messages are taken."""
    parser = argparse.ArgumentParser(prog="python -m hindsight.demo.receivers", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="file to which each message is appended")
    parser.add_argument("--ports-file", type=Path, required=True, help="file that will say where they listen")
    options = parser.parse_args(arguments)

    parent = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt), Receivers(options.out) as receivers:
        receivers.addresses.write(options.ports_file)
        try:
            # A parent that was killed cannot tell us to stop.
            while os.getppid() == parent:
                time.sleep(ORPHAN_CHECK_SECONDS)
        finally:
            options.ports_file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
