"""A database that is away: those who need it are told so at once, and one of them looks again.

Waiting for a server that does not answer takes as long as anybody has patience. Once that has been
found out, it need not be found out by everybody who asks for a job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anymedia.contracts.errors import StorageFailed

LOG = logging.getLogger("anymedia.gateway")
LOOK_SECONDS = 2.0
"""So often somebody finds out whether it is back."""


class Outage:
    """Whether the database was away when somebody last needed it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._look_at: float | None = None

    @contextmanager
    def expected(self) -> Iterator[None]:
        """What runs inside needs the database. Raises `StorageFailed` while it is known to be away."""
        if self._look_at is not None:
            wait = self._look_at - self._now()
            if wait > 0:
                raise away(wait)
            self._look_at = self._now() + LOOK_SECONDS
        try:
            yield
        except StorageFailed as error:
            self._look_at = self._now() + LOOK_SECONDS
            # Where it is, and what it says, is the operator's business.
            LOG.warning("jobs cannot be accepted: %s", error.message)
            raise away(LOOK_SECONDS) from error
        self._look_at = None


def away(seconds: float) -> StorageFailed:
    """Come again."""
    return StorageFailed(
        "what the gateway keeps jobs in is away at the moment. Jobs that were accepted are safe there; "
        "new ones can be accepted when it is back",
        retryable=True,
        retry_after=seconds,
    )
