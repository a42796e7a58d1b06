"""What becomes of requests while a provider fails: every kind of failure under every strategy.

Two doubles speak OpenAI's language; one of them has a fault, the other is well. Requests go one
after the other through the whole engine, over loopback. Counted is what was answered, and how
often the broken one was asked before it was left alone.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import get_args

from anymedia.client.aio import AsyncClient
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.event import StreamEnd
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.route import Strategy
from anymedia.contracts.text import TextRequest
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.mishaps import KINDS, Mishaps

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
FAULTS: dict[str, str] = {
    "unreachable": "refuses connections",
    "auth": "401: the key is refused",
    "credits": "402: the account is empty",
    "rate_limit": "429 with Retry-After",
    "server": "500",
    "overloaded": "503",
    "garbage": "an HTML page with status 200",
    "cut": "breaks off in the middle of its answer",
    "cut stream": "breaks off before the first word of a stream",
    "lost": "does the work and answers 502",
    "slow": "answers too late",
}
REQUESTS = 20
BY_TIME: frozenset[Strategy] = frozenset({"least_loaded", "latency", "quality", "adaptive"})
"""What these lose depends on how long things take here: one to three tries."""
THRESHOLD = 3
"""Failures that open a circuit here."""
PATIENCE_SECONDS = 0.6
"""With one who answers too late; a sound one on a busy machine must not seem to be."""
USUAL_PATIENCE_SECONDS = 10.0
MODEL = "gpt-5.4-mini"


@dataclass(frozen=True, slots=True)
class Course:
    """What became of the requests."""

    strategy: Strategy
    answered: int
    of: int
    lost: int
    """Tries at the broken one."""

    @property
    def words(self) -> str:
        """For a table."""
        served = "all" if self.answered == self.of else f"{self.answered} of {self.of}"
        lost = self.lost if self.strategy not in BY_TIME or self.lost > THRESHOLD else "few"
        return f"{served}, {lost} lost"


def courses(fault: str) -> dict[Strategy, Course]:
    """A fault under each strategy."""
    well, broken = OpenAIDouble(), OpenAIDouble()
    with serving(well) as standby, failing(broken, fault) as primary:
        found: dict[Strategy, Course] = {}
        for strategy in STRATEGIES:
            addresses = (primary, standby)
            found[strategy] = asyncio.run(
                asked(
                    strategy,
                    addresses,
                    well.key,
                    stream=fault == "cut stream",
                    patience=PATIENCE_SECONDS if fault == "slow" else USUAL_PATIENCE_SECONDS,
                )
            )
        return found


async def asked(
    strategy: Strategy,
    addresses: tuple[str, str],
    key: str,
    *,
    stream: bool,
    patience: float,
) -> Course:
    """What becomes of the requests."""
    primary, standby = addresses
    facts = {"dialect": "openai", "api_key": key, "models": {"text": MODEL}}
    config = {
        "providers": {
            "primary": {**facts, "base_url": f"{primary}/v1", "priority": 1},
            "standby": {**facts, "base_url": f"{standby}/v1", "priority": 2},
        },
        "failover": {"strategy": strategy, "attempt_seconds": patience},
        "circuit_breaker": {"failure_threshold": THRESHOLD},
    }
    answered = lost = 0
    with tempfile.TemporaryDirectory() as directory:
        async with AsyncClient(config, data_dir=directory, seed=7) as client:
            for number in range(REQUESTS):
                request = TextRequest(prompt=f"Say {number}", retry=RetryConfig(max_attempts=1))
                try:
                    if stream:
                        *_, last = [event async for event in client.stream(request)]
                        assert isinstance(last, StreamEnd)
                        attempts = last.result.attempts
                    else:
                        attempts = (await client.run(request)).attempts
                    answered += 1
                except GenerationError as error:
                    attempts = error.attempts
                lost += sum(one.provider == "primary" and one.state == "failed" for one in attempts)
    return Course(strategy, answered, REQUESTS, lost)


@contextmanager
def failing(double: OpenAIDouble, fault: str) -> Iterator[str]:
    """The double's address while it has the fault."""
    if fault == "unreachable":
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        return
    if fault == "rate_limit":
        turned_away = replace(KINDS[fault], headers={"retry-after": "60"})
        double.record.mishaps = Always(turned_away)
    elif fault == "slow":
        double.record.mishaps = Mishaps(delay_seconds=4 * PATIENCE_SECONDS)
    elif fault == "cut stream":
        double.record.mishaps = Always(Fault(cut_after_bytes=0))
    else:
        double.record.mishaps = Always(KINDS[fault])
    with serving(double) as address:
        yield address


class Always(Mishaps):
    """One fault, every time."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self._fault = fault

    def next(self) -> Fault | None:
        """The fault."""
        return self._fault
