"""The client of many callers: each asks only for what its key allows, and is counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
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
from anymedia.contracts.result import Result
from anymedia.contracts.text import TextRequest
from anymedia.engine.candidate import Asker
from anymedia.engine.inputs import MEDIA, replaced
from anymedia.engine.relay import Passed
from anymedia.gateway.callers import Caller, allows
from anymedia.gateway.metrics import Metrics
from anymedia.gateway.relays import GatewayRelays
from anymedia.gateway.spec import Refused
from anymedia.store.database import Database
from anymedia.store.schema import jobs

ResultT = TypeVar("ResultT", bound=Result)


class GatewayClient(AsyncClient):
    """`AsyncClient` for strangers. `asker` is a `Caller` wherever the gateway asks."""

    metrics: Metrics | None = None

    def __init__(
        self,
        config: str | Path | Mapping[str, Any] | Settings | None = None,
        *,
        data_dir: str | Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(config, data_dir=data_dir, clock=clock)
        self.relays = GatewayRelays(self._engine, self)

    @property
    def database(self) -> Database:
        """Where keys are kept too."""
        return self._database

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
        now = self.clock.now().timestamp()
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
        self, request: TextRequest, *, asker: Asker | None = None
    ) -> AsyncGenerator[TextEvent, None]:
        """As its parent, within the caller's rights."""
        request = await self.permitted(request, asker)
        began = self.clock.monotonic()
        events = super().stream(request, asker=asker)
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
        """As its parent, within the caller's rights."""
        return await super().submit(await self.permitted(request, asker), asker=asker)

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

    def meant(self, request: Request[Any]) -> tuple[str, ...]:
        """Names under which a key may allow the model that a request names; none if it names none."""
        if request.model is None:
            return ()
        names = [request.model]
        alias = self.settings.aliases.get(request.model)
        if alias is not None and alias.model is not None:
            names.append(alias.model)
        for name in names[:]:
            if request.provider is not None:
                names.append(f"{request.provider}/{name}")
            else:
                names += [
                    f"{model.provider}/{model.id}"
                    for model in self.models(request.medium)
                    if model.id == name
                ]
        return tuple(dict.fromkeys(names))

    # --- counting -------------------------------------------------------------------------

    def answered(self, medium: Medium, result: Result | Passed, seconds: float) -> None:
        """Count an answer."""
        if self.metrics is not None:
            self.metrics.answered(medium, result, seconds)

    def failed(self, request: Request[Any], error: GenerationError) -> None:
        """Count a failure."""
        if self.metrics is not None:
            self.metrics.failed(request.medium, error)


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
