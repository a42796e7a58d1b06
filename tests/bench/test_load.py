"""The load generator counts what it was answered, and what it was not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from anymedia.bench.load import Load
from anymedia.bench.plan import Ask, Found, Plan, share
from anymedia.bench.upstream import BODY, PIECES, Conversation

EVENTS = PIECES + 3
"""Of a stream: its pieces, the end of the text, the usage, and the end of all."""


class Telling(asyncio.Protocol):
    """A server that answers each request with the next of these bytes, then closes if told so."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has come."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer, whatever it was."""
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self._transport.write(answer)
        if not answer or b"connection: close" in answer:
            self._transport.close()


def loaded(
    server: Callable[[], asyncio.BaseProtocol], body: str = "{}", path: str = "/v1", **plan: object
) -> tuple[Found, list[Found]]:
    """Load a server in this process; what came of it, and what was told before."""

    async def run() -> tuple[Found, list[Found]]:
        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", 0))
        serving = await loop.create_server(server, sock=listener)
        ask = Ask(port=listener.getsockname()[1], path=path, body=body)
        told: list[Found] = []
        async with serving:
            found = await Load(Plan(ask=ask, seconds=0.1, **plan), told.append).run()  # type: ignore[arg-type]  # as the plan has them
        return found, told

    return asyncio.run(run())


def answer(status: str, *lines: str, body: bytes = b"{}") -> bytes:
    """A whole answer."""
    head = "".join(f"{line}\r\n" for line in (f"content-length: {len(body)}", *lines))
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def test_every_request_is_answered_once() -> None:
    """Over several connections, until time is up; none is under way at the end."""
    found, _ = loaded(Conversation, connections=4)
    assert found.sent == found.answered > 4
    assert (found.refused, found.failed, found.unanswered) == (0, 0, 0)
    assert found.statuses == {"200": found.answered}
    assert found.p50_ms is not None
    assert found.p99_ms is not None
    assert 0 < found.p50_ms <= found.p99_ms


def test_events_of_streams_are_counted() -> None:
    """Each once, however the pieces are cut."""
    found, _ = loaded(Conversation, body='{"stream": true}', connections=2)
    assert found.answered > 0
    assert found.events == found.answered * EVENTS


def test_a_rate_is_kept_whatever_is_answered() -> None:
    """As many as are due, no more."""
    found, _ = loaded(Conversation, connections=2, rate=200.0)
    assert 0 < found.sent <= 20
    assert found.answered == found.sent


def test_who_waits_for_a_connection_is_not_forgotten() -> None:
    """A server that says nothing has left as many waiting as were due."""
    silent = Telling([b"HTTP/1.1 200 OK\r\n"])
    found, _ = loaded(lambda: silent, connections=1, rate=500.0, patience_seconds=0.0)
    assert found.answered == 0
    assert found.sent == 1
    assert found.unanswered > 1


def test_what_was_due_is_still_asked_when_time_is_up() -> None:
    """Who had to wait for a connection has waited: leaving them out would hide a stall."""
    found, _ = loaded(Conversation, connections=1, rate=100_000.0)
    assert found.unanswered == 0
    assert found.sent == found.answered > 0
    assert found.late > 0
    assert found.per_second < found.answered / found.seconds


def test_refusals_are_told_from_failures() -> None:
    """429 and 503 are refusals, and whether they say when to come again is counted."""
    answers = [
        answer("503 Service Unavailable", "retry-after: 1"),
        answer("429 Too Many Requests"),
        answer("500 Internal Server Error"),
        answer("200 OK"),
    ]
    server = Telling(answers)
    found, _ = loaded(lambda: server, connections=1)
    assert (found.refused, found.told_when, found.failed) == (2, 1, 1)
    assert found.answered == found.sent - 3 > 0


def test_a_connection_that_breaks_is_a_failure_and_another_takes_its_place() -> None:
    """The load goes on."""
    server = [b"", answer("200 OK")]
    found, _ = loaded(lambda: Telling(server), connections=1)
    assert found.failed == 1
    assert found.answered > 0


def test_a_server_that_closes_politely_has_not_failed() -> None:
    """`Connection: close` after a whole answer is no broken connection."""
    server = [answer("200 OK", "connection: close"), answer("200 OK")]
    found, _ = loaded(lambda: Telling(server), connections=1)
    assert found.failed == 0
    assert found.answered > 1


def test_streams_that_are_held_have_all_begun() -> None:
    """The first line tells how many have not; the second counts from then on."""
    found, told = loaded(
        Conversation, body='{"stream": true}', path="/paced/v1", connections=5, hold=True
    )
    assert [one.unanswered for one in told] == [0]
    assert told[0].events >= 5
    assert found.unanswered == 5


def test_interim_lines_add_up() -> None:
    """Each tells of its own time, the last of the whole."""
    found, told = loaded(Conversation, connections=2, every_seconds=0.02)
    assert told
    assert sum(one.answered for one in told) <= found.answered == found.sent


def test_the_share_of_a_distribution() -> None:
    """The value that so many do not exceed."""
    ordered = [number / 1000 for number in range(1, 101)]
    assert (share(ordered, 0.5), share(ordered, 0.99), share(ordered, 1.0)) == (51.0, 100.0, 100.0)
    assert share([], 0.5) is None


def test_the_answer_is_one_that_a_gateway_understands() -> None:
    """It has a text and a usage."""
    assert b'"usage"' in BODY
    assert b'"finish_reason": "stop"' in BODY
