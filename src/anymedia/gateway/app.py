"""The gateway, put together: one client, its callers, and the routes in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from anymedia.client.aio import AsyncJobsView
from anymedia.client.batches import AsyncBatchesView
from anymedia.clock import Clock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.gateway import GatewaySettings
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.request import Request
from anymedia.engine.candidate import Asker
from anymedia.gateway import problems
from anymedia.gateway.artifacts import handed_out
from anymedia.gateway.callers import Caller, Callers
from anymedia.gateway.changes import ProviderChanges
from anymedia.gateway.client import GatewayClient, admin_key_of
from anymedia.gateway.door import GENERATING, Door
from anymedia.gateway.fast_path import FastPath
from anymedia.gateway.keys import RENEW_SECONDS, Keys
from anymedia.gateway.metrics import Metrics
from anymedia.gateway.overload import Load
from anymedia.gateway.repeats import Repeats
from anymedia.gateway.repeats_shared import SharedRepeats
from anymedia.gateway.shared.manner import Manner
from anymedia.gateway.shared.remaining import ANTHROPIC, OPENAI, Remaining
from anymedia.gateway.spec import Refused, RequestT
from anymedia.telemetry.lines import ACCESS
from anymedia.telemetry.observer import Observer, Spans

LOG = logging.getLogger("anymedia.gateway")
EXPOSED = (
    "location",
    "x-request-id",
    "retry-after",
    "preference-applied",
    "idempotent-replayed",
    "request-id",
    "anymedia-model",
    "anymedia-cost-usd",
    *(name for names in (OPENAI, ANTHROPIC) for of in names.values() for name in of),
)
"""Headers that pages of other origins may read."""
LEAST_SECONDS = 5.0
"""For what jobs are sending or fetching, where requests have taken all the time to stop in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a gateway was started."""

    config: str | None = None
    data_dir: str | None = None
    local_only: bool = True
    """Whether it listens on this machine's own addresses alone."""
    no_auth: bool = False


class Gateway:
    """What all routes are given. Satisfies `spec.Gateway`."""

    def __init__(
        self,
        opening: Opening,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
        spans: Spans | None = None,
    ) -> None:
        self.opening = opening
        config: Any = settings if settings is not None else opening.config
        self.client = GatewayClient(config, data_dir=opening.data_dir, clock=clock)
        self.clock = self.client.clock
        log = None if self.settings.log_format is None else logging.getLogger(ACCESS)
        watched = log is not None or spans is not None
        self.observer = Observer(log, spans) if watched else None
        self.client.observer = self.observer
        self.metrics = Metrics()
        client = self.client
        self.load = Load(lambda: client.settings.gateway)
        self.client.metrics = self.metrics
        self.keys = Keys(self.client.database, self.clock)
        self.callers = Callers(
            self.keys,
            self.clock,
            admin_key=admin_key_of(self.client.settings),
            open_without_keys=opening.local_only,
            no_auth=opening.no_auth,
            heard=self.client.key_terms.heard,
        )
        self.changes = ProviderChanges(self.client, self.keys)
        redis = self.client.redis
        shared = None if redis is None else SharedRepeats(redis, self.clock)
        self.repeats = Repeats(self.clock, shared)
        self.began = self.clock.monotonic()
        self.stopping = asyncio.Event()
        """Set when the gateway is about to stop: whoever only watches should end now."""
        self._chores: asyncio.Task[None] | None = None
        self._ends: float | None = None
        """When everything should have ended (monotonic), once it is stopping."""
        self._config_seen: float | None = None

    @property
    def settings(self) -> GatewaySettings:
        """As they are at the moment."""
        return self.client.settings.gateway

    @property
    def limit_bytes(self) -> int:
        """The largest body that is read."""
        return self.settings.max_body_bytes

    # --- who asks -------------------------------------------------------------------------

    def asker(self, request: HttpRequest, wanted: Request[Any] | None = None) -> Caller:
        """On whose behalf a request is made. Raises `Refused` where its key may not ask this."""
        caller = self.callers.of(request.scope)
        if wanted is not None:
            caller.check(wanted, self.client.meant(wanted))
        elif request.method == "POST":
            caller.need("generate")
        return caller

    def caller(self, scope: Scope) -> Caller:
        """Whoever asks for something to be made. Raises `Refused` where the key may not."""
        caller = self.callers.of(scope)
        caller.need("generate")
        return caller

    def admin(self, request: HttpRequest) -> Caller:
        """The administrator who asks. Raises `Refused` where it is none."""
        caller = self.callers.of(request.scope)
        caller.need("admin")
        return caller

    def jobs(self, request: HttpRequest) -> AsyncJobsView:
        """The jobs of whoever asks, and nobody else's."""
        caller = self.callers.of(request.scope)
        return self.client.jobs.of(caller.owner)

    def batches(self, request: HttpRequest) -> AsyncBatchesView:
        """The batches of whoever asks, and nobody else's."""
        caller = self.callers.of(request.scope)
        return self.client.batches.of(caller.owner)

    async def permitted(self, wanted: RequestT, asker: Asker) -> RequestT:
        """A request as its caller may make it. Raises `Refused`. For what the client does not check."""
        found: RequestT = await self.client.permitted(wanted, asker)
        return found

    # --- what is handed out ---------------------------------------------------------------

    def address(self, request: HttpRequest) -> str:
        """Where whoever asks has found the gateway, without a slash at the end."""
        return (self.settings.public_url or str(request.base_url)).rstrip("/")

    def artifact(self, request: HttpRequest, artifact: StoredArtifact) -> Response:
        """An artifact's bytes: streamed, with `Range` and its media type."""
        return handed_out(request, artifact)

    def link(self, request: HttpRequest, artifact: StoredArtifact) -> str:
        """An absolute URL where whoever asks can fetch an artifact."""
        return f"{self.address(request)}/api/artifacts/{artifact.id}"

    # --- beginning and ending -------------------------------------------------------------

    async def begin(self) -> None:
        """Carry jobs on, know the keys, and look after both from here on."""
        await self.callers.renew()
        await self.changes.follow()
        self.client.begin()
        self.load.begin()
        self._config_seen = self.config_time()
        self._chores = asyncio.create_task(self._look_after())

    def stop(self) -> None:
        """Begin to end: requests first, then jobs, all within `drain_seconds`."""
        self.stopping.set()
        self._ends = self.clock.monotonic() + self.settings.drain_seconds

    def hurry(self) -> None:
        """Cut off what jobs are sending or fetching: others find out what became of it."""
        self._ends = self.clock.monotonic()
        self.client.jobs.stop(0.0)

    async def end(self) -> None:
        """Finish what is being sent or fetched, and leave the rest to others."""
        self.load.end()
        if self._ends is None:
            self.stop()
        if self._chores is not None:
            self._chores.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._chores
        assert self._ends is not None
        left = self._ends - self.clock.monotonic()
        await self.client.close(max(min(LEAST_SECONDS, self.settings.drain_seconds), left))
        if self.observer is not None:
            await asyncio.to_thread(self.observer.close)

    def reload(self) -> None:
        """Read the configuration again; the old one stays where the new one has mistakes."""
        try:
            self.client.configure(self.opening.config)
        except GenerationError as error:
            LOG.warning("the configuration was not reloaded: %s", error.message)
            return
        self.callers.change_admin_key(admin_key_of(self.client.settings))
        self.changes.apply_again()
        LOG.warning("the configuration was reloaded")

    def config_time(self) -> float | None:
        """When the configuration's file was changed last."""
        if self.opening.config is None:
            return None
        try:
            return Path(self.opening.config).expanduser().stat().st_mtime
        except OSError:
            return None

    async def _look_after(self) -> None:
        while True:
            await self.clock.sleep(RENEW_SECONDS)
            self.metrics.pour()
            try:
                await self.callers.renew()
                await self.changes.follow()
            except GenerationError as error:
                LOG.warning("keys and providers could not be looked up: %s", error.message)
            seen = self.config_time()
            if seen != self._config_seen:
                self._config_seen = seen
                self.reload()


class Paths:
    """Plain routes first (they are the busy ones), then the typed application."""

    def __init__(self, plain: list[BaseRoute], typed: ASGIApp, gateway: Gateway) -> None:
        self._plain = plain
        self._exact = {
            (method, route.path): route
            for route in plain
            if isinstance(route, Route) and "{" not in route.path
            for method in route.methods or ()
        }
        """Paths without names in them are found without looking at all."""
        self._typed = typed
        self._callers = gateway.callers
        self._repeats = gateway.repeats
        self._client = gateway.client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve by whoever has the path."""
        await self._callers.known(scope)
        path: str = scope["path"]
        if scope["method"] == "POST" and path.startswith(GENERATING):
            send = self._telling(scope, send)
        if self._repeats.concerns(scope):
            owner = self._callers.of(scope).owner
            await self._repeats.serve(self._whoever, scope, receive, send, owner=owner)
            return
        if path.startswith("/v1/"):
            self._callers.of(scope)  # a stranger is told so before anything is read
            await self._plainly(scope, receive, send)
            return
        await self._typed(scope, receive, send)

    def _telling(self, scope: Scope, send: Send) -> Send:
        """Tells callers who have limits what is left under them."""
        look = self._client.limited(self._callers.of(scope).owner)
        if look is None:
            return send
        anthropic = scope["path"].startswith("/v1/messages")
        return Remaining(send, look, self._client.clock.now, anthropic=anthropic)

    async def _whoever(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/v1/"):
            await self._plainly(scope, receive, send)
            return
        await self._typed(scope, receive, send)

    async def _plainly(self, scope: Scope, receive: Receive, send: Send) -> None:
        exact = self._exact.get((scope["method"], scope["path"]))
        if exact is not None:
            scope["path_params"] = {}
            scope["route"] = exact
            await exact.app(scope, receive, send)
            return
        taken: set[str] = set()
        path: str | None = None
        for route in self._plain:
            match, child = route.matches(scope)
            if match is Match.FULL:
                scope.update(child)
                scope["route"] = route
                await route.handle(scope, receive, send)
                return
            if match is Match.PARTIAL and path in {None, path_of(route)}:
                path = path_of(route)  # later ones would only seem to be meant
                taken |= getattr(route, "methods", None) or set()
        if taken:
            said = f"this path does not take {scope['method'][:20]}"
            raise Refused(said, status=405, allow=tuple(sorted(taken)))
        raise Refused("there is nothing at this path; `/docs` shows what there is", status=404)


def path_of(route: BaseRoute) -> str:
    """The pattern that a route is found by."""
    return str(getattr(route, "path", ""))


def dialects(gateway: Any) -> tuple[list[Route], dict[str, Manner]]:
    """The routes of other people's languages, and how failures are told in them."""
    from anymedia.gateway.anthropic import MANNER as ANTHROPIC, anthropic_routes
    from anymedia.gateway.openai import MANNER as OPENAI, openai_routes

    routes = [*anthropic_routes(gateway), *openai_routes(gateway)]
    return routes, {"/v1": OPENAI, "/v1/messages": ANTHROPIC}


@dataclass(frozen=True, slots=True)
class Application:
    """The whole gateway, as a server is given it."""

    door: Door
    """An ASGI application that answers everything."""
    fast_path: FastPath
    """What may be asked first."""


def application(gateway: Gateway) -> Application:
    """The whole gateway, put together."""
    from anymedia.gateway.typed import typed_application

    plain, manners = dialects(gateway)
    typed = typed_application(gateway, plain)
    app: ASGIApp = Paths(list(plain), typed, gateway)
    if gateway.settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=gateway.settings.cors_origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("*",),
            expose_headers=EXPOSED,
        )
    door = Door(
        app,
        settings=lambda: gateway.settings,
        metrics=gateway.metrics,
        manners={"/": problems.MANNER} | manners,
        is_open=lambda: gateway.callers.open,
        local_only=gateway.opening.local_only,
        lifespan=lifespan_of(gateway),
        load=gateway.load,
        observer=gateway.observer,
        who=gateway.callers.shown,
    )
    return Application(door, FastPath(gateway, plain))


def lifespan_of(gateway: Gateway) -> Callable[[Receive, Send], Any]:
    """How the server tells that it begins and ends."""

    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        try:
            await gateway.begin()
        except GenerationError as error:
            await send({"type": "lifespan.startup.failed", "message": error.message})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await gateway.end()
        await send({"type": "lifespan.shutdown.complete"})

    return lifespan
