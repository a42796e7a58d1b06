"""The tier in Memcached: answers that may be gone at any moment.

A Memcached cannot list what it holds, so nothing is taken away there: orders of invalidation make
it worthless, and its age or the lack of room does the rest.
"""

from __future__ import annotations

import math
from urllib.parse import urlsplit

from anymedia.cache.kept import Kept
from anymedia.cache.key import LAYOUT, CacheKey
from anymedia.cache.memcached_link import MemcachedLink
from anymedia.cache.order import Order
from anymedia.cache.shared import Lying
from anymedia.contracts.caching import CacheTier

LARGEST_BYTES = 1024 * 1024 - 2048
"""What a Memcached takes unless started with `-I`, less what it needs itself."""
LONGEST_SECONDS = 30 * 24 * 3600
"""A longer time would be read as a date."""


class MemcachedShelf:
    """Where answers lie in Memcached."""

    def __init__(self, link: MemcachedLink, url: str) -> None:
        self.tier: CacheTier = "memcached"
        self.largest_bytes = LARGEST_BYTES
        self._link = link
        namespace = urlsplit(url).path.strip("/") or "anymedia"
        self._prefix = f"{namespace}:cache:{LAYOUT}"
        self._orders = f"{self._prefix}:orders"

    async def read(self, digest: str) -> tuple[bytes | None, bytes | None]:
        key = self._key(digest)
        found = await self._link.get(key, self._orders)
        answer, orders = found.get(key), found.get(self._orders)
        return answer and answer.data, orders and orders.data

    async def write(self, key: CacheKey, kept: Kept, data: bytes, ttl_seconds: float) -> bool:
        seconds = min(LONGEST_SECONDS, max(1, math.ceil(ttl_seconds)))
        return await self._link.store("set", self._key(key.digest), data, seconds=seconds)

    async def orders(self) -> Lying | None:
        return (await self._link.get(self._orders)).get(self._orders)

    async def begin(self, data: bytes) -> None:
        await self._link.store("add", self._orders, data)

    async def swap(self, old: Lying, data: bytes) -> bool:
        return await self._link.store("cas", self._orders, data, token=old.token)

    async def remove(self, order: Order) -> set[str]:
        return set()

    def _key(self, digest: str) -> str:
        return f"{self._prefix}:{digest}"
