"""Tasks that answer one request after another: who is used again, and who is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from anymedia.gateway.crew import Crew


class Wire:
    """A connection that can be hung up."""

    closed = False

    def close(self) -> None:
        self.closed = True


class Asked:
    """A request that is answered as a test says."""

    def __init__(self, answer: Callable[[], Coroutine[Any, Any, bool]] | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport = Wire()
        self.answer = answer
        self.by: asyncio.Task[Any] | None = None
        """Whose work it was."""
        self.application: Any = None
        """What it was led on to."""

    async def run_asgi(self, app: Any) -> None:
        self.application = app


async def good() -> bool:
    """It is answered."""
    return True


async def led_on() -> bool:
    """It is not."""
    return False


def fast(asked: Any) -> Awaitable[bool] | None:
    """Does what the request says."""
    asked.by = asyncio.current_task()
    answer: Callable[[], Awaitable[bool]] | None = asked.answer
    return None if answer is None else answer()


class Bench:
    """A crew at work."""

    def __init__(self, most_idle: int = 100) -> None:
        self.crew = Crew(fast, most_idle=most_idle)
        self.tasks: set[asyncio.Task[Any]] = set()

    def begin(self, answer: Callable[[], Coroutine[Any, Any, bool]] | None = good) -> Asked:
        """A request comes."""
        asked = Asked(answer)
        self.crew.begin(asked, "app", self.tasks)  # type: ignore[arg-type]  # as much as is looked at
        return asked

    async def settled(self) -> None:
        """Everybody does what there is to do."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def one(self, answer: Callable[[], Coroutine[Any, Any, bool]] | None = good) -> Asked:
        """A request comes, and is seen to."""
        asked = self.begin(answer)
        assert len(self.tasks) == 1
        await self.settled()
        assert not self.tasks
        return asked


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """On a loop of its own."""
    asyncio.run(asyncio.wait_for(work(), 5))


def test_whoever_has_answered_answers_the_next() -> None:
    """And while nobody asks, nobody is counted as being answered."""

    async def work() -> None:
        bench = Bench()
        first, second = await bench.one(), await bench.one()
        assert first.by is second.by
        several = [bench.begin() for _ in range(3)]
        assert len(bench.tasks) == 3
        await bench.settled()
        assert len({one.by for one in several}) == 3
        assert not bench.tasks

    run(work)


@pytest.mark.parametrize("answer", [led_on, None])
def test_what_is_led_on_has_its_task_to_itself(answer: Any) -> None:
    """An application may leave anything behind in a task."""

    async def work() -> None:
        bench = Bench()
        first = await bench.one(answer)
        assert first.application == "app"
        assert first.by is not None
        assert first.by.done()
        assert (await bench.one()).by is not first.by

    run(work)


def test_where_tasks_tell_requests_apart_none_is_used_again() -> None:
    """As stories and traces are found by the task."""

    async def work() -> None:
        bench = Bench(most_idle=0)
        first, second = await bench.one(), await bench.one()
        assert first.by is not second.by
        assert first.by is not None
        assert first.by.done()

    run(work)


def test_what_fails_altogether_ends_its_task_and_its_connection() -> None:
    """The next request finds another."""

    async def broken() -> bool:
        raise ZeroDivisionError

    async def work() -> None:
        bench = Bench()
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        first = await bench.one(broken)
        assert first.transport.closed
        assert first.by is not None
        assert isinstance(first.by.exception(), ZeroDivisionError)
        assert not (await bench.one()).transport.closed

    run(work)


def test_who_was_told_to_stop_is_not_used_again() -> None:
    """A word to stop that came too late must not stop somebody else's request."""

    async def stopped() -> bool:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return True
        return False

    async def work() -> None:
        bench = Bench()
        first = await bench.one(stopped)
        assert first.by is not None
        assert first.by.done()
        assert (await bench.one()).by is not first.by

    run(work)


def test_who_is_cancelled_while_nobody_asks_is_asked_no_more() -> None:
    """As a loop does that ends."""

    async def work() -> None:
        bench = Bench()
        first = await bench.one()
        assert first.by is not None
        first.by.cancel()
        await bench.settled()
        assert first.by.cancelled()
        assert (await bench.one()).by is not first.by

    run(work)


def test_no_more_wait_than_are_worth_it() -> None:
    """After a flood most go home."""

    async def work() -> None:
        bench = Bench(most_idle=2)
        several = [bench.begin() for _ in range(5)]
        await bench.settled()
        assert sum(one.by.done() for one in several if one.by is not None) == 3

    run(work)
