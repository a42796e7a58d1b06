"""Who served a session last, so that the next request goes there too."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from anymedia.clock import Clock

MOST_HOMES: Final = 10_000
KEPT_SECONDS: Final = 3600.0
"""A session that has been silent for so long starts anew."""


class Homes:
    """Remembers for a while where each session, user or lineage is at home."""

    def __init__(
        self, clock: Clock, *, most: int = MOST_HOMES, kept_seconds: float = KEPT_SECONDS
    ) -> None:
        self._now = clock.monotonic
        self._most = most
        self._kept_seconds = kept_seconds
        self._homes: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def keep(self, key: str, name: str) -> None:
        """From now on this is its home."""
        self._homes[key] = (name, self._now())
        self._homes.move_to_end(key)
        while len(self._homes) > self._most:
            self._homes.popitem(last=False)

    def find(self, key: str) -> str | None:
        """Its home, unless that was long ago."""
        found = self._homes.get(key)
        if found is None:
            return None
        name, since = found
        if self._now() - since > self._kept_seconds:
            del self._homes[key]
            return None
        return name

    def forget(self, key: str) -> None:
        """It has no home any more."""
        self._homes.pop(key, None)

    def __len__(self) -> int:
        return len(self._homes)
