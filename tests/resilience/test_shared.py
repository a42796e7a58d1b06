"""Circuits of several processes on one real Redis, and what remains without it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from tests.support.clock import FakeClock
from tests.support.redis import fresh_state, needs_redis

from anymedia.clock import SystemClock
from anymedia.contracts.resilience import CircuitBreakerSettings
from anymedia.resilience.circuit import Admission, Breakers, CircuitKey, Refused
from anymedia.resilience.shared import AT_ONCE, Sharing
from anymedia.state.redis import RedisLink

VEO = CircuitKey("veo", "sk-secret", "video")
ROOT = Path(__file__).parents[2]


class Process:
    """What one process has, with a clock of its own."""

    def __init__(self, state: Any, identity: str, **fields: Any) -> None:
        self.clock = FakeClock()
        self.said: list[str] = []
        self.link = RedisLink(state, clock=SystemClock(), report=self.said.append)
        facts = {"failure_threshold": 5, "recovery_timeout_seconds": 60} | fields
        self.breakers = Breakers(CircuitBreakerSettings.model_validate(facts), clock=self.clock)
        self.sharing = Sharing(self.breakers, self.link, clock=self.clock, identity=identity)

    async def sync(self) -> None:
        await self.sharing.sync()

    def let_through(self, key: CircuitKey = VEO) -> Admission:
        admission = self.breakers.admit(key)
        assert isinstance(admission, Admission)
        return admission

    def fail(self, times: int = 1, key: CircuitKey = VEO) -> None:
        for _ in range(times):
            self.breakers.failed(self.let_through(key), seconds=1)

    def succeed(self, times: int = 1) -> None:
        for _ in range(times):
            self.breakers.succeeded(self.let_through(), seconds=1)

    @property
    def state(self) -> str:
        return self.breakers.state(VEO)


Body = Callable[[Process, Process], Coroutine[Any, Any, None]]


def two(body: Body, **fields: Any) -> None:
    """Two processes on one Redis."""

    async def work() -> None:
        state = fresh_state(timeout_seconds=20.0)  # this machine may be busy
        one, other = Process(state, "one", **fields), Process(state, "other", **fields)
        await body(one, other)
        await one.link.close()
        await other.link.close()

    asyncio.run(work())


async def both(one: Process, other: Process) -> None:
    """Each has told and heard."""
    await one.sync()
    await other.sync()
    await one.sync()


@needs_redis
def test_what_opens_in_one_process_opens_in_the_other_for_the_same_time() -> None:
    """Though their clocks have nothing in common, and the other never asked for the provider."""

    async def body(one: Process, other: Process) -> None:
        other.clock.advance(98765.0)
        one.fail(5)
        one.clock.advance(20)
        await both(one, other)
        assert other.state == "closed", "it has no such circuit yet"
        refused = other.breakers.admit(VEO)
        assert isinstance(refused, Refused)
        assert refused.retry_after_seconds == pytest.approx(40, abs=1)
        assert one.breakers.retry_after(VEO) == pytest.approx(40, abs=0.1)

    two(body)


@needs_redis
def test_a_circuit_that_exists_learns_of_the_opening_at_the_next_sync() -> None:
    """And what it had sent before does not count any more."""

    async def body(one: Process, other: Process) -> None:
        early = other.let_through()
        heard: list[str] = []
        other.breakers.listen(lambda key, before, after, why: heard.append(why))
        one.fail(5)
        await both(one, other)
        assert (other.state, heard) == ("open", ["told by another process"])
        other.breakers.succeeded(early, seconds=1)
        assert other.state == "open"

    two(body)


@needs_redis
def test_closing_is_heard_by_the_others() -> None:
    """The first that finds the provider well closes it for everybody."""

    async def body(one: Process, other: Process) -> None:
        other.let_through()
        one.fail(5)
        await both(one, other)
        probe = one.breakers.probe(VEO)
        assert isinstance(probe, Admission)
        one.breakers.succeeded(probe, seconds=1)
        await both(one, other)
        assert (one.state, other.state) == ("closed", "closed")
        third = Process(fresh_state(namespace=one.link.key("x").split(":")[0]), "third")
        await third.sync()
        third.let_through()
        await third.link.close()

    two(body)


@needs_redis
def test_a_closing_that_does_not_know_of_the_last_opening_closes_nothing() -> None:
    """One found it well, the other has meanwhile found it broken again: the later opening holds."""

    async def body(one: Process, other: Process) -> None:
        other.let_through()
        one.fail(5)
        await both(one, other)
        for process in (one, other):
            process.clock.advance(60)
        good, bad = one.breakers.probe(VEO), other.breakers.probe(VEO)
        assert isinstance(good, Admission)
        assert isinstance(bad, Admission)
        one.breakers.succeeded(good, seconds=1)
        other.breakers.failed(bad, seconds=1)
        await other.sync()
        await one.sync()
        assert one.state == "open"
        assert one.breakers.retry_after(VEO) == pytest.approx(120, abs=1)
        await other.sync()
        assert other.state == "open"

    two(body)


class Meanwhile:
    """A link on which something happens here while Redis is being asked."""

    def __init__(self, link: RedisLink, happens: Callable[[], None]) -> None:
        self._link = link
        self._happens = happens

    def key(self, *parts: str) -> str:
        return self._link.key(*parts)

    async def run(self, *asked: Any) -> Any:
        answer = await self._link.run(*asked)
        self._happens()
        return answer


@needs_redis
def test_what_fails_here_while_a_closing_is_on_its_way_is_not_forgotten() -> None:
    """The closing is older than the failure: the circuit stays open, and the others hear of it."""

    async def body(one: Process, other: Process) -> None:
        other.let_through()
        one.fail(5)
        await both(one, other)
        good, bad = other.breakers.probe(VEO), one.breakers.probe(VEO)
        assert isinstance(good, Admission)
        assert isinstance(bad, Admission)
        other.breakers.succeeded(good, seconds=1)
        await other.sync()
        meanwhile = Meanwhile(one.link, lambda: one.breakers.failed(bad, seconds=1))
        one.sharing._link = cast("RedisLink", meanwhile)
        await one.sync()
        assert one.state == "open"
        await both(one, other)
        assert (one.state, other.state) == ("open", "open")

    two(body)


@needs_redis
def test_counts_add_up_over_processes() -> None:
    """Each has seen too few calls for a share; together they are enough."""

    async def body(one: Process, other: Process) -> None:
        for process in (one, other):
            for _ in range(4):
                process.fail()
                process.succeed()
        one.fail()
        assert one.state == "closed"
        await both(one, other)
        await other.sync()
        one.succeed()
        one.fail()
        one.fail()
        assert one.state == "open"
        await both(one, other)
        assert other.state == "open"

    two(body, minimum_calls=20)


@needs_redis
def test_outcomes_of_jobs_add_up_too() -> None:
    """Four failed jobs of six here and four of six there are eight of twelve."""

    async def body(one: Process, other: Process) -> None:
        for good in (False, True, False, False, True):
            one.breakers.outcome(VEO, succeeded=good)
            other.breakers.outcome(VEO, succeeded=good)
        await both(one, other)
        assert one.state == "closed"
        one.breakers.outcome(VEO, succeeded=False)
        assert one.state == "open"

    two(body, minimum_jobs=10)


@needs_redis
def test_one_process_at_a_time_probes() -> None:
    """Who has the lease tries; the other waits, and hears of the success."""

    async def body(one: Process, other: Process) -> None:
        other.let_through()
        one.fail(5)
        await both(one, other)
        for process in (one, other):
            process.clock.advance(59)
            assert isinstance(process.breakers.admit(VEO), Refused)
        await both(one, other)
        for process in (one, other):
            process.clock.advance(1.5)
            assert process.state == "half_open"
        probe = one.let_through()
        refused = other.breakers.admit(VEO)
        assert isinstance(refused, Refused)
        assert 0 < refused.retry_after_seconds <= 1.0
        one.breakers.succeeded(probe, seconds=1)
        await one.sync()
        await other.sync()
        assert other.state == "closed"
        other.let_through()

    two(body)


@needs_redis
def test_a_lease_that_is_of_no_use_goes_to_who_has_use_for_it() -> None:
    """Its holder has had no request for a while and gives it back."""

    async def body(one: Process, other: Process) -> None:
        other.let_through()
        one.fail(5)
        await both(one, other)
        one.clock.advance(59)
        one.breakers.admit(VEO)
        await one.sync()
        other.clock.advance(60)
        await other.sync()
        assert isinstance(other.breakers.admit(VEO), Refused)
        one.clock.advance(16)
        await one.sync()
        await other.sync()
        assert isinstance(other.breakers.admit(VEO), Admission)

    two(body)


@needs_redis
def test_a_lease_whose_holder_is_gone_lapses() -> None:
    """Here at the latest when the time that Redis named is over."""

    async def body(one: Process, other: Process) -> None:
        other.let_through()
        one.fail(5)
        await both(one, other)
        one.clock.advance(60)
        one.let_through()
        await one.sync()
        other.clock.advance(60)
        await other.sync()
        assert isinstance(other.breakers.admit(VEO), Refused)
        other.clock.advance(4.0)
        assert isinstance(other.breakers.admit(VEO), Admission)

    two(body)


@needs_redis
def test_who_needs_an_answer_waits_for_nobody() -> None:
    """The alternative to an early probe is to fail the request."""

    async def body(one: Process, other: Process) -> None:
        other.let_through()
        one.fail(5)
        await both(one, other)
        one.clock.advance(60)
        one.let_through()
        await both(one, other)
        assert isinstance(other.breakers.probe(VEO), Admission)

    two(body)


@needs_redis
def test_the_names_of_credentials_stay_in_the_process() -> None:
    """Nothing in Redis contains them."""

    async def body(one: Process, other: Process) -> None:
        one.fail(5)
        await one.sync()
        namespace = one.link.key("x").split(":")[0]
        keys = await one.link.command("KEYS", f"{namespace}:*")
        standings = await one.link.command("HGETALL", one.link.key("{circuits}", "standings"))
        assert standings
        assert b"sk-secret" not in repr((keys, standings)).encode()
        assert all(b"{circuits}" in key for key in keys), "one shard of a cluster"

    two(body)


@needs_redis
def test_an_emptied_redis_learns_what_is_open_from_who_knows() -> None:
    """After a restart without memory a new process still hears of it."""

    async def body(one: Process, other: Process) -> None:
        one.fail(5)
        await one.sync()
        for part in ("standings", "versions"):
            await one.link.command("DEL", one.link.key("{circuits}", part))
        await both(one, other)
        assert isinstance(other.breakers.admit(VEO), Refused)

    two(body)


@needs_redis
def test_more_circuits_than_fit_into_one_question_are_told_in_several() -> None:
    """Every one of them arrives."""

    async def body(one: Process, other: Process) -> None:
        keys = [CircuitKey("veo", str(number)) for number in range(AT_ONCE * 2 + 1)]
        for key in keys:
            one.fail(5, key)
        await one.sync()
        await other.sync()
        assert all(isinstance(other.breakers.admit(key), Refused) for key in keys)

    two(body)


@needs_redis
def test_without_redis_each_process_goes_on_alone_and_tells_later() -> None:
    """It opens, probes and closes by what it knows; what is still open is told when Redis is back."""

    async def work() -> None:
        state = fresh_state()
        cut = Process(fresh_state(redis_url="redis://127.0.0.1:1/0"), "cut")
        await cut.sync()
        assert not cut.sharing.in_touch
        cut.fail(5)
        assert cut.state == "open"
        cut.clock.advance(60)
        cut.fail()
        await cut.sync()
        assert cut.breakers.retry_after(VEO) == 120.0
        assert len(cut.said) == 1, "the link has said it once"
        back = RedisLink(state, clock=SystemClock(), report=cut.said.append)
        cut.sharing._link = back
        await cut.sync()
        other = Process(state, "other")
        await other.sync()
        assert isinstance(other.breakers.admit(VEO), Refused)
        for link in (cut.link, back, other.link):
            await link.close()

    asyncio.run(work())


@needs_redis
def test_what_others_counted_is_forgotten_when_they_are_not_heard_of() -> None:
    """Old numbers of others must not open a circuit here."""

    async def body(one: Process, other: Process) -> None:
        for _ in range(10):
            other.fail()
            other.succeed()
        one.succeed()
        await other.sync()
        await one.sync()
        gone = RedisLink(
            fresh_state(redis_url="redis://127.0.0.1:1/0"), clock=SystemClock(), report=print
        )
        live, one.sharing._link = one.sharing._link, gone
        await one.sync()
        one.fail()
        assert one.state == "closed"
        one.sharing._link = live
        await one.sync()
        one.fail()
        assert one.state == "open"
        await gone.close()

    two(body, minimum_calls=21)


@contextmanager
def neighbour(namespace: str, identity: str) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Another process; what it answers to a command."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("neighbour.py")), namespace, identity],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    into, out = process.stdin, process.stdout

    def ask(command: str) -> dict[str, Any]:
        into.write(command + "\n")
        into.flush()
        return dict(json.loads(out.readline()))

    try:
        yield ask
    finally:
        into.close()
        process.wait(30)
        out.close()


@needs_redis
def test_two_real_processes_share_an_opening_and_the_closing() -> None:
    """Three failures in one, none in the other, which then finds the provider well."""
    namespace = fresh_state().namespace
    with neighbour(namespace, "one") as one, neighbour(namespace, "other") as other:
        assert other("succeed 1")["state"] == "closed"
        opened = one("fail 3")
        assert opened["state"] == "open"
        told = other("look")
        assert told["state"] == "open"
        assert 0 < told["retry_after"] <= 30
        assert other("probe")["state"] == "closed"
        assert one("look")["state"] == "closed"
