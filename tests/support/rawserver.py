"""A server that answers in bytes the test chose, right or wrong, on this machine only."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

Behaviour: TypeAlias = Callable[[socket.socket], None]
"""What it does with a connection once the head of a request is there."""


@dataclass
class RawServer:
    """Where it listens, and what it has heard."""

    port: int
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: whoever waits for ever waits for this."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(
    behave: Behaviour, *, tls: ssl.SSLContext | None = None, greeting: bytes | None = None
) -> Iterator[RawServer]:
    """A server for the length of a test; one that greets does not even listen."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(listener.getsockname()[1])
        threads: list[threading.Thread] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    server.connections += 1
                    thread = threading.Thread(target=converse, args=(connection,), daemon=True)
                    threads.append(thread)
                    thread.start()

        def converse(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                if greeting is not None:
                    connection.sendall(greeting)
                    return
                while head := heard(connection):
                    server.heard.append(head)
                    behave(connection)
                connection.close()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            server.done.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join(2)
            for thread in threads:
                thread.join(2)


def heard(connection: socket.socket) -> bytes:
    """The head of a request and its body; nothing when the connection has ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
            while len(body) < length:
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def saying(*pieces: bytes, then_close: bool = True) -> Behaviour:
    """Send these bytes."""

    def behave(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if then_close:
            connection.shutdown(socket.SHUT_RDWR)

    return behave


def response(
    body: bytes, *headers: str, status: str = "200 OK", length: int | None = None
) -> bytes:
    """An HTTP answer; its length as told, or as it is."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def resetting(connection: socket.socket) -> None:
    """Break the connection the hard way."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
