"""The short way, for whoever gets bodies in a provider's own dialect: the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from msgspec import Raw

from anymedia.contracts.event import TextEvent
from anymedia.contracts.text import TextRequest, TextResult
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course
from anymedia.engine.engine import Engine
from anymedia.engine.relay import Passed, Way


class AsyncRelays:
    """Passes bodies on as they are, and goes on the long way where that has failed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def way(
        self, fields: dict[str, Raw], dialect: str, *, streaming: bool, asker: Asker
    ) -> Way | None:
        """The short way for a body, if it may go one."""
        return self._engine.relays.way(fields, dialect, streaming=streaming)

    async def call(self, way: Way, fields: dict[str, Raw], *, asker: Asker) -> Passed:
        """The answer, passed on as it is; without a receipt the long way may go on."""
        return await self._engine.relays.call(way, fields, asker)

    def stream(
        self, way: Way, fields: dict[str, Raw], *, asker: Asker
    ) -> AsyncGenerator[Passed | bytes, None]:
        """The same bit by bit: how it begins, then events; none if the long way may go on."""
        return self._engine.relays.stream(way, fields, asker)

    async def go_on(self, request: TextRequest, course: Course) -> TextResult:
        """The result by the long way, after what was tried in vain."""
        return await self._engine.run(request, asker=course.asker, course=course)

    def go_on_streaming(
        self, request: TextRequest, course: Course
    ) -> AsyncGenerator[TextEvent, None]:
        """The same bit by bit."""
        return self._engine.stream(request, asker=course.asker, course=course)
