"""How work stands at its provider: asked one by one, or many at once where it can list.

Questions about work of one provider and credential that come within a moment go out together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from anymedia.clock import Clock
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.job import JobState
from anymedia.engine.connection import Connection
from anymedia.providers.spec import Job

TIMEOUT_SECONDS = 60.0
GATHER_SECONDS = 0.25
WORTH_IT = 3
"""Fewer questions than this are asked one by one."""
REST_SECONDS = 300.0
"""A list that was refused is not asked for again so soon."""


@dataclass(slots=True)
class Round:
    """Questions that go out together."""

    connection: Connection
    operation: Job
    answers: dict[str, asyncio.Future[JobState | None]] = field(default_factory=dict)


class Asking:
    """Questions about work under way."""

    def __init__(self, clock: Clock, report: Callable[[str], None]) -> None:
        self._clock = clock
        self._report = report
        self._rounds: dict[tuple[str, str, int], Round] = {}
        self._resting: dict[tuple[str, str, int], float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def state(self, connection: Connection, operation: Job, handle: str) -> JobState:
        """How one piece of work stands. Raises why that cannot be said."""
        if operation.poll_many is not None:
            told = await self._together(connection, operation, handle)
            if told is not None:
                return told
        return await connection.converse(operation.poll(handle), timeout_seconds=TIMEOUT_SECONDS)

    async def _together(
        self, connection: Connection, operation: Job, handle: str
    ) -> JobState | None:
        """What the list says; `None` when this one is asked about by itself."""
        key = (connection.name, connection.variant, id(operation))
        if self._resting.get(key, 0.0) > self._clock.monotonic():
            return None
        asked = self._rounds.get(key)
        if asked is None:
            asked = self._rounds[key] = Round(connection, operation)
            task = asyncio.create_task(self._ask(key, asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if handle not in asked.answers:
            asked.answers[handle] = asyncio.get_running_loop().create_future()
        answer = asked.answers[handle]
        if len(asked.answers) >= operation.poll_many_at_once:
            self._rounds.pop(key, None)  # it is full; who comes now begins another
        return await asyncio.shield(answer)

    async def _ask(self, key: tuple[str, str, int], asked: Round) -> None:
        await self._clock.sleep(GATHER_SECONDS)
        if self._rounds.get(key) is asked:
            del self._rounds[key]
        told: Mapping[str, JobState] = {}
        try:
            if len(asked.answers) >= WORTH_IT:
                told = await self._listed(key, asked)
        except GenerationError as error:
            for answer in asked.answers.values():
                answer.set_exception(error)
                answer.exception()  # who asked may have gone
            return
        except BaseException:
            for answer in asked.answers.values():
                answer.cancel()
            raise
        for handle, answer in asked.answers.items():
            answer.set_result(told.get(handle))

    async def _listed(self, key: tuple[str, str, int], asked: Round) -> Mapping[str, JobState]:
        assert asked.operation.poll_many is not None
        try:
            return await asked.connection.converse(
                asked.operation.poll_many(tuple(asked.answers)), timeout_seconds=TIMEOUT_SECONDS
            )
        except GenerationError as error:
            if error.retryable:
                raise
            # Perhaps this key may not list; the work itself can still be asked about.
            self._report(f"`{asked.connection.label}` does not list its jobs: {error.message}")
            self._resting[key] = self._clock.monotonic() + REST_SECONDS
            return {}
