"""The short way for many callers: within each one's rights, and counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from anymedia.client.relaying import AsyncRelays
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.event import StreamEnd, TextEvent
from anymedia.contracts.text import TextRequest, TextResult
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course
from anymedia.engine.engine import Engine
from anymedia.engine.relay import Passed
from anymedia.engine.speaker import Speaker
from anymedia.engine.ways import Way
from anymedia.gateway.callers import Caller
from anymedia.providers.spec import Fields

if TYPE_CHECKING:
    from anymedia.gateway.client import GatewayClient


class GatewayRelays(AsyncRelays):
    """As its parent, for strangers."""

    def __init__(self, engine: Engine, client: GatewayClient) -> None:
        super().__init__(engine)
        self._client = client

    def way(self, fields: Fields, dialect: str, *, streaming: bool, asker: Asker) -> Way | None:
        """As its parent. Raises `Refused` where the caller's key may not go it."""
        way = self._engine.relays.way(fields, dialect, streaming=streaming)
        if way is not None and isinstance(asker, Caller) and "text" not in asker.freely:
            # What the caller wrote may be allowed, or what it stands for.
            written = bytes(fields["model"]).decode().strip('"')
            asker.check(way.candidate.request, (written, way.name))
        return way

    def ended(self, passed: Passed) -> None:
        """It is counted."""
        client, receipt = self._client, passed.receipt
        if receipt is None:
            return
        if client.metrics is not None:
            client.metrics.passed(passed, passed.elapsed_seconds())
        if client.observer is not None:
            client.observer.answered(
                "text", passed.provider, passed.model, receipt.usage, passed.cost.amount
            )

    def failed(self, passed: Passed, error: GenerationError) -> None:
        """It is counted too."""
        self._client.failed(passed.way.candidate.request, error)

    async def go_on(self, request: TextRequest, course: Course) -> TextResult:
        """As its parent, and counted."""
        request = await self._client.permitted(request, course.asker)
        try:
            result = await super().go_on(request, course)
        except GenerationError as error:
            self._client.failed(request, error)
            raise
        self._client.answered(request.medium, result, course.elapsed_seconds())
        return result

    async def go_on_streaming(
        self, request: TextRequest, course: Course, speaker: Speaker | None = None
    ) -> AsyncGenerator[TextEvent, None]:
        """As its parent, and counted."""
        request = await self._client.permitted(request, course.asker)
        try:
            async with aclosing(super().go_on_streaming(request, course, speaker)) as events:
                async for event in events:
                    if isinstance(event, StreamEnd):
                        self._client.answered("text", event.result, course.elapsed_seconds())
                    yield event
        except GenerationError as error:
            self._client.failed(request, error)
            raise
