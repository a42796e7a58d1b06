"""The tier in Redis: answers with an age, and an index of who gave them.

Everything lies on one shard of a cluster, because a script touches answer and index together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from anymedia.cache.kept import Kept
from anymedia.cache.key import LAYOUT, CacheKey, hashed
from anymedia.cache.order import Order
from anymedia.cache.shared import Lying
from anymedia.contracts.caching import CacheTier
from anymedia.state.redis import RedisLink

AT_ONCE = 500
"""Answers taken away by one script: nobody else is served meanwhile."""

WRITE = """
-- An answer, and where to look for it when it should go.
-- KEYS: answer, labels, one index for each label.  ARGV: data, milliseconds, labels...
local ttl = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ttl)
local function remember(key, member)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local before = tonumber(redis.call('ZSCORE', key, member) or 0)
  redis.call('ZADD', key, math.max(before, now + ttl), member)
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
end
for i = 3, #KEYS do
  remember(KEYS[i], KEYS[1])
  remember(KEYS[2], ARGV[i])
end
return 1
"""
TAKE = """
-- Take away answers of an index: those that were there, and whether there are more.
-- KEYS: index.  ARGV: how many at most
local members = redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)
local gone = {}
for _, member in ipairs(members) do
  if redis.call('UNLINK', member) == 1 then gone[#gone + 1] = member end
  redis.call('ZREM', KEYS[1], member)
end
return {gone, redis.call('ZCARD', KEYS[1])}
"""
SWAP = """
-- KEYS: orders.  ARGV: as they were, as they should be
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


class RedisShelf:
    """Where answers lie in Redis."""

    def __init__(self, link: RedisLink, *, largest_bytes: int) -> None:
        self.tier: CacheTier = "redis"
        self.largest_bytes = largest_bytes
        self._link = link
        self._prefix = link.key("{cache}", str(LAYOUT))
        self._orders = f"{self._prefix}:orders"
        self._labels = f"{self._prefix}:labels"

    async def read(self, digest: str) -> tuple[bytes | None, bytes | None]:
        data, orders = await self._link.command("MGET", self._key(digest), self._orders)
        return data, orders

    async def write(self, key: CacheKey, kept: Kept, data: bytes, ttl_seconds: float) -> bool:
        labels = [label((name,), key.owner) for name in kept.names]
        keys = [self._key(key.digest), self._labels, *map(self._index, labels)]
        await self._link.run(WRITE, keys, [data, max(1, math.ceil(ttl_seconds * 1000)), *labels])
        return True

    async def orders(self) -> Lying | None:
        data = await self._link.command("GET", self._orders)
        return None if data is None else Lying(data, data)

    async def begin(self, data: bytes) -> None:
        await self._link.command("SET", self._orders, data, "NX")

    async def swap(self, old: Lying, data: bytes) -> bool:
        return bool(await self._link.run(SWAP, [self._orders], [old.token, data]))

    async def remove(self, order: Order) -> set[str]:
        gone: set[str] = set()
        for written in await self._link.command("ZRANGE", self._labels, 0, -1):
            names, owner = msgspec.json.decode(written, type=tuple[tuple[str, ...], str])
            if order.covers(names, owner):
                gone |= await self._taken(self._index(written))
        return gone

    async def _taken(self, index: str) -> set[str]:
        gone: set[str] = set()
        more = 1
        while more:
            members, more = await self._link.run(TAKE, [index], [AT_ONCE])
            gone |= digests(members)
        return gone

    def _key(self, digest: str) -> str:
        return f"{self._prefix}:answer:{digest}"

    def _index(self, written: bytes) -> str:
        return f"{self._prefix}:by:{hashed(written)}"


def label(names: tuple[str, ...], owner: str) -> bytes:
    """By whom answers are and whose, as bytes."""
    return msgspec.json.encode((names, owner))


def digests(keys: Iterable[Any]) -> set[str]:
    """The digests at the end of keys."""
    return {key.decode().rpartition(":")[2] for key in keys}
