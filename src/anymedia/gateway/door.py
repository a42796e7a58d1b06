"""The door: everything that is the same for every request, in one layer around all routes.

A request gets an id and is counted. Its body is cut off where it grows too large or comes too
slowly. Its answer carries the headers that keep browsers from mistaking it for something else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.gateway import GatewaySettings
from anymedia.engine.identity import Names
from anymedia.gateway.head import REQUEST_ID
from anymedia.gateway.metrics import Metrics
from anymedia.gateway.overload import Load
from anymedia.gateway.shared.body import too_large
from anymedia.gateway.shared.manner import Manner, inner_failure
from anymedia.gateway.shared.stepping import Rest, at_once
from anymedia.gateway.spec import Refused
from anymedia.telemetry.observer import Observer

FIT_FOR_LOGS = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
ID_LETTERS = 24
STORY = "story"
"""Where in a request's state an observer's story is that has begun before the door."""
SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""Set where a route has not set its own."""
SAFE_NAMES = frozenset(name for name, _ in SAFE)
BODY = frozenset({"POST", "PUT", "PATCH"})
GENERATING = ("/api/generate", "/api/ai/", "/v1/")
USUAL = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class Door:
    """An ASGI application around another."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Callable[[], GatewaySettings],
        metrics: Metrics,
        manners: Mapping[str, Manner],
        is_open: Callable[[], bool],
        local_only: bool,
        lifespan: Callable[[Receive, Send], Awaitable[None]],
        load: Load,
        observer: Observer | None = None,
        who: Callable[[Iterable[tuple[bytes, bytes]]], str | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._manners = manners
        """How failures are told, by the beginning of paths; the longest wins, `/` is for the rest."""
        self._is_open = is_open
        self._local_only = local_only
        self._lifespan = lifespan
        self._observer = observer
        self._who = who
        """Tells an observer whose request it was."""
        self._load = load
        self._names = Names()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._lifespan(receive, send)
            return
        began, settings = perf_counter(), self._settings()
        headers = dict(scope["headers"])
        state = scope.setdefault("state", {})
        name = state.get("request_id")
        if name is None:
            said = headers.get(REQUEST_ID)
            name = state["request_id"] = request_id(said, self._names)
        state["load"] = self._load
        observer, story = self._observer, None
        if observer is not None:
            story = state.pop(STORY, None) or observer.request(name, method_of(scope), headers)
        answer = Answer(name, send)
        self._metrics.began()
        try:
            try:
                if self._is_open():
                    self._check_origin(scope["method"], headers, settings)
                if scope["method"] in BODY or b"content-length" in headers:
                    receive = Incoming(receive, settings, headers)
                await self._app(scope, receive, answer)
            except GenerationError as error:
                await self._refuse(error, scope, receive, answer)
            except Exception as error:  # noqa: BLE001  whoever asked must be told
                # What a broken connection raises is nobody's fault, and nobody hears of it.
                if not answer.status and not isinstance(error, OSError):
                    failure = inner_failure(error, HttpRequest(scope))
                    await self._refuse(failure, scope, receive, answer)
        finally:
            self._metrics.ended(
                route_of(scope),
                method_of(scope),
                answer.status,
                perf_counter() - began,
                kind=kind_of(scope),
            )
            if observer is not None and story is not None:
                observer.told(
                    story,
                    method=method_of(scope),
                    route=route_of(scope),
                    status=answer.status,
                    seconds=perf_counter() - began,
                    key=self._who(scope["headers"]),
                )

    async def _refuse(
        self, error: GenerationError, scope: Scope, receive: Receive, answer: Answer
    ) -> None:
        if answer.status:  # it has begun; all that is left is to break off
            return
        await self._refused(error, scope)(scope, receive, answer)

    def _refused(self, error: GenerationError, scope: Scope) -> Response:
        """A failure in the dialect of the path."""
        whose = filter(scope["path"].startswith, self._manners)
        manner = self._manners[max(whose, key=len, default="/")]
        return manner.refused(error, HttpRequest(scope))

    def said(self, error: GenerationError, scope: Scope) -> Response:
        """A failure as it goes out; the request's state has its id."""
        response = self._refused(error, scope)
        response.raw_headers += [one for one in SAFE if one[0] not in dict(response.raw_headers)]
        return response

    def told(self, error: GenerationError, scope: Scope) -> Response:
        """The same for what was refused before it came in; counted like everything."""
        said = dict(scope["headers"]).get(REQUEST_ID)
        scope["state"] = {"request_id": request_id(said, self._names)}
        response = self.said(error, scope)
        self._metrics.began()
        self._metrics.ended(
            "other", method_of(scope), response.status_code, 0.0, kind=kind_of(scope)
        )
        return response

    def _check_origin(
        self, method: str, headers: dict[bytes, bytes], settings: GatewaySettings
    ) -> None:
        """Nobody needs a key: then no page that somebody visits may ask in their name."""
        host = headers.get(b"host", b"").decode("latin-1")
        if self._local_only and not is_local(host, settings):
            raise Refused("this gateway is open to this machine only, by its own name", status=403)
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin or method in {"GET", "HEAD", "OPTIONS"}:
            return
        if origin not in settings.cors_origins and urlsplit_safely(origin) != host:
            raise Refused(
                "pages of other origins may not use it; `gateway.cors_origins` allows some",
                status=403,
            )


class Incoming:
    """A request's body, read no further than allowed and waited for no longer."""

    def __init__(
        self, receive: Receive, settings: GatewaySettings, headers: Mapping[bytes, bytes]
    ) -> None:
        self._receive = receive
        self._limit = settings.max_body_bytes
        self._left = settings.max_body_bytes
        self._deadline: float | None = None
        self._seconds = settings.body_seconds
        self._complete = False
        self.leaving = getattr(receive, "leaving", None)
        """How to hear that the caller hangs up, where the server can tell."""
        self._at_hand = getattr(receive, "at_hand", None)
        said = headers.get(b"content-length", b"")
        if said.isdigit() and int(said[:20]) > self._limit:
            raise too_large(self._limit)

    async def __call__(self) -> Message:
        """The next piece."""
        if self._complete:
            return await self._receive()
        message: Message | None = None if self._at_hand is None else self._at_hand()
        if message is None:
            try:
                message = at_once(self._receive())
            except Rest as rest:
                message = await self._waited(rest)
        assert message is not None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise too_large(self._limit)
        self._complete = not message.get("more_body", False)
        return message

    async def _waited(self, rest: Rest) -> Any:
        """What has not come yet, for as long as the body may take."""
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                return await rest
        except TimeoutError:
            raise Refused(
                f"the body did not arrive within {self._seconds:g} s", status=408
            ) from None


class Answer:
    """What goes out: with its id and the safe headers, and a note of its status."""

    __slots__ = ("_id", "_send", "status")

    def __init__(self, request_id: str, send: Send) -> None:
        self._id = request_id
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Send on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            said = dict(headers)
            if SAFE_NAMES.isdisjoint(said):
                headers += SAFE
            else:
                headers += [pair for pair in SAFE if pair[0] not in said]
            if REQUEST_ID not in said:
                headers.append((REQUEST_ID, self._id.encode()))
            message = {**message, "headers": headers}
        await self._send(message)


def request_id(said: bytes | None, names: Names) -> str:
    """The caller's own id for a request, if it is fit for logs; else a new one."""
    if said is not None and FIT_FOR_LOGS.fullmatch(said):
        return said.decode("ascii")
    return names.one("req", ID_LETTERS)


def route_of(scope: Scope) -> str:
    """The pattern of the path, so that ids do not become labels."""
    route: Any = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else "other"


def method_of(scope: Scope) -> str:
    """The method, if it is a usual one: others are words of strangers."""
    method: str = scope["method"]
    return method if method in USUAL else "other"


def kind_of(scope: Scope) -> str:
    """Whether it asks for media, or for anything else."""
    wanted = scope["method"] == "POST" and scope["path"].startswith(GENERATING)
    return "generation" if wanted else "other"


def is_local(host: str, settings: GatewaySettings) -> bool:
    """Whether a `Host` is a name of this machine, or the one that the configuration gives it."""
    name = (urlsplit_host(f"//{host}") or "").lower()
    public = urlsplit_host(settings.public_url or "")
    return name in LOCAL_HOSTS or name.endswith(".localhost") or (name != "" and name == public)


def urlsplit_host(url: str) -> str | None:
    """A URL's host, if it has one."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def urlsplit_safely(origin: str) -> str:
    """The host and port of an origin."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
