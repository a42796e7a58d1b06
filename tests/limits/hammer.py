"""One of several processes that ask one Redis for as much as they can get; prints what it got.

Arguments: URL, namespace, how often to ask, this process' name.
"""

from __future__ import annotations

import asyncio
import json
import sys

from anymedia.clock import SystemClock
from anymedia.contracts.configuration import StateSettings
from anymedia.contracts.limit import Limits
from anymedia.limits.claim import Claim, Rule, Taken
from anymedia.limits.memory import MemoryLimiter
from anymedia.limits.redis import RedisLimiter
from anymedia.state.redis import RedisLink

RULES = (
    Rule("all", Limits(per_hour=1_000, concurrent=7)),
    Rule("provider:acme", Limits(tokens_per_hour=1_000_000)),
)


async def hammer(url: str, namespace: str, times: int, name: str) -> None:
    """Four at once, each taking and releasing."""
    clock = SystemClock()
    settings = StateSettings(redis_url=url, namespace=namespace, timeout_seconds=10.0)
    link = RedisLink(settings, clock=clock, report=lambda said: print(said, file=sys.stderr))
    limiter = RedisLimiter(link, MemoryLimiter(clock))
    got = {"taken": 0, "no slot": 0, "full": 0, "alone": 0, "tokens": 0}

    async def one(line: int) -> None:
        for number in range(times // 4):
            claim = Claim(f"{name} {line} {number}", RULES, tokens=500)
            answer = await limiter.take(claim, lease_seconds=60.0)
            if isinstance(answer, Taken):
                got["taken"] += 1
                got["alone"] += not answer.shared
                tokens = 1_000 if number % 2 else 900
                got["tokens"] += tokens
                await limiter.settle(claim.id, tokens=tokens)
                await limiter.release(claim.id)
            else:
                got["no slot" if answer.amount == "concurrent" else "full"] += 1

    await asyncio.gather(*[one(line) for line in range(4)])
    await link.close()
    print(json.dumps(got))


if __name__ == "__main__":
    asyncio.run(hammer(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
