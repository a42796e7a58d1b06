"""Doubles: providers on loopback that behave as the real ones do on the wire.

A double is an ASGI application with a memory: it counts submissions, keeps an invoice and can be
told to fail. `serving` runs one on a free port of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from anymedia.testing.mishaps import Mishaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong: for the next request whose path starts with `path`."""

    path: str = "/"
    method: str | None = None
    status: int = 500
    body: bytes = b'{"error": {"message": "scripted failure"}}'
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    after_accepting: bool = False
    """Do the work first, then answer with the fault: the lost answer that costs money."""
    cut_after_bytes: int | None = None
    """Do the work and begin to answer well, then break the connection after so many bytes."""


ASKED: ContextVar[str] = ContextVar("asked", default="")
"""The body of the request that is being answered, as text."""


class Line(tuple[str, Decimal]):  # noqa: SLOT001  it carries words, and a tuple has no room
    """One line of an invoice: whose work it was and US dollars, negative where given back."""

    words: str
    """What was asked for, as it came in: by this a line is traced to who asked."""

    def __new__(cls, reference: str, usd: Decimal, words: str = "") -> Self:
        line = super().__new__(cls, (reference, usd))
        line.words = words
        return line


@dataclass(slots=True)
class Record:
    """What a double remembers."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of everything that came."""
    bodies: list[Any] = field(default_factory=list)
    """The decoded JSON bodies of POSTs, in order."""
    headers: list[dict[str, str]] = field(default_factory=list)
    invoice: list[Line] = field(default_factory=list)
    """What was charged: an id and US dollars."""
    faults: deque[Fault] = field(default_factory=deque)
    missing: list[str] = field(default_factory=list)
    """Paths that were asked for and that it does not have."""
    mishaps: Mishaps | None = None
    """What goes wrong by chance, besides."""

    def count(self, method: str, path: str) -> int:
        """How many requests of that kind came."""
        return sum(1 for seen in self.requests if seen[0] == method and seen[1].startswith(path))

    def bill(self, reference: str, usd: Decimal, words: str | None = None) -> None:
        """Charge for something: for what is being asked now, unless its words are given."""
        self.invoice.append(Line(reference, usd, ASKED.get() if words is None else words))

    def give_back(self, reference: str) -> None:
        """Take off the invoice what was charged in advance for work that came to nothing."""
        self.invoice = [line for line in self.invoice if line[0] != reference]


class Faults(BaseHTTPMiddleware):
    """Writes everything down, and lets scripted faults happen."""

    def __init__(self, app: Any, record: Record) -> None:
        super().__init__(app)
        self.record = record

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Serve, or fail as scripted."""
        if request.url.path.startswith("/_double"):
            return await call_next(request)
        self.record.requests.append((request.method, request.url.path))
        self.record.headers.append(dict(request.headers))
        if request.method == "POST" and "json" in request.headers.get("content-type", ""):
            with contextlib.suppress(ValueError):
                self.record.bodies.append(await request.json())
        if request.method == "POST":
            ASKED.set((await request.body()).decode("utf-8", "replace"))
        fault = self._scripted(request)
        if (mishaps := self.record.mishaps) is not None:
            await asyncio.sleep(mishaps.delay_seconds)
            fault = fault or mishaps.next()
        if fault is None:
            return await call_next(request)
        if fault.cut_after_bytes is not None:
            return cut(await call_next(request), fault.cut_after_bytes)
        if fault.after_accepting:
            await call_next(request)
        return Response(fault.body, fault.status, fault.headers)

    def _scripted(self, request: Request) -> Fault | None:
        for fault in self.record.faults:
            if request.url.path.startswith(fault.path) and fault.method in {None, request.method}:
                self.record.faults.remove(fault)
                return fault
        return None


def cut(response: Response, most_bytes: int) -> Response:
    """The beginning of a response, and then a broken connection."""

    async def beginning() -> AsyncIterator[bytes]:
        left = most_bytes
        async for chunk in response.body_iterator:  # type: ignore[attr-defined]  # streamed by now
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                break
        raise ConnectionAbortedError("cut as scripted")

    return StreamingResponse(beginning(), response.status_code, dict(response.headers))


class Double:
    """A provider's double: its routes, with the record and the faults around them."""

    refuses: ClassVar[str | None] = "forbidden"
    """A word in a prompt that it refuses as content; `None` when it refuses none."""

    options: ClassVar[Mapping[str, Any]] = {}
    """Options without which nothing can be asked of it, as the contract suite sends them."""

    def __init__(self, routes: list[Route]) -> None:
        self.record = Record()
        self.base_url = ""
        """Where it is served; set by `serving`."""
        self.app = Starlette(
            routes=[
                Route("/_double", self._show_record),
                Route("/_double/invoice", self._show_invoice),
                *routes,
            ],
        )
        self.app.add_middleware(Faults, record=self.record)
        self.app.add_exception_handler(404, self._lost)

    def fail(self, fault: Fault) -> None:
        """Let the next matching request fail."""
        self.record.faults.append(fault)

    def invoice(self) -> tuple[Line, ...]:
        """What it charges all in all: what was given back is taken off the line it belongs to."""
        lines: list[Line] = []
        for line in self.record.invoice:
            reference, usd = line
            if usd > 0:
                lines.append(line)
                continue
            place = next(
                (n for n, one in reversed(list(enumerate(lines))) if one[0] == reference), None
            )
            if place is not None:
                lines[place] = Line(reference, lines[place][1] + usd, lines[place].words)
        return tuple(line for line in lines if line[1])

    async def _lost(self, request: Request, _: Exception) -> Response:
        self.record.missing.append(request.url.path)
        return Response("Not Found", 404, media_type="text/plain")

    async def _show_record(self, _: Request) -> Response:
        return JSONResponse(
            {
                "requests": self.record.requests,
                "invoice": [[name, str(amount)] for name, amount in self.record.invoice],
            }
        )

    async def _show_invoice(self, _: Request) -> Response:
        lines = [
            {"reference": line[0], "usd": f"{line[1]:f}", "words": line.words}
            for line in self.invoice()
        ]
        total = sum((line[1] for line in self.invoice()), Decimal(0))
        return JSONResponse({"usd": f"{total:f}", "lines": lines})


@contextlib.contextmanager
def serving(double: Double, *, port: int = 0) -> Iterator[str]:
    """Serve a double on loopback while the block runs; yields its address.

    A free port is taken unless one is named; `OSError` when that is not to be had.
    """
    listener = socket.create_server(("127.0.0.1", port))
    # Answers go out in two pieces; without this the second waits 40 ms for the first to be told of.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    double.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(
        uvicorn.Config(double.app, log_level="critical", lifespan="off", ws="none")
    )
    ready = threading.Event()
    thread = threading.Thread(target=_run, args=(server, listener, ready.set), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield double.base_url
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def _run(server: uvicorn.Server, listener: socket.socket, ready: Callable[[], None]) -> None:
    async def main() -> None:
        # The listening socket queues connections, so being here is being ready.
        ready()
        await server.serve(sockets=[listener])

    asyncio.run(main())
