"""A streamed answer: when its head goes out, what is said in silence, and who stops whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from anymedia.contracts.errors import ContentRefused, NetworkFailed
from anymedia.gateway.openai import MANNER
from anymedia.gateway.shared.presence import CallerGone, attended
from anymedia.gateway.shared.streamed import Streamed

SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": [], "state": {}}
Pieces = AsyncGenerator[bytes, None]


class Hourglass:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._sleeping: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)

    def time(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        self._sleeping.append((self._seconds + seconds, over))
        await over.wait()

    async def turn(self, seconds: float) -> None:
        """Let time pass, and let everybody act on it."""
        self._seconds += seconds
        for end, over in self._sleeping:
            if end <= self._seconds:
                over.set()
        await settled()


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Line:
    """A connection: what was sent over it, and whether the caller is still there."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.hung_up = asyncio.Event()

    async def receive(self) -> Message:
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def status(self) -> int | None:
        """The status, once the head has gone out."""
        heads = [one["status"] for one in self.sent if one["type"] == "http.response.start"]
        assert len(heads) <= 1
        return heads[0] if heads else None

    @property
    def body(self) -> bytes:
        """What came after it."""
        return b"".join(one.get("body", b"") for one in self.sent)


def run(test: Callable[[Line, Hourglass], Awaitable[None]]) -> None:
    """Run a test with a line and a clock."""
    asyncio.run(test(Line(), Hourglass()))  # type: ignore[arg-type]  # tests are coroutine functions


def speaking(line: Line, clock: Hourglass, pieces: Pieces) -> asyncio.Task[None]:
    """A streamed answer under way."""
    streamed = Streamed(Request({**SCOPE}), pieces, MANNER, clock)
    return asyncio.create_task(streamed(SCOPE, line.receive, line.send))


def test_what_fails_before_the_first_word_has_its_own_status() -> None:
    """The head waits for something to say."""

    async def test(line: Line, clock: Hourglass) -> None:
        async def pieces() -> Pieces:
            for word in (b"word",) if line.sent else ():
                yield word
            raise ContentRefused("no")

        await speaking(line, clock, pieces())
        assert line.status() == 400
        assert b"content_policy_violation" in line.body

    run(test)


def test_a_long_silence_is_broken_by_signs_of_life() -> None:
    """The head goes out without a word, and then something now and then; never between words."""

    async def test(line: Line, clock: Hourglass) -> None:
        go_on, words = asyncio.Event(), asyncio.Queue[bytes]()

        async def pieces() -> Pieces:
            await go_on.wait()
            while word := await words.get():
                yield word

        task = speaking(line, clock, pieces())
        await settled()
        assert line.status() is None
        await clock.turn(10)
        assert line.status() == 200
        assert line.body == MANNER.ping
        go_on.set()
        for _ in range(4):  # whoever speaks needs no other sign
            await clock.turn(8)
            words.put_nowait(b"word ")
            await settled()
        assert line.body == MANNER.ping + b"word " * 4
        await clock.turn(15)
        assert line.body == MANNER.ping + b"word " * 4 + MANNER.ping
        words.put_nowait(b"")
        await task
        assert line.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}

    run(test)


def test_a_failure_after_the_head_is_an_event() -> None:
    """Also when only a sign of life has gone out."""

    async def test(line: Line, clock: Hourglass) -> None:
        fail = asyncio.Event()

        async def pieces() -> Pieces:
            await fail.wait()
            for word in (b"word",) if line.hung_up.is_set() else ():
                yield word
            raise NetworkFailed("the connection broke")

        task = speaking(line, clock, pieces())
        await clock.turn(0)
        await clock.turn(10)
        fail.set()
        await task
        assert line.status() == 200
        assert b'data: {"error":{"message":"the connection broke"' in line.body
        assert line.sent[-1]["more_body"] is False

    run(test)


@pytest.mark.parametrize("error", [ValueError("a secret prompt"), KeyError("a secret prompt")])
def test_a_mistake_of_ours_is_told_without_its_words(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither to the caller nor to the log: it may quote a prompt."""

    async def test(line: Line, clock: Hourglass) -> None:
        async def pieces() -> Pieces:
            yield b"word "
            raise error

        await speaking(line, clock, pieces())
        assert b"server_error" in line.body
        assert b"secret" not in line.body

    run(test)
    assert type(error).__name__ in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("begun", [True, False])
def test_who_hangs_up_stops_what_is_behind(*, begun: bool) -> None:
    """At once, and what is behind can tidy up."""

    async def test(line: Line, clock: Hourglass) -> None:
        left: list[str] = []

        async def pieces() -> Pieces:
            try:
                if begun:
                    yield b"word "
                await asyncio.Event().wait()
            finally:
                left.append("tidied up")

        task = speaking(line, clock, pieces())
        await settled()
        assert not left
        line.hung_up.set()
        await task
        assert left == ["tidied up"]
        assert line.status() == (200 if begun else None)

    run(test)


def test_a_line_that_breaks_while_speaking_is_a_caller_gone() -> None:
    """It is nobody's mistake, and nothing more is sent."""

    async def test(line: Line, clock: Hourglass) -> None:
        left: list[str] = []

        async def pieces() -> Pieces:
            try:
                while True:
                    yield b"word "
            finally:
                left.append("tidied up")

        async def send(message: Message) -> None:
            await line.send(message)
            if len(line.sent) > 3:
                raise OSError("broken pipe")

        streamed = Streamed(Request({**SCOPE}), pieces(), MANNER, clock)
        await streamed(SCOPE, line.receive, send)
        assert left == ["tidied up"]
        assert len(line.sent) == 4

    run(test)


def test_another_cancellation_stays_one() -> None:
    """A server that stops is no caller who has hung up."""

    async def test(line: Line, clock: Hourglass) -> None:
        async def work() -> None:
            with attended(line.receive):
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await settled()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        task = asyncio.create_task(work())
        await settled()
        line.hung_up.set()
        with pytest.raises(CallerGone):
            await task

    run(test)


def test_whoever_is_answered_is_not_cancelled_afterwards() -> None:
    """Hanging up after the work is done stops nothing any more."""

    async def test(line: Line, clock: Hourglass) -> None:
        with attended(line.receive):
            await settled()
        line.hung_up.set()
        await settled()
        current: Any = asyncio.current_task()
        assert current.cancelling() == 0

    run(test)
