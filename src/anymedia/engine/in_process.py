"""A transport for providers that answer in this process, without a network.

`echo` is one: its requests and answers are the same values as everyone's, so whatever is shown
with it is shown for the code that talks to paid providers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from anymedia.clock import Clock
from anymedia.contracts.errors import NetworkFailed
from anymedia.engine.transport import Incoming, Outgoing, Transport, too_large
from anymedia.providers.spec import InProcess
from anymedia.wire.http import HttpRequest, HttpResponse


class InProcessTransport:
    """Answers by calling `respond` and `stream` of a module or an object in a thread."""

    def __init__(self, server: str | InProcess, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    async def send(self, outgoing: Outgoing, *, limit_bytes: int) -> HttpResponse:
        response = await self._answer(self._function("respond"), outgoing)
        assert isinstance(response, HttpResponse)
        if len(response.content) > limit_bytes:
            raise too_large(limit_bytes)
        return response

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        head, chunks = await self._answer(self._function("stream"), outgoing)
        yield Incoming(head, in_thread(chunks))

    async def close(self) -> None:
        """Nothing is open."""

    def _function(self, name: str) -> Callable[..., Any]:
        server = self._server
        owner = import_module(server.partition(":")[0]) if isinstance(server, str) else server
        function: Callable[..., Any] = getattr(owner, name)
        return function

    async def _answer(self, function: Callable[..., Any], outgoing: Outgoing) -> Any:
        try:
            return await asyncio.to_thread(function, request_of(outgoing), self._clock.now())
        except ConnectionError as error:
            raise NetworkFailed(
                f"the connection broke: {type(error).__name__}", accepted="unknown"
            ) from None


async def in_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Chunks that are made as they are asked for, without holding up the loop."""
    while True:
        try:
            chunk = await asyncio.to_thread(next, chunks, None)
        except ConnectionError as error:
            raise NetworkFailed(
                f"the connection broke: {type(error).__name__}", accepted="unknown"
            ) from None
        if chunk is None:
            return
        yield chunk


def request_of(outgoing: Outgoing) -> HttpRequest:
    """The same request as a value again."""
    url = urlsplit(outgoing.url)
    media_type = outgoing.headers.get("Content-Type", "")
    body = None if outgoing.body is None else bytes(outgoing.body)
    return HttpRequest(
        method=outgoing.method,  # type: ignore[arg-type]  # it came from an HttpRequest
        path=url.path,
        query=dict(parse_qsl(url.query)),
        headers=outgoing.headers,
        json=msgspec.json.decode(body) if body and media_type == "application/json" else None,
        content=body,
        content_type=media_type,
    )


class Switchboard:
    """The network for most, and the in-process servers by their URL scheme."""

    def __init__(self, network: Transport, clock: Clock) -> None:
        self._network = network
        self._clock = clock
        self._local: dict[str, InProcessTransport] = {}

    def connect(self, scheme: str, server: str | InProcess) -> None:
        """Send that scheme to a server in this process."""
        self._local[scheme] = InProcessTransport(server, self._clock)

    def send(self, outgoing: Outgoing, *, limit_bytes: int) -> Coroutine[Any, Any, HttpResponse]:
        # What has its first bytes ready goes to an `http://` address.
        network = self._network if outgoing.head is not None else self._for(outgoing)
        return network.send(outgoing, limit_bytes=limit_bytes)

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        async with self._for(outgoing).stream(outgoing) as incoming:
            yield incoming

    async def close(self) -> None:
        await self._network.close()

    def _for(self, outgoing: Outgoing) -> Transport:
        return self._local.get(outgoing.url.partition(":")[0].lower(), self._network)
