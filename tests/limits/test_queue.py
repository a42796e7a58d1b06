"""The waiting room: who may enter when, in which order, and how one leaves it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from anymedia.limits.claim import Claim, Freed, Full, Rule, Taken
from anymedia.limits.learned import Learned
from anymedia.limits.memory import MemoryLimiter
from anymedia.limits.queue import WaitingRoom
from tests.limits.stepped import SteppedClock, everybody
from tests.limits.workbench import rule
from tests.support.clock import FakeClock


class Foyer:
    """A waiting room, and who came out of it in which order."""

    def __init__(self, **options: Any) -> None:
        self.clock = SteppedClock()
        self.limiter = MemoryLimiter(self.clock)
        self.room = WaitingRoom(self.limiter, self.clock, **options)
        self.entered: list[str] = []
        self.refused: dict[str, Full] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(
        self,
        name: str,
        *rules: Rule,
        caller: str | None = None,
        priority: int = 0,
        patience: float = 1_000.0,
        tokens: int = 0,
    ) -> None:
        """Somebody comes, and either enters or begins to wait."""

        async def enter() -> None:
            answer = await self.room.enter(
                Claim(name, rules, tokens),
                caller=caller,
                priority=priority,
                deadline_seconds=patience,
                lease_seconds=10_000.0,
            )
            if isinstance(answer, Taken):
                self.entered.append(name)
            else:
                self.refused[name] = answer

        self.tasks[name] = asyncio.create_task(enter())
        await everybody()

    async def leave(self, *names: str) -> None:
        """These are done."""
        for name in names:
            await self.limiter.release(name)
            await everybody()

    async def serve_all(self) -> Sequence[str]:
        """One after the other leaves, so that the next can enter."""
        position = 0
        while position < len(self.entered):
            await self.leave(self.entered[position])
            position += 1
        return self.entered


def run(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; nobody may be left waiting and no task running."""

    async def whole() -> None:
        await work
        await everybody()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(whole())


ONE = rule("one", concurrent=1)


def test_who_finds_room_enters_at_once() -> None:
    """Nobody waits, nothing sleeps."""

    async def work() -> None:
        foyer = Foyer()
        await foyer.come("a", ONE)
        assert foyer.entered == ["a"]
        assert (len(foyer.room), foyer.clock.naps) == (0, 0)

    run(work())


def test_a_release_lets_the_next_one_in_without_time_passing() -> None:
    """First come, first served; each wakes exactly when the one before is done."""

    async def work() -> None:
        foyer = Foyer()
        for name in "abcd":
            await foyer.come(name, ONE)
        assert foyer.entered == ["a"]
        assert len(foyer.room) == 3
        assert await foyer.serve_all() == ["a", "b", "c", "d"]
        assert foyer.clock.monotonic() == 0.0

    run(work())


def test_time_lets_the_next_one_in_and_nobody_asks_before() -> None:
    """Two a minute: the third sleeps once, for exactly as long as it takes."""

    async def work() -> None:
        foyer = Foyer()
        two = rule(per_minute=2)
        for name in "abc":
            await foyer.come(name, two)
        await foyer.clock.step(59.999)
        assert foyer.entered == ["a", "b"]
        await foyer.clock.step(0.001)
        assert foyer.entered == ["a", "b", "c"]
        assert foyer.clock.naps <= 2

    run(work())


def test_patience_ends_at_the_deadline_with_the_reason() -> None:
    """Not before, not later; the others go on waiting."""

    async def work() -> None:
        foyer = Foyer()
        await foyer.come("a", ONE)
        await foyer.come("b", ONE, patience=5)
        await foyer.come("c", ONE, patience=50)
        await foyer.clock.step(4.9)
        assert foyer.refused == {}
        await foyer.clock.step(0.2)
        assert foyer.refused == {"b": Full("one", "concurrent", None)}
        assert await foyer.serve_all() == ["a", "c"]

    run(work())


def test_who_would_wait_in_vain_is_told_at_once() -> None:
    """More than the limit itself, no patience, or room only after the deadline."""

    async def work() -> None:
        foyer = Foyer()
        tokens, minute = rule("tokens", tokens_per_minute=10), rule("minute", per_minute=1)
        await foyer.come("too much", tokens, tokens=11)
        await foyer.come("first", minute)
        await foyer.clock.step(10)
        await foyer.come("too late", minute, patience=49)
        await foyer.come("at once", minute, patience=0)
        assert {name: full.retry_after_seconds for name, full in foyer.refused.items()} == {
            "too much": None,
            "too late": 50.0,
            "at once": 50.0,
        }
        assert len(foyer.room) == 0

    run(work())


def test_a_full_room_refuses_at_once() -> None:
    """And says when it may be worth coming back."""

    async def work() -> None:
        foyer = Foyer(most_waiting=2)
        for name in "abcd":
            await foyer.come(name, ONE)
        assert foyer.refused == {"d": Full("one", "waiting", 1.0)}
        await foyer.leave("a")
        await foyer.come("e", ONE)
        assert await foyer.serve_all() == ["a", "b", "c", "e"]

    run(work())


def test_more_important_ones_go_first() -> None:
    """Within a caller's line and between lines."""

    async def work() -> None:
        foyer = Foyer()
        await foyer.come("first", ONE)
        await foyer.come("low", ONE, caller="a", priority=-1)
        await foyer.come("normal", ONE, caller="b")
        await foyer.come("high", ONE, caller="a", priority=5)
        assert await foyer.serve_all() == ["first", "high", "normal", "low"]

    run(work())


@pytest.mark.parametrize("same_caller", [True, False])
def test_nothing_starves(same_caller: bool) -> None:
    """A humble one gets in although a more important one comes every second."""

    async def work() -> None:
        foyer = Foyer(ageing_seconds=10)
        await foyer.come("important 0", ONE, caller="a", priority=3)
        await foyer.come("humble", ONE, caller="a" if same_caller else "b")
        seconds = 0
        while "humble" not in foyer.entered:
            seconds += 1
            await foyer.come(f"important {seconds}", ONE, caller="a", priority=3)
            await foyer.clock.step(1)
            await foyer.leave(foyer.entered[-1])
            assert seconds <= 60
        assert seconds >= 10
        await foyer.serve_all()

    run(work())


def test_a_crowd_of_one_caller_does_not_hold_up_another() -> None:
    """A thousand of one, then one of another and two of a third: they take turns."""

    async def work() -> None:
        foyer = Foyer(most_waiting=2_000)
        await foyer.come("first", ONE)
        for number in range(1_000):
            name = f"crowd {number}"
            foyer.tasks[name] = asyncio.create_task(
                foyer.room.enter(  # type: ignore[arg-type]  # what it answers is looked at below
                    Claim(name, (ONE,)), caller="a", deadline_seconds=60, lease_seconds=60
                )
            )
        await everybody()
        await foyer.come("single", ONE, caller="b")
        await foyer.come("pair 1", ONE, caller="c")
        await foyer.come("pair 2", ONE, caller="c")
        assert len(foyer.room) == 1_003
        order = ["first"]
        for _ in range(6):
            await foyer.leave(order[-1])
            inside = [n for n, t in foyer.tasks.items() if t.done() and n not in order]
            order += inside
        assert order == ["first", "crowd 0", "single", "pair 1", "crowd 1", "pair 2", "crowd 2"]
        await foyer.room.close()

    run(work())


def test_a_caller_who_comes_back_each_time_gets_no_more_than_its_turn() -> None:
    """Its line was empty in between; it takes turns with the crowd all the same."""

    async def work() -> None:
        foyer = Foyer()
        await foyer.come("first", ONE)
        for number in range(4):
            await foyer.come(f"crowd {number}", ONE, caller="a")
        await foyer.come("again 0", ONE, caller="b")
        for number in range(1, 6):
            await foyer.leave(foyer.entered[-1])
            await foyer.come(f"again {number}", ONE, caller="b")
        crowd = [name for name in foyer.entered if name.startswith("crowd")]
        assert len(crowd) == 3
        await foyer.serve_all()

    run(work())


def test_who_needs_something_else_is_not_held_up() -> None:
    """One provider is full; claims on another enter, also those of the same caller."""

    async def work() -> None:
        foyer = Foyer()
        everything, other = rule("all", per_minute=100), rule("other", concurrent=1)
        await foyer.come("a", everything, ONE)
        await foyer.come("b", everything, ONE)
        await foyer.come("c", everything, other)
        await foyer.come("d", everything, other)
        assert foyer.entered == ["a", "c"]
        await foyer.leave("c")
        assert foyer.entered == ["a", "c", "d"]
        await foyer.leave("a")
        assert foyer.entered == ["a", "c", "d", "b"]

    run(work())


def test_a_newcomer_does_not_overtake_who_waits_for_the_same() -> None:
    """A small one would fit, and would keep the large one waiting for ever."""

    async def work() -> None:
        foyer = Foyer()
        tokens = rule(tokens_per_minute=100)
        await foyer.come("first", tokens, tokens=60)
        await foyer.come("large", tokens, tokens=80)
        await foyer.come("small", tokens, tokens=10)
        assert foyer.entered == ["first"]
        await foyer.clock.step(60)
        assert foyer.entered == ["first", "large", "small"]

    run(work())


def test_who_is_cancelled_leaves_and_the_next_one_moves_up() -> None:
    """The head of the line gives up; the last one of all ends the waiting."""

    async def work() -> None:
        foyer = Foyer()
        for name in "abcd":
            await foyer.come(name, ONE)
        foyer.tasks["b"].cancel()
        await everybody()
        await foyer.leave("a")
        assert foyer.entered == ["a", "c"]
        foyer.tasks["d"].cancel()
        await everybody()
        assert len(foyer.room) == 0

    run(work())


def test_a_claim_taken_for_somebody_who_leaves_at_that_moment_is_released() -> None:
    """It was let in and cancelled before it noticed: slot and request come back."""

    async def work() -> None:
        foyer = Foyer()
        scarce = rule(concurrent=1, per_minute=2)
        await foyer.come("a", scarce)
        await foyer.come("b", scarce)
        await foyer.limiter.release("a")
        for _ in range(30):
            if foyer.limiter.holds("b"):
                break
            await asyncio.sleep(0)
        assert foyer.limiter.holds("b")
        foyer.tasks["b"].cancel()
        await everybody()
        assert foyer.entered == ["a"]
        await foyer.come("c", scarce)
        assert foyer.entered == ["a", "c"]

    run(work())


class Slow(MemoryLimiter):
    """A limiter that takes its time, as one across a network does."""

    async def take(self, claim: Claim, *, lease_seconds: float) -> Taken | Full:
        answer = await super().take(claim, lease_seconds=lease_seconds)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return answer


def test_leaving_while_the_limiter_is_asked_releases_too() -> None:
    """Whoever asked on behalf of somebody who is gone gives it back."""

    async def work() -> None:
        foyer = Foyer()
        foyer.limiter = Slow(foyer.clock)
        foyer.room = WaitingRoom(foyer.limiter, foyer.clock)
        scarce = rule(concurrent=1, per_minute=2)
        await foyer.come("a", scarce)
        await foyer.come("b", scarce)
        await foyer.limiter.release("a")
        for _ in range(30):
            if foyer.limiter.holds("b"):
                break
            await asyncio.sleep(0)
        assert foyer.limiter.holds("b")
        foyer.tasks["b"].cancel()
        await everybody()
        assert not foyer.limiter.holds("b")
        await foyer.come("c", scarce)
        assert foyer.entered == ["a", "c"]

    run(work())


def test_what_is_freed_while_the_limiter_answers_is_not_missed() -> None:
    """The answer was `full` and is outdated when it arrives: it is asked again at once."""

    async def work() -> None:
        foyer = Foyer()
        foyer.limiter = Slow(foyer.clock)
        foyer.room = WaitingRoom(foyer.limiter, foyer.clock)
        await foyer.come("a", ONE)
        asking = asyncio.create_task(
            foyer.room.enter(Claim("b", (ONE,)), caller=None, deadline_seconds=9, lease_seconds=9)
        )
        await asyncio.sleep(0)
        await foyer.limiter.release("a")
        await everybody()
        assert asking.done()
        assert isinstance(asking.result(), Taken)

    run(work())


def test_a_slot_whose_lease_ends_is_found_though_nobody_tells() -> None:
    """Within the recheck time, and without asking more often than that."""

    async def work() -> None:
        foyer = Foyer(recheck_seconds=2.0)
        await foyer.limiter.take(Claim("gone", (ONE,)), lease_seconds=9)
        await foyer.come("a", ONE)
        await foyer.clock.step(8)
        assert foyer.entered == []
        await foyer.clock.step(2)
        assert foyer.entered == ["a"]
        assert foyer.clock.naps <= 7

    run(work())


def test_what_a_provider_said_is_waited_for_too() -> None:
    """Nothing left for 20 seconds: whoever comes meanwhile waits as long, without limits too."""

    async def work() -> None:
        foyer = Foyer()
        free = rule("credential:acme/****1234")
        foyer.limiter.learn(free.key, Learned("requests", 0, 60, 20.0))
        await foyer.come("a", free)
        await foyer.clock.step(19.9)
        assert foyer.entered == []
        await foyer.clock.step(0.2)
        assert foyer.entered == ["a"]

    run(work())


def test_a_limiter_that_fails_is_heard_by_those_who_wait() -> None:
    """Nobody is left waiting for ever, and the next one can come."""

    class Broken(MemoryLimiter):
        """Works for a while."""

        async def take(self, claim: Claim, *, lease_seconds: float) -> Taken | Full:
            if claim.id == "b" and not self.holds("a"):
                raise RuntimeError("out of order")
            return await super().take(claim, lease_seconds=lease_seconds)

    async def work() -> None:
        foyer = Foyer()
        foyer.limiter = Broken(foyer.clock)
        foyer.room = WaitingRoom(foyer.limiter, foyer.clock)
        await foyer.come("a", ONE)
        await foyer.come("b", ONE)
        await foyer.leave("a")
        with pytest.raises(RuntimeError, match="out of order"):
            await foyer.tasks["b"]
        await foyer.come("c", ONE)
        assert foyer.entered == ["a", "c"]

    run(work())


def test_a_room_that_closes_sends_everybody_away() -> None:
    """With the reason for which they waited."""

    async def work() -> None:
        foyer = Foyer()
        for name in "abc":
            await foyer.come(name, ONE)
        await foyer.room.close()
        await everybody()
        assert set(foyer.refused) == {"b", "c"}

    run(work())


def test_it_works_on_a_clock_that_sleeping_moves() -> None:
    """The usual clock of tests: five claims, one a minute, and time is where it should be."""

    async def work() -> None:
        clock = FakeClock()
        room = WaitingRoom(MemoryLimiter(clock), clock)
        answers = await asyncio.gather(
            *[
                room.enter(
                    Claim(str(number), (rule(per_minute=1),)),
                    caller=None,
                    deadline_seconds=1_000,
                    lease_seconds=60,
                )
                for number in range(5)
            ]
        )
        assert [one.claim_id for one in answers if isinstance(one, Taken)] == list("01234")
        assert clock.monotonic() == 240.0

    run(work())


class Heard(MemoryLimiter):
    """Knows how many it would have to tell."""

    def __init__(self, clock: SteppedClock) -> None:
        super().__init__(clock)
        self.listening = 0

    def watch(self, freed: Freed) -> None:
        super().watch(freed)
        self.listening += 1

    def unwatch(self, freed: Freed) -> None:
        super().unwatch(freed)
        self.listening -= 1


def test_nobody_is_told_while_nobody_waits() -> None:
    """Those who enter at once need not hear of anything; who waits does until they leave."""

    async def work() -> None:
        foyer = Foyer()
        limiter = foyer.limiter = Heard(foyer.clock)
        foyer.room = WaitingRoom(limiter, foyer.clock)
        await foyer.come("a", ONE)
        assert limiter.listening == 0
        await foyer.come("b", ONE)
        await foyer.come("c", ONE)
        assert limiter.listening == 1
        await foyer.leave("a")
        foyer.tasks["c"].cancel()
        await everybody()
        assert (foyer.entered, limiter.listening) == (["a", "b"], 0)
        await foyer.come("d", ONE, patience=5)
        await foyer.clock.step(6)
        assert (list(foyer.refused), limiter.listening) == (["d"], 0)
        await foyer.come("e", ONE)
        await foyer.leave("b")
        assert foyer.entered == ["a", "b", "e"]

    run(work())


def test_who_need_not_wait_enters_without_being_awaited() -> None:
    """Where somebody waits for the same, or there is no room, they have to come in properly."""

    async def work() -> None:
        foyer = Foyer()
        two = rule("two", concurrent=2)

        def enters(name: str, *rules: Rule) -> bool:
            return foyer.room.enter_now(Claim(name, rules), lease_seconds=60) is not None

        assert enters("a", two)
        assert enters("a", two)
        assert enters("b", two)
        assert not enters("c", two)
        assert enters("d", rule("other", concurrent=1))
        await foyer.come("c", two)
        assert not enters("e", two)
        await foyer.leave("a")
        assert foyer.entered == ["c"]
        assert not enters("e", two)
        await foyer.leave("b")
        assert enters("e", two)

    run(work())
