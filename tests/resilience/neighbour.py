"""A process of its own that shares circuits: commands come in on stdin, answers go out on stdout.

Run as `python neighbour.py NAMESPACE IDENTITY`.
"""

from __future__ import annotations

import asyncio
import json
import sys

from tests.support.redis import fresh_state

from anymedia.clock import SystemClock
from anymedia.contracts.resilience import CircuitBreakerSettings
from anymedia.resilience.circuit import Admission, Breakers, CircuitKey
from anymedia.resilience.shared import Sharing
from anymedia.state.redis import RedisLink


async def serve(namespace: str, identity: str) -> None:
    """One line in, one line out, until stdin ends."""
    clock = SystemClock()
    link = RedisLink(fresh_state(namespace=namespace), clock=clock, report=lambda _: None)
    breakers = Breakers(
        CircuitBreakerSettings(
            failure_threshold=3, recovery_timeout_seconds=30, failure_rate=0.5, minimum_calls=20
        ),
        clock=clock,
    )
    sharing = Sharing(breakers, link, clock=clock, identity=identity, every_seconds=30.0)
    key = CircuitKey("veo", "a-credential", "video")
    for line in sys.stdin:
        match line.split():
            case ["fail", times]:
                for _ in range(int(times)):
                    admission = breakers.admit(key)
                    if isinstance(admission, Admission):
                        breakers.failed(admission, seconds=1)
            case ["succeed", times]:
                for _ in range(int(times)):
                    admission = breakers.admit(key)
                    if isinstance(admission, Admission):
                        breakers.succeeded(admission, seconds=1)
            case ["probe"]:
                admission = breakers.probe(key)
                if isinstance(admission, Admission):
                    breakers.succeeded(admission, seconds=1)
        await sharing.sync()
        answer = {"state": breakers.state(key), "retry_after": breakers.retry_after(key)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    await link.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
