"""Several processes on one Redis, and what becomes of limits when it goes away."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis

from anymedia.clock import SystemClock
from anymedia.limits.claim import Claim, Full, Taken
from anymedia.limits.memory import MemoryLimiter
from anymedia.limits.redis import RedisLimiter
from anymedia.state.redis import RedisLink
from tests.limits.workbench import EPOCH, Bench, empty, on_redis, rule
from tests.support.clock import FakeClock
from tests.support.redis import fresh_state, needs_redis

pytestmark = needs_redis
HERE = Path(__file__).parent


class Gate:
    """A way to the real Redis that can be shut, hang, or answer that it is full."""

    def __init__(self) -> None:
        self.mode = "open"
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: whatever comes is passed on, or not."""
        there = urlsplit(str(fresh_state().redis_url))
        incoming, outgoing = await asyncio.open_connection(there.hostname, there.port)
        self._writers |= {writer, outgoing}

        async def back() -> None:
            while data := await incoming.read(65_536):
                if self.mode != "deaf":
                    writer.write(data)
                    await writer.drain()

        answering = asyncio.create_task(back())
        try:
            while data := await reader.read(65_536):
                if self.mode == "shut":
                    break
                if self.mode == "full":
                    writer.write(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n")
                elif self.mode != "hanging":  # one that is deaf hears, and nobody hears it
                    outgoing.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()
            outgoing.close()
            await asyncio.gather(answering, return_exceptions=True)


@asynccontextmanager
async def gated(clock: FakeClock) -> AsyncIterator[tuple[Gate, Bench, Bench, list[str]]]:
    """Two processes' limiters on one Redis, the first through a gate."""
    gate, said = Gate(), list[str]()
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
    gate.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    namespace = fresh_state().namespace
    try:
        async with (
            on_redis(
                clock, report=said.append, namespace=namespace, redis_url=gate.url,
                timeout_seconds=0.15,
            ) as first,
            on_redis(clock, namespace=namespace) as second,
        ):  # fmt: skip
            second.name = "other"
            yield gate, first, second, said
    finally:
        server.close()
        await server.wait_closed()


def test_two_processes_together_never_get_more_than_the_limit_and_nearly_all_of_it() -> None:
    """A thousand requests or a million tokens an hour, settled upwards as they go."""

    async def work() -> None:
        state = fresh_state()
        script = str(HERE / "hammer.py")
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, script, str(state.redis_url), state.namespace, "1600", name,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )
            for name in ("first", "second")
        ]  # fmt: skip
        outputs = [await one.communicate() for one in processes]
        assert [one.returncode for one in processes] == [0, 0], outputs
        got = [json.loads(output) for output, _ in outputs]
        taken = sum(one["taken"] for one in got)
        assert all(one["taken"] for one in got)
        assert sum(one["alone"] for one in got) == 0
        assert taken <= 1_000
        # Estimates of those under way are exceeded by at most the seven that hold slots.
        tokens = sum(one["tokens"] for one in got)
        assert tokens <= 1_000_000 + 7 * 500
        assert taken >= 980 or tokens >= 980_000
        await empty(state.namespace)

    asyncio.run(work())


def test_claims_of_one_process_count_for_the_other() -> None:
    """One takes, the other is refused until the first gives back."""

    async def work() -> None:
        clock = FakeClock()
        async with gated(clock) as (_, first, second, _said):
            one = rule(concurrent=1, per_minute=2)
            held = await first.taken(one)
            assert (await second.refused(one)).amount == "concurrent"
            await first.limiter.release(held)
            await second.taken(one)
            assert await first.limiter.saturation([one]) == 1.0

    asyncio.run(work())


async def goes_on_alone(mode: str) -> None:
    """Redis goes away while slots are held, comes back, and both sides agree again."""
    clock = FakeClock()
    async with gated(clock) as (gate, first, second, said):
        two = rule(concurrent=2, per_hour=100)
        before = await first.taken(two)
        gate.mode = mode
        # Its own slot is known to it; what the other holds is not.
        alone = await first.take(two)
        assert alone == Taken("claim 2", shared=False)
        assert (await first.refused(two)).amount == "concurrent"
        assert len(said) == 1
        await first.limiter.release(before)
        third = await first.taken(two)
        await first.limiter.settle(third, tokens=5)
        gate.mode = "open"
        clock.advance(10)
        await first.limiter.renew(["claim 2", third], lease_seconds=600)
        assert (len(said), first.link is not None and first.link.up) == (2, True)
        # Two held here alone are held there again, and the one released meanwhile is not.
        assert (await second.refused(two)).amount == "concurrent"
        await first.limiter.release("claim 2")
        assert await second.as_many_as_fit(two) == 1
        await first.limiter.release(third)
        assert await second.as_many_as_fit(two) == 1


def test_a_redis_that_is_gone_does_not_stop_anybody() -> None:
    """Connections are closed at once."""
    asyncio.run(goes_on_alone("shut"))


def test_a_redis_that_hangs_does_not_stop_anybody() -> None:
    """It hears nothing and says nothing."""
    asyncio.run(goes_on_alone("hanging"))


def test_a_redis_that_acts_and_does_not_answer_does_not_stop_anybody() -> None:
    """What was asked took place there; afterwards it is put right."""
    asyncio.run(goes_on_alone("deaf"))


def test_an_end_that_redis_did_not_hear_of_is_told_when_it_is_back() -> None:
    """What it was and that it is over: for claims that Redis knows, and for those it does not."""

    async def work() -> None:
        clock = FakeClock()
        async with gated(clock) as (gate, first, second, _said):
            one = rule(concurrent=2, tokens_per_hour=100)
            known = await first.taken(one, tokens=60)
            gate.mode = "shut"
            unknown = await first.taken(one, tokens=30)
            for claim_id in (known, unknown):
                told = first.limiter.end(claim_id, tokens=20)
                assert told is not None
                await told
            gate.mode = "open"
            clock.advance(10)
            await first.limiter.renew([], lease_seconds=60)
            left = {each.amount: each.left for each in await second.limiter.left(one)}
            assert left == {"tokens_per_hour": 80}
            assert await second.as_many_as_fit(one) == 2

    asyncio.run(work())


def test_a_redis_that_is_full_does_not_stop_anybody() -> None:
    """It refuses to write."""
    asyncio.run(goes_on_alone("full"))


def test_many_slots_of_a_dark_hour_are_all_registered_again() -> None:
    """More than are told at once: a few calls later Redis knows them all."""

    async def work() -> None:
        clock = FakeClock()
        async with gated(clock) as (gate, first, second, _):
            many = rule(concurrent=1_000)
            gate.mode = "shut"
            for _number in range(200):
                await first.taken(many)
            gate.mode = "open"
            clock.advance(10)
            for _number in range(4):
                await first.limiter.renew([], lease_seconds=600)
            assert await second.limiter.saturation([many]) == 0.2

    asyncio.run(work())


def test_a_redis_that_lost_everything_learns_from_those_who_renew() -> None:
    """It was restarted empty; jobs under way hold their slots again."""

    async def work() -> None:
        clock = FakeClock()
        async with gated(clock) as (_, first, second, _said):
            one = rule(concurrent=1)
            held = await first.taken(one)
            client = Redis.from_url(str(fresh_state().redis_url))
            assert first.link is not None
            async for key in client.scan_iter(first.link.key("*")):
                await client.delete(key)
            await client.aclose()
            await first.limiter.renew([held], lease_seconds=600)
            assert (await second.refused(one)).amount == "concurrent"

    asyncio.run(work())


def test_who_is_cancelled_while_asking_leaves_nothing_behind() -> None:
    """Redis took it and nobody heard: the next call gives it back."""

    async def work() -> None:
        clock = FakeClock()
        async with gated(clock) as (gate, first, second, _):
            one = rule(concurrent=1, per_hour=1)
            await first.taken(rule("a connection and a script", per_hour=1))
            gate.mode = "deaf"
            asking = asyncio.create_task(first.take(one))
            for _number in range(1_000):
                if await second.limiter.saturation([one]):
                    break
            assert not asking.done()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            gate.mode = "open"
            await first.limiter.renew([], lease_seconds=1)
            await second.taken(one)

    asyncio.run(work())


def test_something_else_under_a_key_is_counted_around() -> None:
    """Wrong types, torn values, other structures: this rule alone is counted locally."""

    async def work() -> None:
        clock, said = FakeClock(), list[str]()
        async with on_redis(clock, report=said.append) as at:
            client = Redis.from_url(str(fresh_state().redis_url))
            assert at.link is not None

            def key(part: str, name: str) -> str:
                assert at.link is not None
                return at.link.key("{limits}", part, name)

            await client.rpush(key("count", "list"), "a")
            await client.set(key("count", "text"), "hello")
            await client.set(key("count", "number"), b"\x05")
            await client.set(key("count", "table"), b"\x81\xa4seen\xa1x")
            await client.set(key("slots", "slots"), "hello")
            for name in ("list", "text", "number", "table", "slots"):
                one = rule(name, per_minute=2, concurrent=9)
                assert await at.as_many_as_fit(one) == 2
                assert await at.limiter.room(one) is not None
                assert await at.limiter.saturation([one]) == 1.0
            assert await at.take(rule("fine", per_minute=1)) == Taken("claim 16", shared=True)
            assert len(said) == 5
            await client.set(key("claim", "torn"), "hello")
            torn = Claim("torn", (rule("fine too", per_minute=1, concurrent=1),))
            assert isinstance(await at.limiter.take(torn, lease_seconds=60), Taken)
            await at.limiter.settle("torn", tokens=5)
            await at.limiter.renew(["torn"], lease_seconds=60)
            await at.limiter.release("torn", refund=True)
            assert at.link.up
            await client.aclose()

    asyncio.run(work())


def test_nothing_is_left_behind() -> None:
    """Every key expires, on the clock of Redis, when it no longer counts."""

    async def work() -> None:
        state = fresh_state()
        clock = SystemClock()
        link = RedisLink(state, clock=clock, report=lambda _: None)
        limiter = RedisLimiter(link, MemoryLimiter(clock))
        everything = rule(per_second=5, per_minute=9, tokens_per_day=9, concurrent=9)
        held, released = Claim("held", (everything,), 1), Claim("released", (everything,), 1)
        for claim in (held, released):
            assert isinstance(await limiter.take(claim, lease_seconds=30), Taken)
        await limiter.settle("held", tokens=3)
        await limiter.renew(["held"], lease_seconds=40)
        await limiter.adopt(Claim("adopted", (everything,)), lease_seconds=20)
        await limiter.release("released", refund=True)
        client = Redis.from_url(str(state.redis_url))
        lives = {
            key.decode().rpartition("{limits}:")[2]: await client.pttl(key)
            async for key in client.scan_iter(f"{state.namespace}:*")
        }
        assert set(lives) == {
            "claim:held", "claim:adopted", "count:provider:acme", "slots:provider:acme",
        }  # fmt: skip
        assert 0 < lives["claim:adopted"] <= 20_000 < lives["claim:held"] <= 40_000
        assert 40_000 < lives["slots:provider:acme"] <= 42_000
        assert 86_000_000 < lives["count:provider:acme"] <= 86_402_000
        await limiter.release("held")
        await limiter.release("adopted")
        await client.aclose()
        await link.close()
        await empty(state.namespace)

    asyncio.run(work())


def test_a_clock_of_redis_that_goes_back_frees_nothing_and_blocks_nothing_for_ever() -> None:
    """It is set back by a year: ages stay what they are, and a minute is a minute again."""

    async def work() -> None:
        times = [EPOCH]
        state, clock = fresh_state(), FakeClock()
        link = RedisLink(state, clock=clock, report=lambda _: None)
        limiter = RedisLimiter(link, MemoryLimiter(clock), time=lambda: times[0])
        at = Bench(limiter, clock, link)
        minute, bucket = rule("minute", per_minute=3), rule("bucket", per_second=1, burst=2)
        slot = rule("slot", concurrent=1)
        assert await at.as_many_as_fit(minute) == 3
        assert await at.as_many_as_fit(bucket) == 2
        held = await at.taken(slot, lease_seconds=30)
        times[0] += 20_000_000 - 365 * 86_400_000_000
        await at.refused(bucket)
        full = await at.refused(minute)
        assert full.retry_after_seconds == 60.0
        await at.refused(slot)
        await at.limiter.renew([held], lease_seconds=30)
        times[0] += 29_000_000
        assert isinstance(await at.take(slot), Full)
        times[0] += 1_000_000
        assert await at.as_many_as_fit(slot) == 1
        assert await at.as_many_as_fit(bucket) == 2
        times[0] += 30_000_000
        assert await at.as_many_as_fit(minute) == 3
        await link.close()
        await empty(state.namespace)

    asyncio.run(work())


def test_processes_whose_clocks_differ_agree() -> None:
    """The scripts ask Redis for the time, so it does not matter what a process believes."""

    async def work() -> None:
        state = fresh_state()
        early, late = FakeClock(), FakeClock()
        late.advance(10_000)
        one: dict[str, Any] = {"report": lambda _: None}
        links = [RedisLink(state, clock=clock, **one) for clock in (early, late)]
        first, second = (
            RedisLimiter(link, MemoryLimiter(clock))
            for link, clock in zip(links, (early, late), strict=True)
        )
        hour = rule(per_hour=1)
        assert isinstance(await first.take(Claim("a", (hour,)), lease_seconds=60), Taken)
        full = await second.take(Claim("b", (hour,)), lease_seconds=60)
        assert isinstance(full, Full)
        assert 3_500 < (full.retry_after_seconds or 0) <= 3_600
        for link in links:
            await link.close()
        await empty(state.namespace)

    asyncio.run(work())
