"""The network: bytes out, bytes in, and an honest word on whether anything was sent.

Every failure is one of our errors and says in `accepted` what it proves. Only a connection that
was never made proves that nothing was taken on; a timeout or a broken connection after that
proves nothing, so it is `unknown`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from urllib.request import getproxies

import msgspec

from anymedia.contracts.errors import (
    InvalidConfiguration,
    NetworkFailed,
    ProviderTimeout,
    UnreadableResponse,
)
from anymedia.contracts.problem import Acceptance
from anymedia.contracts.version import __version__
from anymedia.engine.attendance import held
from anymedia.engine.direct import Direct
from anymedia.wire.http import Headers, HttpResponse
from anymedia.wire.large import Body

MOST_PINNED = 64
"""Clients for addresses that were checked before (`Outgoing.pinned_address`)."""
NOT_CONNECTED = "client error (Connect)"
STREAM_BUFFER_BYTES = 0
"""pyreqwest (0.15) hands out nothing, not even the head, before its buffer is full: with one, the
words of a stream come late and in bursts. Large bodies are as fast without (200 MB in 0.1 s)."""
WHOLE_BUFFER_BYTES = 64 * 1024
"""Where nobody looks before the end, a small answer comes head and body in one: a third less work."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request down to its bytes."""

    method: str
    url: str
    headers: dict[str, str]
    body: Body | None = None
    total_seconds: float = 600.0
    read_seconds: float | None = None
    """The longest silence; as long as the whole unless said. Connections are kept by it, so it
    must not vary from request to request."""
    proxy: str | None = None
    pinned_address: tuple[str, str, int] | None = None
    """Host, address and port that it must go to, whatever the name server says meanwhile."""
    head: bytes | None = None
    """Method, URL and headers as bytes, from who sends the same again and again (`direct`)."""

    def __repr__(self) -> str:
        """Without what may hold a key, or words of the caller's."""
        return f"Outgoing({self.method} {self.url}, total_seconds={self.total_seconds:g})"


@dataclass(frozen=True, slots=True)
class Incoming:
    """The head of a response whose body is still to come."""

    head: HttpResponse
    chunks: AsyncIterator[bytes]


class Transport(Protocol):
    """Sends bytes. Follows no redirects and repeats nothing."""

    def send(self, outgoing: Outgoing, *, limit_bytes: int) -> Coroutine[Any, Any, HttpResponse]:
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
        self._pinned: dict[Any, Any] = {}
        self._direct = Direct(connect_seconds=connect_seconds)
        self._behind_proxy = bool(getproxies())
        """Whether the environment names a proxy, which the client heeds by itself."""

    def send(self, outgoing: Outgoing, *, limit_bytes: int) -> Coroutine[Any, Any, HttpResponse]:
        opening = self._opening(outgoing)
        if opening is None:
            return self._by_client(outgoing, limit_bytes)
        return self._direct.ask(
            outgoing.url,
            opening,
            outgoing.body or b"",
            seconds=outgoing.total_seconds,
            limit_bytes=limit_bytes,
        )

    def _opening(self, outgoing: Outgoing) -> bytes | None:
        """The first bytes of what the event loop itself may send."""
        if self._behind_proxy or outgoing.proxy is not None or outgoing.pinned_address is not None:
            return None
        return outgoing.head

    async def _by_client(self, outgoing: Outgoing, limit_bytes: int) -> HttpResponse:
        from pyreqwest import exceptions

        client, buffer_bytes = self._client(outgoing), min(WHOLE_BUFFER_BYTES, limit_bytes)
        try:
            with held():
                return await whole(built(client, outgoing, buffer_bytes), outgoing, limit_bytes)
        except exceptions.PyreqwestError as error:
            raise explained(error) from None

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        opening = self._opening(outgoing)
        if opening is not None:
            async with self._direct.hear(
                outgoing.url,
                opening,
                outgoing.body or b"",
                seconds=outgoing.total_seconds,
                silence_seconds=outgoing.read_seconds,
            ) as (head, chunks):
                yield Incoming(head, chunks)
            return
        from pyreqwest import exceptions

        client = self._client(outgoing)
        try:
            async with built(client, outgoing, STREAM_BUFFER_BYTES) as response:
                yield Incoming(head_of(response, outgoing), chunks_of(response.body_reader))
        except exceptions.PyreqwestError as error:
            raise explained(error) from None

    async def close(self) -> None:
        clients = (*self._clients.values(), *self._pinned.values())
        self._clients, self._pinned = {}, {}
        await self._direct.close()
        for client in clients:
            await client.close()

    def _client(self, outgoing: Outgoing) -> Any:
        if outgoing.pinned_address is not None:
            return self._pinned_client(outgoing)
        key = (outgoing.proxy, outgoing.read_seconds)
        client = self._clients.get(key)
        if client is None:
            client = self._clients[key] = self._connected(outgoing)
        return client

    def _pinned_client(self, outgoing: Outgoing) -> Any:
        """Addresses of foreign hosts are without number: those used last are kept.

        One that is let go of closes its connections when the last answer on them has been read.
        """
        key = (outgoing.read_seconds, outgoing.pinned_address)
        client = self._pinned.pop(key, None) or self._connected(outgoing)
        self._pinned[key] = client
        if len(self._pinned) > MOST_PINNED:
            del self._pinned[next(iter(self._pinned))]
        return client

    def _connected(self, outgoing: Outgoing) -> Any:
        from pyreqwest.client import ClientBuilder
        from pyreqwest.proxy import ProxyBuilder

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
            try:
                builder = builder.proxy(ProxyBuilder.all(outgoing.proxy))
            except ValueError:  # its words repeat the URL, which may hold a password
                raise InvalidConfiguration(
                    "`proxy` is not a URL; expected one like `http://proxy.example:3128`"
                ) from None
        if outgoing.pinned_address:
            builder = builder.no_proxy().resolve(*outgoing.pinned_address)
        return builder.build()


def built(client: Any, outgoing: Outgoing, buffer_bytes: int) -> Any:
    """The request in the library's form."""
    try:
        builder = (
            client.request(outgoing.method, outgoing.url)
            .headers(outgoing.headers)
            .timeout(timedelta(seconds=outgoing.total_seconds))
            .streamed_read_buffer_limit(buffer_bytes)
        )
        if outgoing.body is not None:
            builder = builder.body_bytes(bytes(outgoing.body))
        return builder.build_streamed()
    except ValueError as error:
        # Its words repeat the value, which may be the key: only the kind of mistake is told.
        what = "a header" if str(error).startswith("Invalid header") else "the URL"
        raise NetworkFailed(
            f"{what} cannot be sent. Look for line breaks and special characters in the key, "
            f"`base_url` and URLs",
            accepted="no",
            retryable=False,
        ) from None


async def whole(request: Any, outgoing: Outgoing, limit_bytes: int) -> HttpResponse:
    """The answer to a request, head and body. Raises `UnreadableResponse` where it is too large."""
    async with request as response:
        head = head_of(response, outgoing)
        declared = head.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit_bytes:
            raise too_large(limit_bytes)
        reader = response.body_reader
        parts: list[bytes] = []
        size = 0
        while (chunk := await reader.read_chunk()) is not None:
            size += len(chunk)
            if size > limit_bytes:
                raise too_large(limit_bytes)
            parts.append(bytes(chunk))
    head.content = b"".join(parts)
    return head


def head_of(response: Any, outgoing: Outgoing) -> HttpResponse:
    """Status and headers of an answer in our form, its body to be put in later."""
    return HttpResponse(response.status, b"", Headers(list(response.headers.items())), outgoing.url)


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

    # The library's `ConnectError` and `ConnectTimeoutError` stand for anything that happens before
    # the head of the answer, a request that was sent and cut included (0.15). What the layer
    # below calls a failure to connect is one: TCP, TLS, the name, the proxy.
    before_sending = isinstance(
        error, exceptions.PoolTimeoutError | exceptions.BuilderError
    ) or any(cause.startswith(NOT_CONNECTED) for cause in causes_of(error))
    accepted: Acceptance = "no" if before_sending else "unknown"
    # The library's own message ends in the URL, which may hold a key: only causes are told.
    cause = next(reversed(causes_of(error)), type(error).__name__)
    if isinstance(error, exceptions.RequestTimeoutError):
        when = "while connecting" if accepted == "no" else "while waiting for the answer"
        return ProviderTimeout(f"timed out {when}", accepted=accepted)
    did = "could not connect" if accepted == "no" else "the connection broke"
    return NetworkFailed(f"{did}: {cause}", accepted=accepted)


def causes_of(error: Any) -> list[str]:
    """The causes that the library names, the innermost last."""
    details = getattr(error, "details", None) or {}
    return [str(cause.get("message", "")) for cause in details.get("causes") or ()]
