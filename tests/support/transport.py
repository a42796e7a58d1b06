"""A transport that a test writes: answers and failures in order, and a record of what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from tests.support.clock import FakeClock

from anymedia.contracts.errors import NetworkFailed, ProviderTimeout
from anymedia.engine.transport import Incoming, Outgoing, too_large
from anymedia.wire.http import HttpResponse


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer in pieces; a piece that is an exception is where it breaks."""

    pieces: Sequence[bytes | Exception]
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class After:
    """An answer that takes its time."""

    seconds: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Behind:
    """An answer that lets everybody else go first."""

    answer: Answer


class Never:
    """No answer at all; whoever waits has to give up."""


Answer: TypeAlias = (
    HttpResponse
    | Exception
    | Streamed
    | After
    | Behind
    | Never
    | Callable[[Outgoing], HttpResponse]
)


GOES_FIRST = 50
"""Turns of the event loop that others have meanwhile."""


class ScriptedTransport:
    """Answers in the order that was written; a request that nobody expects fails the test."""

    def __init__(self, *answers: Answer, clock: FakeClock | None = None) -> None:
        self._answers = list(answers)
        self._clock = clock
        self.otherwise: Callable[[Outgoing], HttpResponse] | None = None
        """Answers what the script does not."""
        self.sent: list[Outgoing] = []
        self.closed = False

    def then(self, *answers: Answer) -> None:
        """Write more answers."""
        self._answers += answers

    @property
    def left(self) -> int:
        """Answers that nobody has asked for yet."""
        return len(self._answers)

    def bodies(self) -> list[Any]:
        """The JSON bodies that were sent."""
        return [msgspec.json.decode(bytes(one.body)) if one.body else None for one in self.sent]

    async def send(self, outgoing: Outgoing, *, limit_bytes: int) -> HttpResponse:
        async with self.stream(outgoing) as incoming:
            content = b"".join([chunk async for chunk in incoming.chunks])
        if len(content) > limit_bytes:
            raise too_large(limit_bytes)
        incoming.head.content = content
        return incoming.head

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        self.sent.append(outgoing)
        if not self._answers and self.otherwise is not None:
            self._answers.append(self.otherwise)
        if not self._answers:
            raise AssertionError(f"nobody expected {outgoing.method} {outgoing.url}")
        answer = self._answers.pop(0)
        if isinstance(answer, After):
            assert self._clock is not None
            self._clock.advance(min(answer.seconds, outgoing.total_seconds))
            if answer.seconds >= outgoing.total_seconds:
                raise timed_out()
            answer = answer.answer
        if isinstance(answer, Behind):
            for _ in range(GOES_FIRST):
                await asyncio.sleep(0)
            answer = answer.answer
        if isinstance(answer, Never):
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Streamed):
            head = HttpResponse(answer.status, b"", dict(answer.headers), outgoing.url)
            yield Incoming(head, pieces(answer.pieces))
            return
        assert not isinstance(answer, After | Behind | Never)
        whole = answer if isinstance(answer, HttpResponse) else answer(outgoing)
        head = HttpResponse(whole.status, b"", whole.headers, outgoing.url)
        yield Incoming(head, pieces([whole.content]))

    async def close(self) -> None:
        self.closed = True


async def pieces(given: Sequence[bytes | Exception]) -> AsyncIterator[bytes]:
    """The pieces as a body comes."""
    for piece in given:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A JSON answer; `retry_after="3"` is the header `retry-after`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(
        status, msgspec.json.encode(body), {"content-type": "application/json", **named}
    )


def cut() -> NetworkFailed:
    """The connection broke after the request was sent."""
    return NetworkFailed("the connection broke: reset by peer", accepted="unknown")


def unreachable() -> NetworkFailed:
    """The connection could not be made."""
    return NetworkFailed("could not connect: refused", accepted="no")


def timed_out() -> ProviderTimeout:
    """No answer in time."""
    return ProviderTimeout("timed out while waiting for the answer", accepted="unknown")
