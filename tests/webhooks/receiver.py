"""Callers' servers on loopback: they answer by a script, and remember what they were sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


@dataclass(frozen=True)
class Got:
    """A message as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


@dataclass
class Receiver:
    """Answers 204, unless the script says otherwise."""

    script: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    hangs: threading.Event = field(default_factory=threading.Event)
    """While set, answers wait for `released`."""
    released: threading.Event = field(default_factory=threading.Event)
    endless: bool = False
    url: str = ""

    @property
    def types(self) -> list[str]:
        """What was told, in the order it came."""
        return [one.message["type"] for one in self.got]


class Quiet(ThreadingHTTPServer):
    """Says nothing about callers that hang up."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve while the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.got.append(Got(self.path, headers, body))
            status, more = receiver.script.pop(0) if receiver.script else (204, {})
            if receiver.hangs.is_set():
                receiver.released.wait(30)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value.replace("SELF", receiver.url))
            if receiver.endless:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while not receiver.released.is_set():
                    self.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
                return
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = Quiet(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
