"""Requests and results to be kept, and caches to keep them in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from anymedia.cache.cache import Cache
from anymedia.cache.kept import Kept
from anymedia.cache.key import CacheKey, hashed
from anymedia.clock import Clock
from anymedia.contracts.caching import CacheSettings, CacheTier
from anymedia.contracts.cost import Cost
from anymedia.contracts.text import Finish, TextRequest, TextResult
from anymedia.state.redis import RedisLink
from tests.support.clock import START, FakeClock
from tests.support.redis import fresh_state


def answer(text: str = "It rains.", **facts: Any) -> TextResult:
    """What a provider said."""
    known: dict[str, Any] = {
        "provider": "openai",
        "model": "gpt-5",
        "cost": Cost(amount=Decimal("0.25"), basis="computed"),
        "finish": Finish(unified="stop"),
    }
    return TextResult(text=text, **(known | facts))


def kept(text: str = "It rains.", **facts: Any) -> Kept:
    """The same, to be kept."""
    found = Kept.of(answer(text, **facts), made_at=START)
    assert found is not None
    return found


def some_key(word: str, owner: str = "nobody") -> CacheKey:
    """A key, where the request behind it is beside the point."""
    return CacheKey(hashed(f"{word} {owner}".encode()), owner, f"{word} {owner}")


class Place:
    """Where caches of one test keep things: each of them is a process of its own."""

    def __init__(self, tiers: tuple[CacheTier, ...], memcached_url: str | None = None) -> None:
        self.tiers = tiers
        self.clock = FakeClock()
        self.said: list[str] = []
        namespace = f"test-{secrets.token_hex(6)}"
        self.memcached_url = memcached_url and f"{memcached_url}/{namespace}"
        self.state = fresh_state(namespace=namespace)

    @property
    def lists_what_it_holds(self) -> bool:
        """Whether what is thrown out can be counted."""
        return self.tiers != ("memcached",)

    @asynccontextmanager
    async def cache(self, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Cache]:
        """One process's cache."""
        link = RedisLink(self.state, clock=clock or self.clock, report=self.said.append)
        facts: dict[str, Any] = {"tiers": self.tiers, "memcached_url": self.memcached_url}
        cache = Cache(
            CacheSettings(**(facts | settings)),
            clock=clock or self.clock,
            link=link if "redis" in self.tiers else None,
            report=self.said.append,
            timeout_seconds=2.0,
        )
        try:
            yield cache
        finally:
            await cache.close()
            await link.close()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A server that is not quite a Memcached; its port. It ends when its clients have hung up."""
    serving: list[asyncio.Task[None]] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*serving)


@asynccontextmanager
async def before_memcached(
    url: str, passes: Callable[[bytes], Awaitable[bool]]
) -> AsyncIterator[str]:
    """A way to a Memcached on which answers can be held up or lost; its URL.

    `passes` is asked with each command once its answer is there, and false hangs up.
    """
    there = urlsplit(url)

    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = await asyncio.open_connection(there.hostname, there.port)
        while line := await reader.readline():
            outgoing.write(line)
            if line.startswith((b"set", b"add", b"cas")):
                outgoing.write(await reader.readexactly(int(line.split()[4]) + 2))
            answer = await incoming.readuntil(b"\r\n")
            while line.startswith(b"get") and not answer.endswith(b"END\r\n"):
                answer += await incoming.readuntil(b"\r\n")
            if not await passes(line):
                break
            writer.write(answer)
        outgoing.close()
        await outgoing.wait_closed()

    async with listening(through) as port:
        yield f"memcached://127.0.0.1:{port}{there.path}"


async def said_again(cache: Cache, key: CacheKey) -> str | None:
    """The words that are found under a key."""
    found = await cache.find(key)
    return None if found is None else found.result(TextRequest(prompt="any")).text
