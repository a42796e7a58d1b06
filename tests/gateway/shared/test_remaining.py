"""What is left under limits, counted and told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.redis import fresh_state, needs_redis

from anymedia.contracts.limit import Limits
from anymedia.gateway.shared.remaining import Remaining, length
from anymedia.limits.claim import Claim, Left, Limiter, Rule
from anymedia.limits.memory import MemoryLimiter
from anymedia.limits.redis import RedisLimiter
from anymedia.state.redis import RedisLink

RULE = Rule("caller:key_1", Limits(per_minute=10, tokens_per_day=1000, concurrent=3))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0ms"), (0.02, "20ms"), (1.25, "1.2s"), (60, "1m0s"), (367, "6m7s"), (7384, "2h3m4s")],
)
def test_lengths_are_written_as_openai_writes_them(seconds: float, said: str) -> None:
    """Its clients read them."""
    assert length(seconds) == said


def test_the_shortest_window_is_told() -> None:
    """One for requests and one for tokens, below the names of each dialect."""
    found = (
        Left("per_day", 100, 99, 80_000.0),
        Left("per_minute", 10, 7, 12.5),
        Left("tokens_per_hour", 5000, 0, 1800.0),
    )
    assert headers(found, anthropic=False) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "7",
        "x-ratelimit-reset-requests": "12.5s",
        "x-ratelimit-limit-tokens": "5000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "30m0s",
        "content-type": "text/plain",
    }
    assert headers(found[:1], anthropic=True) == {
        "anthropic-ratelimit-requests-limit": "100",
        "anthropic-ratelimit-requests-remaining": "99",
        "anthropic-ratelimit-requests-reset": "2026-11-21T22:13:20Z",
        "content-type": "text/plain",
    }


def headers(found: tuple[Left, ...], *, anthropic: bool) -> dict[str, str]:
    """Of an answer that goes out."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def look() -> tuple[Left, ...]:
        return found

    async def scenario() -> None:
        now = datetime(2026, 11, 21, tzinfo=UTC)
        remaining = Remaining(send, look, lambda: now, anthropic=anthropic)
        start = {"type": "http.response.start", "headers": [(b"content-type", b"text/plain")]}
        await remaining({**start, "status": 200})
        await remaining({"type": "http.response.body", "body": b"hi"})

    asyncio.run(scenario())
    assert sent[1] == {"type": "http.response.body", "body": b"hi"}
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize("shared", [False, pytest.param(True, marks=needs_redis)])
def test_what_is_left_is_what_was_not_taken(*, shared: bool) -> None:
    """In memory and in Redis, where another process' claims count, too."""

    async def scenario() -> None:
        clock = FakeClock()
        state = fresh_state()
        links = [RedisLink(state, clock=clock, report=lambda _: None) for _ in range(2 * shared)]
        limiters: list[Limiter] = [
            RedisLimiter(
                link, MemoryLimiter(clock), time=lambda: int(clock.monotonic() * 1_000_000) + 1
            )
            for link in links
        ] or [MemoryLimiter(clock)]
        one, other = limiters[0], limiters[-1]
        assert await one.left(RULE) == (
            Left("per_minute", 10, 10, 0.0),
            Left("tokens_per_day", 1000, 1000, 0.0),
        )
        await one.take(Claim("a", (RULE,), tokens=300), lease_seconds=60)
        await one.settle("a", tokens=250)
        await one.release("a")
        minute, day = await other.left(RULE)
        assert (minute.left, day.left) == (9, 750)
        assert 59 <= minute.whole_in_seconds <= 60
        await clock.sleep(61)
        minute, day = await other.left(RULE)
        assert (minute.left, day.left) == (10, 750)
        assert await one.left(Rule("caller:nobody", Limits())) == ()
        for link in links:
            await link.close()

    asyncio.run(scenario())
