"""Both limiters on a clock that the test owns, so that one test is about both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from anymedia.contracts.limit import Limits
from anymedia.limits.claim import Claim, Full, Limiter, Rule, Taken
from anymedia.limits.memory import MemoryLimiter
from anymedia.limits.redis import RedisLimiter
from anymedia.state.redis import RedisLink
from tests.support.clock import FakeClock
from tests.support.redis import fresh_state, needs_redis

EPOCH = 1_795_262_400_000_000
"""Where the fake time of scripts begins, in microseconds."""


class Bench:
    """A limiter and its clock."""

    def __init__(self, limiter: Limiter, clock: FakeClock, link: RedisLink | None = None) -> None:
        self.limiter = limiter
        self.clock = clock
        self.link = link
        self.name = "claim"
        self._count = 0

    async def take(
        self, *rules: Rule, tokens: int = 0, micro_usd: int = 0, lease_seconds: float = 600.0
    ) -> Taken | Full:
        """A claim with an id of its own."""
        self._count += 1
        claim = Claim(f"{self.name} {self._count}", rules, tokens, micro_usd)
        return await self.limiter.take(claim, lease_seconds=lease_seconds)

    async def taken(
        self, *rules: Rule, tokens: int = 0, micro_usd: int = 0, lease_seconds: float = 600.0
    ) -> str:
        """The id of a claim for which there has to be room."""
        answer = await self.take(
            *rules, tokens=tokens, micro_usd=micro_usd, lease_seconds=lease_seconds
        )
        assert isinstance(answer, Taken), answer
        return answer.claim_id

    async def refused(self, *rules: Rule, tokens: int = 0, micro_usd: int = 0) -> Full:
        """Why there is no room, as there has to be none."""
        answer = await self.take(*rules, tokens=tokens, micro_usd=micro_usd)
        assert isinstance(answer, Full), answer
        return answer

    async def as_many_as_fit(self, *rules: Rule, tokens: int = 0, micro_usd: int = 0) -> int:
        """Take until it is full; how often that was possible."""
        count = 0
        while isinstance(await self.take(*rules, tokens=tokens, micro_usd=micro_usd), Taken):
            count += 1
        return count


@asynccontextmanager
async def in_memory(clock: FakeClock) -> AsyncIterator[Bench]:
    """Counted in this process."""
    yield Bench(MemoryLimiter(clock), clock)


@asynccontextmanager
async def on_redis(
    clock: FakeClock, *, report: Callable[[str], None] = lambda _: None, **state: object
) -> AsyncIterator[Bench]:
    """Counted in a real Redis, in a namespace of its own, which is empty afterwards."""
    settings = fresh_state(**state)
    link = RedisLink(settings, clock=clock, report=report)

    def time() -> int:
        return EPOCH + round(clock.monotonic() * 1_000_000)

    try:
        yield Bench(RedisLimiter(link, MemoryLimiter(clock), report=report, time=time), clock, link)
    finally:
        await link.close()
        await empty(settings.namespace)


async def empty(namespace: str) -> None:
    """Delete what a test left in the real Redis, should there be one."""
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    settings = fresh_state()
    assert settings.redis_url is not None
    client = Redis.from_url(settings.redis_url)
    try:
        async for key in client.scan_iter(f"{namespace}:*"):
            await client.delete(key)
    except RedisError:
        pass
    await client.aclose()


both = pytest.mark.parametrize(
    "bench", [in_memory, pytest.param(on_redis, marks=needs_redis)], ids=["memory", "redis"]
)
"""The same test for both."""


def rule(key: str = "provider:acme", **amounts: object) -> Rule:
    """A rule with these limits."""
    return Rule(key, Limits.model_validate(amounts))


def run(bench: Callable[..., object], work: Callable[[Bench], Awaitable[None]]) -> None:
    """Do the work at a bench."""

    async def whole() -> None:
        async with bench(FakeClock()) as one:  # type: ignore[attr-defined]  # either of the two
            await work(one)

    asyncio.run(whole())
