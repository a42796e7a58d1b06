"""One request and its answer on bytes that a test looks at: pieces, headers, coming and going."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from anymedia.gateway.cycle import HELD_BYTES, Cycle, Standing
from anymedia.gateway.head import Head

DATE = (b"date", b"today")
LENGTH = (b"content-length", b"2")


class Wire:
    """A connection that only writes down."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        """One piece."""
        self.written.append(data)

    later = write

    def close(self) -> None:
        """No more."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it is over."""
        return self.closed


class Asked:
    """A request of a method, and what became of it."""

    def __init__(
        self, method: str = "POST", *, keep_alive: bool = True, expects: bool = False
    ) -> None:
        self.wire = Wire()
        wire: Any = self.wire
        self.answered = 0
        self.cycle = Cycle(
            Head(method, b"/", ("/", b"/", b""), "1.1", [], {}),
            asyncio.get_running_loop(),
            lambda: {"type": "http", "method": method, "state": {}},
            wire,
            FlowControl(wire),
            logging.getLogger("test"),
            [DATE],
            self._count,
            expect_100_continue=expects,
            keep_alive=keep_alive,
        )

    def _count(self) -> None:
        self.answered += 1

    async def start(self, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        """The head."""
        start = {"type": "http.response.start", "status": status, "headers": list(headers)}
        await self.cycle.send(start)

    async def say(self, body: bytes, *, more: bool = False) -> None:
        """Some of the body."""
        await self.cycle.send({"type": "http.response.body", "body": body, "more_body": more})

    def comes(self, body: bytes, *, more: bool = False) -> None:
        """Some of the request's body."""
        self.cycle.takes(body)
        self.cycle.more_body = more
        self.cycle.set()

    def leaves(self) -> None:
        """Whoever asked hangs up."""
        self.cycle.disconnected = True
        self.cycle.set()


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """On a loop of its own."""
    asyncio.run(asyncio.wait_for(work(), 5))


def test_a_small_answer_is_one_piece() -> None:
    """Head and body in one write, and then it is complete."""

    async def work() -> None:
        asked = Asked()
        await asked.start(LENGTH)
        assert asked.wire.written == []
        await asked.say(b"ok")
        assert asked.wire.written == [
            b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\n\r\nok"
        ]
        assert (asked.answered, asked.cycle.response_complete, asked.wire.closed) == (
            1,
            True,
            False,
        )

    run(work)


def test_a_head_goes_ahead_of_what_comes_later() -> None:
    """Streams and large answers are begun at once; pieces of a small one follow its head."""

    async def work() -> None:
        stream = Asked()
        await stream.start()
        assert stream.wire.written[0].endswith(b"transfer-encoding: chunked\r\n\r\n")
        await stream.say(b"ok")
        assert stream.wire.written[1] == b"2\r\nok\r\n0\r\n\r\n"
        large = Asked()
        await large.start((b"content-length", b"%d" % (HELD_BYTES + 1)))
        assert len(large.wire.written) == 1
        halves = Asked()
        await halves.start(LENGTH)
        await halves.say(b"o", more=True)
        await halves.say(b"k")
        assert halves.wire.written[1:] == [b"o", b"k"]
        assert halves.answered == 1

    run(work)


def test_a_look_at_the_head_gets_the_head() -> None:
    """It says how long the body would be, and none follows."""

    async def work() -> None:
        asked = Asked("HEAD")
        await asked.start(LENGTH)
        await asked.say(b"ok")
        assert b"".join(asked.wire.written).endswith(b"content-length: 2\r\n\r\n")
        assert asked.answered == 1

    run(work)


@pytest.mark.parametrize("said", [True, False], ids=["by the answer", "by the caller"])
def test_who_wants_no_more_is_told_that_there_is_no_more(*, said: bool) -> None:
    """Once, and the connection is closed after the answer."""

    async def work() -> None:
        asked = Asked(keep_alive=said)
        await asked.start(LENGTH, *([(b"connection", b"close")] if said else []))
        await asked.say(b"ok")
        assert asked.wire.written[0].count(b"connection: close\r\n") == 1
        assert asked.wire.closed

    run(work)


@pytest.mark.parametrize(
    "header",
    [
        (b"x-a", b"a\r\nx-b: b"),
        (b"x-a", b"a\n"),
        (b"x-a", b"a\r"),
        (b"x-a", b"a\0b"),
        (b"x-a", b"a\x7f"),
        (b"x-a\r\nx-b", b"b"),
        (b"x a", b"b"),
        (b"x-a:", b"b"),
        (b"X-A", b"b"),
        (b"", b"b"),
    ],
)
def test_a_header_that_would_be_read_otherwise_is_not_sent(header: tuple[bytes, bytes]) -> None:
    """Line ends, other control characters, and names that are none, or not in lower case."""

    async def work() -> None:
        asked = Asked()
        with pytest.raises(RuntimeError):
            await asked.start(LENGTH, header)
        assert asked.wire.written == []

    run(work)


def test_a_tab_and_letters_of_others_are_sent() -> None:
    """They are allowed within a value."""

    async def work() -> None:
        asked = Asked()
        await asked.start(LENGTH, (b"x-a", b"a\tb\xe4"))
        await asked.say(b"ok")
        assert b"x-a: a\tb\xe4\r\n" in asked.wire.written[0]

    run(work)


@pytest.mark.parametrize("body", [b"o", b"okay"])
def test_an_answer_as_long_as_it_says_or_none(body: bytes) -> None:
    """Whoever reads would wait for the rest, or take it for the next answer."""

    async def work() -> None:
        asked = Asked()
        await asked.start(LENGTH)
        with pytest.raises(RuntimeError):
            await asked.say(body)

    run(work)


def test_a_body_that_is_there_is_at_hand_once() -> None:
    """Not while some of it is missing, and not for whoever must be told to send it."""

    async def work() -> None:
        asked = Asked()
        assert asked.cycle.at_hand() is None
        asked.comes(b"a", more=True)
        assert asked.cycle.at_hand() is None
        asked.comes(b"b")
        assert asked.cycle.at_hand() == {
            "type": "http.request",
            "body": b"ab",
            "more_body": False,
        }
        assert asked.cycle.at_hand() is None
        expecting = Asked(expects=True)
        expecting.comes(b"a")
        assert expecting.cycle.at_hand() is None
        assert (await expecting.cycle())["body"] == b"a"
        assert expecting.wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]

    run(work)


def test_pieces_are_waited_for_and_then_the_end() -> None:
    """Several may wait for the end, and each is told."""

    async def work() -> None:
        asked = Asked()
        first = asyncio.ensure_future(asked.cycle())
        await asyncio.sleep(0)
        asked.comes(b"a")
        assert (await first)["body"] == b"a"
        waiting = [asyncio.ensure_future(asked.cycle()) for _ in range(2)]
        await asyncio.sleep(0)
        asked.leaves()
        assert [(await one)["type"] for one in waiting] == ["http.disconnect"] * 2

    run(work)


def test_one_listener_hears_once_that_the_caller_leaves() -> None:
    """Nobody who listens no longer, and at once where the caller has left before."""

    async def work() -> None:
        told: list[str] = []
        asked = Asked()
        asked.cycle.leaving(lambda: told.append("first"))
        asked.comes(b"a")
        asked.cycle.leaving(None)
        asked.cycle.leaving(lambda: told.append("second"))
        asked.leaves()
        asked.cycle.set()
        assert told == ["second"]
        asked.cycle.leaving(lambda: told.append("late"))
        assert told == ["second", "late"]

    run(work)


def test_what_the_server_adds_is_that_of_the_server_that_asks() -> None:
    """Two of one process take turns, and each has other headers every second."""
    written = Standing()
    one, other = [(b"date", b"today")], [(b"date", b"tomorrow"), (b"via", b"us")]
    for _ in range(2):
        assert written(one) == b"date: today\r\n"
        assert written(other) == b"date: tomorrow\r\nvia: us\r\n"
    assert written([(b"date", b"later")]) == b"date: later\r\n"
