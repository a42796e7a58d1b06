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
Trusted: TypeAlias = Callable[[str], bool]
"""Whether a URL lies at the provider itself, as it is configured."""
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses as NAT64 wraps them."""
PROTOCOLS = ipaddress.IPv4Network("192.0.0.0/24")
"""Kept for protocols; not every Python counts it as private."""


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, as this machine's resolver gives them."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NetworkFailed(f"`{host}` has no address: {error.strerror or error}") from None
    except ValueError:  # a label that is too long, or a NUL byte
        raise NetworkFailed("the host is not a name that can be looked up") from None
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
        trusted: Trusted | None = None,
        headers: dict[str, str] | None = None,
        proxy: str | None = None,
        total_seconds: float = 3600.0,
        read_seconds: float = 60.0,
    ) -> AsyncIterator[Incoming]:
        """The answer's head and its body as it comes.

        `headers` (a key, for instance) go to `trusted` URLs only, never along a redirect
        elsewhere. Through a `proxy` nothing is pinned, as it is the proxy that connects.
        """
        for _ in range(MOST_REDIRECTS + 1):
            home = trusted is not None and trusted(url)
            pinned = None if home else await self.checked(url)
            outgoing = Outgoing(
                method="GET",
                url=url,
                headers=dict(headers or {}) if home else {},
                total_seconds=total_seconds,
                read_seconds=read_seconds,
                proxy=proxy,
                pinned_address=None if proxy else pinned,
            )
            async with self._transport.stream(outgoing) as incoming:
                status = incoming.head.status
                if status in {301, 302, 303, 307, 308}:
                    url = followed(url, incoming.head.headers.get("location"))
                    continue
                if status >= 300:
                    raise refused(url, status)
                yield incoming
                return
        raise ProviderError(f"`{host_of(url)}` redirects more than {MOST_REDIRECTS} times")

    async def checked(
        self, url: str, allowed: Callable[[str, str], bool] | None = None
    ) -> tuple[str, str, int]:
        """Host, address and port of a URL from outside. Raises if it leads into this network.

        `allowed` may make exceptions, by host and address.
        """
        scheme, host, port = origin(url)
        if scheme not in {"http", "https"}:
            raise UnreadableInput(f"only http and https URLs can be fetched, not `{scheme}:`")
        if not host or port is None:
            raise UnreadableInput("this is not a URL that can be fetched: it names no host")
        addresses = await self._resolve(host, port)
        for address in addresses:
            if not is_public(address) and not (allowed and allowed(host, address)):
                raise UnreadableInput(
                    f"`{host}` is a private address; URLs from outside may not lead "
                    f"into this network"
                )
        if not addresses:
            raise NetworkFailed(f"`{host}` has no address")
        return host, addresses[0], port


def is_public(address: str) -> bool:
    """Whether an address is on the open internet, also when wrapped in IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is None:
            return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_site_local)
        ip = inner
    return ip.is_global and not ip.is_multicast and ip not in PROTOCOLS


USUAL_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, the usual port where none is named; no host if it is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or USUAL_PORTS.get(parts.scheme)
    except ValueError:  # such as `https://[` or a port of six digits
        return url.partition(":")[0].lower(), "", None
    return parts.scheme, parts.hostname or "", port


def host_of(url: str) -> str:
    """The host that a URL names, to be told in messages: the rest of it may hold a key."""
    return origin(url)[1] or "an address without a host"


def followed(url: str, location: str | None) -> str:
    """Where a redirect leads."""
    if not location:
        raise ProviderError(f"`{host_of(url)}` redirects without saying where")
    try:
        return urljoin(url, location)
    except ValueError:
        raise ProviderError(f"`{host_of(url)}` redirects to what is no URL") from None


def refused(url: str, status: int) -> GenerationError:
    """A download that was answered with a failure."""
    host = host_of(url)
    if status >= 500 or status in {408, 429}:
        return ProviderUnavailable(
            f"`{host}` answered {status} to the download", http_status=status
        )
    gone = status in {401, 403, 404, 410}
    hint = "; the link has probably expired" if gone else ""
    return ProviderError(f"`{host}` answered {status} to the download{hint}", http_status=status)
