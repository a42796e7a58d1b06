"""The short way, for whoever gets bodies in a provider's own dialect: the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.event import TextEvent
from anymedia.contracts.text import TextRequest, TextResult
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course
from anymedia.engine.engine import Engine
from anymedia.engine.relay import Passed
from anymedia.engine.speaker import Speaker
from anymedia.engine.ways import Way
from anymedia.providers.spec import Fields


class AsyncRelays:
    """Passes bodies on as they are, and goes on the long way where that has failed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def way(self, fields: Fields, dialect: str, *, streaming: bool, asker: Asker) -> Way | None:
        """The short way for a body, if it may go one."""
        return self._engine.relays.way(fields, dialect, streaming=streaming)

    def begun(self, way: Way, fields: Fields, *, asker: Asker) -> Passed:
        """An answer that is going to be asked for."""
        return self._engine.relays.begun(way, fields, asker)

    def call(self, passed: Passed, body: bytes) -> Awaitable[None]:
        """The answer, passed on as it is; without a receipt the long way may go on."""
        return self._engine.relays.call(passed, body)

    def stream(self, passed: Passed, body: bytes) -> AsyncGenerator[bytes, None]:
        """The same bit by bit; without a receipt and any bit the long way may go on."""
        return self._engine.relays.stream(passed, body)

    def ended(self, passed: Passed) -> None:
        """The answer has been handed out, or there is none."""

    def failed(self, passed: Passed, error: GenerationError) -> None:
        """It was asked for in vain, and nobody else is asked."""

    async def go_on(self, request: TextRequest, course: Course) -> TextResult:
        """The result by the long way, after what was tried in vain."""
        return await self._engine.run(request, asker=course.asker, course=course)

    def go_on_streaming(
        self, request: TextRequest, course: Course, speaker: Speaker | None = None
    ) -> AsyncGenerator[TextEvent, None]:
        """The same bit by bit."""
        return self._engine.stream(request, asker=course.asker, course=course, speaker=speaker)
