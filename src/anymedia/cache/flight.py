"""Single flight: what several ask for at the same time is asked for once.

The work has a task of its own, and nobody who waits owns it. So it goes on as long as somebody
waits, whoever began it: a caller that gives up does not cost the others what was already paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar, cast

T = TypeVar("T")


class Landed(NamedTuple, Generic[T]):
    """What a flight brought."""

    value: T
    joined: bool
    """Whether somebody else's request brought it."""


class Flight:
    """Work under way, and how many wait for it."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.waiting = 0


class Flights:
    """What is under way, by who may wait for it."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}

    async def once(self, key: str, ask: Callable[[], Awaitable[T]]) -> Landed[T]:
        """What `ask` brings, or what an identical request brings that is already under way.

        A failure is everybody's who waits: the same would have happened to them. It is not kept;
        who asks later asks anew. A request that was cancelled from within has not failed; those
        who had joined it ask again, once for all of them.
        """
        while True:
            flight = self._flights.get(key)
            joined = flight is not None
            if flight is None:
                flight = self._begin(key, ask)
            await self._landing(key, flight)
            if not (joined and flight.task.cancelled()):
                return Landed(cast("T", flight.task.result()), joined)

    def _begin(self, key: str, ask: Callable[[], Awaitable[T]]) -> Flight:
        async def work() -> T:
            return await ask()

        flight = self._flights[key] = Flight(asyncio.create_task(work()))

        def over(task: asyncio.Task[T]) -> None:
            self._forget(key, flight)
            if not task.cancelled():
                task.exception()  # looked at, also when all have stopped waiting for it

        flight.task.add_done_callback(over)
        return flight

    async def _landing(self, key: str, flight: Flight) -> None:
        """Wait until it is over. The last one who stops waiting ends it."""
        flight.waiting += 1
        try:
            await asyncio.wait((flight.task,))
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()
                await asyncio.wait((flight.task,))  # it may have something to put in order

    def _forget(self, key: str, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
