"""Pieces of work that wait at the same time and share a transaction.

On a database over a wire a transaction's beginning and end are two round trips and a wait for the
disk, which is as much as most of what is done in between. So whatever waits when a transaction is
free goes into it. What comes later waits for the next one: nobody is shown a view of the database
that is older than the question. Where one piece fails all are run again, each by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], Any]
Transact: TypeAlias = Callable[[Work, Sequence[str]], Awaitable[Any]]
"""Runs work in a transaction that changes these jobs."""
Asked: TypeAlias = tuple[Work, str | None, asyncio.Future[Any]]
MOST_TOGETHER = 32


class Together:
    """Work that may share a transaction: it touches rows of its own, and has no other effects."""

    def __init__(
        self,
        transact: Transact,
        start: Callable[[Coroutine[Any, Any, Any]], Any],
        *,
        most_transactions: int,
    ) -> None:
        self._transact = transact
        self._start = start
        self._most = most_transactions
        self._running = 0
        self._waiting: list[Asked] = []

    async def run(self, work: Callable[[Connection], T], job: str | None = None) -> T:
        """What the work returns, once it is committed. It is finished also when nobody waits.

        `job` is the one that it changes, if it changes one.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, job, answer))
        if self._running < self._most:
            self._running += 1
            self._start(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                taken = self._waiting[:MOST_TOGETHER]
                del self._waiting[:MOST_TOGETHER]
                await self._committed(taken)
        finally:
            self._running -= 1

    async def _committed(self, taken: list[Asked]) -> None:
        jobs = [job for _, job, _ in taken if job is not None]
        try:
            outcomes = await self._transact(lambda c: [work(c) for work, _, _ in taken], jobs)
        except Exception as error:  # noqa: BLE001  it belongs to one of those who asked
            if len(taken) == 1:
                failed(taken[0][2], error)
                return
            for one in taken:
                await self._committed([one])
            return
        for (_, _, answer), outcome in zip(taken, outcomes, strict=True):
            if not answer.done():  # whoever asked may have gone
                answer.set_result(outcome)


def failed(answer: asyncio.Future[Any], error: BaseException) -> None:
    """Tell who asked, if anybody waits still."""
    if not answer.done():
        answer.set_exception(error)
