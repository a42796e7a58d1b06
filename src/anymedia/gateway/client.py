"""The client of many callers: each asks only for what its key allows, and is counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select

from anymedia.client.aio import AsyncClient
from anymedia.client.handle import AsyncJobHandle
from anymedia.clock import Clock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.event import StreamEnd, TextEvent
from anymedia.contracts.key import VirtualKey
from anymedia.contracts.media import MediaFile, Medium, StoredArtifact
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.result import MediaResult, Result
from anymedia.contracts.text import TextRequest
from anymedia.engine.candidate import Asker
from anymedia.engine.inputs import MEDIA, replaced
from anymedia.engine.speaker import Speaker
from anymedia.gateway.callers import Caller, allows
from anymedia.gateway.kept_media import KeptMedia
from anymedia.gateway.metrics import Metrics
from anymedia.gateway.outage import Outage
from anymedia.gateway.relays import GatewayRelays
from anymedia.gateway.spec import Refused
from anymedia.limits.claim import Left
from anymedia.state.redis import RedisLink
from anymedia.store.database import Database
from anymedia.store.schema import jobs
from anymedia.telemetry.observer import Observer

ResultT = TypeVar("ResultT", bound=Result)


class GatewayClient(AsyncClient):
    """`AsyncClient` for strangers. `asker` is a `Caller` wherever the gateway asks."""

    metrics: Metrics | None = None

    @property
    def observer(self) -> Observer | None:
        """Who wants to know of every request and attempt, if anybody does."""
        return self._engine.observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._engine.observer = observer

    def __init__(
        self,
        config: str | Path | Mapping[str, Any] | Settings | None = None,
        *,
        data_dir: str | Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(config, data_dir=data_dir, clock=clock)
        self.relays = GatewayRelays(self._engine, self)
        self._kept_media = KeptMedia(self._engine)
        self.outage = Outage(self.clock.monotonic)

    @property
    def database(self) -> Database:
        """Where keys are kept too."""
        return self._database

    @property
    def redis(self) -> RedisLink | None:
        """What is shared with other processes, if there is a Redis."""
        return self._engine.link

    def limited(
        self, caller: str
    ) -> Callable[[], tuple[Left, ...] | Awaitable[tuple[Left, ...]]] | None:
        """How to look what is left under a caller's limits; nothing where it has none."""
        guards = self._engine.guards
        rule = guards.quotas.of_caller(caller)
        if rule is None or rule.plan.free:
            return None
        limiter = guards.limiter
        return lambda: limiter.left_now(rule)

    @property
    def clock(self) -> Clock:
        """The engine's."""
        return self._engine.clock

    def begin(self) -> None:
        """Carry on with jobs that others have left."""
        self._begin()
        self._jobs.start()
        self._batches.start()

    def job_work(self) -> dict[str, Any]:
        """How the work on jobs goes in this process."""
        return self._jobs.health()

    async def by_link(self, artifact_id: str, expires: str, signature: str) -> StoredArtifact:
        """What a signed link leads to, whoever comes with it. `NotFound` for a wrong one."""
        now = self.clock.time()
        self._jobs.store.links.check(artifact_id, expires, signature, now)
        return await self._jobs.handed_over(artifact_id)

    def provider_media(self, name: str) -> tuple[Medium, ...]:
        """What a provider makes; raises what is wrong with how it is set up."""
        return self._engine.providers.get(name).provider.media

    async def jobs_standing(self) -> dict[tuple[str, str], int]:
        """How many jobs there are, by medium and status, whoever owns them."""
        return await self._database.read(standing)

    async def run(self, request: Request[ResultT], *, asker: Asker | None = None) -> ResultT:
        """As its parent, within the caller's rights."""
        request = await self.permitted(request, asker)
        began = self.clock.monotonic()
        try:
            result = await super().run(request, asker=asker)
        except GenerationError as error:
            self.failed(request, error)
            raise
        self.answered(request.medium, result, self.clock.monotonic() - began)
        return result

    async def stream(
        self,
        request: TextRequest,
        *,
        asker: Asker | None = None,
        speaker: Speaker | None = None,
    ) -> AsyncGenerator[TextEvent, None]:
        """As its parent, within the caller's rights."""
        request = await self.permitted(request, asker)
        began = self.clock.monotonic()
        events = super().stream(request, asker=asker, speaker=speaker)
        try:
            async for event in events:
                if isinstance(event, StreamEnd):
                    self.answered(request.medium, event.result, self.clock.monotonic() - began)
                yield event
        except GenerationError as error:
            self.failed(request, error)
            raise
        finally:
            await events.aclose()

    async def submit(
        self, request: MediaRequest[Any], *, asker: Asker | None = None
    ) -> AsyncJobHandle:
        """As its parent, within the caller's rights; what it brings is kept where that is wanted."""
        asker = asker or self._asker
        request = await self.permitted(request, asker)
        with self.outage.expected():
            handle = await super().submit(request, asker=asker)
        await self._kept_media.keep_when_done(request, asker, handle, self.settings)
        if self._engine.observer is not None:
            self._engine.observer.taken_on(request.medium, handle.id)
        return handle

    async def recall(self, request: MediaRequest[Any], asker: Asker) -> MediaResult | None:
        """A kept answer of this caller's, within its rights; counted as any other."""
        request = await self.permitted(request, asker)
        began = self.clock.monotonic()
        found = await self._kept_media.find(request, asker, self._jobs, self.settings)
        if found is not None:
            self.answered(request.medium, found, self.clock.monotonic() - began)
        return found

    async def remember(self, request: MediaRequest[Any], asker: Asker, result: MediaResult) -> None:
        """Keep a result that was waited for, before anybody hears of it."""
        request = await self.permitted(request, asker)
        await self._kept_media.keep(request, asker, result, self.settings)

    async def close(self, within_seconds: float | None = None) -> None:
        """As its parent."""
        await self._kept_media.close()
        await super().close(within_seconds)

    async def estimate(
        self, request: Request[Any], *, asker: Asker | None = None
    ) -> tuple[Estimate, ...]:
        """As its parent, within the caller's rights."""
        return await super().estimate(await self.permitted(request, asker), asker=asker)

    # --- rights ---------------------------------------------------------------------------

    async def permitted(self, request: Request[Any], asker: Asker | None) -> Any:
        """The request as its caller may make it. Raises `Refused`."""
        await refuse_files(request)
        if not isinstance(asker, Caller):
            return request
        asker.check(request, self.meant(request))
        key = asker.key
        if key is None or not key.models:
            return request
        if request.model is not None and allows(key, request.model):
            return request
        return request.model_copy(
            update={"exclude": (*request.exclude, *self.forbidden(key, request.medium))}
        )

    def forbidden(self, key: VirtualKey, medium: Medium) -> tuple[str, ...]:
        """Providers and models that a key does not allow, as requests exclude them."""
        wholes = [pattern.partition("/")[0] for pattern in key.models if "/" in pattern]
        providers = self._engine.providers
        names = {f"{one.provider}/{one.id}" for one in self.models(medium)}
        names |= {
            f"{one.name}/{one.models[medium]}"
            for one in self.settings.providers
            if medium in one.models
        }
        return (
            *(one for one in providers.names() if not any(fnmatchcase(one, w) for w in wholes)),
            *sorted(name for name in names if not allows(key, name)),
        )

    def meant(self, request: Request[Any]) -> Iterator[str]:
        """Names under which a key may allow the model that a request names; none if it names none.

        They are looked up when they are asked for: most keys allow every model.
        """
        if request.model is None:
            return
        names = [request.model]
        alias = self.settings.aliases.get(request.model)
        if alias is not None and alias.model is not None:
            names.append(alias.model)
        yield from names
        for name in names:
            if request.provider is not None:
                yield f"{request.provider}/{name}"
            else:
                for model in self.models(request.medium):
                    if model.id == name:
                        yield f"{model.provider}/{model.id}"

    # --- counting -------------------------------------------------------------------------

    def answered(self, medium: Medium, result: Result, seconds: float) -> None:
        """Count an answer."""
        if self.metrics is not None:
            self.metrics.answered(medium, result, seconds)
        if self._engine.observer is not None:
            self._engine.observer.answered(
                medium, result.provider, result.model, result.usage, result.cost.amount
            )

    def failed(self, request: Request[Any], error: GenerationError) -> None:
        """Count a failure."""
        if self.metrics is not None:
            self.metrics.failed(request.medium, error)
        if self._engine.observer is not None:
            self._engine.observer.failed(request.medium, error.provider, error.code)


async def refuse_files(request: Request[Any]) -> None:
    """Callers have no files here: a path would be one of the gateway's own machine."""

    async def look(media: Any) -> Any:
        if isinstance(media, MediaFile):
            raise Refused(
                "a path names a file of the gateway's own machine, which is not read. Send the "
                "media as a data URI, a URL, or `artifact:ID`"
            )
        return media

    if any(isinstance(value, (*MEDIA, tuple)) for value in request.__dict__.values()):
        await replaced(request, look)


def standing(connection: Connection) -> dict[tuple[str, str], int]:
    """Jobs by medium and status."""
    query = select(jobs.c.medium, jobs.c.status, func.count()).group_by(
        jobs.c.medium, jobs.c.status
    )
    return {(medium, status): count for medium, status, count in connection.execute(query)}


def admin_key_of(settings: Settings) -> str | None:
    """The admin key, if there is one."""
    key = settings.gateway.admin_key
    return None if key is None else key.get_secret_value()
