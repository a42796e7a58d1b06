"""The real network, over loopback: what comes back, and what each failure proves."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from anymedia.contracts.errors import (
    GenerationError,
    InvalidConfiguration,
    NetworkFailed,
    ProviderTimeout,
    UnreadableResponse,
)
from anymedia.contracts.version import __version__
from anymedia.engine.transport import MOST_PINNED, NetworkTransport, Outgoing
from anymedia.wire.http import HttpResponse
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


def using(work: Callable[[NetworkTransport], Coroutine[Any, Any, T]], **options: Any) -> T:
    """Do something with a transport of its own."""

    async def working() -> T:
        transport = NetworkTransport(**options)
        try:
            return await work(transport)
        finally:
            await transport.close()

    return asyncio.run(working())


def sent(url: str, limit_bytes: int = LIMIT, **facts: Any) -> HttpResponse:
    """A POST and its answer."""
    facts = {"method": "POST", "headers": {}, "body": b"{}", "total_seconds": 5.0, **facts}
    outgoing = Outgoing(url=url, **facts)
    return using(lambda transport: transport.send(outgoing, limit_bytes=limit_bytes))


def failed(behave: Behaviour, **facts: Any) -> tuple[GenerationError, RawServer]:
    """How a POST to a server that behaves like that fails."""
    with serving(behave) as server, pytest.raises(GenerationError) as caught:
        sent(f"{server.url}/buy?key=s3cret", **facts)
    assert "s3cret" not in caught.value.message
    return caught.value, server


# --- what arrives ---------------------------------------------------------------------------


def test_what_is_sent_arrives_as_it_was_written() -> None:
    """Method, path, headers and body; and who we are."""
    with serving(saying(response(b'{"ok": true}', "X-Request-Id: r1"))) as server:
        answer = sent(f"{server.url}/v1/clips?a=%20b", headers={"X-Key": "k"}, body=b'{"a": 1}')
    assert (answer.status, answer.content) == (200, b'{"ok": true}')
    assert answer.headers["x-request-id"] == "r1"
    (request,) = server.heard
    assert request.startswith(b"POST /v1/clips?a=%20b HTTP/1.1\r\n")
    assert b"x-key: k\r\n" in request.lower()
    assert f"user-agent: anymedia/{__version__}".encode() in request.lower()
    assert request.endswith(b'\r\n\r\n{"a": 1}')


def test_a_compressed_answer_is_unpacked() -> None:
    """As servers like to send them."""
    packed = gzip.compress(b'{"ok": true}')
    with serving(saying(response(packed, "Content-Encoding: gzip"))) as server:
        assert sent(server.url).content == b'{"ok": true}'


def test_failures_of_the_provider_are_answers() -> None:
    """What they mean is for its adapter to say."""
    with serving(saying(response(b"no", status="503 Busy"))) as server:
        assert sent(server.url).status == 503


def test_redirects_are_answers_too() -> None:
    """They are never followed here: a key would go along."""
    with serving(
        saying(response(b"", "Location: http://other.test/", status="302 Found"))
    ) as server:
        assert sent(server.url).status == 302
    assert len(server.heard) == 1


def test_connections_are_kept() -> None:
    """Two requests, one connection; whatever their time limits."""

    async def twice(transport: NetworkTransport) -> None:
        for seconds in (5.0, 7.5):
            outgoing = Outgoing(method="GET", url=server.url, headers={}, total_seconds=seconds)
            await transport.send(outgoing, limit_bytes=LIMIT)

    with serving(saying(response(b"hi"), then_close=False)) as server:
        using(twice)
    assert (server.connections, len(server.heard)) == (1, 2)


def test_an_answer_is_read_as_it_comes() -> None:
    """The head first, then each piece when it is there: the server waits until it was read."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    read = threading.Semaphore(0)

    def behave(connection: socket.socket) -> None:
        connection.sendall(head)
        for piece in (b"one", b"two", b""):
            assert read.acquire(timeout=5)
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    async def reading(transport: NetworkTransport) -> bytes:
        outgoing = Outgoing(method="GET", url=server.url, headers={}, total_seconds=5.0)
        async with transport.stream(outgoing) as incoming:
            assert incoming.head.status == 200
            read.release()
            came = b""
            async for chunk in incoming.chunks:
                read.release()
                came += chunk
            return came

    with serving(behave) as server:
        assert using(reading) == b"onetwo"


# --- what failures prove --------------------------------------------------------------------


def test_a_refused_connection_proves_that_nothing_was_taken_on() -> None:
    """It may be sent again."""
    with pytest.raises(NetworkFailed, match="could not connect") as caught:
        sent(f"http://127.0.0.1:{free_port()}/")
    assert (caught.value.accepted, caught.value.retryable) == ("no", True)


def test_a_name_without_an_address_proves_it_too() -> None:
    """Nobody was reached."""
    with pytest.raises(NetworkFailed) as caught:
        sent("http://nothing.invalid/")
    assert caught.value.accepted == "no"


def test_a_connection_that_cannot_be_made_in_time_proves_it_too() -> None:
    """A listener whose queue is full never answers the handshake."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(3):  # fill the queue
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        outgoing = Outgoing(
            method="POST", url=f"http://127.0.0.1:{port}/", headers={}, total_seconds=5.0
        )
        with pytest.raises(ProviderTimeout, match="while connecting") as caught:
            using(
                lambda transport: transport.send(outgoing, limit_bytes=LIMIT), connect_seconds=0.2
            )
        for one in waiting:
            one.close()
    assert caught.value.accepted == "no"


@pytest.mark.parametrize(
    "behave",
    [
        saying(),
        resetting,
        saying(b"HTTP/1.1 200 OK\r\nContent-Le"),
        saying(response(b'{"id": "c_1', length=500)),
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
        saying(b"this is not HTTP at all\r\n\r\n"),
    ],
    ids=["closed", "reset", "half-head", "half-body", "half-chunk", "bad-chunk", "not-http"],
)
def test_a_connection_that_breaks_after_sending_proves_nothing(behave: Behaviour) -> None:
    """The provider has the request, and may be working on it."""
    error, server = failed(behave)
    assert isinstance(error, NetworkFailed)
    assert error.accepted == "unknown"
    assert len(server.heard) == 1, "it must not be sent again by itself"


def test_a_body_that_is_not_what_its_encoding_says_is_a_failure() -> None:
    """Compressed, it claims."""
    error, _ = failed(saying(response(b"plain words", "Content-Encoding: gzip")))
    assert error.accepted == "unknown"
    assert isinstance(error, NetworkFailed)


def test_a_small_body_that_unpacks_without_end_is_stopped_at_the_limit() -> None:
    """A bomb of a megabyte in a kilobyte."""
    packed = gzip.compress(bytes(2_000_000))
    error, _ = failed(saying(response(packed, "Content-Encoding: gzip")))
    assert isinstance(error, UnreadableResponse)
    assert "max_response_bytes" in error.message
    assert error.accepted == "unknown"


def test_a_body_that_says_it_is_too_large_is_not_read_to_its_end() -> None:
    """Its length is enough, once the first piece is here."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(response(bytes(LIMIT), length=LIMIT + 1))
        server.done.wait(5)

    with serving(behave) as server, pytest.raises(UnreadableResponse):
        sent(server.url)


def test_no_answer_in_time_proves_nothing() -> None:
    """The whole has a limit."""

    def behave(connection: socket.socket) -> None:
        server.done.wait(5)

    with serving(behave) as server, pytest.raises(ProviderTimeout) as caught:
        sent(server.url, total_seconds=0.2)
    assert (caught.value.accepted, caught.value.retryable) == ("unknown", True)


def test_a_body_that_drips_is_stopped_when_its_time_is_over() -> None:
    """However often it drips."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not server.done.wait(0.02):
            connection.sendall(b".")

    with serving(behave) as server, pytest.raises(ProviderTimeout) as caught:
        sent(server.url, total_seconds=0.3)
    assert caught.value.accepted == "unknown"


def test_a_silence_that_is_too_long_ends_a_stream() -> None:
    """Though the whole may take long."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
        server.done.wait(5)

    with serving(behave) as server, pytest.raises(ProviderTimeout):
        sent(server.url, total_seconds=60.0, read_seconds=0.2)


def test_a_stream_that_breaks_in_the_middle_raises_where_it_is_read() -> None:
    """What came before is there."""
    read: list[bytes] = []
    heard = threading.Event()

    async def reading(transport: NetworkTransport) -> None:
        outgoing = Outgoing(method="GET", url=server.url, headers={}, total_seconds=5.0)
        async with transport.stream(outgoing) as incoming:
            async for chunk in incoming.chunks:
                read.append(chunk)
                heard.set()

    def behave(connection: socket.socket) -> None:
        connection.sendall(response(b"the beginning", length=500))
        heard.wait(5)
        connection.shutdown(socket.SHUT_RDWR)

    with (
        serving(behave) as server,
        pytest.raises(NetworkFailed) as caught,
    ):
        using(reading)
    assert b"".join(read) == b"the beginning"
    assert caught.value.accepted == "unknown"


# --- what cannot be sent --------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        {"headers": {"Authorization": "Bearer s3cret\n"}},
        {"headers": {"Authorization": "Bearer s3cret\ud83d"}},
        {"headers": {"bad name": "s3cret"}},
        {"url": "http://["},
        {"url": "http://127.0.0.1:999999/"},
        {"url": "no-url"},
        {"url": "ftp://127.0.0.1/"},
    ],
)
def test_what_cannot_be_sent_is_an_error_of_ours_that_tells_no_secrets(facts: Any) -> None:
    """A key with a line break at its end is the classic."""
    with pytest.raises(NetworkFailed) as caught:
        sent(**{"url": "http://127.0.0.1:9/", **facts})
    assert caught.value.accepted == "no"
    assert "s3cret" not in str(caught.value)


def test_a_request_does_not_show_its_secrets_when_it_is_printed() -> None:
    """Tracebacks and debuggers print everything."""
    outgoing = Outgoing(
        method="POST",
        url="http://x.test/",
        headers={"Authorization": "s3cret"},
        body=b"s3cret",
        proxy="http://user:s3cret@proxy.test",
    )
    assert "s3cret" not in repr(outgoing)


# --- TLS and proxies ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody vouches for, with its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", str(path), "-out", f"{path}.crt"),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip("openssl is not here to make a certificate")
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(certificate: Path) -> None:
    """Nothing is sent to whoever that is."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with (
        serving(saying(response(b"hi")), tls=tls) as server,
        pytest.raises(NetworkFailed) as caught,
    ):
        sent(f"https://127.0.0.1:{server.port}/")
    assert caught.value.accepted == "no"
    assert server.heard == []


def test_a_server_that_does_not_speak_tls_gets_nothing() -> None:
    """The handshake fails before the request."""
    with (
        serving(saying(), greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server,
        pytest.raises(NetworkFailed) as caught,
    ):
        sent(f"https://127.0.0.1:{server.port}/")
    assert caught.value.accepted == "no"


def test_a_request_goes_through_the_proxy_that_is_configured() -> None:
    """With the whole URL in its first line, as proxies want it."""
    with serving(saying(response(b"through"))) as proxy:
        answer = sent("http://api.acme.example/v1", proxy=proxy.url)
    assert answer.content == b"through"
    assert proxy.heard[0].startswith(b"POST http://api.acme.example/v1 HTTP/1.1\r\n")


def test_a_proxy_that_is_not_there_proves_that_nothing_was_taken_on() -> None:
    """The provider was never reached."""
    with pytest.raises(NetworkFailed) as caught:
        sent("http://api.acme.example/v1", proxy=f"http://127.0.0.1:{free_port()}")
    assert caught.value.accepted == "no"


def test_a_proxy_that_is_no_url_is_a_mistake_of_the_configuration() -> None:
    """Told without the password it may hold."""
    with pytest.raises(InvalidConfiguration, match="`proxy` is not a URL") as caught:
        sent("http://api.acme.example/v1", proxy="http://user:s3cret@[")
    assert "s3cret" not in caught.value.message


def test_a_pinned_request_goes_to_that_address_whatever_its_name_says() -> None:
    """And carries the name, as the server behind it wants it."""
    with serving(saying(response(b"pinned"))) as server:
        answer = sent(
            f"http://files.acme.example:{server.port}/a",
            pinned_address=("files.acme.example", "127.0.0.1", server.port),
        )
    assert answer.content == b"pinned"
    assert f"host: files.acme.example:{server.port}".encode() in server.heard[0].lower()


def test_a_pinned_request_passes_the_environments_proxy_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy would look the name up anew."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with serving(saying(response(b"direct"))) as server:
        pinned = ("files.acme.example", "127.0.0.1", server.port)
        url = f"http://files.acme.example:{server.port}/a"
        assert sent(url, pinned_address=pinned).content == b"direct"


def test_clients_for_foreign_addresses_do_not_pile_up() -> None:
    """A year of downloads from a thousand hosts; what is being read is read to its end."""

    async def many(transport: NetworkTransport) -> bytes:
        def pinned(number: int) -> Outgoing:
            return Outgoing(
                method="GET",
                url=f"{server.url}/",
                headers={},
                total_seconds=20.0,
                pinned_address=(f"host-{number}.test", "127.0.0.1", server.port),
            )

        async with transport.stream(pinned(0)) as incoming:
            for number in range(1, MOST_PINNED + 5):
                transport._client(pinned(number))
            assert len(transport._pinned) == MOST_PINNED
            return b"".join([chunk async for chunk in incoming.chunks])

    with serving(saying(response(b"x" * 300_000))) as server:
        assert len(using(many)) == 300_000
