"""The short way for many callers: within each one's rights, and counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Raw

from anymedia.client.relaying import AsyncRelays
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.event import StreamEnd, TextEvent
from anymedia.contracts.text import TextRequest, TextResult
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course
from anymedia.engine.engine import Engine
from anymedia.engine.relay import Passed, Way
from anymedia.gateway.callers import Caller

if TYPE_CHECKING:
    from anymedia.gateway.client import GatewayClient


class GatewayRelays(AsyncRelays):
    """As its parent, for strangers."""

    def __init__(self, engine: Engine, client: GatewayClient) -> None:
        super().__init__(engine)
        self._client = client

    def way(
        self, fields: dict[str, Raw], dialect: str, *, streaming: bool, asker: Asker
    ) -> Way | None:
        """As its parent. Raises `Refused` where the caller's key may not go it."""
        way = super().way(fields, dialect, streaming=streaming, asker=asker)
        if way is not None and isinstance(asker, Caller):
            # What the caller wrote may be allowed, or what it stands for.
            written = bytes(fields["model"]).decode().strip('"')
            asker.check(way.candidate.request, (written, way.candidate.name))
        return way

    async def call(self, way: Way, fields: dict[str, Raw], *, asker: Asker) -> Passed:
        """As its parent, and counted."""
        try:
            passed = await super().call(way, fields, asker=asker)
        except GenerationError as error:
            self._client.failed(way.candidate.request, error)
            raise
        self._count(passed)
        return passed

    async def stream(
        self, way: Way, fields: dict[str, Raw], *, asker: Asker
    ) -> AsyncGenerator[Passed | bytes, None]:
        """As its parent, and counted."""
        passed: Passed | None = None
        try:
            async with aclosing(super().stream(way, fields, asker=asker)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Passed):
                        passed = piece
                    yield piece
        except GenerationError as error:
            self._client.failed(way.candidate.request, error)
            raise
        if passed is not None:
            self._count(passed)

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
        self, request: TextRequest, course: Course
    ) -> AsyncGenerator[TextEvent, None]:
        """As its parent, and counted."""
        request = await self._client.permitted(request, course.asker)
        try:
            async with aclosing(super().go_on_streaming(request, course)) as events:
                async for event in events:
                    if isinstance(event, StreamEnd):
                        self._client.answered("text", event.result, course.elapsed_seconds())
                    yield event
        except GenerationError as error:
            self._client.failed(request, error)
            raise

    def _count(self, passed: Passed) -> None:
        if passed.receipt is not None:
            self._client.answered("text", passed, passed.course.elapsed_seconds())
