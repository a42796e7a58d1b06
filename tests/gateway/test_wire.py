"""Bytes that are no good requests: each is refused in words of whoever asked, and the next is served."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.gateway.serving import ADMIN, Running, serving, settings

BODY = b'{"prompt":"hi"}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"
WHOLE = b"f\r\n" + BODY + b"\r\n0\r\n\r\n"


def asking(
    *lines: bytes, path: bytes = b"/api/ai/text", body: bytes = BODY, length: bool = True
) -> bytes:
    """A request with further header lines."""
    said = b"Content-Length: %d\r\n" % len(body) if length else b""
    head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return head + said + b"".join(lines) + b"\r\n" + body


def looking(*lines: bytes, path: bytes = b"/livez", version: bytes = b"HTTP/1.1") -> bytes:
    """A request without a body."""
    return b"GET " + path + b" " + version + b"\r\n" + b"".join(lines) + b"\r\n"


HOST = b"Host: localhost\r\n"
MANY = b"".join(b"X-%d: a\r\n" % number for number in range(1000))
REFUSED: dict[str, tuple[bytes, int]] = {
    "a thousand headers": (asking(MANY), 431),
    "a large header": (asking(b"X-A: " + b"a" * 100_000 + b"\r\n"), 431),
    "a header without end": (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 2_000_000, 431),
    "a long path": (looking(HOST, path=b"/" + b"a" * 20_000), 414),
    "a path without end": (b"GET /" + b"a" * 2_000_000, 414),
    "two lengths": (asking(b"Content-Length: 5\r\n"), 400),
    "the same length twice": (asking(b"Content-Length: 15\r\n"), 400),
    "a list of lengths": (asking(b"Content-Length: 15, 15\r\n", length=False), 400),
    "a length with a sign": (asking(b"Content-Length: +15\r\n", length=False), 400),
    "a length beyond numbers": (asking(b"Content-Length: 9" + b"9" * 30 + b"\r\n"), 400),
    "length and chunks": (asking(CHUNKED, body=b"0\r\n\r\n"), 400),
    "chunks by another name": (asking(b"Transfer-Encoding: xchunked\r\n", length=False), 400),
    "chunks twice": (asking(CHUNKED, CHUNKED, body=WHOLE, length=False), 400),
    "chunks not last": (
        asking(b"Transfer-Encoding: chunked, identity\r\n", body=WHOLE, length=False),
        400,
    ),
    "a length before the colon": (asking(b"Content-Length : 3\r\n"), 400),
    "two hosts": (asking(b"Host: evil.example\r\n"), 400),
    "no host": (looking(), 400),
    "a host with a user": (looking(b"Host: evil@localhost\r\n"), 400),
    "a host of two words": (looking(b"Host: local host\r\n"), 400),
    "two keys": (asking(b"Authorization: Bearer a\r\n" * 2), 400),
    "two keys of the other kind": (asking(b"X-Api-Key: a\r\n" * 2), 400),
    "two types": (asking(b"Content-Type: text/plain\r\n"), 400),
    "a folded header": (asking(b"X-A: a\r\n b\r\n"), 400),
    "a bare line feed": (b"GET /livez HTTP/1.1\nHost: localhost\n\n", 400),
    "a bare carriage return": (asking(b"X-A: a\rX-B: b\r\n"), 400),
    "a NUL": (asking(b"X-A: a\0b\r\n"), 400),
    "a header without a name": (asking(b": a\r\n"), 400),
    "a chunk beyond numbers": (
        asking(CHUNKED, body=b"F" * 20 + b"\r\nabc", length=False),
        400,
    ),
    "a chunk of less than nothing": (asking(CHUNKED, body=b"-1\r\nabc", length=False), 400),
    "a chunk with a long remark": (
        asking(CHUNKED, body=b"f;" + b"a" * 1_000_000 + b"\r\n" + WHOLE[3:], length=False),
        400,
    ),
    "a thousand trailers": (
        asking(CHUNKED, body=WHOLE[:-2] + MANY + b"\r\n", length=False),
        431,
    ),
    "a chunk that ends elsewhere": (
        asking(CHUNKED, body=b"f\r\n" + BODY + b"XX0\r\n\r\n", length=False),
        400,
    ),
    "a path that is not ASCII": (looking(HOST, path=b"/api/jobs/\xff\xfe"), 400),
    "an unknown method": (b"FOO /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a tunnel": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 405),
    "a URL of another host": (looking(HOST, path=b"http://evil.example/livez"), 400),
    "HTTP/0.9": (b"GET /livez\r\n\r\n", 505),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a packed body": (asking(b"Content-Encoding: gzip\r\n"), 415),
    "an expectation": (asking(b"Expect: a-miracle\r\n"), 417),
}


@contextmanager
def connected(running: Running) -> Iterator[socket.socket]:
    """A plain connection."""
    where = urlsplit(running.url)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """Everything until the other side ends."""
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def answer_to(running: Running, sent: bytes) -> bytes:
    """What comes back until the connection ends, which every refusal of this kind ends."""
    with connected(running) as connection:
        connection.sendall(sent)
        return all_of(connection)


def answers(connection: socket.socket, many: int) -> list[httpx.Response]:
    """So many answers with a length from a connection that stays open."""
    found: list[httpx.Response] = []
    held = b""
    while len(found) < many:
        head, _, rest = held.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        headers = [(name, value) for name, _, value in (one.partition(b": ") for one in lines[1:])]
        length = int(dict(headers).get(b"content-length", b"0")) if rest or headers else 0
        if b"\r\n\r\n" in held and len(rest) >= length:
            found.append(
                httpx.Response(int(lines[0].split()[1]), headers=headers, content=rest[:length])
            )
            held = rest[length:]
            continue
        more = connection.recv(65536)
        assert more, held
        held += more
    return found


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
def test_what_could_be_understood_in_two_ways_is_refused(
    open_gateway: Running, caplog: pytest.LogCaptureFixture, sent: bytes, status: int
) -> None:
    """As a problem, with the connection closed after it; and no stranger writes our log."""
    with caplog.at_level(logging.WARNING):
        head, _, body = answer_to(open_gateway, sent).partition(b"\r\n\r\n")
    said = httpx.Response(status, content=body).json()
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert said["status"] == status
    assert said["detail"]
    assert b"\r\nconnection: close" in head
    assert b"\r\nx-content-type-options: nosniff" in head
    assert f"x-request-id: {said['request_id']}".encode() in head
    assert not caplog.records
    with open_gateway.caller() as caller:
        assert caller.get("/livez").status_code == 200


@pytest.mark.parametrize(
    ("path", "kind"), [(b"/v1/chat/completions", "openai"), (b"/v1/messages", "anthropic")]
)
def test_a_refusal_is_told_in_the_dialect_of_the_path(
    open_gateway: Running, path: bytes, kind: str
) -> None:
    """Clients show the message that they find where they look for it."""
    answer = answer_to(open_gateway, asking(MANY, path=path)).partition(b"\r\n\r\n")[2]
    said = httpx.Response(431, content=answer).json()
    assert "100 headers" in said["error"]["message"]
    assert (said.get("type") == "error") is (kind == "anthropic")


def test_a_large_head_in_two_pieces_is_as_large(open_gateway: Running) -> None:
    """However it comes: the second piece alone would be small enough."""
    sent = asking(b"X-A: " + b"a" * 100_000 + b"\r\n")
    with connected(open_gateway) as connection, open_gateway.caller() as other:
        connection.sendall(sent[:60_000])
        assert other.get("/livez").status_code == 200  # the first piece has been read by now
        connection.sendall(sent[60_000:])
        assert all_of(connection).startswith(b"HTTP/1.1 431 ")


def test_refusals_are_counted(open_gateway: Running) -> None:
    """They are not logged, so this is where an operator sees them."""
    answer_to(open_gateway, looking())
    with open_gateway.caller() as caller:
        told = caller.get("/metrics").text
    counted = [one for one in told.splitlines() if 'route="other",status="400"' in one]
    assert counted


@pytest.mark.parametrize("apart", [False, True])
def test_a_body_after_a_wish_to_upgrade_is_a_body(open_gateway: Running, apart: bool) -> None:
    """Some clients offer HTTP/2 with every request; what follows is not a request of its own."""
    inner = looking(HOST, b"X-Request-ID: smuggled\r\n")
    wish = (b"Connection: Upgrade, HTTP2-Settings\r\n", b"Upgrade: h2c\r\n")
    for body, status in ((inner, 400), (BODY, 200)):
        whole = asking(*wish, body=body)
        pieces = [whole[: -len(body)], whole[-len(body) :]] if apart else [whole]
        with connected(open_gateway) as connection:
            for piece in pieces:
                connection.sendall(piece)
            connection.sendall(looking(HOST, b"X-Request-ID: the-next\r\n"))
            first, second = answers(connection, 2)
        assert first.status_code == status
        assert first.headers["x-request-id"] != "smuggled"
        assert second.headers["x-request-id"] == "the-next"


def test_a_chunked_body_after_a_wish_to_upgrade_is_read(open_gateway: Running) -> None:
    """And so is a request that follows it at once."""
    wish = (b"Connection: Upgrade\r\n", b"Upgrade: websocket\r\n", CHUNKED)
    with connected(open_gateway) as connection:
        connection.sendall(asking(*wish, body=WHOLE, length=False) + looking(HOST, *wish[:2]))
        first, second = answers(connection, 2)
    assert first.status_code == second.status_code == 200


def test_a_key_after_the_body_opens_nothing(keyed_gateway: Running) -> None:
    """Trailers are no headers."""
    late = WHOLE[:-2] + b"Authorization: Bearer " + ADMIN.encode() + b"\r\n\r\n"
    with connected(keyed_gateway) as connection:
        connection.sendall(asking(CHUNKED, body=late, length=False))
        (answer,) = answers(connection, 1)
    assert answer.status_code == 401


def test_noise_after_a_request_does_not_spoil_its_answer(open_gateway: Running) -> None:
    """The answer comes whole, and the connection ends after it."""
    with connected(open_gateway) as connection:
        connection.sendall(asking() + b"\x00\x01\x02 noise\r\n\r\n")
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_broken_body_is_told_to_whoever_waits_for_it(open_gateway: Running) -> None:
    """The handler that reads it hears that nobody is there, and the caller hears why."""
    with connected(open_gateway) as connection:
        connection.sendall(asking(CHUNKED, body=b"f\r\n" + BODY[:5], length=False))
        connection.sendall(BODY[5:] + b"\r\nzz\r\n")
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"\r\nx-request-id: ") == 1


def test_requests_one_after_another_on_one_connection_have_a_number(open_gateway: Running) -> None:
    """Each that waits takes memory; those that are waited with are answered."""
    with connected(open_gateway) as connection:
        connection.sendall(asking() * 40)
        told = all_of(connection)
    assert 1 < told.count(b"HTTP/1.1 200 ") < 40


def test_http_1_0_is_answered_without_chunks(open_gateway: Running) -> None:
    """It ends where the connection ends."""
    ask = asking(b"Accept: text/event-stream\r\n").replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = answer_to(open_gateway, ask)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in head
    assert body.startswith(b"event: ")
    assert answer_to(open_gateway, looking(HOST, version=b"HTTP/1.0")).endswith(b'"alive"}')


@pytest.mark.parametrize("sent", [b"", b"GET /li", b"GET /livez HTTP/1.1\r\nX-A: b\r\n"])
def test_a_head_that_never_arrives_is_not_waited_for(tmp_path: Path, sent: bytes) -> None:
    """A dribbled one is answered with 408; a connection that says nothing is closed."""
    with serving(tmp_path, settings(head_seconds=0.2)) as running:
        answer = answer_to(running, sent)
        assert answer.startswith(b"HTTP/1.1 408 ") is bool(sent)
        with running.caller() as caller:
            assert caller.get("/livez").status_code == 200


def test_a_second_head_has_its_own_time(tmp_path: Path) -> None:
    """And it is not that of an idle connection, which is longer."""
    with serving(tmp_path, settings(head_seconds=0.2)) as running, connected(running) as connection:
        connection.sendall(looking(HOST))
        assert answers(connection, 1)[0].status_code == 200
        connection.sendall(b"GET ")
        assert all_of(connection).startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    """After a while."""
    with serving(tmp_path, settings(idle_seconds=1)) as running, connected(running) as connection:
        connection.sendall(looking(HOST))
        assert answers(connection, 1)[0].status_code == 200
        assert all_of(connection) == b""


def test_a_body_that_nobody_reads_is_not_read_for_ever(tmp_path: Path) -> None:
    """Who was refused may finish sending, so as to read why; but not at leisure."""
    with serving(tmp_path, settings(max_body_bytes=2000, send_seconds=0.5)) as running:
        with connected(running) as connection:
            connection.sendall(asking(b"Content-Length: 9000\r\n", length=False, body=b"{"))
            assert answers(connection, 1)[0].status_code == 413
            connection.sendall(b" " * 8999 + looking(HOST))
            assert answers(connection, 1)[0].status_code == 200
        with connected(running) as connection:
            connection.sendall(asking(b"Content-Length: 9000\r\n", length=False, body=b"{"))
            assert answers(connection, 1)[0].status_code == 413
            assert all_of(connection) == b""


def test_beyond_their_number_connections_may_only_ask_how_it_is(tmp_path: Path) -> None:
    """So that whoever holds many keeps nobody from finding out."""
    with serving(tmp_path, settings(max_connections=1)) as running, connected(running) as first:
        first.sendall(looking(HOST))
        assert answers(first, 1)[0].status_code == 200
        answer = answer_to(running, asking())
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: " in answer
        assert answer_to(running, looking(HOST)).startswith(b"HTTP/1.1 200 ")
        first.sendall(asking())
        assert answers(first, 1)[0].status_code == 200
