"""The nearest tier: answers in this process, few enough and small enough."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, TypeAlias, assert_never

import msgspec
from cachebox import LRUCache

from anymedia.cache.frequency import ByFrequency
from anymedia.cache.kept import Kept
from anymedia.contracts.caching import CacheStrategy

if TYPE_CHECKING:
    from anymedia.cache.key import CacheKey
    from anymedia.cache.order import Order

Kind: TypeAlias = tuple[tuple[str, ...], str]
"""By whom answers are and whose: what orders of invalidation go by."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An answer and when it is too old."""

    kept: Kept
    owner: str
    expires_at: float
    serial: int
    """The how manieth that was kept, of all."""


class Memory:
    """Answers in this process.

    Room is made by the strategy only when what is too old has gone. Ages are read from the clock
    of whoever asks; what holds the entries knows who was used last or least, and not when.
    """

    def __init__(self, strategy: CacheStrategy, *, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._least_wanted: Callable[[], str | None]
        self._entries: LRUCache[str, Entry] | ByFrequency[Entry]
        match strategy:
            case "lru":
                by_recency = LRUCache[str, Entry](0)
                self._entries = by_recency
                self._least_wanted = by_recency.least_recently_used
            case "lfu":
                by_frequency = ByFrequency[Entry]()
                self._entries = by_frequency
                self._least_wanted = by_frequency.least_frequently_used
            case "ttl":
                self._entries = LRUCache(0)
                self._least_wanted = self._oldest
            case _:
                assert_never(strategy)
        self._ages: list[tuple[float, int, str]] = []
        """A heap: who is too old first. May name entries that are gone."""
        self._serials = count()
        self._kinds: dict[Kind, set[str]] = {}
        self.size_bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, digest: str, now: float) -> Kept | None:
        """An answer that is not too old."""
        entry: Entry | None = self._entries.get(digest)
        if entry is None:
            return None
        if entry.expires_at <= now:
            self._drop(digest)
            return None
        return entry.kept

    def keep(self, key: CacheKey, kept: Kept, *, now: float, ttl_seconds: float) -> bool:
        """Keep an answer for so long. False when it is larger than everything together may be."""
        digest, size = key.digest, kept.size_bytes
        self._drop(digest)
        if size > self._max_bytes:
            return False
        if self._full(size):
            self.sweep(now)
        while self._full(size):
            self._evict()
        entry = Entry(kept, key.owner, now + ttl_seconds, next(self._serials))
        self._entries.insert(digest, entry)
        self.size_bytes += size
        self._kinds.setdefault((kept.names, key.owner), set()).add(digest)
        heappush(self._ages, (entry.expires_at, entry.serial, digest))
        if len(self._ages) > 2 * len(self._entries) + 64:
            self._ages = [age for age in self._ages if self._is_of_age(age)]
            heapify(self._ages)
        return True

    def obey(self, order: Order) -> set[str]:
        """Throw out what an order covers; the digests of what went."""
        gone: set[str] = set()
        for names, owner in list(self._kinds):
            if order.covers(names, owner):
                digests = self._kinds[names, owner].copy()
                gone |= digests
                for digest in digests:
                    self._drop(digest)
        return gone

    def sweep(self, now: float) -> None:
        """Throw out what is too old."""
        while self._ages and self._ages[0][0] <= now:
            age = heappop(self._ages)
            if self._is_of_age(age):
                self._drop(age[2])

    def clear(self) -> None:
        """Throw out everything."""
        self._entries.clear()
        self._ages.clear()
        self._kinds.clear()
        self.size_bytes = 0

    def digests(self) -> set[str]:
        """What is there. Looking does not count as use."""
        return set(self._entries.keys())

    def _full(self, more_bytes: int) -> bool:
        return (
            len(self._entries) >= self._max_entries
            or self.size_bytes + more_bytes > self._max_bytes
        )

    def _evict(self) -> None:
        digest = self._least_wanted()
        assert digest is not None
        self._drop(digest)
        self.evictions += 1

    def _oldest(self) -> str | None:
        while not self._is_of_age(self._ages[0]):
            heappop(self._ages)
        return self._ages[0][2]

    def _is_of_age(self, age: tuple[float, int, str]) -> bool:
        """Whether an age is that of an entry which is there, and not of one that has gone."""
        entry: Entry | None = self._entries.peek(age[2])
        return entry is not None and entry.serial == age[1]

    def _drop(self, digest: str) -> None:
        entry: Entry | None = self._entries.pop(digest, None)
        if entry is None:
            return
        self.size_bytes -= entry.kept.size_bytes
        kind = (entry.kept.names, entry.owner)
        digests = self._kinds[kind]
        digests.discard(digest)
        if not digests:
            del self._kinds[kind]
