"""HTTP/1.1 by the event loop itself: the same answers and the same proofs as by the network client."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec
import pytest

from anymedia.contracts.errors import (
    GenerationError,
    NetworkFailed,
    ProviderTimeout,
    UnreadableResponse,
)
from anymedia.engine.burst import Burst
from anymedia.engine.direct import MOST_NAMES, MOST_WAITING_BYTES, Line, Lowered, head_of
from anymedia.engine.transport import NetworkTransport, Outgoing
from anymedia.wire.http import HttpResponse
from anymedia.wire.large import Pieces
from tests.support.rawserver import (
    Behaviour,
    RawServer,
    free_port,
    resetting,
    response,
    saying,
    serving,
)

T = TypeVar("T")
LIMIT = 1_000_000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def using(work: Callable[[NetworkTransport], Coroutine[Any, Any, T]], **options: Any) -> T:
    """Do something with a transport of its own."""

    async def working() -> T:
        transport = NetworkTransport(**options)
        try:
            return await work(transport)
        finally:
            await transport.close()

    return asyncio.run(working())


def ready(url: str, **facts: Any) -> Outgoing:
    """A request whose head stands."""
    headers = {"Content-Type": "application/json", "X-Key": "k"}
    head = head_of(url, headers)
    assert head is not None
    facts = {"body": b"{}", "total_seconds": 5.0, **facts}
    return Outgoing(method="POST", url=url, headers=headers, head=head, **facts)


def sent(url: str, **facts: Any) -> HttpResponse:
    """Its answer."""
    return using(lambda transport: transport.send(ready(url, **facts), limit_bytes=LIMIT))


def failed(behave: Behaviour, **facts: Any) -> tuple[GenerationError, RawServer]:
    """How it fails at a server that behaves like that."""
    with serving(behave) as server, pytest.raises(GenerationError) as caught:
        sent(f"{server.url}/buy", **facts)
    return caught.value, server


def test_what_is_sent_arrives_as_it_was_written() -> None:
    """Method, target, headers and body; the answer's headers without regard to case."""
    with serving(saying(response(b'{"ok": true}', "X-Request-Id: r1"))) as server:
        answer = sent(f"{server.url}/v1/chat?a=%20b", body=b'{"a": 1}')
    assert (answer.status, answer.content) == (200, b'{"ok": true}')
    assert answer.headers["X-REQUEST-ID"] == "r1"
    (request,) = server.heard
    assert request.startswith(b"POST /v1/chat?a=%20b HTTP/1.1\r\n")
    for line in (f"host: 127.0.0.1:{server.port}", "X-Key: k", "content-length: 8"):
        assert f"{line}\r\n".encode() in request
    assert request.endswith(b'\r\n\r\n{"a": 1}')


@pytest.mark.parametrize("sizes", [(1, 2, 3), (1, 3 * LIMIT, 5, LIMIT), (0, 0)])
@pytest.mark.parametrize("direct", [True, False])
def test_what_lies_in_pieces_arrives_as_a_whole(sizes: tuple[int, ...], *, direct: bool) -> None:
    """Small or large, by either way."""
    document = b"".join(bytes([97 + place]) * size for place, size in enumerate(sizes))
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    pieces = [memoryview(document)[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    with serving(saying(response(b"{}"))) as server:
        asked = ready(f"{server.url}/buy", body=Pieces(pieces))
        if not direct:
            asked = msgspec.structs.replace(asked, head=None)
        answer = using(lambda transport: transport.send(asked, limit_bytes=LIMIT))
        assert answer.status == 200
        (heard,) = server.heard
    assert heard.partition(b"\r\n\r\n")[2] == document


@pytest.mark.parametrize(
    "behave",
    [
        saying(CHUNKED, b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\n\r\none", b"two"),
        saying(b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n", response(b"onetwo")),
        saying(response(gzip.compress(b"onetwo"), "Content-Encoding: gzip")),
    ],
    ids=["chunked", "until-the-end", "after-a-100", "packed"],
)
def test_an_answer_is_whole_however_its_end_is_told(behave: Behaviour) -> None:
    """By chunks, by the connection's end, after a word in between, or packed."""
    with serving(behave) as server:
        answer = sent(server.url + "/")
    assert (answer.status, answer.content) == (200, b"onetwo")
    assert "x-a" not in answer.headers


def test_connections_are_kept_and_those_that_the_server_closes_are_not() -> None:
    """Two questions on one; after the server's `close` on another."""

    async def asked(transport: NetworkTransport) -> None:
        for _ in range(2):
            await transport.send(ready(f"{server.url}/"), limit_bytes=LIMIT)

    with serving(saying(response(b"hi"), then_close=False)) as server:
        using(asked)
    assert (server.connections, len(server.heard)) == (1, 2)
    with serving(saying(response(b"hi", "Connection: close"), then_close=False)) as server:
        using(asked)
    assert (server.connections, len(server.heard)) == (2, 2)


def test_a_second_answer_to_one_question_is_nobodys() -> None:
    """Whoever sends two cannot answer the next caller with the other."""

    async def asked(transport: NetworkTransport) -> list[bytes]:
        outgoing = ready(f"{server.url}/")
        return [(await transport.send(outgoing, limit_bytes=LIMIT)).content for _ in range(2)]

    both = response(b"mine") + response(b"a stranger's")
    with serving(saying(both, then_close=False)) as server:
        assert using(asked) == [b"mine", b"mine"]
    assert server.connections == 2


def test_failures_and_redirects_of_the_provider_are_answers() -> None:
    """What they mean is for others to say; nothing is followed."""
    for status in ("503 Busy", "302 Found"):
        with serving(saying(response(b"no", "Location: /x", status=status))) as server:
            assert sent(f"{server.url}/").status == int(status[:3])
        assert len(server.heard) == 1


def test_a_refused_connection_proves_that_nothing_was_taken_on() -> None:
    """It may be sent again."""
    with pytest.raises(NetworkFailed, match="could not connect") as caught:
        sent(f"http://127.0.0.1:{free_port()}/")
    assert (caught.value.accepted, caught.value.retryable) == ("no", True)


@pytest.mark.parametrize(
    "behave",
    [
        saying(),
        resetting,
        saying(b"HTTP/1.1 200 OK\r\nContent-Le"),
        saying(response(b'{"id": "c_1', length=500)),
        saying(CHUNKED + b"5\r\nhel"),
        saying(CHUNKED + b"nonsense\r\n"),
        saying(b"this is not HTTP at all\r\n\r\n"),
        saying(response(b"plain words", "Content-Encoding: gzip")),
    ],
    ids=[
        "closed",
        "reset",
        "half-head",
        "half-body",
        "half-chunk",
        "bad-chunk",
        "not-http",
        "packed",
    ],
)
def test_a_connection_that_breaks_after_sending_proves_nothing(behave: Behaviour) -> None:
    """The provider has the question, and may be working on it; nobody sends it again by itself."""
    error, server = failed(behave)
    assert isinstance(error, NetworkFailed)
    assert error.accepted == "unknown"
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    "answer",
    [
        response(b"1", length=LIMIT + 1),
        CHUNKED + b"f4241\r\n" + bytes(LIMIT + 1) + b"\r\n",
        response(gzip.compress(bytes(2 * LIMIT)), "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        response(b"x", "Content-Encoding: br"),
    ],
    ids=["declared", "counted", "unpacked", "head", "unknown-packing"],
)
def test_what_is_too_large_or_unknown_is_not_read(answer: bytes) -> None:
    """Said, counted, unpacked from little, or in the head alone."""
    error, _ = failed(saying(answer))
    assert isinstance(error, UnreadableResponse)
    assert error.accepted == "unknown"


def test_no_answer_in_time_proves_nothing() -> None:
    """The whole has a limit, however often something drips."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not server.done.wait(0.02):
            connection.sendall(b".")

    with serving(behave) as server, pytest.raises(ProviderTimeout) as caught:
        sent(f"{server.url}/", total_seconds=0.3)
    assert (caught.value.accepted, caught.value.retryable) == ("unknown", True)


def test_whoever_stops_waiting_hangs_up() -> None:
    """The provider hears of it, and may stop too."""
    ended = threading.Event()
    asked = threading.Event()

    def behave(connection: socket.socket) -> None:
        asked.set()
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        ended.set()

    async def leaving(transport: NetworkTransport) -> None:
        task = asyncio.create_task(transport.send(ready(f"{server.url}/"), limit_bytes=LIMIT))
        await asyncio.to_thread(asked.wait, 5)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert await asyncio.to_thread(ended.wait, 5)

    with serving(behave) as server:
        using(leaving)


def test_whoever_stops_waiting_on_a_kept_line_hangs_up() -> None:
    """There is no answer left that the next one could take for its own."""
    asked, ended = threading.Event(), threading.Event()

    def behave(connection: socket.socket) -> None:
        connection.sendall(response(b"1"))
        if server.connections > 1:
            return
        assert connection.recv(65536)
        asked.set()
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        ended.set()

    async def sending(transport: NetworkTransport) -> bytes:
        return (await transport.send(ready(f"{server.url}/"), limit_bytes=LIMIT)).content

    async def leaving(transport: NetworkTransport) -> None:
        assert await sending(transport) == b"1"
        task = asyncio.create_task(sending(transport))
        await asyncio.to_thread(asked.wait, 5)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert await asyncio.to_thread(ended.wait, 5)
        assert await sending(transport) == b"1"

    with serving(behave) as server:
        using(leaving)
    assert server.connections == 2


def test_a_line_that_is_used_again_has_a_time_of_its_own() -> None:
    """The timer of the question before looks on, and ends nothing too early or too late."""
    told = threading.Event()

    def behave(connection: socket.socket) -> None:
        connection.sendall(response(b"1"))
        assert connection.recv(65536)
        assert not told.wait(0.4)
        connection.sendall(response(b"2"))
        assert connection.recv(65536)
        told.wait(5)

    async def asking(transport: NetworkTransport) -> None:
        for seconds in (0.3, 5.0):
            one = ready(f"{server.url}/", total_seconds=seconds)
            assert (await transport.send(one, limit_bytes=LIMIT)).status == 200
        began = asyncio.get_running_loop().time()
        with pytest.raises(ProviderTimeout):
            await transport.send(ready(f"{server.url}/", total_seconds=0.2), limit_bytes=LIMIT)
        assert 0.15 < asyncio.get_running_loop().time() - began < 2
        told.set()

    with serving(behave) as server:
        using(asking)


def test_trailers_and_news_without_end_are_not_read_for_ever() -> None:
    """What comes after a body, and one preliminary answer after another."""
    many = b"".join(b"X-%d: %b\r\n" % (number, b"a" * 1000) for number in range(100))
    for answer in (
        CHUNKED + b"1\r\na\r\n0\r\n" + many + b"\r\n",
        b"HTTP/1.1 100 Continue\r\nX-A: " + b"a" * 1000 + b"\r\n\r\n",
    ):
        error, _ = failed(saying(answer * (1 if answer.startswith(CHUNKED) else 100)))
        assert isinstance(error, UnreadableResponse), answer[:30]


def test_a_short_head_before_much_and_short_trailers_after_it_are_read() -> None:
    """However the pieces fall: what is counted is head and trailers, not the body beside them."""
    body = bytes(200_000)
    answer = CHUNKED + b"%x\r\n%b\r\n0\r\n" % (len(body), body) + b"X-Sum: 1\r\n" * 9 + b"\r\n"

    async def asked(size: int) -> tuple[bytes, bytes]:
        line, got = Line(asyncio.get_running_loop(), [], Burst()), []
        line.connection_made(Pipe())
        for _ in range(2):
            asking = line.ask(
                b"GET / HTTP/1.1\r\ncontent-length: ", b"", seconds=9, limit_bytes=LIMIT
            )
            for start in range(0, len(answer), size):
                line.data_received(answer[start : start + size])
            await asking
            assert dict(line.headers) == {"transfer-encoding": "chunked"}
            got.append(b"".join(line.parts))
        line.drop()
        return got[0], got[1]

    for size in (len(answer), len(answer) - 30, 65_536, 1_000):
        assert asyncio.run(asked(size)) == (body, body), size


def test_of_repeated_headers_the_first_counts() -> None:
    """In whatever letters they are written."""
    answer = response(b"1", "X-Id: one", "x-iD: two", "X-Id: three", "X-Name: Z\u00fcrich")
    with serving(saying(answer)) as server:
        headers = sent(f"{server.url}/").headers
    assert headers["x-id"] == "one"
    assert headers["X-NAME"] == "Z\u00fcrich".encode().decode("latin-1")


def test_names_of_headers_are_not_remembered_without_end() -> None:
    """A provider may invent new ones with every answer."""
    names = Lowered()
    for number in range(2 * MOST_NAMES + 5):
        assert names[b"X-Made-Up-%d" % number] == f"x-made-up-{number}"
        assert len(names) <= MOST_NAMES
    assert names[b"Content-Type"] == names[b"content-type"] == "content-type"


# --- as it comes ----------------------------------------------------------------------------


def test_a_stream_is_read_as_it_comes() -> None:
    """The head first, then each piece when it is there: the server waits until it was read."""
    read = threading.Semaphore(0)

    def behave(connection: socket.socket) -> None:
        connection.sendall(CHUNKED)
        for piece in (b"one", b"two", b""):
            assert read.acquire(timeout=5)
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    async def reading(transport: NetworkTransport) -> bytes:
        async with transport.stream(ready(f"{server.url}/")) as incoming:
            assert incoming.head.status == 200
            read.release()
            came = b""
            async for chunk in incoming.chunks:
                read.release()
                came += chunk
            return came

    with serving(behave) as server:
        assert using(reading) == b"onetwo"


def test_a_stream_that_breaks_or_falls_silent_raises_where_it_is_read() -> None:
    """What came before is there."""
    for then in ("end", "silence"):
        read: list[bytes] = []
        heard = threading.Event()

        def behave(
            connection: socket.socket, then: str = then, heard: threading.Event = heard
        ) -> None:
            connection.sendall(response(b"the beginning", length=500))
            heard.wait(5)
            if then == "silence":
                server.done.wait(5)

        async def reading(
            transport: NetworkTransport,
            then: str = then,
            read: list[bytes] = read,
            heard: threading.Event = heard,
        ) -> None:
            silence = 0.2 if then == "silence" else 60.0
            outgoing = ready(f"{server.url}/", total_seconds=60.0, read_seconds=silence)
            async with transport.stream(outgoing) as incoming:
                async for chunk in incoming.chunks:
                    read.append(chunk)
                    heard.set()
                    if then == "end":
                        server.done.set()

        expected = NetworkFailed if then == "end" else ProviderTimeout

        def ending(connection: socket.socket, then: str = then) -> None:
            behave(connection)
            if then == "end":
                connection.shutdown(socket.SHUT_RDWR)

        with serving(ending) as server, pytest.raises(expected) as caught:
            using(reading)
        assert b"".join(read) == b"the beginning"
        assert caught.value.accepted == "unknown"


class Pipe:
    """A connection's sending side, and whether its other side is read."""

    def __init__(self) -> None:
        self.reading = True
        self.written = b""

    def is_read(self) -> bool:
        return self.reading

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        """Nothing is connected."""


def test_who_listens_slowly_makes_the_provider_wait() -> None:
    """No more is read than fits, until somebody has taken it."""

    async def listening() -> None:
        pipe, line = Pipe(), Line(asyncio.get_running_loop(), [], Burst())
        line.connection_made(pipe)
        asking = line.ask(b"POST / HTTP/1.1\r\ncontent-length: ", b"", seconds=9.0)
        line.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        await asking
        chunks = aiter(line.chunks())
        line.data_received(bytes(MOST_WAITING_BYTES))
        assert pipe.is_read()
        line.data_received(b"1")
        assert not pipe.is_read()
        assert len(await anext(chunks)) == MOST_WAITING_BYTES + 1
        assert pipe.is_read()
        line.drop()

    asyncio.run(listening())


def test_what_nobody_read_of_an_answer_is_not_the_next_one_s() -> None:
    """Whoever leaves before the end is not followed on the same connection."""

    async def leaving(transport: NetworkTransport) -> bytes:
        async with transport.stream(ready(f"{server.url}/")) as incoming:
            assert incoming.head.status == 200
            await asyncio.sleep(0.1)  # all of it has come meanwhile
        return (await transport.send(ready(f"{server.url}/"), limit_bytes=LIMIT)).content

    with serving(saying(response(bytes(MOST_WAITING_BYTES + 1)), then_close=False)) as server:
        assert using(leaving) == bytes(MOST_WAITING_BYTES + 1)


# --- who goes this way ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("https://127.0.0.1/", {}),
        ("http://user:pass@127.0.0.1/", {}),
        ("http://127.0.0.1:999999/", {}),
        ("http://127.0.0.1:65536/", {}),
        ("http://127.0.0.1:0/", {}),
        ("http://127.0.0.1:/", {}),
        ("http://127.0.0.1", {}),
        ("http://127.0.0.1/a b", {}),
        ("http://127.0.0.1/", {"Authorization": "Bearer k\r\nX: y"}),
        ("http://127.0.0.1/", {"bad name": "k"}),
        ("http://127.0.0.1/", {"Content-Length": "5"}),
    ],
)
def test_what_is_not_plain_goes_the_other_way(url: str, headers: dict[str, str]) -> None:
    """TLS, names in the URL, and whatever could break out of its line."""
    assert head_of(url, headers) is None


def test_behind_a_proxy_everything_goes_through_it() -> None:
    """Also what could go directly."""
    with serving(saying(response(b"from the proxy"))) as proxy:
        answer = sent("http://model.invalid/v1", proxy=proxy.url)
    assert answer.content == b"from the proxy"
