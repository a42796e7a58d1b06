"""What both limiters do alike: amounts, slots, claims on several rules, giving back."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from anymedia.limits.claim import Claim, Full, Rule, Taken
from anymedia.limits.learned import Learned
from anymedia.limits.memory import MemoryLimiter
from tests.limits.workbench import Bench, both, rule, run
from tests.support.clock import FakeClock


@both
def test_a_window_slides_and_is_not_emptied_at_the_full_minute(bench: Any) -> None:
    """Ten at 0:50 leave no room at 1:05; at 1:50 there is room for ten again."""

    async def work(at: Bench) -> None:
        ten = rule(per_minute=10)
        at.clock.advance(50)
        assert await at.as_many_as_fit(ten) == 10
        at.clock.advance(15)
        full = await at.refused(ten)
        assert (full.key, full.amount, full.never) == ("provider:acme", "per_minute", False)
        assert full.retry_after_seconds == pytest.approx(45.0, abs=0.001)
        assert full.retry_after_seconds is not None
        at.clock.advance(full.retry_after_seconds)
        assert await at.as_many_as_fit(ten) == 10

    run(bench, work)


@both
@pytest.mark.parametrize(("name", "seconds"), [("minute", 60), ("hour", 3_600), ("day", 86_400)])
def test_requests_tokens_and_dollars_have_windows(bench: Any, name: str, seconds: int) -> None:
    """Each is exhausted by what it counts and by nothing else, and is whole again afterwards."""

    async def work(at: Bench) -> None:
        requests = rule("r", **{f"per_{name}": 3})
        tokens = rule("t", **{f"tokens_per_{name}": 100})
        dollars = rule("d", **{f"usd_per_{name}": "0.5"})
        for _ in range(2):
            assert await at.as_many_as_fit(requests, tokens=10**9) == 3
            assert await at.as_many_as_fit(tokens, tokens=30) == 3
            assert (await at.refused(tokens, tokens=30)).amount == f"tokens_per_{name}"
            assert await at.as_many_as_fit(tokens, tokens=10) == 1
            assert await at.as_many_as_fit(dollars, micro_usd=200_000) == 2
            assert (await at.refused(dollars, micro_usd=200_000)).amount == f"usd_per_{name}"
            assert await at.as_many_as_fit(dollars, micro_usd=100_000) == 1
            assert isinstance(await at.take(tokens, dollars), Taken)  # that uses neither
            at.clock.advance(seconds)

    run(bench, work)


@both
def test_a_token_bucket_gives_a_burst_and_then_its_rate(bench: Any) -> None:
    """Five at once, then two a second, and after a rest five again but no more."""

    async def work(at: Bench) -> None:
        two = rule(per_second=2, burst=5)
        assert await at.as_many_as_fit(two) == 5
        full = await at.refused(two)
        assert (full.amount, full.retry_after_seconds) == ("per_second", 0.5)
        for _ in range(10):
            at.clock.advance(0.5)
            assert await at.as_many_as_fit(two) == 1
        at.clock.advance(1_000)
        assert await at.as_many_as_fit(two) == 5

    run(bench, work)


@both
def test_a_slow_bucket_lets_one_through_at_a_time(bench: Any) -> None:
    """One every ten seconds, without a burst."""

    async def work(at: Bench) -> None:
        slow = rule(per_second=0.1)
        assert await at.as_many_as_fit(slow) == 1
        assert (await at.refused(slow)).retry_after_seconds == pytest.approx(10.0)
        at.clock.advance(10)
        assert await at.as_many_as_fit(slow) == 1

    run(bench, work)


@both
def test_slots_are_held_until_they_are_released(bench: Any) -> None:
    """However long that takes, as long as the lease is renewed; nobody knows when one is free."""

    async def work(at: Bench) -> None:
        two = rule(concurrent=2)
        first = await at.taken(two, lease_seconds=60)
        second = await at.taken(two, lease_seconds=60)
        for _ in range(100):
            at.clock.advance(50)
            await at.limiter.renew([first, second], lease_seconds=60)
        full = await at.refused(two)
        assert (full.amount, full.retry_after_seconds) == ("concurrent", None)
        await at.limiter.release(first)
        await at.limiter.release(first)
        assert await at.as_many_as_fit(two) == 1

    run(bench, work)


@both
def test_a_slot_that_nobody_renews_is_free_after_its_lease(bench: Any) -> None:
    """The process that held it is gone; the request it made still counts."""

    async def work(at: Bench) -> None:
        one = rule(concurrent=1, per_hour=2)
        gone = await at.taken(one, lease_seconds=60)
        at.clock.advance(59.9)
        assert (await at.refused(one)).amount == "concurrent"
        at.clock.advance(0.1)
        await at.taken(one)
        await at.limiter.release(gone, refund=True)  # it comes back too late
        await at.limiter.settle(gone, tokens=5)
        assert (await at.refused(one)).amount == "per_hour"

    run(bench, work)


@both
def test_a_claim_takes_all_of_its_rules_or_nothing(bench: Any) -> None:
    """The second rule is full, so the first has lost neither requests nor slots."""

    async def work(at: Bench) -> None:
        wide, narrow = rule("wide", per_minute=5, concurrent=5), rule("narrow", per_minute=1)
        await at.taken(narrow)
        for _ in range(20):
            assert (await at.refused(wide, narrow)).key == "narrow"
        assert await at.limiter.saturation([wide]) == 0.0
        assert await at.as_many_as_fit(wide) == 5

    run(bench, work)


@both
def test_of_several_reasons_the_one_that_lasts_longest_is_told(bench: Any) -> None:
    """Coming back after the shorter one would be in vain."""

    async def work(at: Bench) -> None:
        both_full = rule("a", per_minute=1, concurrent=1), rule("b", per_hour=1)
        await at.taken(*both_full)
        full = await at.refused(*both_full)
        assert (full.key, full.amount) == ("b", "per_hour")
        assert full.retry_after_seconds == pytest.approx(3_600)
        full = await at.refused(both_full[0])
        assert full.amount == "per_minute"

    run(bench, work)


@both
def test_what_is_more_than_the_limit_itself_never_fits(bench: Any) -> None:
    """Waiting would not help, and the answer says so; nothing else is held up by it."""

    async def work(at: Bench) -> None:
        hundred = rule(tokens_per_minute=100)
        full = await at.refused(hundred, tokens=101)
        assert full == Full("provider:acme", "tokens_per_minute", None, never=True)
        assert await at.as_many_as_fit(hundred, tokens=100) == 1

    run(bench, work)


@both
def test_the_same_id_is_the_same_claim(bench: Any) -> None:
    """Repeating it takes nothing more; once it is released the id is free."""

    async def work(at: Bench) -> None:
        claim = Claim("attempt 1", (rule(per_minute=2, concurrent=1),))
        for _ in range(5):
            assert isinstance(await at.limiter.take(claim, lease_seconds=60), Taken)
        await at.limiter.release(claim.id)
        assert isinstance(await at.limiter.take(claim, lease_seconds=60), Taken)
        await at.limiter.release(claim.id)
        assert isinstance(await at.limiter.take(claim, lease_seconds=60), Full)

    run(bench, work)


@both
def test_a_refund_brings_back_requests_tokens_dollars_and_slots(bench: Any) -> None:
    """As if it had never been; a second refund does not bring back more."""

    async def work(at: Bench) -> None:
        everything = rule(
            per_second=1, per_minute=1, per_day=1, tokens_per_hour=10, usd_per_day=1, concurrent=1
        )
        for _ in range(3):
            claim = await at.taken(everything, tokens=10, micro_usd=1_000_000)
            await at.refused(everything, tokens=1)
            at.clock.advance(0.25)
            await at.limiter.release(claim, refund=True)
            await at.limiter.release(claim, refund=True)
            assert await at.limiter.saturation([everything]) == 0.0
        assert await at.as_many_as_fit(everything, tokens=10, micro_usd=1_000_000) == 1

    run(bench, work)


@both
def test_a_refund_after_its_window_takes_nothing_from_others(bench: Any) -> None:
    """What it would give back is no longer counted, and the cell that is there is another's."""

    async def work(at: Bench) -> None:
        three = rule(per_minute=3)
        old = await at.taken(three)
        at.clock.advance(0.9)
        await at.taken(three)
        at.clock.advance(0.15)
        await at.taken(three)
        at.clock.advance(59.9)  # the cell with the first two is gone, the third is not
        await at.limiter.release(old, refund=True)
        assert await at.as_many_as_fit(three) == 2

    run(bench, work)


@both
def test_only_the_latest_request_is_given_back_to_a_bucket(bench: Any) -> None:
    """The first of three stays counted: without it the bucket might have been full in between."""

    async def work(at: Bench) -> None:
        bucket = rule(per_second=1, burst=3)
        first = await at.taken(bucket)
        second = await at.taken(bucket)
        third = await at.taken(bucket)
        await at.limiter.release(first, refund=True)
        await at.refused(bucket)
        await at.limiter.release(third, refund=True)
        await at.limiter.release(second, refund=True)
        assert await at.as_many_as_fit(bucket) == 2

    run(bench, work)


@both
def test_settling_replaces_estimates(bench: Any) -> None:
    """Less makes room at once; more may go over, and then the next ones wait."""

    async def work(at: Bench) -> None:
        tokens = rule(tokens_per_minute=100, usd_per_minute="0.001")
        claim = await at.taken(tokens, tokens=100, micro_usd=1_000)
        for _ in range(2):
            await at.limiter.settle(claim, tokens=30, micro_usd=300)
        assert await at.limiter.saturation([tokens]) == pytest.approx(0.3)
        await at.limiter.settle(claim, tokens=170)
        assert await at.limiter.saturation([tokens]) == 1.0
        await at.limiter.release(claim)
        full = await at.refused(tokens, tokens=1)
        assert full.amount == "tokens_per_minute"
        at.clock.advance(60)
        assert await at.as_many_as_fit(tokens, tokens=1, micro_usd=500) == 2

    run(bench, work)


@both
def test_what_was_more_than_estimated_counts_from_when_it_is_known(bench: Any) -> None:
    """An answer that took two minutes is counted in the minute in which it ended."""

    async def work(at: Bench) -> None:
        tokens = rule(tokens_per_minute=100)
        claim = await at.taken(tokens, tokens=10)
        at.clock.advance(120)
        await at.limiter.settle(claim, tokens=90)
        full = await at.refused(tokens, tokens=30)
        assert full.retry_after_seconds == pytest.approx(60)
        await at.limiter.settle(claim, tokens=50)  # a correction: it was 50
        assert await at.as_many_as_fit(tokens, tokens=30) == 2
        await at.limiter.release(claim, refund=True)
        assert await at.as_many_as_fit(tokens, tokens=40) == 1

    run(bench, work)


@both
def test_an_adopted_job_holds_its_slot_even_over_the_limit(bench: Any) -> None:
    """It runs, whatever is allowed; the next ones wait until there is room below the limit."""

    async def work(at: Bench) -> None:
        one = rule(concurrent=1, per_minute=5)
        held = await at.taken(one)
        claim = Claim("found", (one,))
        for _ in range(2):
            await at.limiter.adopt(claim, lease_seconds=60)
        await at.limiter.release(held)
        assert (await at.refused(one)).amount == "concurrent"
        at.clock.advance(50)
        await at.limiter.renew([claim.id], lease_seconds=60)
        at.clock.advance(50)
        assert (await at.refused(one)).amount == "concurrent"
        await at.limiter.release(claim.id, refund=True)  # it was never charged here
        assert await at.as_many_as_fit(one) == 1

    run(bench, work)


@both
def test_ids_that_nobody_knows_are_harmless(bench: Any) -> None:
    """Released twice, settled late, renewed after the end: nothing happens."""

    async def work(at: Bench) -> None:
        one = rule(concurrent=1, per_minute=1)
        await at.taken(one)
        await at.limiter.release("nobody", refund=True)
        await at.limiter.settle("nobody", tokens=5, micro_usd=5)
        await at.limiter.renew(["nobody", "nobody else"], lease_seconds=60)
        await at.limiter.renew([], lease_seconds=60)
        await at.refused(one)

    run(bench, work)


@both
def test_room_is_told_without_taking(bench: Any) -> None:
    """Asking a hundred times changes nothing."""

    async def work(at: Bench) -> None:
        one = rule(per_minute=1, concurrent=2)
        for _ in range(100):
            assert await at.limiter.room(one) is None
        await at.taken(one)
        full = await at.limiter.room(one)
        assert full is not None
        assert (full.key, full.amount) == ("provider:acme", "per_minute")
        assert full.retry_after_seconds == pytest.approx(60)

    run(bench, work)


@both
def test_saturation_is_that_of_the_fullest(bench: Any) -> None:
    """Of all rules and all amounts."""

    async def work(at: Bench) -> None:
        wide, slots, rate = rule("a", per_day=10), rule("b", concurrent=4), rule("c", per_second=1)
        everything = [wide, slots, rate, rule("free")]
        assert await at.limiter.saturation(everything) == 0.0
        await at.taken(wide)
        assert await at.limiter.saturation(everything) == pytest.approx(0.1)
        await at.taken(slots)
        assert await at.limiter.saturation(everything) == pytest.approx(0.25)
        await at.taken(rate)
        assert await at.limiter.saturation(everything) == pytest.approx(1.0)
        at.clock.advance(0.5)
        assert await at.limiter.saturation(everything) == pytest.approx(0.5)

    run(bench, work)


@both
def test_two_rules_with_one_key_are_one_with_the_tighter_amounts(bench: Any) -> None:
    """What stands at a provider and what a policy says of it may meet in one claim."""

    async def work(at: Bench) -> None:
        twice = (rule(per_minute=5, concurrent=9), rule(per_minute=7, concurrent=3))
        assert await at.as_many_as_fit(*twice) == 3

    run(bench, work)


@both
def test_limits_that_change_apply_to_what_is_counted_already(bench: Any) -> None:
    """Fewer: wait until enough has left. More: at once. Something new: from now on."""

    async def work(at: Bench) -> None:
        assert await at.as_many_as_fit(rule(per_minute=6)) == 6
        at.clock.advance(30)
        await at.refused(rule(per_minute=3))
        assert await at.as_many_as_fit(rule(per_minute=8)) == 2
        at.clock.advance(30)
        assert await at.as_many_as_fit(rule(per_minute=3, tokens_per_day=50), tokens=50) == 1

    run(bench, work)


@both
def test_steady_use_reaches_98_percent_of_a_limit(bench: Any) -> None:
    """Five requests a second where two are allowed: in ten minutes at least 98 % get through."""

    async def work(at: Bench) -> None:
        limited = rule(per_minute=120)
        taken = 0
        for _ in range(600 * 5):
            taken += isinstance(await at.take(limited), Taken)
            at.clock.advance(0.2)
        assert 0.98 * 1_200 <= taken <= 1_200

    run(bench, work)


@both
def test_rules_without_limits_cost_nothing(bench: Any) -> None:
    """There is nothing to count, to hold or to release."""

    async def work(at: Bench) -> None:
        free = Rule("free", rule().limits)
        claim = await at.taken(free)
        await at.limiter.settle(claim, tokens=10)
        await at.limiter.renew([claim], lease_seconds=5)
        await at.limiter.adopt(Claim("other", (free,)), lease_seconds=5)
        await at.limiter.release(claim, refund=True)
        assert await at.limiter.room(free) is None
        assert await at.limiter.saturation([free]) == 0.0

    run(bench, work)


@both
def test_odd_names_and_enormous_amounts_are_taken_as_they_are(bench: Any) -> None:
    """Braces, colons, emoji and halves of them in keys; numbers beyond any real limit."""

    async def work(at: Bench) -> None:
        for key in ("a{b}c", "}{", "x:y z\n", "\N{FOX FACE}", "é" * 2_000):
            one = rule(key, per_minute=1)
            await at.taken(one)
            assert (await at.refused(one)).key == key
        huge = rule("huge", tokens_per_day=10**40, usd_per_day="1e30", per_second=1e-30)
        claim = await at.taken(huge, tokens=10**39, micro_usd=10**30)
        await at.limiter.settle(claim, tokens=10**45, micro_usd=10**45)
        assert (await at.refused(huge, tokens=1)).amount in {"per_second", "tokens_per_day"}

    run(bench, work)


def test_claims_that_make_no_sense_are_refused() -> None:
    """They are mistakes of the program."""
    with pytest.raises(ValueError, match="needs an id"):
        Claim("", ())
    with pytest.raises(ValueError, match="less than nothing"):
        Claim("a", (), tokens=-1)


@both
def test_what_came_later_in_a_cell_keeps_all_of_it_counted(bench: Any) -> None:
    """The error of cells is on the safe side: nothing leaves before its minute is over."""

    async def work(at: Bench) -> None:
        two = rule(per_minute=2)
        await at.taken(two)
        at.clock.advance(0.9)
        await at.taken(two)
        at.clock.advance(59.6)
        full = await at.refused(two)
        assert full.retry_after_seconds == pytest.approx(0.4, abs=0.001)
        at.clock.advance(0.4)
        assert await at.as_many_as_fit(two) == 2

    run(bench, work)


@both
@pytest.mark.parametrize("seed", range(4))
def test_no_minute_however_it_is_laid_has_more_than_the_limit(bench: Any, seed: int) -> None:
    """At random times and in random crowds; every window that ends with a request is counted."""

    async def work(at: Bench) -> None:
        chance, limited, times = Random(seed), rule(per_minute=30), list[float]()
        for _ in range(600):
            for _one in range(chance.choice([1, 1, 2, 5])):
                if isinstance(await at.take(limited), Taken):
                    times.append(at.clock.monotonic())
            at.clock.advance(chance.choice([0.01, 0.3, 0.99, 1.0, 1.7]))
        for index, last in enumerate(times):
            assert sum(last - 60 < one <= last for one in times[: index + 1]) <= 30
        assert len(times) >= 0.95 * 30 * at.clock.monotonic() / 60

    run(bench, work)


@both
def test_what_a_provider_said_holds_for_both(bench: Any) -> None:
    """With limits of ours and without, in answers, in explanations and in saturation."""

    async def work(at: Bench) -> None:
        ten, free = rule("ten", per_minute=10), rule("free")
        for one in (ten, free):
            at.limiter.learn(one.key, Learned("requests", 1, 4, 20.0))
            assert await at.limiter.saturation([one]) == 0.75
            await at.taken(one)
            full = Full(one.key, "provider_requests", 20.0)
            assert await at.refused(one) == full
            assert await at.limiter.room(one) == full
        at.clock.advance(20)
        assert await at.as_many_as_fit(ten) == 9

    run(bench, work)


def test_what_came_into_force_since_gets_nothing_back_for_what_came_before() -> None:
    """A window that is new has not counted it: what it gave back would be somebody else's."""

    async def work() -> None:
        limiter = MemoryLimiter(FakeClock())
        before = rule(tokens_per_minute=1000)
        after = rule(tokens_per_minute=1000, tokens_per_hour=300)
        await limiter.take(Claim("old", (before,), tokens=200), lease_seconds=60)
        await limiter.take(Claim("new", (after,), tokens=200), lease_seconds=60)
        await limiter.settle("old", tokens=50)
        await limiter.release("old")
        left = {one.amount: one.left for one in await limiter.left(after)}
        assert left == {"tokens_per_minute": 750, "tokens_per_hour": 100}

    asyncio.run(work())


def test_more_than_estimated_counts_in_what_is_in_force_by_then() -> None:
    """Whoever asked under other limits does not undo those of today."""

    async def work() -> None:
        limiter = MemoryLimiter(FakeClock())
        before = rule(tokens_per_minute=1000)
        after = rule(tokens_per_minute=1000, tokens_per_hour=300)
        await limiter.take(Claim("old", (before,), tokens=10), lease_seconds=60)
        await limiter.take(Claim("new", (after,), tokens=200), lease_seconds=60)
        await limiter.settle("old", tokens=60)
        left = {one.amount: one.left for one in await limiter.left(after)}
        assert left == {"tokens_per_minute": 740, "tokens_per_hour": 50}
        await limiter.settle("old", tokens=20)
        left = {one.amount: one.left for one in await limiter.left(after)}
        assert left == {"tokens_per_minute": 780, "tokens_per_hour": 90}

    asyncio.run(work())


def test_a_slot_that_was_renewed_late_is_given_back_where_it_is_held() -> None:
    """Its count had been forgotten as idle, and there is another one by then."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock)
        one = rule(concurrent=1)
        await limiter.take(Claim("first", (one,)), lease_seconds=3600)
        clock.advance(3000)
        await limiter.renew(["first"], lease_seconds=3600)
        clock.advance(3000)
        await limiter.renew(["first"], lease_seconds=60)
        assert isinstance(await limiter.take(Claim("second", (one,)), lease_seconds=60), Full)
        await limiter.adopt(Claim("third", (one,)), lease_seconds=3600)
        await limiter.release("first")
        assert isinstance(await limiter.take(Claim("second", (one,)), lease_seconds=60), Full)
        await limiter.release("third")
        assert isinstance(await limiter.take(Claim("second", (one,)), lease_seconds=60), Taken)

    asyncio.run(work())


@both
def test_what_was_more_of_one_kind_does_not_stand_in_the_way_of_another(bench: Any) -> None:
    """More tokens than estimated, fewer dollars; and the other way round, in any order."""

    async def work(at: Bench) -> None:
        one = rule(tokens_per_minute=100, usd_per_minute="0.0001")
        claim = await at.taken(one, tokens=10, micro_usd=50)
        await at.limiter.settle(claim, tokens=30)
        await at.limiter.settle(claim, micro_usd=20)
        await at.limiter.settle(claim, tokens=5)
        await at.limiter.settle(claim, micro_usd=60)
        left = {each.amount: each.left for each in await at.limiter.left(one)}
        assert left == {"tokens_per_minute": 95, "usd_per_minute": 40}
        await at.limiter.release(claim, refund=True)
        left = {each.amount: each.left for each in await at.limiter.left(one)}
        assert left == {"tokens_per_minute": 100, "usd_per_minute": 100}

    run(bench, work)


@both
def test_ending_is_settling_and_releasing(bench: Any) -> None:
    """Slots are free and estimates are what it was; unknown ends and late ones change nothing."""

    async def end(at: Bench, claim_id: str, **amounts: int) -> None:
        told = at.limiter.end(claim_id, **amounts)
        if told is not None:
            await told

    async def work(at: Bench) -> None:
        one = rule(per_minute=4, tokens_per_minute=100, usd_per_day=1, concurrent=1)
        claim = await at.taken(one, tokens=60, micro_usd=500_000)
        for _ in range(2):
            await end(at, claim, tokens=20, micro_usd=600_000)
        left = {each.amount: each.left for each in await at.limiter.left(one)}
        assert left == {"per_minute": 3, "tokens_per_minute": 80, "usd_per_day": 400_000}
        await end(at, await at.taken(one, tokens=10))
        left = {each.amount: each.left for each in await at.limiter.left(one)}
        assert left == {"per_minute": 2, "tokens_per_minute": 70, "usd_per_day": 400_000}
        late = await at.taken(one, tokens=10, lease_seconds=10)
        at.clock.advance(10)
        await at.taken(one, tokens=10)
        await end(at, late, tokens=60)
        left = {each.amount: each.left for each in await at.limiter.left(one)}
        assert left == {"per_minute": 0, "tokens_per_minute": 50, "usd_per_day": 400_000}
        assert (await at.refused(one)).amount in {"per_minute", "concurrent"}

    run(bench, work)
