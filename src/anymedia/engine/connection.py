"""One provider as configured here: with its address, its credentials and a way to talk to it."""

from __future__ import annotations

import asyncio
import secrets as randomness
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TypeAlias, TypeVar

from anymedia.clock import Clock
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    MissingKey,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    UnreadableInput,
    UnreadableResponse,
)
from anymedia.engine.direct import begun, head_of, lines_of
from anymedia.engine.download import Downloads, host_of, origin
from anymedia.engine.transport import Incoming, Outgoing, Transport
from anymedia.engine.variants import Variant
from anymedia.providers.spec import Provider
from anymedia.telemetry.story import CARRIER
from anymedia.wire.auth import GrantingAuth, HeaderKey, NoAuth, Token
from anymedia.wire.exchange import Exchange, step
from anymedia.wire.http import WHOLE_URL, HttpRequest, HttpResponse, get

T = TypeVar("T")
Heard: TypeAlias = "Callable[[Connection, HttpResponse], None]"
"""Told of every response as it comes: what a provider says in passing about its limits."""
SHORTEST_SECRET = 8
"""What is shorter is no secret, and may well be a word."""
GRANT_SECONDS = 30.0
RENEW_BEFORE = timedelta(minutes=2)
"""Tokens are renewed early, so that none ends on the way."""


class Connection:
    """A provider that can be talked to."""

    def __init__(
        self,
        provider: Provider,
        configured: ProviderSettings,
        settings: Settings,
        *,
        transport: Transport,
        clock: Clock,
        variant: Variant | None = None,
        heard: Heard | None = None,
    ) -> None:
        self.provider = provider
        self.configured = configured
        self._secrets = secrets_of(configured)
        # Schemes that sign, or that have an address of their own, have to know where it goes.
        base_url = {"base_url": configured.base_url} if configured.base_url else {}
        self._given = self._secrets | base_url
        located = provider.located(self._secrets) if provider.located else None
        self.base_url = configured.base_url or located or provider.base_url
        self._settings = settings
        self._limit_bytes = settings.max_response_bytes
        self.learns_limits = configured.learn_limits
        """Whether what the provider says of its limits is heeded."""
        self._transport = transport
        self._clock = clock
        self._variant = variant or Variant(configured)
        self._heard = heard
        self._token: Token | None = None
        self._asking = asyncio.Lock()
        self._asked_with: dict[str, str] | None = None
        """The headers of the last question that went by itself, and what they are on the wire."""
        self._lines: bytes | None = None
        auth = provider.auth
        self._granting = auth if isinstance(auth, GrantingAuth) else None

    @property
    def name(self) -> str:
        return self.configured.name

    @property
    def variant(self) -> str:
        """Which credential and region of the provider's this is; empty where there is one."""
        return self._variant.label

    @property
    def credential(self) -> str:
        """Which credential, masked; empty where there is one."""
        return self._variant.credential

    @property
    def label(self) -> str:
        """The provider's name, with the variant where there are several."""
        return f"{self.name} ({self.variant})" if self.variant else self.name

    def missing(self) -> MissingKey | None:
        """What has to be set before it can be used; nothing if it is ready."""
        for secret in self.provider.auth.secrets:
            if secret.missing_from(self._given):
                return missing_key(self.provider, self.name)
        return None

    async def converse(
        self,
        exchange: Exchange[T],
        *,
        timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Have a conversation to its end. Raises what it comes to, named after the provider.

        `timeout_seconds` are for all of it. `headers` go with every request of it that is not a
        GET, such as an idempotency key.
        """
        ends = self._clock.monotonic() + timeout_seconds
        written = False
        try:
            request = next(exchange)
            while True:
                reading = request.method in {"GET", "HEAD"}
                if headers and not reading:
                    request = request.with_headers(headers)
                try:
                    left = ends - self._clock.monotonic()
                    if left <= 0:
                        raise ProviderTimeout(f"it took longer than {timeout_seconds:g} s")
                    response = await self.send(request, timeout_seconds=left)
                except GenerationError as error:
                    raise weighed(error, reading=reading, written=written) from None
                explain = partial(self.weighed, reading=reading, written=written)
                written = written or (not reading and response.status < 400)
                request = step(exchange, request, response, explain)
        except StopIteration as stop:
            answer: T = stop.value
            return answer
        except GenerationError as error:
            raise self.named(error) from None
        finally:
            exchange.close()

    # --- what is passed on as it came -------------------------------------------------------

    def standing(self, request: HttpRequest) -> Outgoing | None:
        """A request without its body, to be sent again and again.

        `None` where each has to be signed anew, needs a token that ends, or carries a trace.
        """
        auth = self.provider.auth
        if self._granting is not None or not isinstance(auth, HeaderKey | NoAuth):
            return None
        if self.configured.trace_context:
            return None
        if self.provider.headers:
            request = request.with_headers({**self.provider.headers, **request.headers})
        request = auth.authorize(request, dict(self._given), self._clock.now())
        headers = dict(request.headers)
        headers.setdefault("Content-Type", request.content_type or "application/json")
        url = request.url(self.base_url)
        return Outgoing(
            method=request.method,
            url=url,
            headers=headers,
            proxy=self.configured.proxy,
            head=head_of(url, headers),
        )

    async def pass_on(self, outgoing: Outgoing, read: Callable[[HttpResponse], T]) -> T:
        """What is read of the answer to a request that is ready to go."""
        try:
            response = await self._transport.send(outgoing, limit_bytes=self._limit_bytes)
            heard = self._heard
            if heard is not None:
                heard(self, response)
            if response.status >= 300:
                self.refuse_redirect(response)
                if response.status >= 400:
                    raise self.explain(response)
            return read(response)
        except GenerationError as error:
            raise self.named(error) from None

    async def send(self, request: HttpRequest, *, timeout_seconds: float) -> HttpResponse:
        """One request and its whole answer."""
        outgoing = await self.outgoing(request, timeout_seconds=timeout_seconds)
        response = await self._transport.send(outgoing, limit_bytes=self._limit_bytes)
        if self._heard is not None:
            self._heard(self, response)
        self.refuse_redirect(response)
        return response

    @asynccontextmanager
    async def stream(
        self,
        request: HttpRequest,
        *,
        timeout_seconds: float,
        silence_seconds: float | None = None,
    ) -> AsyncIterator[Incoming]:
        """One request and its answer as it comes; a failed status is raised at once.

        `silence_seconds` without a byte are a `ProviderTimeout`.
        """
        outgoing = await self.outgoing(
            request,
            timeout_seconds=timeout_seconds,
            read_seconds=silence_seconds or self._settings.timeouts.read_seconds,
        )
        async with self.overheard(outgoing) as incoming:
            yield incoming

    @asynccontextmanager
    async def overheard(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        """The same for a request that is ready to go."""
        try:
            async with self._transport.stream(outgoing) as incoming:
                if self._heard is not None:
                    self._heard(self, incoming.head)
                self.refuse_redirect(incoming.head)
                if incoming.head.status >= 400:
                    incoming.head.content = await first_bytes(incoming, 1024 * 1024)
                    raise self.explain(incoming.head)
                yield incoming
        except GenerationError as error:
            raise self.named(error) from None

    @asynccontextmanager
    async def download(
        self, url: str, downloads: Downloads, *, needs_key: bool
    ) -> AsyncIterator[Incoming]:
        """What lies at a URL that this provider named. Its own host is trusted, others are not."""
        headers: dict[str, str] = {}
        try:
            if needs_key:
                keyed = await self.outgoing(get(url), timeout_seconds=60.0)
                url, headers = keyed.url, keyed.headers
            async with downloads.open(
                url, trusted=self.is_home, headers=headers, proxy=self.configured.proxy
            ) as incoming:
                if incoming.head.media_type() == "text/html":  # an error page with status 200
                    raise ProviderUnavailable(
                        "a web page came in place of the result", accepted="yes"
                    )
                yield incoming
        except UnreadableInput as error:  # it was not the caller who named this URL
            raise UnreadableResponse(
                f"a result lies where it cannot be fetched: {error.message}",
                accepted="yes",
                provider=self.name,
            ) from None
        except GenerationError as error:
            raise self.named(error) from None

    async def outgoing(
        self,
        request: HttpRequest,
        *,
        timeout_seconds: float,
        read_seconds: float | None = None,
    ) -> Outgoing:
        """The request with its credentials, address and bytes."""
        began = self._clock.monotonic()
        if request.authorize:
            request = await self.authorized(request)
        timeout_seconds -= self._clock.monotonic() - began
        if timeout_seconds <= 0:
            raise ProviderTimeout("getting a token took all the time there was")
        boundary = randomness.token_hex(16) if request.parts else ""
        body, content_type = request.body(boundary=boundary)
        headers = dict(request.headers)
        if content_type is not None:
            headers.setdefault("Content-Type", content_type)
        if self.configured.trace_context and (carrier := CARRIER.get()) is not None:
            headers |= carrier()
        total_seconds = min(request.timeout_seconds or timeout_seconds, timeout_seconds)
        url = request.url(self.base_url)
        # A question buys nothing, whatever becomes of it: it need not go by way of another thread.
        asks = request.method == "GET" and body is None
        return Outgoing(
            method=request.method,
            url=url,
            headers=headers,
            body=body,
            total_seconds=total_seconds,
            read_seconds=read_seconds,
            proxy=self.configured.proxy,
            head=self._question(url, headers) if asks else None,
        )

    def _question(self, url: str, headers: dict[str, str]) -> bytes | None:
        """Its first bytes. One question's headers are mostly those of the one before."""
        if headers != self._asked_with:
            self._asked_with, self._lines = headers, lines_of(headers)
        return begun("GET", url, self._lines)

    async def authorized(self, request: HttpRequest) -> HttpRequest:
        """The request with proof of who sends it, if it goes to the provider's own host."""
        if WHOLE_URL.match(request.path) and not self.is_home(request.path):
            raise UnreadableResponse(
                f"`{self.name}` pointed at {host_of(request.path)}, which is not its own "
                f"host; the key was not sent there",
                accepted="unknown",
            )
        auth = self.provider.auth
        now = self._clock.now()
        secrets = dict(self._given)
        if self._granting is not None:
            secrets["token"] = await self._granted(self._granting)
        if self.provider.headers:
            request = request.with_headers({**self.provider.headers, **request.headers})
        return auth.authorize(request, secrets, now)

    async def _granted(self, auth: GrantingAuth) -> str:
        async with self._asking:  # many requests at once need one token
            token, now = self._token, self._clock.now()
            if token is None or token.expires_at - RENEW_BEFORE <= now:
                try:
                    token = self._token = await self.converse(
                        auth.grant(self._given, now), timeout_seconds=GRANT_SECONDS
                    )
                except GenerationError as error:
                    error.accepted = "no"  # what it was wanted for has not been sent
                    raise
            return token.value

    def is_home(self, url: str) -> bool:
        """Whether a URL lies where this provider is configured, or on a host that it says is its."""
        if origin(url) == origin(self.base_url):
            return True
        if self.configured.base_url not in {None, self.provider.base_url}:
            return False  # whoever stands in for it must not be bypassed
        scheme, host, port = origin(url)
        return (
            scheme == "https"
            and port == 443
            and any(
                host == own or (own.startswith(".") and host.endswith(own))
                for own in self.provider.hosts
            )
        )

    def explain(self, response: HttpResponse) -> GenerationError:
        """What a failed response means."""
        error = self.provider.explain(response)
        if isinstance(error, AuthenticationFailed):
            self._token = None  # it may have been revoked: the next request gets a new one
        return error

    def weighed(self, response: HttpResponse, *, reading: bool, written: bool) -> GenerationError:
        """What a failed response means in a conversation."""
        return weighed(self.explain(response), reading=reading, written=written)

    def refuse_redirect(self, response: HttpResponse) -> None:
        """APIs do not redirect; a proxy or a wrong `base_url` does. Keys are not sent after it."""
        if 300 <= response.status < 400:
            raise ProviderError(
                f"redirected to {host_of(response.headers.get('location', ''))}; "
                f"check `base_url` ({self.base_url})",
                accepted="no" if response.status in {301, 307, 308} else "unknown",
                http_status=response.status,
            )

    def named(self, error: GenerationError) -> GenerationError:
        """The same error, saying who it was and, for a refused key, which one to look at."""
        if error.provider is None:
            error.provider = self.name
            error.message = self.without_secrets(error.message)
            if type(error) is AuthenticationFailed:
                error.message = (
                    f"{error.message.rstrip('. ')}. Check {keys_of(self.provider, self.name)}."
                )
        return error

    def without_secrets(self, text: str) -> str:
        """A provider's words; some repeat the key that they refuse."""
        for secret in self._secrets.values():
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, f"****{secret[-4:]}")
        return text


def weighed(error: GenerationError, *, reading: bool, written: bool) -> GenerationError:
    """What a request's failure proves about the whole conversation that it is part of.

    Reading buys nothing; and when it fails, nothing is known of what was written before it.
    """
    if reading and error.accepted != "yes":
        error.accepted = "unknown" if written else "no"
    return error


def secrets_of(configured: ProviderSettings) -> dict[str, str]:
    """The credentials in clear, for as long as a request is built from them."""
    found = {name: secret.get_secret_value() for name, secret in configured.secrets.items()}
    if configured.api_key is not None:
        found["api_key"] = configured.api_key.get_secret_value()
    return found


def keys_of(provider: Provider, name: str) -> str:
    """Where a provider's credentials are set."""
    variables = [
        variable
        for secret in provider.auth.secrets
        if secret.required
        for variable in secret.environment[:1]
    ]
    return " and ".join(f"`{variable}`" for variable in variables) or f"`providers.{name}.api_key`"


def missing_key(provider: Provider, name: str) -> MissingKey:
    """Names the variable to set, and what works without one."""
    medium = provider.media[0] if provider.media else "text"
    return MissingKey(
        f"{keys_of(provider, name)} is not set, so `{name}` cannot be used. Set it, give `api_key` in the "
        f"configuration, or try `--provider echo`, which needs none (it makes {medium} offline).",
        provider=name,
    )


async def first_bytes(incoming: Incoming, limit: int) -> bytes:
    """The beginning of a body that is only read to learn why it failed."""
    parts: list[bytes] = []
    size = 0
    async for chunk in incoming.chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= limit:
            break
    return b"".join(parts)
