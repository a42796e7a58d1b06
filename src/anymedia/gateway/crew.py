"""Tasks that answer one request after another.

To make a task costs a fiftieth of a chat: a context is copied, a name is written, the loop
notes who is there, and afterwards all of that is undone. So whoever has answered a request on the
fast path, which leaves nothing behind in a task, waits for the next one, of any connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from anymedia.gateway.cycle import Cycle

MOST_IDLE = 1_000

Fast: TypeAlias = Callable[[Cycle], Awaitable[bool] | None]
"""Answers a request before an application is asked, or says that it has not; `None` at once."""


class Crew:
    """Those of one event loop."""

    __slots__ = ("fast", "idle", "most_idle")

    def __init__(self, fast: Fast, *, most_idle: int = MOST_IDLE) -> None:
        self.fast = fast
        self.most_idle = most_idle
        """None where requests are told apart by their tasks."""
        self.idle: list[Hand] = []

    def begin(self, cycle: Cycle, app: Any, tasks: set[asyncio.Task[Any]]) -> None:
        """Have a request answered. While it is, its task is among `tasks`."""
        idle = self.idle
        if idle:
            hand = idle.pop()
            hand.take(cycle, app)
        else:
            hand = Hand(self, cycle, app, tasks)
        tasks.add(hand.task)


class Hand:
    """One of them."""

    __slots__ = ("_app", "_crew", "_cycle", "_loop", "_tasks", "_waiter", "task")

    def __init__(self, crew: Crew, cycle: Cycle, app: Any, tasks: set[asyncio.Task[Any]]) -> None:
        self._crew = crew
        self._cycle: Cycle | None = cycle
        self._app = app
        self._tasks = tasks
        self._loop = cycle.loop
        self._waiter: asyncio.Future[None] | None = None
        self.task = cycle.loop.create_task(self._work())

    def take(self, cycle: Cycle, app: Any) -> None:
        """The next request."""
        waiter = self._waiter
        assert waiter is not None
        self._cycle, self._app = cycle, app
        waiter.set_result(None)

    async def _work(self) -> None:
        crew, task, tasks = self._crew, self.task, self._tasks
        fast, idle = crew.fast, crew.idle
        try:
            while True:
                cycle = self._cycle
                assert cycle is not None
                try:
                    answering = fast(cycle)
                    answered = answering is not None and await answering
                except BaseException:
                    cycle.transport.close()
                    raise
                if not answered:
                    await cycle.run_asgi(self._app)
                    return
                if len(idle) >= crew.most_idle or task.cancelling():
                    return
                tasks.discard(task)
                self._cycle = cycle = None
                self._waiter = waiter = self._loop.create_future()
                idle.append(self)
                try:
                    await waiter
                except BaseException:
                    if self in idle:
                        idle.remove(self)
                    raise
        finally:
            tasks.discard(task)
