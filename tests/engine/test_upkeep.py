"""What is done beside requests: probes, alerts, circuits and limits shared by processes."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest

from anymedia.contracts.configuration import StateSettings
from anymedia.contracts.errors import GenerationError, LimitReached
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.resilience import (
    AlertSettings,
    CircuitBreakerSettings,
    HealthSettings,
)
from anymedia.contracts.route import FailoverSettings
from anymedia.wire.http import HttpResponse
from tests.engine.workbench import Workbench, finished, hello
from tests.support.acme import ACME, BOLT
from tests.support.redis import fresh_state, needs_redis
from tests.support.transport import answer

GOOD = answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500})
DOWN = HttpResponse(503, b"{}")
ONCE = RetryConfig(max_attempts=1)
HOOK = "https://hooks.example/alerts"


def failing(bench: Workbench) -> GenerationError:
    """The error that a request comes to."""
    with pytest.raises(GenerationError) as caught:
        bench.run(hello(model="words-1", retry=ONCE))
    return caught.value


def test_an_idle_provider_is_asked_something_that_costs_nothing() -> None:
    """Only where that is configured, and not while there is traffic to learn from."""
    asked = answer({"models": ["words-1"], "credits": "5"})
    bench = Workbench(asked, health=HealthSettings(probe_seconds=60))
    finished(bench.engine.upkeep.once())
    (sent,) = bench.transport.sent
    assert sent.method == "GET"
    bench.clock.advance(30)
    finished(bench.engine.upkeep.once())
    assert len(bench.transport.sent) == 1
    silent = Workbench()
    finished(silent.engine.upkeep.once())
    assert silent.transport.sent == []


def test_health_falls_with_failures_and_is_told() -> None:
    """The score has parts; below a half it is not healthy any more."""
    bench = Workbench(*[DOWN] * 12, circuit_breaker=CircuitBreakerSettings(failure_threshold=50))
    (before,) = bench.engine.upkeep.report()
    assert (before.healthy, before.circuit_state) == (True, "closed")
    for _ in range(12):
        failing(bench)
    (after,) = bench.engine.upkeep.report()
    assert not after.healthy
    assert after.parts.success < 0.2
    assert (after.calls, after.failures, after.in_flight) == (12, 12, 0)


def test_an_alert_is_sent_once_and_again_when_all_is_well() -> None:
    """To the log and to the webhook, which is tried again when it does not answer."""
    marks = (AlertSettings(below=0.6, webhook_url=HOOK),)
    bench = Workbench(
        *[DOWN] * 8,
        circuit_breaker=CircuitBreakerSettings(failure_threshold=50),
        health=HealthSettings(alerts=marks, half_life_seconds=30),
    )
    for _ in range(8):
        failing(bench)
    bench.transport.then(HttpResponse(500, b""), HttpResponse(204, b""))
    finished(bench.engine.upkeep.once())
    told = [one for one in bench.transport.sent if one.url == HOOK]
    assert len(told) == 2
    event = msgspec.json.decode(bytes(told[-1].body or b""))
    assert (event["type"], event["data"]["provider"]) == ("health.degraded", "acme")
    assert told[0].body == told[1].body
    bench.clock.advance(120)
    bench.transport.then(*[GOOD] * 20)
    for _ in range(20):
        bench.run(hello(model="words-1"))
    bench.clock.advance(2)
    bench.transport.then(HttpResponse(204, b""))
    finished(bench.engine.upkeep.once())
    event = msgspec.json.decode(bytes(bench.transport.sent[-1].body or b""))
    assert event["type"] == "health.restored"


def test_a_check_tells_health_too() -> None:
    """`anymedia providers check` shows both."""
    bench = Workbench(answer({"models": ["words-1"], "credits": "5"}))
    (check,) = finished(bench.engine.upkeep.checked())
    assert check.ok
    assert check.health is not None
    assert check.health.health_score > 0.9


# --- shared ---------------------------------------------------------------------------------


def two(*answers: Any, **settings: Any) -> tuple[Workbench, Workbench]:
    """Two engines on one Redis, as two processes have them."""
    state = fresh_state()
    return (
        Workbench(*answers, state=state, **settings),
        Workbench(*answers, state=state, **settings),
    )


@needs_redis
def test_a_circuit_that_opens_here_is_open_there() -> None:
    """After the next round of upkeep on both sides."""
    settings = CircuitBreakerSettings(failure_threshold=2, recovery_timeout_seconds=60)
    one, other = two(DOWN, DOWN, circuit_breaker=settings, providers=(ACME, BOLT))

    async def course() -> None:
        for _ in range(2):
            with pytest.raises(GenerationError):
                await one.engine.run(hello(provider="acme", model="words-1", retry=ONCE))
        await one.engine.upkeep.once()
        await other.engine.upkeep.once()
        other.transport._answers[:] = [GOOD]
        result = await other.engine.run(hello(model="words-1", retry=ONCE))
        assert [(a.provider, a.state) for a in result.attempts] == [
            ("acme", "skipped"),
            ("bolt", "succeeded"),
        ]
        await one.engine.close()
        await other.engine.close()

    finished(course())


@needs_redis
def test_a_limit_is_one_for_all_processes() -> None:
    """What one has taken, the other does not have."""
    one, other = two(GOOD, configured={"acme": {"limits": {"per_minute": 1}}})

    async def course() -> None:
        await one.engine.run(hello(model="words-1"))
        with pytest.raises(LimitReached):
            await other.engine.run(hello(model="words-1"))
        await one.engine.close()
        await other.engine.close()

    finished(course())


@needs_redis
def test_what_is_learnt_here_is_known_there() -> None:
    """Success, time and failures, for strategies and for health; each told once."""
    one, other = two(GOOD, DOWN, GOOD, providers=(ACME, BOLT))

    async def course() -> None:
        for provider in ("acme", "bolt", "acme"):
            request = hello(provider=provider, model="words-1", retry=ONCE)
            with contextlib.suppress(GenerationError):
                await one.engine.run(request)
        for _ in range(2):
            await one.engine.upkeep.once()
            await other.engine.upkeep.once()
        known = {name: other.engine.chooser.known(name, "text") for name in ("acme", "bolt")}
        assert known["acme"] is not None
        assert known["bolt"] is not None
        assert (known["acme"].tries, known["bolt"].tries) == (2, 1)
        assert known["acme"].success > known["bolt"].success
        calls = {one.name: (one.calls, one.failures) for one in other.engine.upkeep.report()}
        assert calls == {"acme": (2, 0), "bolt": (1, 1)}
        mine = one.engine.chooser.known("acme", "text")
        assert mine is not None
        assert mine.tries == 2  # not once more for having been told
        await one.engine.close()
        await other.engine.close()

    finished(course())


@needs_redis
def test_a_session_is_at_home_in_every_process() -> None:
    """Who served it there serves it here."""
    policy = FailoverSettings(strategy="round_robin", affinity="session")
    one, other = two(*[GOOD] * 6, providers=(ACME, BOLT), failover=policy)

    async def course() -> None:
        homes = {}
        for number in range(4):
            session = f"s{number}"
            homes[session] = (await one.engine.run(hello(session=session))).provider
        assert set(homes.values()) == {"acme", "bolt"}
        for session, home in homes.items():
            assert (await other.engine.run(hello(session=session))).provider == home
        await one.engine.close()
        await other.engine.close()

    finished(course())


@needs_redis
def test_rubbish_in_the_stream_is_passed_over() -> None:
    """Another release may tell it in another way."""
    one, _ = two(GOOD)

    async def course() -> None:
        link = one.engine.link
        assert link is not None
        for what in (b"", b"{}", b"[1]", b"[[[[]]],[]]", b"\xff"):
            await link.command("XADD", link.key("gossip"), "*", "by", "x", "what", what)
        await link.command("XADD", link.key("gossip"), "*", "other", "field")
        await one.engine.upkeep.once()
        assert one.engine.chooser.snapshot() == ()
        await one.engine.close()

    finished(course())


def test_without_redis_every_process_goes_on_alone() -> None:
    """One word to the operator, and no request fails for it."""
    nowhere = StateSettings(redis_url="redis://127.0.0.1:1/0", timeout_seconds=0.2)
    bench = Workbench(
        *[GOOD] * 3, state=nowhere, configured={"acme": {"limits": {"per_minute": 2}}}
    )

    async def course() -> None:
        for _ in range(2):
            await bench.engine.run(hello(model="words-1"))
        with pytest.raises(LimitReached):
            await bench.engine.run(hello(model="words-1"))
        await bench.engine.close()

    finished(course())
