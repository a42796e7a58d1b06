"""Fetching what a URL points at, without being sent where one must not go.

A URL from outside (an input, or a result that a provider names) could point into our own
network. Its host is resolved here, every address is checked, and the connection is pinned to the
one that was checked, so that a name server that changes its mind has no say; each redirect is
checked anew. A provider's own host is trusted, as it is configured.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

from anymedia.contracts.errors import (
    GenerationError,
    NetworkFailed,
    ProviderError,
    ProviderUnavailable,
    UnreadableInput,
)
from anymedia.engine.transport import Incoming, Outgoing, Transport

MOST_REDIRECTS = 5
Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, as this machine's resolver gives them."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NetworkFailed(f"`{host}` has no address: {error.strerror or error}") from None
    return [str(entry[4][0]) for entry in found]


class Downloads:
    """Fetches URLs that came from outside."""

    def __init__(self, transport: Transport, *, resolve: Resolve = resolved) -> None:
        self._transport = transport
        self._resolve = resolve

    @asynccontextmanager
    async def open(
        self,
        url: str,
        *,
        trusted_origin: str | None = None,
        headers: dict[str, str] | None = None,
        total_seconds: float = 3600.0,
        read_seconds: float = 60.0,
    ) -> AsyncIterator[Incoming]:
        """The answer's head and its body as it comes.

        `headers` (a key, for instance) go to `trusted_origin` only, never along a redirect
        elsewhere.
        """
        for _ in range(MOST_REDIRECTS + 1):
            home = trusted_origin is not None and origin(url) == origin(trusted_origin)
            outgoing = Outgoing(
                method="GET",
                url=url,
                headers=dict(headers or {}) if home else {},
                total_seconds=total_seconds,
                read_seconds=read_seconds,
                pinned_address=None if home else await self.checked(url),
            )
            async with self._transport.stream(outgoing) as incoming:
                status = incoming.head.status
                if status in {301, 302, 303, 307, 308}:
                    url = urljoin(url, incoming.head.headers.get("location", ""))
                    continue
                if status >= 400:
                    raise refused(url, status)
                yield incoming
                return
        raise ProviderError(
            f"`{urlsplit(url).hostname}` redirects more than {MOST_REDIRECTS} times"
        )

    async def checked(self, url: str) -> tuple[str, str, int]:
        """Host, address and port of a URL from outside. Raises if it leads into this network."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UnreadableInput(f"only http and https URLs can be fetched, not `{parts.scheme}:`")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = await self._resolve(parts.hostname, port)
        for address in addresses:
            if not is_public(address):
                raise UnreadableInput(
                    f"`{parts.hostname}` is a private address; URLs from outside may not lead "
                    f"into this network"
                )
        if not addresses:
            raise NetworkFailed(f"`{parts.hostname}` has no address")
        return parts.hostname, addresses[0], port


def is_public(address: str) -> bool:
    """Whether an address is on the open internet, also when wrapped in IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


USUAL_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, the usual port where none is named."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or USUAL_PORTS.get(parts.scheme)


def refused(url: str, status: int) -> GenerationError:
    """A download that was answered with a failure."""
    host = urlsplit(url).hostname
    if status >= 500 or status in {408, 429}:
        return ProviderUnavailable(
            f"`{host}` answered {status} to the download", http_status=status
        )
    gone = status in {401, 403, 404, 410}
    hint = "; the link has probably expired" if gone else ""
    return ProviderError(f"`{host}` answered {status} to the download{hint}", http_status=status)
