"""The network: bytes out, bytes in, and an honest word on whether anything was sent.

Every failure is one of our errors and says in `accepted` what it proves. Only a connection that
was never made proves that nothing was taken on; a timeout or a broken connection after that
proves nothing, so it is `unknown`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from anymedia.contracts.errors import NetworkFailed, ProviderTimeout, UnreadableResponse
from anymedia.contracts.problem import Acceptance
from anymedia.wire.http import Headers, HttpResponse

READ_BUFFER_BYTES = 4096
"""pyreqwest keeps 64 kB for each open stream unless told; a thousand streams would feel it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request down to its bytes."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    total_seconds: float = 600.0
    read_seconds: float | None = None
    """The longest silence; as long as the whole unless said. Connections are kept by it, so it
    must not vary from request to request."""
    proxy: str | None = field(default=None, repr=False)
    pinned_address: tuple[str, str, int] | None = None
    """Host, address and port that it must go to, whatever the name server says meanwhile."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """The head of a response whose body is still to come."""

    head: HttpResponse
    chunks: AsyncIterator[bytes]


class Transport(Protocol):
    """Sends bytes. Follows no redirects and repeats nothing."""

    async def send(self, outgoing: Outgoing, *, limit_bytes: int) -> HttpResponse:
        """Send and read the whole answer, up to a size."""
        ...

    def stream(self, outgoing: Outgoing) -> AbstractAsyncContextManager[Incoming]:
        """Send, and read the answer as it comes."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class NetworkTransport:
    """The real network, by pyreqwest. Connections are kept and reused."""

    def __init__(self, *, connect_seconds: float = 10.0, verify: bool = True) -> None:
        self._connect_seconds = connect_seconds
        self._verify = verify
        self._clients: dict[Any, Any] = {}

    async def send(self, outgoing: Outgoing, *, limit_bytes: int) -> HttpResponse:
        async with self.stream(outgoing) as incoming:
            declared = incoming.head.headers.get("content-length", "")
            if declared.isdigit() and int(declared) > limit_bytes:
                raise too_large(limit_bytes)
            parts: list[bytes] = []
            size = 0
            async for chunk in incoming.chunks:
                size += len(chunk)
                if size > limit_bytes:
                    raise too_large(limit_bytes)
                parts.append(chunk)
        incoming.head.content = b"".join(parts)
        return incoming.head

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        from pyreqwest import exceptions

        builder = (
            self._client(outgoing)
            .request(outgoing.method, outgoing.url)
            .headers(outgoing.headers)
            .timeout(timedelta(seconds=outgoing.total_seconds))
            .streamed_read_buffer_limit(READ_BUFFER_BYTES)
        )
        if outgoing.body is not None:
            builder = builder.body_bytes(outgoing.body)
        try:
            async with builder.build_streamed() as response:
                head = HttpResponse(
                    response.status, b"", Headers(list(response.headers.items())), outgoing.url
                )
                yield Incoming(head, chunks_of(response.body_reader))
        except exceptions.PyreqwestError as error:
            raise explained(error) from None

    async def close(self) -> None:
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()

    def _client(self, outgoing: Outgoing) -> Any:
        key = (outgoing.proxy, outgoing.read_seconds, outgoing.pinned_address)
        client = self._clients.get(key)
        if client is None:
            client = self._clients[key] = self._connected(outgoing)
        return client

    def _connected(self, outgoing: Outgoing) -> Any:
        from pyreqwest.client import ClientBuilder
        from pyreqwest.proxy import ProxyBuilder

        from anymedia import __version__

        builder = (
            ClientBuilder()
            .follow_redirects(False)
            .referer(False)
            .connect_timeout(timedelta(seconds=self._connect_seconds))
            .user_agent(f"anymedia/{__version__}")
        )
        if outgoing.read_seconds is not None:
            builder = builder.read_timeout(timedelta(seconds=outgoing.read_seconds))
        if not self._verify:
            builder = builder.danger_accept_invalid_certs(True)
        if outgoing.proxy:
            builder = builder.proxy(ProxyBuilder.all(outgoing.proxy))
        if outgoing.pinned_address:
            builder = builder.no_proxy().resolve(*outgoing.pinned_address)
        return builder.build()


async def chunks_of(reader: Any) -> AsyncIterator[bytes]:
    """A response's body as it comes."""
    from pyreqwest import exceptions

    try:
        while (chunk := await reader.read_chunk()) is not None:
            yield bytes(chunk)
    except exceptions.PyreqwestError as error:
        raise explained(error) from None


def too_large(limit_bytes: int) -> UnreadableResponse:
    """The answer would not fit; the work it answers for may well have been done."""
    return UnreadableResponse(
        f"the answer is larger than {limit_bytes:,} bytes; raise `max_response_bytes` if that is "
        f"expected",
        accepted="unknown",
    )


def explained(error: Any) -> NetworkFailed | ProviderTimeout:
    """What a transport failure is in our words, and what it proves."""
    from pyreqwest import exceptions

    before_sending = (
        exceptions.ConnectError,
        exceptions.ConnectTimeoutError,
        exceptions.PoolTimeoutError,
        exceptions.BuilderError,
    )
    accepted: Acceptance = "no" if isinstance(error, before_sending) else "unknown"
    # The library's own message ends in the URL, which may hold a key: only causes are told.
    cause = told_cause(error)
    if isinstance(error, exceptions.RequestTimeoutError):
        when = "while connecting" if accepted == "no" else "while waiting for the answer"
        return ProviderTimeout(f"timed out {when}", accepted=accepted)
    did = "could not connect" if accepted == "no" else "the connection broke"
    return NetworkFailed(f"{did}: {cause}", accepted=accepted)


def told_cause(error: Any) -> str:
    """The innermost cause that the library names."""
    details = getattr(error, "details", None) or {}
    causes = [str(cause.get("message", "")) for cause in details.get("causes") or ()]
    return causes[-1] if causes else type(error).__name__
