"""What the limiter in memory remembers, and what it does when that is too much."""

from __future__ import annotations

import asyncio

from anymedia.contracts.limit import Limits
from anymedia.limits.claim import Claim, Full, Rule, Taken
from anymedia.limits.learned import Learned
from anymedia.limits.lessons import MOST_KEYS
from anymedia.limits.memory import MemoryLimiter
from anymedia.limits.plan import CELLS
from anymedia.limits.sliding import Sliding
from tests.limits.workbench import Bench, rule
from tests.support.clock import FakeClock

MINUTE = Limits(per_minute=2)


async def visit(limiter: MemoryLimiter, key: str, limits: Limits = MINUTE) -> bool:
    """One request under a key, which is over at once; whether there was room."""
    claim = Claim(f"claim of {key}", (Rule(key, limits),))
    answer = await limiter.take(claim, lease_seconds=60)
    await limiter.release(claim.id)
    return isinstance(answer, Taken)


def test_keys_are_forgotten_when_their_windows_have_passed() -> None:
    """A hundred new keys a second for an hour: never more than those of some minutes."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock)
        most = 0
        for second in range(900):
            for number in range(20):
                await visit(limiter, f"caller:{second}:{number}")
            most = max(most, len(limiter))
            clock.advance(1.0)
        assert most <= 3 * 60 * 20
        clock.advance(3_600)
        for _ in range(len(limiter)):
            await visit(limiter, "the only one left", Limits(per_minute=1_000_000))
        assert len(limiter) <= 2

    asyncio.run(work())


def test_there_is_a_hard_limit_on_keys_and_beyond_it_nothing_is_exceeded() -> None:
    """Keys that come too late share counts: stricter for them, and never over for anybody."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock, most_keys=100)
        for number in range(100):
            assert await visit(limiter, f"early {number}")
        taken: dict[str, int] = {}
        for _ in range(3):
            for number in range(20_000):
                key = f"late {number}"
                taken[key] = taken.get(key, 0) + await visit(limiter, key)
        assert max(taken.values()) <= 2
        assert sum(taken.values()) >= 2 * 1_000  # and not nobody
        assert len(limiter) <= 100 + 1_024
        # Those that were there keep what they had.
        assert await visit(limiter, "early 7")
        assert not await visit(limiter, "early 7")

    asyncio.run(work())


def test_a_key_that_shared_a_count_does_not_start_afresh_when_there_is_room_again() -> None:
    """Its requests are in the shared count, so it stays there until they have left."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock, most_keys=1)
        await visit(limiter, "early", Limits(per_second=1))
        assert await visit(limiter, "late")
        assert await visit(limiter, "late")
        clock.advance(30)  # the first is idle, and its place is free
        for _ in range(5):
            assert not await visit(limiter, "late")
        clock.advance(30)
        assert await visit(limiter, "late")

    asyncio.run(work())


def test_slots_beyond_the_limit_on_keys_are_given_back() -> None:
    """A claim finds the count that it took its slot from."""

    async def work() -> None:
        bench = Bench(MemoryLimiter(FakeClock(), most_keys=1), FakeClock())
        await bench.taken(rule("early", concurrent=1))
        for _ in range(10):
            held = await bench.taken(rule("late", concurrent=1))
            assert (await bench.refused(rule("late", concurrent=1))).amount == "concurrent"
            await bench.limiter.release(held)

    asyncio.run(work())


def test_claims_that_nobody_ends_are_forgotten_with_their_leases() -> None:
    """Ten thousand crashed requests leave nothing behind."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock)
        slots = (rule("slots", concurrent=50),)
        most = 0
        for number in range(10_000):
            await limiter.take(Claim(str(number), slots), lease_seconds=5)
            clock.advance(0.2)
            most = max(most, len(limiter))
        assert most <= 100

    asyncio.run(work())


def test_a_window_never_has_more_cells_than_its_measure() -> None:
    """However many requests there are."""
    span = 60_000_000
    window = Sliding(span)
    most = 0
    for now in range(0, 4 * span, 3_217):
        window.turn(now)
        window.add(now, 1)
        most = max(most, window.cells)
    assert most <= CELLS + 1


def test_lessons_are_bounded_too() -> None:
    """And forgotten when they are outdated."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock)
        for number in range(MOST_KEYS + 500):
            limiter.learn(f"credential:{number}", Learned("requests", 5, 10, 60.0))
        assert len(limiter) == MOST_KEYS
        clock.advance(60)
        last = rule(f"credential:{MOST_KEYS + 499}")
        assert await limiter.room(last) is None
        assert len(limiter) == MOST_KEYS - 1

    asyncio.run(work())


def test_a_clock_that_goes_back_frees_nothing_and_blocks_nothing_for_ever() -> None:
    """Time goes on from where it was."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock)
        clock.advance(10_000)
        assert [await visit(limiter, "a") for _ in range(3)] == [True, True, False]
        clock.advance(-9_000)
        assert not await visit(limiter, "a")
        clock.advance(59)
        assert not await visit(limiter, "a")
        clock.advance(1)
        assert await visit(limiter, "a")

    asyncio.run(work())


def test_what_a_provider_said_narrows_and_never_widens() -> None:
    """Three left: three get through until the reset. A thousand left: the limit stays."""

    async def work() -> None:
        clock = FakeClock()
        bench = Bench(MemoryLimiter(clock), clock)
        limiter, ten, free = bench.limiter, rule("ten", per_minute=10), rule("free")
        limiter.learn("ten", Learned("requests", 3, 100, 20.0))
        limiter.learn("free", Learned("tokens", 50, 100, 20.0))
        assert await limiter.saturation([ten]) == 0.97
        assert await bench.as_many_as_fit(ten) == 3
        assert await bench.refused(ten) == Full("ten", "provider_requests", 20.0)
        assert await limiter.room(ten) == Full("ten", "provider_requests", 20.0)
        assert await bench.as_many_as_fit(free, tokens=20) == 2
        assert (await bench.refused(free, tokens=20)).amount == "provider_tokens"
        clock.advance(20)
        assert isinstance(await bench.take(free, tokens=20), Taken)
        limiter.learn("ten", Learned("requests", 1_000, None, 20.0))
        assert await bench.as_many_as_fit(ten) == 7

    asyncio.run(work())


def test_a_refund_gives_back_what_was_counted_down_but_not_an_exhausted_limit() -> None:
    """A refusal with nothing left is the reason for the refund, not room for the next one."""

    async def work() -> None:
        clock = FakeClock()
        bench = Bench(MemoryLimiter(clock), clock)
        one = rule("one", per_minute=10)
        bench.limiter.learn("one", Learned("requests", 2, 10, 20.0))
        held = await bench.taken(one)
        await bench.limiter.release(held, refund=True)
        held = await bench.taken(one)
        bench.limiter.learn("one", Learned("requests", 0, 10, 20.0))
        await bench.limiter.release(held, refund=True)
        await bench.refused(one)

    asyncio.run(work())


def test_without_a_reset_or_with_one_that_is_now_nothing_is_learned() -> None:
    """Nobody would know until when it is true."""

    async def work() -> None:
        bench = Bench(MemoryLimiter(FakeClock()), FakeClock())
        bench.limiter.learn("free", Learned("requests", 0))
        bench.limiter.learn("free", Learned("requests", 0, 10, 0.0))
        await bench.taken(rule("free"))

    asyncio.run(work())
