"""What a claim's rules are counted in: found once, and right however often things change."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings, strategies as st

from anymedia.contracts.limit import Limits
from anymedia.limits.claim import Claim, Full, Rule, Rules, Taken
from anymedia.limits.memory import MemoryLimiter
from anymedia.limits.plan import CELLS
from anymedia.limits.sliding import Sliding
from tests.limits.workbench import rule
from tests.support.clock import FakeClock

SPAN = 60_000_000


class Cells:
    """A window as the theory in `plan` tells it: a list of cells, looked through every time."""

    def __init__(self) -> None:
        self.cells: list[list[int]] = []
        """When it was opened, when the last of it came, and how much it is."""

    def add(self, now: int, amount: int) -> None:
        self.forget(now)
        if self.cells and now - self.cells[-1][0] < SPAN // CELLS:
            self.cells[-1][1:] = [now, self.cells[-1][2] + amount]
        else:
            self.cells.append([now, now, amount])

    def give_back(self, now: int, at: int, amount: int) -> None:
        self.forget(now)
        found = [cell for cell in self.cells if cell[1] >= at > now - SPAN]
        if found:
            found[0][2] -= min(amount, found[0][2])

    def forget(self, now: int) -> None:
        self.cells = [cell for cell in self.cells if cell[1] > now - SPAN]

    @property
    def total(self) -> int:
        return sum(amount for _, _, amount in self.cells)

    def free_at(self, excess: int) -> int:
        for _, last, amount in self.cells:
            excess -= amount
            if excess <= 0:
                return last + SPAN
        return self.cells[-1][1] + SPAN


STEP = st.tuples(
    st.sampled_from(["add", "add", "add", "look", "give back"]),
    st.sampled_from([0, 1, 400_000, 999_999, 1_000_000, 1_700_000, 20_000_000, 59_000_000]),
    st.integers(1, 50),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=60))
def test_a_window_is_what_its_cells_are(steps: list[tuple[str, int, int]]) -> None:
    """Whether anybody looks in between or not: totals, what is given back, when room comes."""
    window, cells = Sliding(SPAN), Cells()
    now, added = 0, list[tuple[int, int]]()
    for what, wait, amount in steps:
        now += wait
        if what == "add":
            window.add(now, amount)
            cells.add(now, amount)
            added.append((now, amount))
        elif what == "give back" and added:
            at, there = added.pop(amount % len(added))
            window.give_back(now, at, there)
            cells.give_back(now, at, there)
        else:
            window.turn(now)
            cells.forget(now)
            assert window.total == cells.total
            if cells.total:
                assert window.last == cells.cells[-1][1]
                for excess in (1, cells.total // 2 + 1, cells.total):
                    assert window.free_at(excess) == cells.free_at(excess)
    window.turn(now)
    cells.forget(now)
    assert window.total == cells.total


async def takes(limiter: MemoryLimiter, rules: Rules, name: str, **amounts: int) -> bool:
    """Whether there is room for a claim, which is over at once."""
    answer = await limiter.take(Claim(name, rules, **amounts), lease_seconds=60)
    assert isinstance(answer, Taken | Full)
    limiter.end(name)
    return isinstance(answer, Taken)


async def used(limiter: MemoryLimiter, one: Rule) -> dict[str, int]:
    """How much of each window is used, as somebody sees it who comes with a rule of their own."""
    fresh = Rule(one.key, one.limits)
    return {each.amount: each.limit - each.left for each in await limiter.left(fresh)}


def test_rules_that_are_kept_count_where_everybody_counts() -> None:
    """Two callers share a provider: each has rules of its own, and both see what both did."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock)
        acme = {"per_minute": 1_000, "tokens_per_minute": 10_000}
        ann = Rules((rule("provider:acme", **acme), rule("caller:ann", per_minute=30)))
        bob = Rules((rule("provider:acme", **acme), rule("caller:bob", per_minute=30)))
        for number in range(40):
            assert await takes(limiter, ann, f"a{number}", tokens=10) == (number < 30)
            assert await takes(limiter, bob, f"b{number}", tokens=1) == (number < 30)
            clock.advance(0.3)
        assert await used(limiter, ann[0]) == {"per_minute": 60, "tokens_per_minute": 330}
        assert await used(limiter, bob[1]) == {"per_minute": 30}
        clock.advance(61)
        assert await used(limiter, ann[0]) == {"per_minute": 0, "tokens_per_minute": 0}

    asyncio.run(work())


def test_equal_limits_are_one_plan() -> None:
    """Otherwise a count that many rules share would follow each of them in turn."""
    one, other = rule(per_minute=5, usd_per_day="0.5"), rule(per_minute=5, usd_per_day="0.5")
    assert one.plan is other.plan
    assert one.plan is not rule(per_minute=6, usd_per_day="0.5").plan


def test_a_count_that_was_forgotten_is_looked_up_anew() -> None:
    """Rules that were kept over a long rest do not count in what nobody else sees."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock)
        kept = Rules((rule("caller:ann", per_minute=2), rule("caller:all", per_day=100)))
        assert await takes(limiter, kept, "a")
        clock.advance(90_000)
        for number in range(20):  # others come, and what is idle is swept away
            await takes(limiter, Rules((rule(f"caller:{number}", per_minute=1),)), f"b{number}")
        assert await used(limiter, kept[0]) == {"per_minute": 0}
        for number in range(3):
            assert await takes(limiter, kept, f"c{number}") == (number < 2)
        assert await used(limiter, kept[0]) == {"per_minute": 2}
        assert await used(limiter, kept[1]) == {"per_day": 2}

    asyncio.run(work())


def test_rules_that_are_kept_follow_limits_that_change() -> None:
    """Whoever still has the former ones is held to these, and counts for everybody."""

    async def work() -> None:
        limiter = MemoryLimiter(FakeClock())
        before = Rules((rule("caller:ann", per_minute=3),))
        after = Rules((rule("caller:ann", per_minute=5, tokens_per_hour=100),))
        assert await takes(limiter, before, "a")
        assert await takes(limiter, after, "b", tokens=40)
        assert await takes(limiter, before, "c", tokens=40)
        assert not await takes(limiter, before, "d")
        assert await takes(limiter, after, "e")
        assert await used(limiter, after[0]) == {"per_minute": 4, "tokens_per_hour": 0}

    asyncio.run(work())


def test_rules_count_for_each_limiter_apart() -> None:
    """What one has looked up is nothing to another."""

    async def work() -> None:
        clock = FakeClock()
        one, other = MemoryLimiter(clock), MemoryLimiter(clock)
        kept = Rules((rule(per_minute=1, concurrent=1),))
        for _ in range(2):
            assert not (await takes(one, kept, "a") and await takes(one, kept, "b"))
            assert not (await takes(other, kept, "a") and await takes(other, kept, "b"))
        assert await used(one, kept[0]) == await used(other, kept[0]) == {"per_minute": 1}

    asyncio.run(work())


def test_a_refused_claim_opens_no_cell() -> None:
    """What comes later within a second is not put to its time."""

    async def work() -> None:
        clock = FakeClock()
        limiter = MemoryLimiter(clock)
        wide, narrow = rule("wide", per_minute=5), rule("narrow", per_day=1)
        assert await takes(limiter, Rules((narrow,)), "a")
        assert not await takes(limiter, Rules((wide, narrow)), "b")
        clock.advance(0.9)
        kept = Rules((wide,))
        assert await takes(limiter, kept, "c")
        clock.advance(0.5)
        assert await takes(limiter, kept, "d")  # in the cell of `c`, which opened with it
        clock.advance(0.6)
        assert await takes(limiter, kept, "e")
        clock.advance(59.4)  # the cell of `c` and `d` is a minute old, counted from `d`
        (left,) = await limiter.left(wide)
        assert (left.left, left.whole_in_seconds) == (4, 0.6)

    asyncio.run(work())


def test_one_rule_without_limits_is_nothing() -> None:
    """Nothing is remembered of it, however often it is claimed or looked at."""

    async def work() -> None:
        limiter = MemoryLimiter(FakeClock())
        free = Rules((Rule("free", Limits()),))
        for number in range(5):
            assert await takes(limiter, free, str(number))
        assert await limiter.left(free[0]) == ()
        assert len(limiter) == 0

    asyncio.run(work())
