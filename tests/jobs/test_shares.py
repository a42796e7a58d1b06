"""How many of the jobs that come in a process keeps: no more than the others get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from anymedia.contracts.errors import StorageFailed
from anymedia.jobs.lease import Lease
from anymedia.jobs.shares import LOOK_SECONDS, UNEVEN, Shares
from anymedia.store.database import Database
from tests.support.clock import FakeClock


class Others:
    """A database that says how many jobs the other processes have."""

    def __init__(self, *loads: int) -> None:
        self.loads: list[int] | None = list(loads)
        self.asked = 0

    async def write(self, work: Callable[[Any], Any], *, job: str | None = None) -> list[int]:
        self.asked += 1
        if self.loads is None:
            raise StorageFailed("the database is away")
        return self.loads

    def time(self, now: float) -> float:
        return now


class Keeping:
    """A process that is asked whether it keeps what comes in."""

    def __init__(self, others: Others) -> None:
        self.others = others
        self.clock = FakeClock()
        self.shares = Shares(cast("Database", others), self.clock)
        self.load = 0
        database = cast("Database", others)
        self.shares.work_under(Lease(database, self.clock, print))

    async def kept(self, number: int) -> int:
        """How many of so many that come in at once, a look after the last ones."""
        self.clock.advance(LOOK_SECONDS)
        assert self.shares.keeps(self.load) in {True, False}  # which makes it look
        await self.shares.close()
        kept = sum(self.shares.keeps(self.load) for _ in range(number))
        self.load += kept
        return kept


def run(course: Any) -> Any:
    """To its end."""
    return asyncio.run(course)


def test_who_is_alone_keeps_everything() -> None:
    """Nobody else could take it."""
    assert run(Keeping(Others()).kept(500)) == 500


def test_before_it_has_looked_it_keeps_nothing() -> None:
    """It does not know whether there are others."""

    async def course() -> list[bool]:
        one = Keeping(Others())
        first = [one.shares.keeps(0) for _ in range(3)]
        await one.shares.close()
        return first

    assert run(course()) == [False, False, False]


def test_who_works_on_nothing_keeps_nothing(tmp_path: Path) -> None:
    """A process that only takes jobs on has no lease to hold them under."""

    async def course() -> bool:
        shares = Shares(cast("Database", Others()), FakeClock())
        shares.keeps(0)
        await shares.close()
        return shares.keeps(0)

    assert run(course()) is False


def test_it_keeps_as_many_as_the_others_get() -> None:
    """In a steady flow to both sides nothing has to go by way of the queue."""

    async def course() -> list[int]:
        others = Others(1000, 1200)
        one = Keeping(others)
        one.load = 1000
        await one.kept(0)
        kept = []
        for _ in range(5):
            others.loads = [load + 20 for load in others.loads or ()]
            kept.append(await one.kept(20))
        return kept

    assert run(course()) == [20] * 5


def test_it_gets_no_further_ahead_than_a_little() -> None:
    """All comes in here, and the other gets little of it."""

    async def course() -> tuple[int, int]:
        others = Others(1000)
        one = Keeping(others)
        one.load = 1000
        for _ in range(50):
            others.loads = [(others.loads or [0])[0] + 1]
            await one.kept(400)
        return one.load, (others.loads or [0])[0]

    ours, theirs = run(course())
    assert theirs < ours <= theirs * (1 + UNEVEN)


@pytest.mark.parametrize("loads", [(10,), (10, 900)])
def test_who_has_more_than_another_keeps_nothing(loads: tuple[int, ...]) -> None:
    """Whoever has fewest comes first."""
    one = Keeping(Others(*loads))
    one.load = 300
    assert run(one.kept(50)) == 0


def test_who_was_away_catches_up() -> None:
    """It has fewer: what comes in stays here until that is not so any more."""
    one = Keeping(Others(500))
    one.load = 460
    assert 39 <= run(one.kept(100)) <= 40


def test_without_an_answer_all_goes_by_way_of_the_queue() -> None:
    """And it is asked again."""

    async def course() -> list[int]:
        others = Others(500)
        one = Keeping(others)
        kept = [await one.kept(10)]
        others.loads = None
        kept.append(await one.kept(10))
        others.loads = [500]
        kept.append(await one.kept(10))
        return kept

    assert run(course()) == [10, 0, 10]


def test_it_looks_no_more_often_than_that() -> None:
    """Ten thousand that come in at once are one question."""

    async def course() -> int:
        others = Others(0)
        one = Keeping(others)
        await one.kept(10_000)
        return others.asked

    assert run(course()) == 1
